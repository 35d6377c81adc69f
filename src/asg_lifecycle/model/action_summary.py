"""What an operator sees of an action at a glance: where it stands, what it waits for, how much time it has left."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.blockers import Blocker
from asg_lifecycle.model.progress import Waiting
from asg_lifecycle.model.records import Status, blockers_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.model.records import Record

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"


class Standing(StrEnum):
    """Where an action stands, as operators say it."""

    STARTING = "starting"
    """An execution has it and has not begun the work."""
    QUEUED = "queued"
    """It waits for a drain slot of its group."""
    EARLY = "early"
    """Its work began before the instance waits."""
    WORKING = "working"
    """Its steps run."""
    HELD = "held"
    """It waits for an operator, or for its deadline."""
    COMPLETING = "completing"
    """The result is decided, and Auto Scaling is told."""
    ENDED = "ended"
    """It is over."""


BY_STATUS = {Status.CLAIMED: Standing.STARTING, Status.COMPLETING: Standing.COMPLETING}
WORKED_ON = frozenset({Standing.EARLY, Standing.WORKING, Standing.HELD})


class ActionSummary(Struct, frozen=True, kw_only=True):
    """One action. Times are seconds since the epoch, durations seconds.

    Attributes:
        group: Auto Scaling group.
        instance: EC2 instance id.
        hook: lifecycle hook.
        transition: `launch` or `terminate`.
        standing: where it stands.
        plan: where its plan came from, None before it was chosen.
        step: the present step of the plan, from 1; None when none is under way.
        steps: how many steps the plan has.
        kind: the kind of the present step, several side by side joined by a plus sign; None when none is under way.
        waits_for: a sentence: what it waits for.
        blockers: the things that keep the instance, by name.
        problem: what is wrong, None when nothing is.
        hold: who has put it on hold, when and why; None where nobody has.
        under_way: a step of it has begun and not ended, and is looked at.
        age: since when the instance waits.
        left: until its deadline; None where that is not known yet, below 0 when it is past.
        execution: ARN of the durable execution that works on it.
        token: lifecycle action token, None where it is not known.
    """

    group: str
    instance: str
    hook: str
    transition: str
    standing: Standing
    plan: str | None
    step: int | None
    steps: int
    kind: str | None
    waits_for: str
    blockers: tuple[Blocker, ...]
    problem: str | None
    hold: str | None
    under_way: bool
    age: float
    left: float | None
    execution: str
    token: str | None


def summarize(record: Record, now: float) -> ActionSummary:
    """Return what an operator sees of the action of a record at `now`."""
    standing = standing_of(record)
    ended = len(record.step_outcomes)
    present = record.plan_kinds[ended : ended + max(1, len(record.present_steps))] if standing in WORKED_ON else ()
    return ActionSummary(
        group=record.group,
        instance=record.instance,
        hook=record.hook,
        transition="launch" if record.transition == LAUNCHING else "terminate",
        standing=standing,
        plan=record.plan_source,
        step=ended + 1 if present else None,
        steps=len(record.plan_kinds),
        kind="+".join(present) or None,
        waits_for=_waits_for(record, standing),
        blockers=blockers_of(record),
        problem=record.problem,
        hold=record.hold,
        under_way=bool(present) and record.status is not Status.HELD and has_unfinished_step(record),
        age=max(0.0, now - record.event_time),
        left=record.deadline - now if record.deadline is not None else None,
        execution=record.execution,
        token=record.token,
    )


def standing_of(record: Record) -> Standing:
    """Return where the action of a record stands."""
    if record.in_flight is None:
        return Standing.ENDED
    if record.status is Status.HELD or record.paused_since is not None:
        return Standing.HELD
    if record.status in BY_STATUS:
        return BY_STATUS[record.status]
    if record.hold is not None:
        return Standing.HELD
    if record.queued_since is not None and record.work_began_at is None:
        return Standing.QUEUED
    return Standing.EARLY if record.early_reason is not None and record.token is None else Standing.WORKING


def has_unfinished_step(record: Record) -> bool:
    """Return whether a step has begun and not ended, even if the work has stopped."""
    return any(isinstance(memory.progress, Waiting) for memory in record.present_steps)


def _waits_for(record: Record, standing: Standing) -> str:
    said = record.detail or "nothing is known yet"
    # The record of a step that goes on under a hold tells of the step.
    on_hold = standing is Standing.HELD and record.hold is not None and record.status is not Status.HELD
    return f"on hold; {said}" if on_hold else said


def by_time_left(summaries: Iterable[ActionSummary]) -> list[ActionSummary]:
    """Return the actions in the order in which their time is over; those whose deadline is not known come last."""
    return sorted(
        summaries,
        key=lambda each: (each.left is None, each.left or 0.0, each.group, each.instance, each.hook),
    )
