"""The history of a durable execution, as far as Lambda told it."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.model.failures import THROTTLED_CODES, Consequence, Failure

KEPT_DAYS = 14
"""For which Lambda keeps a history after the execution has ended: `RetentionPeriodInDays` of the template."""


class HistoryEvent(Struct, frozen=True, kw_only=True):
    """One event, whatever its kind. Times are seconds since the epoch.

    Attributes:
        number: from 1, in the order of time; 0 where it is not told.
        kind: Lambda's name of it: `StepSucceeded`, `InvocationCompleted`, …
        at: when it was.
        operation: id of the durable operation, None for the execution's own events; likewise its `name` and `sub_type`.
        payload: the input, or the result, as it was written; None where there is none, or it was left out.
        left_out: there are data, and Lambda did not tell them.
        error: what went wrong, None where nothing did.
        attempt: of a step or a poll, from 0.
        next_attempt_after: seconds until the next attempt or poll, None where none follows.
        lasts: seconds of a wait that begins.
        began_at: when an invocation began that has ended.
    """

    number: int
    kind: str
    at: float
    operation: str | None = None
    name: str | None = None
    sub_type: str | None = None
    payload: str | None = None
    left_out: bool = False
    error: str | None = None
    attempt: int = 0
    next_attempt_after: float | None = None
    lasts: float | None = None
    began_at: float | None = None


class ExecutionHistory(Struct, frozen=True, kw_only=True):
    """The events of one execution that were read, oldest first.

    Attributes:
        execution: its ARN.
        events: each once.
        more: there are others, later ones, which were not read.
        failure: why they were not read; None where as many had been read as are read at most.
    """

    execution: str
    events: tuple[HistoryEvent, ...] = ()
    more: bool = False
    failure: Failure | None = None


class ActionHistory(Struct, frozen=True, kw_only=True):
    """The histories of the executions that have worked on one action.

    Attributes:
        executions: in the order in which they owned it.
        earlier: an execution before these was not read: as many had been read as are read at most.
    """

    executions: tuple[ExecutionHistory, ...] = ()
    earlier: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing from it."""
        return bool(self.executions) and not self.earlier and not any(each.more for each in self.executions)

    @property
    def is_empty(self) -> bool:
        """Whether nothing could be read at all."""
        return not any(each.events for each in self.executions)


def missing_parts(history: ActionHistory) -> tuple[str, ...]:
    """Return what is missing from a history and why, a sentence each; none where it is whole."""
    sentences = [_missing_part(each, alone=len(history.executions) == 1) for each in history.executions if each.more]
    if history.earlier:
        count = len(history.executions)
        sentences.insert(0, f"the histories of the executions before the last {count} were not read")
    return tuple(sentences)


def _missing_part(history: ExecutionHistory, *, alone: bool) -> str:
    whose = "the execution history" if alone else f"the history of {history.execution.rpartition('/')[2]}"
    count = len(history.events)
    if history.failure is None:
        return f"{whose} is cut off after {count} events"
    why = _why(history.failure)
    return f"{whose} is cut off after {count} events: {why}" if count else f"{whose} is not told: {why}"


def _why(failure: Failure) -> str:
    match failure.consequence:
        case Consequence.NOT_FOUND:
            return f"it is gone, Lambda keeps one for {KEPT_DAYS} days after its end"
        case Consequence.DENIED:
            return f"permission {failure.action} is missing, your own credentials need it ({failure.code})"
        case Consequence.TRANSIENT if failure.code in THROTTLED_CODES:
            return f"{failure.action} is called too often in this account, try again later ({failure.code})"
        case Consequence.TRANSIENT:
            return f"{failure.action} did not answer, try again later ({failure.code})"
        case Consequence.REFUSED:
            return str(failure)
