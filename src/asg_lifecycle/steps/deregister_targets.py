"""The step kind `deregister-targets`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.lattice_target_groups import is_lattice
from asg_lifecycle.aws.target_groups import RegisteredTarget, name_of
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.clock_times import clock_time
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Failed
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.connection_draining import poll_interval
from asg_lifecycle.steps.support.missing_things import done_unless_missing, there_is_no
from asg_lifecycle.steps.support.sentences import counted
from asg_lifecycle.steps.support.target_group_choice import (
    LATTICE_PARAMETER,
    DeregisterTargetsOptions,
    TargetGroupFinder,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asg_lifecycle.model.progress import StepAnswer, Waiting
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services


LATTICE_INTERVAL = 15.0
"""Seconds between two polls of a target group of VPC Lattice."""


class Draining(Struct, frozen=True, kw_only=True):
    """One target group that drains the instance.

    Attributes:
        arn: of the target group.
        targets: the registrations that were deregistered.
        delay: the deregistration delay, seconds; None for VPC Lattice, where requests in flight alone decide.
        until: when the delay ends at the latest, seconds since the epoch; None without one.
    """

    arn: str
    targets: tuple[RegisteredTarget, ...]
    delay: float | None
    until: float | None


class DeregisterTargetsState(Struct, frozen=True, kw_only=True):
    """What was deregistered.

    Attributes:
        draining: the target groups that still drain the instance.
        groups: the names of all from which it was deregistered, a list for people.
        missing: the target groups that the plan names and that there are not.
        aside: what else is said at the end of every sentence.
    """

    draining: tuple[Draining, ...]
    groups: str
    missing: tuple[str, ...]
    aside: str = ""


class DeregisterTargets(StatefulStep[DeregisterTargetsOptions, DeregisterTargetsState]):
    """Take the instance out of its target groups and wait until none of them is draining it.

    It works on target groups of Application, Network and Gateway Load Balancers, and on those of VPC Lattice where the
    parameter `LatticeSteps` is on. Those attached to the Auto Scaling group, as target groups or traffic sources, are
    drained by Auto Scaling itself before the terminate hook begins (R26); for them this step only verifies, and those
    of VPC Lattice it leaves to Auto Scaling where it may not look into them. It matters for target groups that are not
    attached.

    A Network Load Balancer can go on sending connections to a target for about two minutes after it was deregistered:
    give its target groups a deregistration delay of 120 seconds or more.

    When the action goes on without the step, the instance stays deregistered.
    """

    kind = "deregister-targets"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"names": ["web"]}
    permissions = (
        "autoscaling:DescribeLoadBalancerTargetGroups",
        "autoscaling:DescribeTrafficSources",
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "tag:GetResources",
    )
    template_parameter = "TargetGroupSteps"
    optional_permissions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        LATTICE_PARAMETER: ("vpc-lattice:DeregisterTargets", "vpc-lattice:ListTargets")
    }
    may_be_missing = "target groups"

    def __init__(self, options: DeregisterTargetsOptions, services: Services) -> None:
        super().__init__(options, services)
        self._finder = TargetGroupFinder(options, services)

    def preview(self, target: Target) -> str:
        """Say which registrations would be taken out."""
        registrations = self._finder.find(target)
        if registrations.refused:
            return f"would fail: {'; '.join(registrations.refused)}"
        named = [f"{name_of(arn)} ({len(found)})" for arn, found in registrations.found.items() if found]
        ending = there_is_no(registrations.missing) + registrations.aside
        if not named:
            return self._registered_nowhere(registrations.found) + ending
        return f"would deregister from {', '.join(named)}{ending}"

    def begin(self, target: Target) -> StepAnswer:
        """Deregister the instance from every port of every target group where it is registered."""
        registrations = self._finder.find(target)
        if registrations.refused:
            return Failed("; ".join(registrations.refused))
        missing, aside = registrations.missing, registrations.aside
        draining = [
            self._drain(arn, registered, target.now) for arn, registered in registrations.found.items() if registered
        ]
        if not draining:
            return done_unless_missing(self._registered_nowhere(registrations.found) + aside, missing)
        groups = _names(draining)
        if target.facts.gone:
            done = f"deregistered from {groups}; the instance is gone, nothing is left to drain{aside}"
            return done_unless_missing(done, missing)
        state = DeregisterTargetsState(draining=tuple(draining), groups=groups, missing=missing, aside=aside)
        return self._draining(state, target.now)

    def poll(self, target: Target, state: DeregisterTargetsState) -> StepAnswer:
        """Ask the target groups that still drained the instance, about its targets only."""
        draining = []
        for group in state.draining:
            calls = self._finder.calls(group.arn)
            # What a deleted target group drained, nobody sends anything to any more.
            health = calls.health(group.arn, group.targets) or ()
            left = _remembered(entry for entry in health if entry.draining)
            # Registered again by somebody else, or the deregistration was lost: it has to be said again.
            back = tuple(entry for entry in health if not entry.draining and entry.health != "unused")
            if back:
                calls.deregister(group.arn, back)
                until = target.now + group.delay if group.delay is not None else None
                draining.append(msgspec.structs.replace(group, targets=left + _remembered(back), until=until))
            elif left:
                draining.append(msgspec.structs.replace(group, targets=left))
        if not draining:
            return done_unless_missing(f"drained from {state.groups}{state.aside}", state.missing)
        return self._draining(msgspec.structs.replace(state, draining=tuple(draining)), target.now)

    def _drain(self, arn: str, registered: tuple[RegisteredTarget, ...], now: float) -> Draining:
        """Deregister the instance from one target group."""
        if active := [entry for entry in registered if not entry.draining]:
            self._finder.calls(arn).deregister(arn, active)
        delay = None if is_lattice(arn) else self._services.target_groups.deregistration_delay(arn)
        until = now + delay if delay is not None else None
        return Draining(arn=arn, targets=_remembered(registered), delay=delay, until=until)

    def _draining(self, state: DeregisterTargetsState, now: float) -> Waiting:
        draining = state.draining
        ends = [group.until for group in draining if group.until is not None]
        until = f", until {clock_time(max(ends))} at the latest" if len(ends) == len(draining) else ""
        count = counted(sum(len(group.targets) for group in draining), "target")
        return self._waiting(
            f"waiting for {count} to drain from {_names(draining)}{until}{there_is_no(state.missing)}{state.aside}",
            state,
            again_after=min(_interval(group, now) for group in draining),
            blockers=(
                Blocker(kind=BlockerKind.TARGET_GROUP, name=group.arn, reason=_draining_until(group))
                for group in draining
            ),
        )

    @staticmethod
    def _registered_nowhere(found: Mapping[str, object]) -> str:
        if not found:
            return "not registered: there is no target group to look into"
        return f"not registered in any of {counted(len(found), 'target group')}"


def _remembered(targets: Iterable[RegisteredTarget]) -> tuple[RegisteredTarget, ...]:
    # The health is not kept: each of its changes would be written to the record, and every poll asks for it.
    return tuple(RegisteredTarget(target.id, target.port, "draining") for target in targets)


def _interval(group: Draining, now: float) -> float:
    if group.delay is None or group.until is None:
        return LATTICE_INTERVAL
    return poll_interval(group.delay, group.until, now)


def _draining_until(group: Draining) -> str:
    drains = f"it drains {counted(len(group.targets), 'target')} of the instance"
    return drains if group.until is None else f"{drains}, until {clock_time(group.until)} at the latest"


def _names(draining: Iterable[Draining]) -> str:
    return ", ".join(name_of(group.arn) for group in draining)
