"""What the sweep does about an action whose execution is dead: it is taken over, and held when that does not help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.lifecycle_actions import Answer
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.records import Record, Status, action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest
from asg_lifecycle.model.sweep_decision import MOST_TAKEOVERS, count_takeover
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
    from asg_lifecycle.intake.execution_starter import ExecutionStarter
    from asg_lifecycle.intake.hold_events import HoldEvents
    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.observer import Observer
    from asg_lifecycle.store.records import Records

GENERATION = 900.0
"""Seconds after which an execution for the same wait may be started again, if the first one achieved nothing."""

PAUSED = "; and "
"""Between a problem that was there before and the one that its execution is paused."""

EVENT_MAY_FOLLOW = 900.0
"""Seconds after the time that EC2 left an instance for which the event of its hook may still come."""


class TakeoverIntake:
    """Has actions taken over whose execution is dead, and keeps those alive that no execution can work on.

    Args:
        lifecycle_actions: the Auto Scaling calls.
        records: the records.
        starter: starts executions.
        observer: logs and metrics.
        clock: seconds since the epoch.
        sweep_interval: seconds between two sweeps.
        hold_events: tells others of what is held, None where nobody is told.
    """

    def __init__(  # noqa: PLR0913 - each part by its name
        self,
        *,
        lifecycle_actions: LifecycleActions,
        records: Records,
        starter: ExecutionStarter,
        observer: Observer,
        clock: Callable[[], float],
        sweep_interval: float,
        hold_events: HoldEvents | None,
    ) -> None:
        self._lifecycle_actions = lifecycle_actions
        self._records = records
        self._starter = starter
        self._observer = observer
        self._clock = clock
        self._interval = sweep_interval
        self._hold_events = hold_events

    def take_over(self, record: Record, error: str | None) -> bool:
        """Have the action of a dead execution taken over; return whether an execution was started for it.

        Args:
            record: the action's.
            error: why the execution failed, None where it did not.

        Raises:
            CallFailed: the record could not be written, or the execution not started. The next sweep tries again.
        """
        attempt = f"{record.execution} {generation(self._clock())}"
        takeovers = count_takeover(record, failed=error is not None, attempt=attempt)
        if error is not None and takeovers.count > MOST_TAKEOVERS:
            self._hold(record, error)
            return False
        if takeovers != record.takeovers and not self._update(record, {"takeovers": takeovers}):
            # Another execution owns it by now.
            return False
        self._gain_time(record)
        start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
        return self._starter.start(start, generation=generation(self._clock()))

    def keep(self, record: Record) -> None:
        """Keep an action alive that no execution works on, and close it when it is over.

        Raises:
            CallFailed: no answer, throttled, denied. The next sweep tries again.
        """
        if _waits_for_its_event(record):
            # The event of its hook has it taken over.
            if record.early_until is not None and self._clock() > record.early_until + EVENT_MAY_FOLLOW:
                self._close(record, "the hook's event never came")
            return
        if self._lifecycle_actions.heartbeat(action_of(record)) is Answer.NOT_ACTIVE:
            self._close(record, "the action ended while no execution worked on it")

    def keep_paused(self, record: Record) -> None:
        """Keep an action alive whose execution is paused, and say that it is held by that.

        Raises:
            CallFailed: no answer, throttled, denied. The next sweep tries again.
        """
        if record.paused_since is None:
            why = f"its execution is paused, resume it: {record.execution}; {self._kept(record)}"
            changes: RecordChanges = {
                "paused_since": self._clock(),
                "problem": f"{record.problem}{PAUSED}{why}" if record.problem is not None else why,
                "detail": f"held: {why}",
                "detail_at": self._clock(),
            }
            if not self._update(record, changes):
                return
            self._observer.count(Metric.HELD)
            self._observer.error(f"group {record.group}, hook {record.hook}, instance {record.instance}: {why}")
        if not _waits_for_its_event(record):
            self._lifecycle_actions.heartbeat(action_of(record))

    def note_resumed(self, record: Record) -> None:
        """Note that an execution runs again that was paused.

        Raises:
            CallFailed: no answer, throttled, denied. The next sweep tries again.
        """
        if record.paused_since is not None:
            before, found, _ = (record.problem or "").partition(PAUSED)
            self._update(record, {"paused_since": None, "problem": before if found else None})
            self._observer.info(f"group {record.group}, hook {record.hook}, instance {record.instance}: resumed")

    def _gain_time(self, record: Record) -> None:
        """Restart the heartbeat timer: the next execution may fail before it does so itself."""
        if _waits_for_its_event(record):
            return
        try:
            self._lifecycle_actions.heartbeat(action_of(record))
        except CallFailed as failed:
            # The execution that is about to be started sends one, too.
            self._observer.warning(f"no heartbeat could be sent for {record.instance}: {failed}")

    def _hold(self, record: Record, error: str) -> None:
        problem = f"held: {MOST_TAKEOVERS} takeovers in a row met the same failure, {error}; {self._kept(record)}"
        changes: RecordChanges = {
            "status": Status.HELD,
            "problem": problem,
            "detail": problem,
            "detail_at": self._clock(),
            "inbox": None,
            "unowned_since": self._clock(),
        }
        held = self._records.update(record.wait, record.execution, changes)
        if held is not None:
            self._observer.count(Metric.HELD)
            self._observer.error(f"group {record.group}, hook {record.hook}, instance {record.instance}: {problem}")
            if self._hold_events is not None:
                self._hold_events.held(held, problem)
            self.keep(record)

    def _kept(self, record: Record) -> str:
        """Return whether the sweep can keep the action alive, a sentence."""
        heartbeat = record.heartbeat_timeout
        if heartbeat is None:
            timeouts = self._lifecycle_actions.timeouts(record.group, record.hook)
            heartbeat = timeouts.heartbeat if timeouts is not None else 0.0
        if heartbeat > 2 * self._interval:
            return "the sweep keeps it alive until its hook's own global timeout"
        return (
            f"the sweep cannot keep it alive: the hook's heartbeat timeout of {readable(heartbeat)} is not more than "
            f"twice the {readable(self._interval)} between two sweeps"
        )

    def _close(self, record: Record, reason: str) -> None:
        now = self._clock()
        changes: RecordChanges = {
            "status": Status.OVER,
            "reason": reason,
            "detail": f"{Status.OVER}: {reason}",
            "detail_at": now,
            "ended_at": now,
            "in_flight": None,
        }
        self._update(record, changes)

    def _update(self, record: Record, changes: RecordChanges) -> bool:
        return self._records.update(record.wait, record.execution, changes) is not None


def _waits_for_its_event(record: Record) -> bool:
    """Return whether the work began early and no instance waits yet that a heartbeat could keep."""
    return record.early_reason is not None and record.token is None


def is_unowned(record: Record) -> bool:
    """Return whether no execution is to work on the action until somebody removes its `takeovers`."""
    return record.unowned_since is not None and record.takeovers is not None


def generation(now: float) -> str:
    """Return the part of an execution's name that lets the same action be started again after a while."""
    return str(int(now // GENERATION))
