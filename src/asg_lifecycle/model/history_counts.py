"""What the executions of an action used, counted from their histories as AWS meters it.

Of what AWS does not say the dearer reading is counted: a flat branch of a race writes nothing and is counted all the
same, by what else such a race leaves in the history (Lambda guide, "How durable operations are metered").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.history_entries import generic_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asg_lifecycle.model.execution_history import ActionHistory, HistoryEvent

POLLED = "WaitForCondition"
FAMILIES = re.compile("(?P<family>Step|Context|Wait|Callback|ChainedInvoke)(?P<how>Started|.+)")
KEEPERS = ("keep-alive", "until-heartbeat", "await-event")
"""What the operations of the branch that keeps an action alive are called, before the number of the round."""


class HistoryCounts(Struct, frozen=True, kw_only=True):
    """What was used.

    Attributes:
        operations: metered durable operations, without the branches of races.
        branches: of races. Whether a flat one is metered is not established.
        bytes_written: to the checkpoint log.
        data_left_out: data were left out of the history: more bytes were written.
        invocations: of the function that have ended.
        invoked_seconds: their length, without initialisation.
    """

    operations: int = 0
    branches: int = 0
    bytes_written: int = 0
    data_left_out: bool = False
    invocations: int = 0
    invoked_seconds: float = 0.0


def counts_of(history: ActionHistory) -> HistoryCounts:
    """Return what the executions of an action used, as far as their histories were read."""
    found = [_counts(execution.events) for execution in history.executions]
    return HistoryCounts(
        operations=sum(each.operations for each in found),
        branches=sum(each.branches for each in found),
        bytes_written=sum(each.bytes_written for each in found),
        data_left_out=any(each.data_left_out for each in found),
        invocations=sum(each.invocations for each in found),
        invoked_seconds=sum(each.invoked_seconds for each in found),
    )


def _counts(events: Sequence[HistoryEvent]) -> HistoryCounts:
    own = sum(event.kind == "ExecutionStarted" for event in events)
    written = [event for event in events if event.kind in {"StepSucceeded", "ContextSucceeded"}]
    invocations = [event for event in events if event.kind == "InvocationCompleted"]
    return HistoryCounts(
        operations=own + sum(_operations(events)) + sum(event.error is not None for event in invocations[:-1]),
        branches=sum(_branches(events)),
        bytes_written=sum(len((event.payload or "").encode(errors="replace")) for event in written),
        data_left_out=any(event.left_out for event in written),
        invocations=len(invocations),
        invoked_seconds=sum(max(0.0, event.at - event.began_at) for event in invocations if event.began_at is not None),
    )


def _operations(events: Sequence[HistoryEvent]) -> Iterator[int]:
    """Yield how often each operation is metered."""
    of_each: dict[str, list[HistoryEvent]] = {}
    for event in events:
        if event.operation is not None and FAMILIES.fullmatch(event.kind):
            of_each.setdefault(event.operation, []).append(event)
    for found in of_each.values():
        started = sum(event.kind == "StepStarted" for event in found)
        ended = sum(event.kind in {"StepSucceeded", "StepFailed"} for event in found)
        # A step is metered once and once for each retry, a condition once and once for each of its polls.
        attempts = max(started, ended)
        yield 1 + attempts if found[0].sub_type == POLLED else max(1, attempts)


def _branches(events: Sequence[HistoryEvent]) -> Iterator[int]:
    """Yield how many branches each race had."""
    names = {event.name for event in events}
    open_callbacks: list[str] = []
    for event in events:
        name = event.name or ""
        generic = generic_name(name)
        if generic == "callback-N-round-N":
            if event.kind == "CallbackStarted":
                # A step that comes later has another.
                open_callbacks = [name]
            elif name in open_callbacks:
                open_callbacks.remove(name)
        if event.kind != "ContextStarted":
            continue
        if generic in {"late-messages", "late-reply"}:
            yield 2
        elif generic == "race-N":
            number = name.rpartition("-")[2]
            works = {f"work-{number}", f"open-round-{number}-again"} & names
            keeps = {f"{keeper}-{number}" for keeper in KEEPERS} & names
            yield 1 + bool(works) + bool(keeps) + len(open_callbacks)
