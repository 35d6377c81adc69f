"""The step kind `deregister-targets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.aws.target_groups import RegisteredTarget, name_of
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.clock_times import clock_time
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.resource_names import TargetGroupArn, TargetGroupName
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.connection_draining import poll_interval
from asg_lifecycle.steps.support.missing_things import done_unless_missing, there_is_no
from asg_lifecycle.steps.support.sentences import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asg_lifecycle.model.progress import StepAnswer, Waiting
    from asg_lifecycle.steps.base import Target


class DeregisterTargetsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which target groups. With none of these given: those attached to the Auto Scaling group."""

    arns: Annotated[tuple[TargetGroupArn, ...], Meta(description="Target groups by ARN.")] = ()
    names: Annotated[tuple[TargetGroupName, ...], Meta(description="Target groups by name.")] = ()
    tags: Annotated[dict[str, str], Meta(description="Every target group that carries all of these tags.")] = {}
    of_group: Annotated[bool, Meta(description="The target groups attached to the Auto Scaling group.")] = False


class Draining(Struct, frozen=True, kw_only=True):
    """One target group that drains the instance.

    Attributes:
        arn: of the target group.
        targets: the registrations that were deregistered.
        delay: the deregistration delay, seconds.
        until: when the delay ends at the latest, seconds since the epoch.
    """

    arn: str
    targets: tuple[RegisteredTarget, ...]
    delay: float
    until: float


class DeregisterTargetsState(Struct, frozen=True, kw_only=True):
    """What was deregistered.

    Attributes:
        draining: the target groups that still drain the instance.
        groups: the names of all from which it was deregistered, a list for people.
        missing: the target groups that the plan names and that there are not.
    """

    draining: tuple[Draining, ...]
    groups: str
    missing: tuple[str, ...]


class DeregisterTargets(StatefulStep[DeregisterTargetsOptions, DeregisterTargetsState]):
    """Take the instance out of its target groups and wait until none of them is draining it.

    It works on target groups of Application, Network and Gateway Load Balancers. Those attached to the Auto Scaling
    group are drained by Auto Scaling itself before the terminate hook begins (R26); for them this step only verifies.
    It matters for target groups that are not attached.

    When the action goes on without the step, the instance stays deregistered.
    """

    kind = "deregister-targets"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"names": ["web"]}
    permissions = (
        "autoscaling:DescribeLoadBalancerTargetGroups",
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "tag:GetResources",
    )
    template_parameter = "TargetGroupSteps"
    may_be_missing = "target groups"

    def preview(self, target: Target) -> str:
        """Say which registrations would be taken out."""
        found, missing = self._registrations(target)
        named = [f"{name_of(arn)} ({len(registered)})" for arn, registered in found.items() if registered]
        if not named:
            return self._registered_nowhere(found) + there_is_no(missing)
        return f"would deregister from {', '.join(named)}{there_is_no(missing)}"

    def begin(self, target: Target) -> StepAnswer:
        """Deregister the instance from every port of every target group where it is registered."""
        found, missing = self._registrations(target)
        draining = []
        for arn, registered in found.items():
            if not registered:
                continue
            if active := [entry for entry in registered if not entry.draining]:
                self._services.target_groups.deregister(arn, active)
            delay = self._services.target_groups.deregistration_delay(arn)
            draining.append(Draining(arn=arn, targets=_remembered(registered), delay=delay, until=target.now + delay))
        if not draining:
            return done_unless_missing(self._registered_nowhere(found), missing)
        groups = _names(draining)
        if target.facts.gone:
            done = f"deregistered from {groups}; the instance is gone, nothing is left to drain"
            return done_unless_missing(done, missing)
        state = DeregisterTargetsState(draining=tuple(draining), groups=groups, missing=missing)
        return self._draining(state, target.now)

    def poll(self, target: Target, state: DeregisterTargetsState) -> StepAnswer:
        """Ask the target groups that still drained the instance, about its targets only."""
        draining = []
        for group in state.draining:
            # What a deleted target group drained, nobody sends anything to any more.
            health = self._services.target_groups.health(group.arn, group.targets) or ()
            left = _remembered(entry for entry in health if entry.draining)
            # Registered again by somebody else, or the deregistration was lost: it has to be said again.
            back = tuple(entry for entry in health if not entry.draining and entry.health != "unused")
            if back:
                self._services.target_groups.deregister(group.arn, back)
                until = target.now + group.delay
                draining.append(msgspec.structs.replace(group, targets=left + _remembered(back), until=until))
            elif left:
                draining.append(msgspec.structs.replace(group, targets=left))
        if not draining:
            return done_unless_missing(f"drained from {state.groups}", state.missing)
        return self._draining(msgspec.structs.replace(state, draining=tuple(draining)), target.now)

    def _draining(self, state: DeregisterTargetsState, now: float) -> Waiting:
        draining = state.draining
        until = clock_time(max(group.until for group in draining))
        count = counted(sum(len(group.targets) for group in draining), "target")
        return self._waiting(
            f"waiting for {count} to drain from {_names(draining)}, until {until} at the latest"
            + there_is_no(state.missing),
            state,
            again_after=min(poll_interval(group.delay, group.until, now) for group in draining),
            blockers=(
                Blocker(kind=BlockerKind.TARGET_GROUP, name=group.arn, reason=_draining_until(group))
                for group in draining
            ),
        )

    def _registrations(self, target: Target) -> tuple[dict[str, tuple[RegisteredTarget, ...]], tuple[str, ...]]:
        """Return the instance's registrations in each target group, by its ARN, and what is named and does not exist.

        A target group that was attached or carried the tags and is gone by now is nobody's mistake.
        """
        named, discovered, missing = self._resolve(target.action.group)
        ids = (target.action.instance, *target.facts.addresses)
        found = {arn: self._services.target_groups.registrations(arn, ids) for arn in dict.fromkeys(named + discovered)}
        missing += [f"target group {arn}" for arn in dict.fromkeys(named) if found[arn] is None]
        return {arn: registered for arn, registered in found.items() if registered is not None}, tuple(missing)

    def _resolve(self, group: str) -> tuple[list[str], list[str], list[str]]:
        """Return ARNs that the options name, ARNs that were found, and what is named and does not exist."""
        options, target_groups = self._options, self._services.target_groups
        by_name = {name: target_groups.named(name) for name in options.names}
        named = [*options.arns, *(arn for arn in by_name.values() if arn is not None)]
        missing = [f"target group named {name}" for name, arn in by_name.items() if arn is None]
        discovered: list[str] = []
        if options.tags:
            discovered += target_groups.tagged(options.tags)
            if not discovered:
                missing.append(f"target group tagged {', '.join(f'{key}={options.tags[key]}' for key in options.tags)}")
        if options.of_group or not (options.arns or options.names or options.tags):
            discovered += self._services.lifecycle_actions.attached_target_groups(group)
        return named, discovered, missing

    @staticmethod
    def _registered_nowhere(found: Mapping[str, object]) -> str:
        if not found:
            return "not registered: there is no target group to look into"
        return f"not registered in any of {counted(len(found), 'target group')}"


def _remembered(targets: Iterable[RegisteredTarget]) -> tuple[RegisteredTarget, ...]:
    # The health is not kept: each of its changes would be written to the record, and every poll asks for it.
    return tuple(RegisteredTarget(target.id, target.port, "draining") for target in targets)


def _draining_until(group: Draining) -> str:
    count = counted(len(group.targets), "target")
    return f"it drains {count} of the instance, until {clock_time(group.until)} at the latest"


def _names(draining: Iterable[Draining]) -> str:
    return ", ".join(name_of(group.arn) for group in draining)
