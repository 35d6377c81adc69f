"""The histories of durable executions, for people: the function itself never reads one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.execution_history import ActionHistory, ExecutionHistory, HistoryEvent
from asg_lifecycle.model.failures import THROTTLED_CODES, CallFailed
from asg_lifecycle.model.history_reading import predecessor_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_lambda.type_defs import GetDurableExecutionHistoryResponseTypeDef

    from asg_lifecycle.aws.clients import Clients

EVENTS_A_PAGE = 500
"""With what was checkpointed. Lambda returns 1,000 at most."""

MOST_PAGES = 40
"""Of one action. An execution of 3,000 operations, which is the most, has less than 20 pages."""

MOST_EXECUTIONS = 10

PAUSE = 0.1
"""Seconds between two pages: an account may read 15 a second, and others read, too."""

THROTTLED_PAUSES = (0.5, 1.0, 2.0)
"""Seconds before a page is asked for again that came too soon after others."""

LONGEST_ERROR = 1_000
"""Characters of an error that are kept."""


class ExecutionHistories:
    """Reads the histories of executions, with what was checkpointed.

    Args:
        clients: the AWS clients.
        pause: waits so many seconds.
        pages: the most that are read of one action's executions together.
        executions: the most that are read of one action, the last ones.
    """

    def __init__(
        self,
        clients: Clients,
        pause: Callable[[float], None],
        *,
        pages: int = MOST_PAGES,
        executions: int = MOST_EXECUTIONS,
    ) -> None:
        self._clients = clients
        self._pause = pause
        self._pages = pages
        self._executions = executions

    def of_action(self, execution: str) -> ActionHistory:
        """Return the histories of the executions that have worked on an action. Does not raise for what AWS answers.

        Args:
            execution: ARN of the one that owns it, or did at its end. Each names the one that it took it over from.
        """
        found: list[ExecutionHistory] = []
        following: str | None = execution
        left = self._pages
        while following is not None and following not in {each.execution for each in found}:
            if left <= 0 or len(found) >= self._executions:
                return ActionHistory(executions=tuple(reversed(found)), earlier=True)
            history, left = self._read(following, left)
            found.append(history)
            following = predecessor_in(history)
        return ActionHistory(executions=tuple(reversed(found)))

    def _read(self, execution: str, left: int) -> tuple[ExecutionHistory, int]:
        """Return the events of an execution, as many as can be read, and how many pages are left to be read."""
        events: list[HistoryEvent] = []
        numbers: set[int] = set()
        marker: str | None = None
        while left > 0:
            if events:
                self._pause(PAUSE)
            left -= 1
            try:
                page = self._page(execution, marker)
            except CallFailed as failed:
                return _history(execution, events, more=True, failed=failed), left
            for told in page["Events"]:
                event = event_of(told)
                # A history that grows meanwhile may tell an event on two pages.
                if event.number == 0 or event.number not in numbers:
                    numbers.add(event.number)
                    events.append(event)
            marker = page.get("NextMarker")
            if not marker:
                return _history(execution, events, more=False), left
        return _history(execution, events, more=True), left

    def _page(self, execution: str, marker: str | None) -> GetDurableExecutionHistoryResponseTypeDef:
        for pause in THROTTLED_PAUSES:
            try:
                return self._asked(execution, marker)
            except CallFailed as failed:
                if failed.failure.code not in THROTTLED_CODES:
                    raise
            self._pause(pause)
        return self._asked(execution, marker)

    def _asked(self, execution: str, marker: str | None) -> GetDurableExecutionHistoryResponseTypeDef:
        with calling("lambda:GetDurableExecutionHistory"):
            if marker is None:
                return self._clients.functions.get_durable_execution_history(
                    DurableExecutionArn=execution, IncludeExecutionData=True, MaxItems=EVENTS_A_PAGE
                )
            return self._clients.functions.get_durable_execution_history(
                DurableExecutionArn=execution, IncludeExecutionData=True, MaxItems=EVENTS_A_PAGE, Marker=marker
            )


def _history(
    execution: str, events: Sequence[HistoryEvent], *, more: bool, failed: CallFailed | None = None
) -> ExecutionHistory:
    return ExecutionHistory(
        execution=execution,
        events=tuple(events),
        more=more,
        failure=failed.failure if failed is not None else None,
    )


def event_of(told: Mapping[str, Any]) -> HistoryEvent:
    """Return an event of `GetDurableExecutionHistory`; what a newer Lambda tells besides is left out."""
    kind = str(told.get("EventType", ""))
    details = _mapping(told.get(f"{kind}Details"))
    retry = _mapping(details.get("RetryDetails"))
    data = _mapping(details.get("Input")) or _mapping(details.get("Result")) or _mapping(details.get("Reason"))
    error = _mapping(details.get("Error"))
    payload = data.get("Payload")
    return HistoryEvent(
        number=_whole(told.get("EventId")) or 0,
        kind=kind,
        at=_moment(told.get("EventTimestamp")) or 0.0,
        operation=_text(told.get("Id")),
        name=_text(told.get("Name")),
        sub_type=_text(told.get("SubType")),
        payload=payload if isinstance(payload, str) else None,
        left_out=data.get("Truncated") is True or error.get("Truncated") is True,
        error=_error(error, failed=kind.endswith(("Failed", "TimedOut", "Stopped", "Cancelled"))),
        attempt=_whole(retry.get("CurrentAttempt")) or 0,
        next_attempt_after=_whole(retry.get("NextAttemptDelaySeconds")),
        lasts=_whole(details.get("Duration")),
        began_at=_moment(details.get("StartTimestamp")),
    )


def _error(error: Mapping[str, Any], *, failed: bool) -> str | None:
    said = _mapping(error.get("Payload"))
    parts = [part for part in (_text(said.get("ErrorType")), _text(said.get("ErrorMessage"))) if part]
    if not parts and not failed:
        return None
    return ": ".join(parts)[:LONGEST_ERROR] or "no error was told"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _moment(value: object) -> float | None:
    return value.timestamp() if isinstance(value, datetime) else None
