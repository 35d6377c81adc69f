"""Target groups that drain: moto's Elastic Load Balancing with registrations per port and a delay that passes.

moto keeps one registration per target and forgets it when it is deregistered. Here a target is registered once per
port, and a deregistered target is `draining` until the group's deregistration delay has passed on the region's
timeline. Sources: Elastic Load Balancing API reference (RegisterTargets, DeregisterTargets, DescribeTargetHealth) and
"Edit target group attributes" in the Application Load Balancers user guide.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from moto.elbv2.exceptions import InvalidTargetError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, elbv2_backends
from moto.elbv2.responses import ELBV2Response

from asg_lifecycle_simulator.services.base import Service, page
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id
from asg_lifecycle_simulator.services.registrations import (
    DRAINING,
    HEALTHY,
    INITIAL,
    NOT_IN_USE,
    NOT_REGISTERED,
    STOPPED,
    Registration,
    check_registrable,
    fits,
    group_of,
    key_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moto.core.responses import ActionResult
    from moto.ec2.models.instances import Instance

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
    from asg_lifecycle_simulator.services.base import Response

DELAY = "deregistration_delay.timeout_seconds"
LONGEST_DELAY = 3600
PAGE = 400


class TargetGroups(Service):
    """The target groups of a region.

    Args:
        region: the region.
        autoscaling: its Auto Scaling, which drains attached target groups; None in a region without.
        need_listener: the attribute.
        refuse_unregistered: the attribute.

    Logged as `LogKind.SERVICE` with the target in `instance` and one of these details, GROUP being the target
    group's name: `elbv2 registered GROUP:PORT`, `elbv2 deregistered GROUP:PORT`, `elbv2 drained GROUP:PORT`.

    Attributes:
        need_listener: when True, targets of a group that no load balancer uses are `unused`, as on AWS. When False,
            the default, every group counts as used, so a test needs no load balancer and no listener.
        healthy_after: seconds from the registration of a target until it is healthy; `initial` before.
        refuse_unregistered: when True, `DeregisterTargets` answers `InvalidTarget` for a target that is not
            registered. When False, the default, it succeeds, as the API reference promises.
    """

    def __init__(
        self,
        region: Region,
        autoscaling: AutoScaling | None = None,
        *,
        need_listener: bool = False,
        refuse_unregistered: bool = False,
    ) -> None:
        super().__init__(region)
        if autoscaling is not None:
            autoscaling.fleet.drain_targets = self.drain_attached
        self.need_listener = need_listener
        self.refuse_unregistered = refuse_unregistered
        self.healthy_after = 0.0
        self._registrations: dict[str, dict[tuple[str, int | None], Registration]] = {}
        self._connections: dict[str, float] = {}

    def install(self) -> None:
        """Take the targets of every target group over from moto."""
        modify = ELBv2Backend.modify_target_group_attributes
        replacements: dict[str, Callable[..., Any]] = {
            "register_targets": self._register,
            "deregister_targets": self._deregister,
            "describe_target_health": self._health,
            "modify_target_group_attributes": partial(_modify_attributes, modify),
        }
        for name, replacement in replacements.items():
            self.region.replace(ELBv2Backend, name, _method(replacement))
        self.answer(ELBV2Response, {"describe_target_groups": partial(_describe, ELBV2Response.describe_target_groups)})

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Deregister the instances."""
        for instance_id in instance_ids:
            for registration in self.registrations(instance_id):
                self._drain(registration)

    def registrations(self, target: str | None = None) -> list[Registration]:
        """Return what is registered or still drains, oldest first.

        Args:
            target: only registrations of this target.
        """
        return [
            registration
            for group in self._registrations.values()
            for registration in group.values()
            if target in (None, registration.target)
        ]

    def connections_end_after(self, target: str, seconds: float) -> None:
        """Let the target's last connection end `seconds` after it is deregistered, which ends its drain early.

        The drain never takes longer than the group's deregistration delay. (The user guide says that a target without
        connections may go on being shown as draining until the delay has passed; users see both.)
        """
        self._connections[target] = seconds

    def register_attached(self, instance_id: str, arn: str) -> None:
        """Register an instance with a target group that is attached to its group, on the target group's port."""
        elbv2_backends[self.region.account][self.region.name].register_targets(arn, [{"Id": instance_id}])

    def drain_attached(self, instance_id: str, target_group_arns: Sequence[str], then: Callable[[], None]) -> None:
        """Deregister the instance from every port of the groups; call `then` once, when it is drained everywhere (R26).

        Target groups that do not exist any more and ones where it is not registered cost no time. When there is
        nothing to wait for, `then` is called before this returns.
        """
        with self.region.lock:
            pending = [entry for entry in self.registrations(instance_id) if entry.group.arn in target_group_arns]
            left = set(pending)

            def one_drained(registration: Registration) -> None:
                left.discard(registration)
                if not left:
                    then()

            for registration in pending:
                registration.waiting.append(partial(one_drained, registration))
            for registration in pending:
                self._drain(registration)
            if not pending:
                then()

    def _register(self, backend: ELBv2Backend, arn: str, targets: list[dict[str, Any]]) -> None:
        group = group_of(backend, arn)
        for target in targets:
            check_registrable(backend, group, target["Id"])
        for target in targets:
            key = key_of(group, target)
            registration = self._registrations.setdefault(arn, {}).get(key)
            if registration is not None and registration.drained_at is None:
                continue
            if registration is not None:
                self._end(registration)
            self._registrations[arn][key] = Registration(group, *key, registered_at=self.now)
            self._write("registered", self._registrations[arn][key])

    def _deregister(self, backend: ELBv2Backend, arn: str, targets: list[dict[str, Any]]) -> None:
        group = group_of(backend, arn)
        known = self._registrations.get(arn, {})
        keys = [key_of(group, target) for target in targets]
        if any(
            not fits(group, target) or (self.refuse_unregistered and (target, port) not in known)
            for target, port in keys
        ):
            raise InvalidTargetError
        for key in keys:
            if key in known:
                self._drain(known[key])

    def _health(self, backend: ELBv2Backend, arn: str, targets: list[dict[str, Any]] | None) -> list[FakeHealthStatus]:
        group = group_of(backend, arn)
        known = self._registrations.get(arn, {})
        # moto declares the port a string, the wire wants a number.
        keys: list[tuple[str, Any]] = [key_of(group, target) for target in targets] if targets else list(known)
        if any(not fits(group, target) for target, _ in keys):
            raise InvalidTargetError
        instances = instances_by_id(backend.ec2_backend)
        return [
            FakeHealthStatus(target, port, group.health_check_port, *self._state(instances, known.get((target, port))))
            for target, port in keys
        ]

    def _state(
        self, instances: Mapping[str, Instance], registration: Registration | None
    ) -> tuple[str, str | None, str | None]:
        if registration is None:
            return NOT_REGISTERED
        if registration.drained_at is not None:
            return DRAINING
        if self.need_listener and not registration.group.load_balancer_arns:
            return NOT_IN_USE
        instance = instances.get(registration.target)
        if instance is not None and instance.state == "stopped":
            return STOPPED
        return HEALTHY if self.now >= registration.registered_at + self.healthy_after else INITIAL

    def _drain(self, registration: Registration) -> None:
        if registration.drained_at is not None:
            return
        delay = 0.0 if registration.group.target_type == "lambda" else float(str(registration.group.attributes[DELAY]))
        delay = min(delay, self._connections.get(registration.target, delay))
        registration.drained_at = self.now + delay
        self._write("deregistered", registration)
        if delay <= 0:
            self._drained(registration)
        else:
            name = f"drain of {registration.target} from {registration}"
            registration.timer = self.timers.call_after(delay, partial(self._drained, registration), name=name)

    def _drained(self, registration: Registration) -> None:
        del self._registrations[registration.group.arn][registration.target, registration.port]
        self._write("drained", registration)
        self._end(registration)

    def _end(self, registration: Registration) -> None:
        if registration.timer is not None:
            registration.timer.cancel()
        waiting, registration.waiting = registration.waiting, []
        for then in waiting:
            then()

    def _write(self, what: str, registration: Registration) -> None:
        self.log(registration.target, f"elbv2 {what} {registration}")


def _describe(describe: Callable[[ELBV2Response], ActionResult], response: ELBV2Response) -> Response:
    # moto describes all at once.
    described: Any = describe(response).result
    request = response._get_params()  # noqa: SLF001 - moto's way to the parameters
    return page(
        described["TargetGroups"],
        "TargetGroups",
        request,
        most=PAGE,
        size="PageSize",
        position="Marker",
        following="NextMarker",
    )


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    # A bound method or a partial stored on a class is not given the instance; a plain function is.
    def method(backend: ELBv2Backend, *arguments: object) -> object:
        return function(backend, *arguments)

    return method


def _modify_attributes(
    modify: Callable[[ELBv2Backend, str, dict[str, Any]], None],
    backend: ELBv2Backend,
    arn: str,
    attributes: dict[str, Any],
) -> None:
    # moto refuses the longest delay that AWS accepts.
    longest = attributes.get(DELAY) == str(LONGEST_DELAY)
    modify(backend, arn, {**attributes, DELAY: str(LONGEST_DELAY - 1)} if longest else attributes)
    if longest:
        backend.target_groups[arn].attributes[DELAY] = str(LONGEST_DELAY)


def make_target_group(region: Region, name: str, *, delay: int, ipv6: bool = False) -> str:
    """Make an empty target group for port 80, and return its ARN.

    Args:
        region: the region.
        name: its name.
        delay: deregistration delay, seconds.
        ipv6: whether it takes IPv6 addresses, and no instances.
    """
    kind = {"TargetType": "ip", "IpAddressType": "ipv6"} if ipv6 else {}
    with region.unobserved():
        elbv2 = region.client("elbv2")
        vpc = region.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        created = elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, **kind)
        arn = str(created["TargetGroups"][0]["TargetGroupArn"])
        elbv2.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": DELAY, "Value": str(delay)}])
    return arn
