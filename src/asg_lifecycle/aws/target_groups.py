"""The Elastic Load Balancing calls: target groups, their targets, and whether these are drained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.addresses import normalized
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_elbv2.type_defs import TargetDescriptionTypeDef, TargetHealthDescriptionTypeDef

    from asg_lifecycle.aws.clients import Clients

DEFAULT_DEREGISTRATION_DELAY = 300.0
NAME_KEPT = 300.0
DELAY_KEPT = 60.0
TAGS_KEPT = 60.0
DRAINING_STATES = frozenset({"draining", "unhealthy.draining"})


class RegisteredTarget(Struct, frozen=True):
    """One registration: the instance id or address, the port (None: the target group has none) and its health."""

    id: str
    port: int | None
    health: str

    @property
    def draining(self) -> bool:
        """Whether it was deregistered and still drains."""
        return self.health in DRAINING_STATES


class TargetGroupSettings(Struct, frozen=True, kw_only=True):
    """The kind of targets a target group has.

    Attributes:
        port: the port of targets that name none; None where the target group has none.
        by_address: whether targets are addresses, not instances.
        ipv6: whether these are IPv6 addresses.
    """

    port: int | None
    by_address: bool
    ipv6: bool = False


class TargetGroups:
    """The target groups of this account and Region."""

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._arns: TtlCache[str] = TtlCache(clock, NAME_KEPT)
        self._tagged: TtlCache[tuple[str, ...]] = TtlCache(clock, TAGS_KEPT)
        self._delays: TtlCache[float] = TtlCache(clock, DELAY_KEPT)
        self._settings: TtlCache[TargetGroupSettings] = TtlCache(clock, DELAY_KEPT)

    def named(self, name: str) -> str | None:
        """Return the ARN of the target group `name`, None when there is none.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._arns.get(name, lambda: self._named(name))

    def _named(self, name: str) -> str | None:
        try:
            with calling("elasticloadbalancing:DescribeTargetGroups"):
                found = self._clients.elbv2.describe_target_groups(Names=[name])["TargetGroups"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        return found[0]["TargetGroupArn"] if found else None

    def tagged(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Return the ARNs of the target groups that carry all of `tags`, as they were within the last minute.

        Those of VPC Lattice are among them.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._tagged.get(frozenset(tags.items()), lambda: self._read_tagged(tags)) or ()

    def _read_tagged(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        arns: list[str] = []
        with calling("tag:GetResources"):
            for page in self._clients.tagging.get_paginator("get_resources").paginate(
                TagFilters=[{"Key": key, "Values": [value]} for key, value in sorted(tags.items())],
                ResourceTypeFilters=["elasticloadbalancing:targetgroup", "vpc-lattice:targetgroup"],
            ):
                arns += [entry["ResourceARN"] for entry in page["ResourceTagMappingList"]]
        return tuple(arns)

    def registrations(self, arn: str, ids: Sequence[str]) -> tuple[RegisteredTarget, ...] | None:
        """Return every registration of one of `ids` (instance id, addresses) in the target group, on any port.

        None when there is no such target group.

        Elastic Load Balancing finds a registration only by id *and* port, so this one call describes the
        whole group; later polls ask for the ports found here (`health`).

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found = self._describe(arn, ())
        wanted = {normalized(each) for each in ids}
        return tuple(target for target in found if normalized(target.id) in wanted) if found is not None else None

    def targets(self, arn: str) -> tuple[RegisteredTarget, ...] | None:
        """Return every registration in the target group, None when there is no such target group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._describe(arn, ())

    def health(self, arn: str, targets: Sequence[RegisteredTarget]) -> tuple[RegisteredTarget, ...] | None:
        """Return `targets` of the target group with their present health; of those that are gone it is `unused`.

        None when the target group has been deleted.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._describe(arn, targets)

    def settings(self, arn: str) -> TargetGroupSettings | None:
        """Return the kind of targets of the target group, None when there is no such group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._settings.get(arn, lambda: self._read_settings(arn))

    def _read_settings(self, arn: str) -> TargetGroupSettings | None:
        try:
            with calling("elasticloadbalancing:DescribeTargetGroups"):
                (found,) = self._clients.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        return TargetGroupSettings(
            port=found.get("Port"),
            by_address=found.get("TargetType") == "ip",
            ipv6=found.get("IpAddressType") == "ipv6",
        )

    def register(self, arn: str, target: RegisteredTarget) -> None:
        """Register `target` with the target group. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied, refused, no such group.
        """
        with calling("elasticloadbalancing:RegisterTargets"):
            self._clients.elbv2.register_targets(TargetGroupArn=arn, Targets=[_description(target)])

    def deregister(self, arn: str, targets: Sequence[RegisteredTarget]) -> None:
        """Deregister `targets` from the target group. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        try:
            with calling("elasticloadbalancing:DeregisterTargets"):
                self._clients.elbv2.deregister_targets(
                    TargetGroupArn=arn, Targets=[_description(target) for target in targets]
                )
        except CallFailed as failed:
            # A target that another system deregistered a moment ago is drained as well as by us.
            if failed.failure.consequence is not Consequence.NOT_FOUND and failed.failure.code != "InvalidTarget":
                raise

    def deregistration_delay(self, arn: str) -> float:
        """Return the target group's deregistration delay in seconds, 0 when there is no such group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._delays.get(arn, lambda: self._deregistration_delay(arn)) or 0.0

    def _deregistration_delay(self, arn: str) -> float:
        try:
            with calling("elasticloadbalancing:DescribeTargetGroupAttributes"):
                attributes = self._clients.elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return 0.0
            raise
        values = {entry.get("Key"): entry.get("Value") for entry in attributes}
        return float(values.get("deregistration_delay.timeout_seconds") or DEFAULT_DEREGISTRATION_DELAY)

    def _describe(self, arn: str, targets: Sequence[RegisteredTarget]) -> tuple[RegisteredTarget, ...] | None:
        try:
            with calling("elasticloadbalancing:DescribeTargetHealth"):
                if targets:
                    answer = self._clients.elbv2.describe_target_health(
                        TargetGroupArn=arn, Targets=[_description(target) for target in targets]
                    )
                else:
                    answer = self._clients.elbv2.describe_target_health(TargetGroupArn=arn)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            if failed.failure.code == "InvalidTarget":
                return ()
            raise
        return tuple(_registered(entry) for entry in answer["TargetHealthDescriptions"])


def _description(target: RegisteredTarget) -> TargetDescriptionTypeDef:
    return {"Id": target.id} if target.port is None else {"Id": target.id, "Port": target.port}


def _registered(entry: TargetHealthDescriptionTypeDef) -> RegisteredTarget:
    target = entry.get("Target", {"Id": ""})
    port = target.get("Port")
    health = entry.get("TargetHealth", {}).get("State", "unknown")
    return RegisteredTarget(target["Id"], None if port is None else int(port), health)


def name_of(arn: str) -> str:
    """Return the name in the ARN of a target group."""
    # arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID, arn:aws:vpc-lattice:REGION:ACCOUNT:targetgroup/ID
    return arn.split("/")[1] if "/" in arn else arn
