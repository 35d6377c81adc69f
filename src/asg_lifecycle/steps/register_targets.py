"""The step kind `register-targets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.aws.target_groups import RegisteredTarget, name_of
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Progress
from asg_lifecycle.steps.base import StatefulStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.steps.base import Target

POLL_INTERVAL = 10.0
"""Seconds."""

SETTLED = frozenset({"healthy", "unused"})
"""States that need not be waited for: `unused` is a target of a group that no load balancer uses."""


class RegisterTargetsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which target groups, by ARN or by name, and whether to wait."""

    arns: Annotated[tuple[str, ...], Meta(description="Target groups by ARN.")] = ()
    names: Annotated[tuple[str, ...], Meta(description="Target groups by name.")] = ()
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
    """What was registered with each target group, by its ARN."""

    targets: dict[str, RegisteredTarget]


class RegisterTargets(StatefulStep[RegisterTargetsOptions, RegisterTargetsState]):
    """Put the instance into target groups and wait until it is healthy in all of them.

    It is for launch hooks of groups whose target groups are not attached. The instance is registered by its id, or by
    its first private address where the target group takes addresses.

    When the action goes on without the step, the instance stays registered: one that is abandoned is terminated, and
    leaves its target groups by that.
    """

    kind = "register-targets"
    example: ClassVar[dict[str, object]] = {"names": ["web"], "port": 8080}
    permissions = (
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "elasticloadbalancing:RegisterTargets",
    )
    template_parameter = "TargetGroupSteps"
    needs_instance_alive = True

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
                self._services.target_groups.register(arn, entry)
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.NOT_FOUND:
                raise
            return Failed(f"a target group went away: {failed}")
        if not self._options.until_healthy:
            return Done(f"registered with {_names(found)}")
        return self._health(found)

    def poll(self, target: Target, state: RegisterTargetsState) -> Progress:
        """Ask how healthy it is."""
        del target
        return self._health(state.targets)

    def _health(self, found: dict[str, RegisteredTarget]) -> Progress:
        left = []
        for arn, entry in found.items():
            health = next(iter(self._services.target_groups.health(arn, (entry,))), None)
            state = health.health if health is not None else "not registered any more"
            if state not in SETTLED:
                left.append(f"{name_of(arn)} says {state}")
        if not left:
            return Done(f"registered with {_names(found)} and healthy")
        waiting = f"waiting to be healthy: {', '.join(left)}"
        return self._waiting(waiting, RegisterTargetsState(targets=found), again_after=POLL_INTERVAL)

    def _resolve(self, target: Target) -> tuple[dict[str, RegisteredTarget], list[str]]:
        """Return what to register in each target group, by ARN, and the groups there are not."""
        by_name = {name: self._services.target_groups.named(name) for name in self._options.names}
        missing = [name for name, arn in by_name.items() if arn is None]
        found: dict[str, RegisteredTarget] = {}
        for arn in dict.fromkeys((*self._options.arns, *(arn for arn in by_name.values() if arn is not None))):
            group = self._services.target_groups.settings(arn)
            if group is None:
                missing.append(arn)
                continue
            addresses = target.facts.addresses
            identity = (addresses[0] if addresses else "") if group.by_address else target.action.instance
            found[arn] = RegisteredTarget(identity, self._options.port or group.port, "initial")
        return found, missing


def _names(found: Mapping[str, RegisteredTarget]) -> str:
    return ", ".join(name_of(arn) for arn in found)
