"""The metrics of an action that has ended, and the log line with its times as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.action_measures import blocked_until, drained_at, first_step_seconds
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.records import Status
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import Dependencies
    from asg_lifecycle.execution.race.decision import RaceOutcome
    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.observer import Observer


def observe_completion(dependencies: Dependencies, plan: Plan | None, outcome: RaceOutcome) -> None:
    """Count a completion that Auto Scaling has accepted, and measure how late it comes after the work."""
    observer = dependencies.observer
    observer.count(Metric.COMPLETED)
    if outcome.result is ActionResult.ABANDON:
        observer.count(Metric.ABANDONED)
    drained = drained_at(plan, outcome.steps) if plan is not None else None
    if drained is not None:
        observer.measure(Metric.DRAINED_TO_COMPLETED, max(0.0, dependencies.clock() - drained))


def observe_end(  # noqa: PLR0913 - what is known of an end, each by its name
    observer: Observer, before: Record, outcome: RaceOutcome, *, status: Status, operations: int, now: float
) -> None:
    """Measure an action that has ended, and log its times as data.

    Args:
        observer: logs and metrics.
        before: the action's record before it was closed.
        outcome: how the race ended.
        status: how the action ended.
        operations: durable operations that the execution has used.
        now: when, seconds since the epoch.
    """
    result = outcome.result if status is Status.COMPLETED else None
    seconds = max(0.0, now - before.event_time)
    observer.measure(Metric.DURATION, seconds)
    first = first_step_seconds(before, outcome.steps)
    if first is not None:
        observer.measure(Metric.FIRST_STEP, first)
    observer.by_cause(Metric.BLOCKED_SECONDS, blocked_until(before.present_steps, now))
    observer.measure(Metric.OPERATIONS, operations)
    observer.ended(
        f"ended: {status}",
        status=status.value,
        result=result.value if result else "",
        seconds=seconds,
        operations=operations,
    )
