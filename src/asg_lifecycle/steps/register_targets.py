"""The step kind `register-targets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.aws.target_groups import RegisteredTarget, name_of
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Failed, StepAnswer
from asg_lifecycle.model.resource_names import TargetGroupArn, TargetGroupName
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.missing_things import done_unless_missing, there_is_no

if TYPE_CHECKING:
    from collections.abc import Mapping

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

    It is for launch hooks of groups whose target groups are not attached. The instance is registered by its id, or by
    its first private address where the target group takes addresses. One that somebody takes out while it is waited
    for is registered again.

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
            return Failed(f"target group {', '.join(without)} takes addresses and the instance has none")
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
        left, blockers = [], []
        for arn, entry in found.items():
            health = next(iter(self._services.target_groups.health(arn, (entry,))), None)
            state = health.health if health is not None else "not registered any more"
            if state == UNUSED and not self._services.target_groups.registrations(arn, (entry.id,)):
                # Somebody took it out meanwhile, which Elastic Load Balancing calls unused, too.
                self._services.target_groups.register(arn, entry)
                state = "registered again, it had been taken out"
            if state not in SETTLED:
                left.append(f"{name_of(arn)} says {state}")
                blockers.append(Blocker(kind=BlockerKind.TARGET_GROUP, name=arn, reason=f"its target is {state}"))
        if not left:
            return done_unless_missing(f"registered with {_names(found)} and healthy", missing)
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
            addresses = target.facts.addresses
            identity = (addresses[0] if addresses else "") if group.by_address else target.action.instance
            found[arn] = RegisteredTarget(identity, self._options.port or group.port, "initial")
        return found, missing


def _names(found: Mapping[str, RegisteredTarget]) -> str:
    return ", ".join(name_of(arn) for arn in found)
