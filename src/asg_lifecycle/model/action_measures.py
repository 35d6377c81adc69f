"""What an action's record and outcomes say of its times, for metrics. Seconds throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.blockers import blocked_seconds
from asg_lifecycle.model.progress import blockers_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.model.blockers import BlockerKind
    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.model.step_memory import StepMemory, StepOutcome


def first_step_seconds(record: Record, outcomes: tuple[StepOutcome, ...]) -> float | None:
    """Return the time from the event of an action to the beginning of its first step.

    Args:
        record: the action's record.
        outcomes: how its steps ended; those of the record count, too.

    Returns:
        The time, None when no step has begun, or the work began before the instance waited.
    """
    ended = [each.began_at for each in (*record.step_outcomes, *outcomes) if each.began_at is not None]
    began = min((*ended, *(each.began_at for each in record.present_steps if each.began_at is not None)), default=None)
    return began - record.event_time if began is not None and began >= record.event_time else None


def drained_at(plan: Plan, outcomes: tuple[StepOutcome, ...]) -> float | None:
    """Return when the last step of a plan ended, None where a step has not, or none of them had anything to do."""
    if len(outcomes) < sum(1 for _ in plan.leaves()):
        return None
    return max((each.ended_at for each in outcomes if each.ended_at is not None), default=None)


def blocked_until(steps: Iterable[StepMemory], now: float) -> dict[BlockerKind, float]:
    """Return for how long each kind has blocked steps that end at `now` without a further poll."""
    total: dict[BlockerKind, float] = {}
    for memory in steps:
        for kind, seconds in blocked_seconds(
            blockers_in(memory.progress), (), now, began_at=memory.began_at or now
        ).items():
            total[kind] = total.get(kind, 0.0) + seconds
    return total
