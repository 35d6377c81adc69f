"""Put the instance into target groups and wait until it is healthy in all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.aws.target_groups import RegisteredTarget, name_of
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from asg_lifecycle.aws.target_groups import TargetGroups
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

LOOK_AGAIN = 10.0

SETTLED = frozenset({"healthy", "unused"})
"""States that need not be waited for: `unused` is a target of a group that no load balancer uses."""


class RegisterTargetsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which target groups, by ARN or by name, and whether to wait.

    Attributes:
        arns: target groups by ARN.
        names: target groups by name.
        port: on which the instance serves; the target group's own when absent.
        until_healthy: wait until it is healthy in all of them.
    """

    arns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    port: Annotated[int, Meta(ge=1, le=65_535)] | None = None
    until_healthy: bool = True

    def __post_init__(self) -> None:
        """Refuse options that name no target group.

        Raises:
            ValueError: they name none.
        """
        if not (self.arns or self.names):
            raise ValueError("no target group is named; give arns or names")


class RegisterTargets:
    """`register-targets`: for launch hooks of groups whose target groups are not attached.

    The instance is registered by its id, or by its first private address where the target group takes addresses.
    """

    kind: ClassVar[str] = "register-targets"
    options: ClassVar[type[Struct]] = RegisterTargetsOptions
    example: ClassVar[dict[str, Any]] = {"names": ["web"], "port": 8080}
    permissions: ClassVar[tuple[str, ...]] = (
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:RegisterTargets",
    )
    template_parameter: ClassVar[str | None] = "TargetGroupSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: RegisterTargetsOptions, target_groups: TargetGroups) -> None:
        self._chosen = chosen
        self._target_groups = target_groups

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(msgspec.convert(options, RegisterTargetsOptions, from_attributes=True), services.target_groups)

    def preview(self, target: Target) -> str:
        """Say where it would be registered."""
        found, missing = self._resolve(target)
        note = f"; there is no target group {', '.join(missing)}" if missing else ""
        listed = ", ".join(f"{name_of(arn)} as {entry.id}:{entry.port}" for arn, entry in found.items())
        return f"would register with {listed or 'no target group'}{note}"

    def begin(self, target: Target) -> Progress:
        """Register the instance with all of them, or with none when one does not exist."""
        found, missing = self._resolve(target)
        if missing:
            return Failed(f"there is no target group {', '.join(missing)}: create it, or mend the plan")
        if without := [name_of(arn) for arn, entry in found.items() if not entry.id]:
            return Failed(f"target group {', '.join(without)} takes addresses and the instance has none")
        try:
            for arn, entry in found.items():
                self._target_groups.register(arn, entry)
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.NOT_FOUND:
                raise
            return Failed(f"a target group went away: {failed}")
        if not self._chosen.until_healthy:
            return Done(f"registered with {_names(found)}")
        return self._look(found)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Ask how healthy it is."""
        del target
        found = msgspec.convert(last.state["targets"], dict[str, RegisteredTarget])
        return self._look(found)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave it registered: an instance that is abandoned is terminated, and leaves by that."""
        del target, last
        return None

    def _look(self, found: Mapping[str, RegisteredTarget]) -> Progress:
        left = []
        for arn, entry in found.items():
            health = next(iter(self._target_groups.health(arn, (entry,))), None)
            state = health.health if health is not None else "not registered any more"
            if state not in SETTLED:
                left.append(f"{name_of(arn)} says {state}")
        if not left:
            return Done(f"registered with {_names(found)} and healthy")
        return Waiting(
            f"waiting to be healthy: {', '.join(left)}",
            again_after=LOOK_AGAIN,
            state={"targets": msgspec.to_builtins(found)},
        )

    def _resolve(self, target: Target) -> tuple[dict[str, RegisteredTarget], list[str]]:
        """Return what to register in each target group, by ARN, and the groups there are not."""
        by_name = {name: self._target_groups.named(name) for name in self._chosen.names}
        missing = [name for name, arn in by_name.items() if arn is None]
        found: dict[str, RegisteredTarget] = {}
        for arn in dict.fromkeys((*self._chosen.arns, *(arn for arn in by_name.values() if arn is not None))):
            group = self._target_groups.settings(arn)
            if group is None:
                missing.append(arn)
                continue
            addresses = target.facts.addresses
            identity = (addresses[0] if addresses else "") if group.by_address else target.action.instance
            found[arn] = RegisteredTarget(identity, self._chosen.port or group.port, "initial")
        return found, missing


def _names(found: Mapping[str, RegisteredTarget]) -> str:
    return ", ".join(name_of(arn) for arn in found)
