"""Which timeouts run for an action, when they are over, and what more time would change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.model.durations import seconds
from asg_lifecycle.model.plans import PlanDecision
from asg_lifecycle.model.progress import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.model.step_memory import StepMemory


class RunningTimeouts(Struct, frozen=True, kw_only=True):
    """When the timeouts of an action are over, seconds since the epoch; None for one that does not run.

    Attributes:
        step: that of the present step, the first of several side by side.
        plan: that of the plan. None under a hold.
        deadline: the moment that nothing can move: the hook's own limit, `GlobalTimeout` (R4).
    """

    step: float | None = None
    plan: float | None = None
    deadline: float | None = None

    def after(self, length: float) -> RunningTimeouts:
        """Return when they are over once they were moved by `length` seconds: at the deadline at the latest."""
        return RunningTimeouts(step=self._moved(self.step, length), plan=self._moved(self.plan, length))

    def _moved(self, over: float | None, length: float) -> float | None:
        if over is None:
            return None
        return min(over + length, self.deadline) if self.deadline is not None else over + length


class UnknownPlanError(ValueError):
    """The plan in a record cannot be read: another version of the application wrote it."""


def plan_of(record: Record) -> Plan | None:
    """Return the plan that an action follows; None before it was chosen, and for one that cannot be used.

    Raises:
        UnknownPlanError: it cannot be read.
    """
    if record.plan_decision is None:
        return None
    try:
        return msgspec.json.decode(record.plan_decision, type=PlanDecision).plan
    except msgspec.MsgspecError as error:
        raise UnknownPlanError("its plan was written by another version of asg-lifecycle") from error


def running_timeouts(record: Record, now: float) -> RunningTimeouts:
    """Return the timeouts that run for the action of a record at `now`, seconds since the epoch.

    Time for which a dependency keeps a step waiting counts against none of them: they are over that much later.

    Raises:
        UnknownPlanError: the plan in the record cannot be read.
    """
    plan = plan_of(record)
    waiting = [memory for memory in record.present_steps if isinstance(memory.progress, Waiting)]
    if plan is None or not waiting:
        return RunningTimeouts(deadline=record.deadline)
    blocked = max((now - memory.blocked_since for memory in waiting if memory.blocked_since is not None), default=0.0)
    limits = _limits_of(plan, record)
    ends = [
        memory.began_at + memory.blocked_seconds + memory.extended_seconds + limit + _blocked_now(memory, now)
        for memory, limit in zip(record.present_steps, limits, strict=False)
        if limit is not None and memory in waiting and memory.began_at is not None
    ]
    work_began = record.work_began_at
    runs = plan.timeout is not None and work_began is not None and record.hold is None
    return RunningTimeouts(
        step=min(ends, default=None),
        plan=work_began + seconds(plan.timeout) + record.extended_seconds + blocked
        if runs and plan.timeout is not None and work_began is not None
        else None,
        deadline=record.deadline,
    )


def why_not_extended(timeouts: RunningTimeouts, at: Callable[[float], str]) -> str | None:
    """Return why more time would change nothing, a sentence; None where it would change something.

    Args:
        timeouts: that run.
        at: a time as the reader knows it.
    """
    running = [over for over in (timeouts.step, timeouts.plan) if over is not None]
    deadline = at(timeouts.deadline) if timeouts.deadline is not None else "its deadline"
    if not running:
        return f"no timeout runs: it may take until {deadline}"
    if timeouts.deadline is not None and min(running) >= timeouts.deadline:
        return f"its timeouts are not over before {deadline}, the hook's own limit, which nothing can move"
    return None


def sentence_of_extension(timeouts: RunningTimeouts, length: float, at: Callable[[float], str]) -> str:
    """Return until when an action may take with more time: `may take until …: its step until …, its plan until …`.

    Args:
        timeouts: that run now.
        length: the time it gets, seconds.
        at: a time as the reader knows it.
    """
    after = timeouts.after(length)
    named = [("step", after.step), ("plan", after.plan)]
    parts = [f"its {name} until {at(over)}{_limited(over, timeouts)}" for name, over in named if over is not None]
    return f"may take longer: {', '.join(parts)}"


def _limited(over: float, timeouts: RunningTimeouts) -> str:
    return ", its deadline, which nothing can move" if over == timeouts.deadline else ""


def _limits_of(plan: Plan, record: Record) -> list[float | None]:
    """Return the timeouts of the steps that the record remembers, seconds; None for those that have none."""
    if record.step_index >= len(plan.steps):
        return []
    entry = plan.steps[record.step_index]
    timeouts = [planned.timeout or entry.timeout for planned in entry.parallel or (entry,)]
    if len(timeouts) != len(record.present_steps):
        # Some of the steps side by side were skipped, and which ones is not remembered: the shortest is the safe one.
        shortest = min((seconds(timeout) for timeout in timeouts if timeout is not None), default=None)
        return [shortest] * len(record.present_steps)
    return [seconds(timeout) if timeout is not None else None for timeout in timeouts]


def _blocked_now(memory: StepMemory, now: float) -> float:
    return now - memory.blocked_since if memory.blocked_since is not None else 0.0
