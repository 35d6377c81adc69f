"""What a lifecycle hook should be like for the plan that its actions follow: pure decisions."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.actions import ActionResult, Transition
from asg_lifecycle.model.durations import readable, roughly, seconds
from asg_lifecycle.model.lifecycle_hooks import (
    HEARTBEATS_IN_GLOBAL_TIMEOUT,
    LONGEST_HEARTBEAT,
    SHORTEST_HEARTBEAT,
    HookSettings,
)
from asg_lifecycle.model.plans import PlanTransition, timeout_result
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP, SWEEP_MARGIN, HookTimeouts, finish_reserve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.model.plans import Plan, PlannedStep

LONGEST_RESERVE = finish_reserve(HookTimeouts(heartbeat=LONGEST_HEARTBEAT, overall=GLOBAL_TIMEOUT_CAP))
"""The most seconds that are kept back before the global timeout."""


class StackParameters(Struct, frozen=True, kw_only=True):
    """What hooks depend on of the parameters of the stack.

    Attributes:
        hook_name_prefix: what the names of our hooks begin with.
        sweep_interval: seconds between two sweeps.
        drains_per_group: how many instances of a group do drain work at once, None for no limit.
    """

    hook_name_prefix: str
    sweep_interval: float
    drains_per_group: int | None = None


class HookRequest(Struct, frozen=True, kw_only=True):
    """What an operator asked for.

    Attributes:
        transition: what the hook is to hold.
        name: of the hook, empty for the one that there is or our usual name.
        plan: the plan that its metadata is to name, empty to leave the metadata as it is.
        heartbeat: `HeartbeatTimeout` in seconds, None to derive it.
        retain: whether the group is to retain abandoned instances (R10).
    """

    transition: PlanTransition
    name: str = ""
    plan: str = ""
    heartbeat: int | None = None
    retain: bool = False


class Difference(Struct, frozen=True, kw_only=True):
    """One setting that changes.

    Attributes:
        field: what the API calls it.
        current: its present value, None where there is none.
        wanted: its value afterwards.
        why: for people; empty where the value says it.
    """

    field: str
    current: str | None
    wanted: str
    why: str = ""


class HookProposal(Struct, frozen=True, kw_only=True):
    """A hook as it should be.

    Attributes:
        present: as it is, None where it has to be made.
        wanted: as it should be.
        differences: what changes, in the order of the API; empty when nothing does.
        warnings: what an operator should know before it is put.
    """

    present: HookSettings | None
    wanted: HookSettings
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...] = ()


def work_length(plan: Plan, parameters: StackParameters) -> float | None:
    """Return the longest that a plan can take, seconds; None where nothing but the hook bounds it.

    A wait for a drain slot does not count for the plan's timeout, and nothing else bounds it.
    """
    if plan.drains_per_group or parameters.drains_per_group:
        return None
    if plan.timeout is not None:
        return seconds(plan.timeout)
    lengths = [_step_length(step) for step in plan.steps]
    return None if None in lengths else sum(length or 0.0 for length in lengths)


def needed_heartbeat(work: float | None, sweep_interval: float) -> int:
    """Return the shortest `HeartbeatTimeout` in whole seconds that serves, 30 to 7200 (R3).

    When an execution dies just before a heartbeat, half of the timeout is left, and two sweeps have to fit into it. And
    the global timeout, a hundred times as long (R4), has to last for the work.

    Args:
        work: the longest that the work can take, seconds; None for as long as a hook can live.
        sweep_interval: seconds between two sweeps.
    """
    for_sweeps = 2 * (2 * sweep_interval + SWEEP_MARGIN)
    lives = GLOBAL_TIMEOUT_CAP if work is None else min(GLOBAL_TIMEOUT_CAP, work + LONGEST_RESERVE)
    wanted = ceil(max(for_sweeps, lives / HEARTBEATS_IN_GLOBAL_TIMEOUT))
    return min(LONGEST_HEARTBEAT, max(SHORTEST_HEARTBEAT, wanted))


def propose(
    present: HookSettings | None,
    wanted: HookSettings,
    plan: Plan,
    parameters: StackParameters,
    *,
    heartbeat: int | None = None,
) -> HookProposal:
    """Return what a hook should be like for a plan.

    A present timeout that is long enough stays, and so does everything that nothing was said about.

    Args:
        present: the hook as it is, None where it has to be made.
        wanted: its name, transition and metadata; the timeout and the default result in it are not looked at.
        plan: what its actions follow.
        parameters: of the stack.
        heartbeat: the `HeartbeatTimeout` that somebody asked for, seconds; None to derive it.
    """
    work = work_length(plan, parameters)
    needed = needed_heartbeat(work, parameters.sweep_interval)
    kept = present.heartbeat if present is not None and present.heartbeat >= needed else needed
    chosen = HookSettings(
        name=wanted.name,
        transition=wanted.transition,
        heartbeat=heartbeat if heartbeat is not None else kept,
        default_result=timeout_result(plan),
        metadata=wanted.metadata,
        target=present.target if present is not None else None,
        role=present.role if present is not None else None,
    )
    return HookProposal(
        present=present,
        wanted=chosen,
        differences=tuple(_differences(present, chosen, plan, parameters)),
        warnings=tuple(_warnings(chosen, plan, work, parameters)),
    )


def unlike(wanted: HookSettings, found: HookSettings | None) -> str | None:
    """Return what is not as it was wanted, after it was put; None when everything is."""
    if found is None:
        return f"there is no hook {wanted.name}"
    names = {"transition": "LifecycleTransition", "target": "NotificationTargetARN", "role": "RoleARN"}
    names |= {"heartbeat": "HeartbeatTimeout", "default_result": "DefaultResult", "metadata": "NotificationMetadata"}
    wrong = [
        f"{said} is {getattr(found, name)} and should be {getattr(wanted, name)}"
        for name, said in names.items()
        if getattr(found, name) != getattr(wanted, name)
    ]
    return "; ".join(wrong) or None


def _step_length(step: PlannedStep) -> float | None:
    if step.timeout is not None:
        return seconds(step.timeout)
    if not step.parallel:
        return None
    lengths = [seconds(each.timeout) if each.timeout is not None else None for each in step.parallel]
    return None if None in lengths else max(length or 0.0 for length in lengths)


def _differences(
    present: HookSettings | None, wanted: HookSettings, plan: Plan, parameters: StackParameters
) -> Iterator[Difference]:
    if present is None:
        yield Difference(field="LifecycleTransition", current=None, wanted=wanted.transition.value)
    if present is None or present.heartbeat != wanted.heartbeat:
        lives = f"an action lives {readable(wanted.global_timeout)} at most"
        sweeps = f"sweeps come every {readable(parameters.sweep_interval)}"
        current = str(present.heartbeat) if present is not None else None
        yield Difference(
            field="HeartbeatTimeout", current=current, wanted=str(wanted.heartbeat), why=f"{sweeps}, and {lives}"
        )
    if present is None or present.default_result is not wanted.default_result:
        yield Difference(
            field="DefaultResult",
            current=present.default_result.value if present is not None else None,
            wanted=wanted.default_result.value,
            why=f"the plan says on_timeout: {plan.on_timeout}",
        )
    before = present.metadata if present is not None else None
    if wanted.metadata is not None and before != wanted.metadata:
        yield Difference(field="NotificationMetadata", current=before, wanted=wanted.metadata)


def _warnings(wanted: HookSettings, plan: Plan, work: float | None, parameters: StackParameters) -> Iterator[str]:
    overall = wanted.global_timeout
    left = overall - finish_reserve(HookTimeouts(heartbeat=wanted.heartbeat, overall=overall))
    if work is not None and work > left:
        yield (
            f"the plan may take {readable(work)}, and the hook gives it {readable(left)}: then "
            f"on_timeout: {plan.on_timeout} decides"
        )
    elif work is None and overall < GLOBAL_TIMEOUT_CAP:
        yield f"nothing but the hook bounds the plan's time, and the hook gives it {readable(left)}"
    long_enough = needed_heartbeat(0.0, parameters.sweep_interval)
    if wanted.heartbeat < long_enough:
        yield (
            f"a heartbeat timeout of {readable(wanted.heartbeat)} may be over before two sweeps, which come every "
            f"{readable(parameters.sweep_interval)}, find an action whose execution has died; "
            f"{readable(long_enough)} is long enough"
        )
    if plan.observe:
        yield (
            f"the plan only observes: where nothing else completes the hook's actions, each ends with "
            f"{wanted.default_result} after {roughly(wanted.heartbeat)}"
        )
    if plan.dry_run:
        yield "the plan is a dry run: instances are released without the work"


def ends_anyway(wanted: HookSettings, *, retains: bool) -> bool:
    """Return whether an instance is terminated although its work was not done, when a timer runs out (R9, R10)."""
    return wanted.transition is Transition.TERMINATING and wanted.default_result is ActionResult.ABANDON and not retains
