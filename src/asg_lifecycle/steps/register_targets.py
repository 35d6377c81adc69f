"""The step kind `register-targets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.aws.target_groups import RegisteredTarget, name_of
from asg_lifecycle.model.addresses import is_ipv6
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Failed, StepAnswer
from asg_lifecycle.model.resource_names import TargetGroupArn, TargetGroupName
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.missing_things import done_unless_missing, there_is_no

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.steps.base import Target

POLL_INTERVAL = 10.0
"""Seconds."""

UNUSED = "unused"
"""The state of a target of a group that no load balancer uses, and of one that is not registered."""

SETTLED = frozenset({"healthy", UNUSED})
"""States that need not be waited for: `unused` is a target of a group that no load balancer uses."""


class RegisterTargetsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which target groups, by ARN or by name, and whether to wait."""

    arns: Annotated[tuple[TargetGroupArn, ...], Meta(description="Target groups by ARN.")] = ()
    names: Annotated[tuple[TargetGroupName, ...], Meta(description="Target groups by name.")] = ()
    port: Annotated[
        Annotated[int, Meta(ge=1, le=65_535)] | None,
        Meta(description="On which the instance serves; the target group's own when absent."),
    ] = None
    until_healthy: Annotated[bool, Meta(description="Wait until it is healthy in all of them.")] = True

    def __post_init__(self) -> None:
        """Refuse options that name no target group.

        Raises:
            ValueError: they name none.
        """
        if not (self.arns or self.names):
            raise ValueError("no target group is named; give arns or names")


class RegisterTargetsState(Struct, frozen=True, kw_only=True):
    """What was registered.

    Attributes:
        targets: with each target group, by its ARN.
        missing: the target groups that the plan names and that there are not.
    """

    targets: dict[str, RegisteredTarget]
    missing: tuple[str, ...]


class RegisterTargets(StatefulStep[RegisterTargetsOptions, RegisterTargetsState]):
    """Put the instance into target groups and wait until it is healthy in all of them.

    It is for launch hooks of groups whose target groups are not attached. The instance is registered by its id, or,
    where the target group takes addresses, by its first private IPv4 or its first IPv6 address, whichever the target
    group takes. One that somebody takes out while it is waited for is registered again. A target group that is deleted
    meanwhile is not waited for.

    When the action goes on without the step, the instance stays registered: one that is abandoned is terminated, and
    leaves its target groups by that.
    """

    kind = "register-targets"
    transition = PlanTransition.LAUNCH
    example: ClassVar[dict[str, object]] = {"names": ["web"], "port": 8080}
    permissions = (
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:RegisterTargets",
    )
    template_parameter = "TargetGroupSteps"
    may_be_missing = "target groups"
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say where it would be registered."""
        found, missing = self._resolve(target)
        listed = ", ".join(f"{name_of(arn)} as {entry.id}:{entry.port}" for arn, entry in found.items())
        return f"would register with {listed or 'no target group'}{there_is_no(missing)}"

    def begin(self, target: Target) -> StepAnswer:
        """Register the instance with all that exist."""
        found, missing = self._resolve(target)
        if without := [name_of(arn) for arn, entry in found.items() if not entry.id]:
            family = "addresses of a family of which"
            return Failed(f"target group {', '.join(without)} takes {family} the instance has none")
        for arn, entry in found.items():
            self._services.target_groups.register(arn, entry)
        if not found or not self._options.until_healthy:
            return done_unless_missing(f"registered with {_names(found) or 'no target group'}", missing)
        return self._health(found, tuple(missing))

    def poll(self, target: Target, state: RegisterTargetsState) -> StepAnswer:
        """Ask how healthy it is."""
        del target
        return self._health(state.targets, state.missing)

    def _health(self, found: dict[str, RegisteredTarget], missing: tuple[str, ...]) -> StepAnswer:
        left, blockers, deleted = [], [], []
        for arn, entry in found.items():
            health = self._services.target_groups.health(arn, (entry,))
            if health is None:
                deleted.append(name_of(arn))
                continue
            state = health[0].health if health else UNUSED
            if state == UNUSED and not self._services.target_groups.registrations(arn, (entry.id,)):
                # Somebody took it out meanwhile, which Elastic Load Balancing calls unused, too.
                self._services.target_groups.register(arn, entry)
                state = "registered again, it had been taken out"
            if state not in SETTLED:
                left.append(f"{name_of(arn)} says {state}")
                blockers.append(Blocker(kind=BlockerKind.TARGET_GROUP, name=arn, reason=f"its target is {state}"))
        if not left:
            since = f"; deleted since: {', '.join(deleted)}" if deleted else ""
            registered_with = _names(arn for arn in found if name_of(arn) not in deleted) or "no target group"
            return done_unless_missing(f"registered with {registered_with} and healthy{since}", missing)
        waiting = f"waiting to be healthy: {', '.join(left)}{there_is_no(missing)}"
        registered = RegisterTargetsState(targets=found, missing=missing)
        return self._waiting(waiting, registered, again_after=POLL_INTERVAL, blockers=blockers)

    def _resolve(self, target: Target) -> tuple[dict[str, RegisteredTarget], list[str]]:
        """Return what to register in each target group, by ARN, and the groups there are not."""
        by_name = {name: self._services.target_groups.named(name) for name in self._options.names}
        missing = [f"target group named {name}" for name, arn in by_name.items() if arn is None]
        found: dict[str, RegisteredTarget] = {}
        for arn in dict.fromkeys((*self._options.arns, *(arn for arn in by_name.values() if arn is not None))):
            group = self._services.target_groups.settings(arn)
            if group is None:
                missing.append(f"target group {arn}")
                continue
            identity = self._address(target, ipv6=group.ipv6) if group.by_address else target.action.instance
            found[arn] = RegisteredTarget(identity, self._options.port or group.port, "initial")
        return found, missing

    def _address(self, target: Target, *, ipv6: bool) -> str:
        """Return the first address of a family, empty when the instance has none."""
        # What EC2 did not tell at the set-up, it tells by now or keeps the step waiting.
        told = target.facts.addresses or (
            self._services.instances.addresses(target.action.instance, launching=True).of_interfaces
        )
        return next((address for address in told if is_ipv6(address) is ipv6), "")


def _names(found: Iterable[str]) -> str:
    return ", ".join(name_of(arn) for arn in found)
