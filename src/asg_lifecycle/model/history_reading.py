"""What happened to an action, as the histories of its executions tell it: looks, beats, messages, takeovers and so on.

Reading is lenient and complete: an event, an operation or a result that this version does not know becomes an entry
that says so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.checkpoint_reading import CheckpointReader, unread
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.history_entries import EntryKind, HistoryEntry, generic_name
from asg_lifecycle.model.history_payloads import Outcome, decoded, start_in
from asg_lifecycle.model.messages import Unknown, decode, describe
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.redaction import redacted
from asg_lifecycle.model.start_requests import StartReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.model.execution_history import ActionHistory, ExecutionHistory, HistoryEvent

TEXT_KEPT = 200
"""Characters of what came back through the callback of a step that are told."""

INBOX = "inbox-N"
REPLY = "callback-N-round-N"
RACES = frozenset({"race-N", "late-messages", "late-reply"})
BRANCHES = frozenset({"keep-alive", "inbox", "work", "reply", "later", "watch"})
WAITS = frozenset(
    {
        "await-late-event",
        "until-heartbeat-N",
        "late-messages-end",
        "set-up-pause",
        "set-up-early-pause",
        "observe-pause",
        "finish-pause",
        "hand-over-pause",
        "hand-on-message-pause",
        "hand-on-reply-pause",
    }
)

WITHOUT_NEWS = frozenset({"StepStarted", "ContextStarted", "CallbackStarted", "WaitSucceeded", "ContextSucceeded"})
"""Kinds of events that say no more than others do, of operations whose names are known."""

STARTED = {
    StartReason.SWEEP: "the sweep found that the instance waits",
    StartReason.TAKEOVER: "the execution before it had failed, timed out or been stopped",
    StartReason.HAND_OVER: "the execution before it may have no more operations",
    StartReason.REDRIVE: "an operator took the event out of a dead-letter queue",
    StartReason.SPOT_INTERRUPTION: "EC2 reclaims the instance",
    StartReason.REBALANCE: "EC2 expects to reclaim the instance",
}

WITH_THE_ACTION = frozenset({Status.COMPLETED.value, Status.OVER.value, Status.LOST.value, Status.OBSERVED.value})
"""The outcomes of an execution with which its action has ended."""


def entries_of(history: ActionHistory) -> tuple[HistoryEntry, ...]:
    """Return what the histories tell, in the order of time."""
    checkpoints = CheckpointReader()
    entries = [entry for execution in history.executions for entry in _ExecutionReader(execution, checkpoints).read()]
    return tuple(sorted(entries, key=lambda entry: entry.at))


def predecessor_in(history: ExecutionHistory) -> str | None:
    """Return the ARN of the execution from which this one took its action over, None where it did not."""
    for event in history.events:
        if event.kind == "ExecutionStarted":
            start = start_in(event.payload)
            return start.takes_over if start is not None else None
    return None


class _ExecutionReader:
    """Reads the history of one execution.

    Args:
        history: its history.
        checkpoints: has read those of the executions before it.
    """

    def __init__(self, history: ExecutionHistory, checkpoints: CheckpointReader) -> None:
        self._history = history
        self._checkpoints = checkpoints
        self._name = history.execution.rpartition("/durable-execution/")[2].partition("/")[0] or history.execution
        self._invocations = 0

    def read(self) -> Iterator[HistoryEntry]:
        self._checkpoints.begin(self._name)
        for event in self._history.events:
            if event.name is not None:
                yield from self._of_operation(event, generic_name(event.name))
            else:
                yield from self._of_execution(event)

    def _of_execution(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        match event.kind:
            case "ExecutionStarted":
                yield self._started(event)
            case "ExecutionSucceeded":
                yield self._succeeded(event)
            case "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionStopped":
                how = {"ExecutionFailed": "failed", "ExecutionTimedOut": "timed out"}.get(event.kind, "was stopped")
                yield _entry(event, EntryKind.FAILURE, f"{self._name} {how}: {_error(event)}", succeeded=False)
            case "ExecutionPaused":
                yield _entry(event, EntryKind.PAUSE, f"{self._name} was paused: {event.payload or 'no reason given'}")
            case "ExecutionResumed":
                yield _entry(event, EntryKind.PAUSE, f"{self._name} was resumed")
            case "InvocationCompleted":
                self._invocations += 1
                if event.error is not None:
                    what = f"invocation {self._invocations} of {self._name} failed: {event.error}"
                    yield _entry(event, EntryKind.FAILURE, what, succeeded=False)
            case _:
                yield _not_understood(event)

    def _started(self, event: HistoryEvent) -> HistoryEntry:
        start = start_in(event.payload)
        if start is None:
            what = "an event" if _is_object(event.payload) or event.left_out else "something that is no event"
            return _entry(event, EntryKind.DELIVERY, f"{what} started {self._name}")
        known = next((said for reason, said in STARTED.items() if reason == start.reason), start.reason)
        if start.takes_over is None:
            return _entry(event, EntryKind.DELIVERY, f"{self._name} was started: {known}")
        return _entry(event, EntryKind.TAKEOVER, f"{self._name} was started to take over: {known}")

    def _succeeded(self, event: HistoryEvent) -> HistoryEntry:
        outcome = decoded(event.payload, Outcome)
        if outcome is None:
            if event.left_out:
                return _entry(event, EntryKind.END, f"{self._name} ended")
            return _entry(event, EntryKind.NOT_UNDERSTOOD, f"not understood: what {self._name} returned")
        why = f": {outcome.reason}" if outcome.reason else ""
        kind = EntryKind.RESULT if outcome.outcome in WITH_THE_ACTION else EntryKind.END
        return _entry(event, kind, f"{self._name} ended, {outcome.outcome.replace('_', ' ')}{why}")

    def _of_operation(self, event: HistoryEvent, name: str) -> Iterator[HistoryEntry]:
        if not self._is_known(name):
            yield _not_understood(event)
            return
        match event.kind:
            case kind if kind in WITHOUT_NEWS:
                return
            case "StepSucceeded" if name in self._checkpoints.names:
                yield from self._checkpoints.read(event)
            case "WaitStarted":
                length = f" of {readable(event.lasts)}" if event.lasts is not None else ""
                yield _entry(event, EntryKind.WAIT, f"a wait{length} began: {event.name}")
            case "CallbackSucceeded" if name == INBOX:
                yield _message(event)
            case "CallbackSucceeded" if name == REPLY:
                yield _entry(event, EntryKind.MESSAGE, f"a reply to {event.name}: {_shortened(event.payload)}")
            case "CallbackFailed" | "CallbackTimedOut" if name == REPLY:
                said = f"a failure came back through {event.name}: {_error(event)}"
                yield _entry(event, EntryKind.MESSAGE, said, succeeded=False)
            case "StepFailed" if event.next_attempt_after is not None:
                again = f"tried again after {readable(event.next_attempt_after)}"
                yield _entry(event, EntryKind.RETRY, f"{event.name} failed, {again}: {_error(event)}")
            case "StepFailed" | "ContextFailed" | "CallbackFailed" | "CallbackTimedOut" | "WaitCancelled":
                how = {"CallbackTimedOut": "timed out", "WaitCancelled": "was cancelled"}.get(event.kind, "failed")
                yield _entry(event, EntryKind.FAILURE, f"{event.name} {how}: {_error(event)}", succeeded=False)
            case _:
                yield _not_understood(event)

    def _is_known(self, name: str) -> bool:
        return name in {INBOX, REPLY} or name in (self._checkpoints.names | RACES | BRANCHES | WAITS)


def _message(event: HistoryEvent) -> HistoryEntry:
    if event.payload is None and event.left_out:
        return unread(event, EntryKind.MESSAGE)
    message = decode(event.payload)
    if isinstance(message, Unknown):
        return _entry(event, EntryKind.NOT_UNDERSTOOD, f"not understood: {describe(message)}")
    return _entry(event, EntryKind.MESSAGE, describe(message))


def _not_understood(event: HistoryEvent) -> HistoryEntry:
    what = " ".join(part for part in (event.kind or "an event without a kind", event.name) if part)
    return _entry(event, EntryKind.NOT_UNDERSTOOD, f"not understood: {what}")


def _entry(event: HistoryEvent, kind: EntryKind, detail: str, *, succeeded: bool | None = None) -> HistoryEntry:
    return HistoryEntry(at=event.at, kind=kind, detail=detail, succeeded=succeeded)


def _error(event: HistoryEvent) -> str:
    return redacted(event.error or "no error was told")


def _shortened(text: str | None) -> str:
    said = redacted(text or "nothing")
    return said if len(said) <= TEXT_KEPT else f"{said[:TEXT_KEPT]}…"


def _is_object(payload: str | None) -> bool:
    try:
        found: Any = json.loads(payload or "")
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict)
