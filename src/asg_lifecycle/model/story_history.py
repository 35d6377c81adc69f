"""What the histories of the executions add to the story of an action, and what the wait cost by them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from asg_lifecycle.model.action_timeline import sentence_of_message
from asg_lifecycle.model.durations import roughly
from asg_lifecycle.model.execution_history import KEPT_DAYS, missing_parts
from asg_lifecycle.model.history_counts import counts_of
from asg_lifecycle.model.history_entries import EntryKind, HistoryEntry
from asg_lifecycle.model.history_reading import entries_of
from asg_lifecycle.model.prices import (
    AS_OF,
    DURABLE_GIGABYTE_MONTH,
    DURABLE_GIGABYTE_WRITTEN,
    DURABLE_OPERATION,
    GIGABYTE_SECOND,
    INSTANCE_SECOND,
    INVOCATION,
)
from asg_lifecycle.model.story_parts import Source, StoryPrice, StorySource, ToldEntry
from asg_lifecycle.model.story_telling import message_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.model.execution_history import ActionHistory
    from asg_lifecycle.model.history_counts import HistoryCounts
    from asg_lifecycle.model.records import Record

MEMORY_GIGABYTES = 256 / 1024
"""Of the function: `MemorySize` of the template."""

NOT_TOLD = "single looks and heartbeats, and messages before the last twenty, are not told"
"""By a record."""


def source_of(history: ActionHistory, record: Record) -> StorySource:
    """Return what the histories add to the record, and what is missing from them."""
    missing = "; ".join(missing_parts(history))
    if history.is_empty:
        return StorySource(told_from=Source.RECORD, why=f"{missing or 'no execution history was found'}; {NOT_TOLD}")
    told = entries_of(history)
    entries = tuple(_told(each) for each in told if not _is_in_the_record(each, record))
    # The record has what came later, and no looks or heartbeats of that.
    why = "; ".join(part for part in (_summary(told, history), missing) if part)
    return StorySource(told_from=Source.HISTORY, why=why, entries=entries)


def _is_in_the_record(entry: HistoryEntry, record: Record) -> bool:
    """Return whether the record says the same."""
    match entry.kind:
        case EntryKind.RESULT:
            return True
        case EntryKind.CLAIM:
            return bool(entry.succeeded)
        case EntryKind.PLAN:
            return entry.detail.startswith(f"{record.plan_source}, because {record.plan_why}")
        case _:
            return False


def _told(entry: HistoryEntry) -> ToldEntry:
    detail = entry.detail
    if entry.kind is EntryKind.MESSAGE:
        # As the record's messages are shown.
        detail = sentence_of_message(message_in(detail))
    return ToldEntry(at=entry.at, kind=entry.kind, detail=detail, succeeded=entry.succeeded)


def _summary(told: Sequence[HistoryEntry], history: ActionHistory) -> str:
    kinds = Counter(entry.kind for entry in told)
    accepted = sum(entry.kind is EntryKind.BEAT and bool(entry.succeeded) for entry in told)
    executions = len(history.executions)
    parts = [
        _counted(kinds[EntryKind.LOOK], "look"),
        _counted(accepted, "heartbeat"),
        _counted(kinds[EntryKind.MESSAGE], "message"),
    ]
    said = f"{', '.join(parts[:-1])} and {parts[-1]} in {_counted(executions, 'execution')}"
    unknown = kinds[EntryKind.NOT_UNDERSTOOD]
    return f"{said}; {_counted(unknown, 'thing')} of it not understood" if unknown else said


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def price_by(history: ActionHistory, record: Record, until: float) -> StoryPrice | None:
    """Return what the wait has cost as the histories tell it; None where they tell nothing.

    Args:
        history: the histories of the executions that have worked on the action.
        record: the action's.
        until: its end, or the present time; seconds since the epoch.
    """
    if history.is_empty:
        return None
    counts = counts_of(history)
    operations = counts.operations + counts.branches
    waited = max(0.0, until - record.event_time)
    at_least = not history.is_whole or counts.data_left_out
    return StoryPrice(
        dollars=_dollars(counts),
        operations=operations,
        at_least=at_least,
        instance_dollars=waited * INSTANCE_SECOND,
        basis=_basis(counts, waited, at_least=at_least),
    )


def _dollars(counts: HistoryCounts) -> float:
    kept = DURABLE_GIGABYTE_WRITTEN + DURABLE_GIGABYTE_MONTH * KEPT_DAYS / 30
    return (
        (counts.operations + counts.branches) * DURABLE_OPERATION
        + counts.bytes_written / 1e9 * kept
        + counts.invocations * INVOCATION
        + counts.invoked_seconds * MEMORY_GIGABYTES * GIGABYTE_SECOND
    )


def _basis(counts: HistoryCounts, waited: float, *, at_least: bool) -> str:
    whole = "From a part of the execution history" if at_least else "From the execution history"
    branches = (
        f", branches of races among them: {counts.branches:,}, which Lambda may not meter" if counts.branches else ""
    )
    return (
        f"{whole}: {_counted(counts.operations + counts.branches, 'metered operation')}{branches}, at "
        f"${DURABLE_OPERATION * 1e6:g} a million; {counts.bytes_written:,} bytes of checkpoints, kept for {KEPT_DAYS} "
        f"days; {_counted(counts.invocations, 'invocation')} of {counts.invoked_seconds:.1f} s in all. Initialisation, "
        f"DynamoDB and what other functions do for it come on top. An m5.large costs ${INSTANCE_SECOND * 3600:g} an "
        f"hour, here for {roughly(waited)}. Prices of us-east-1, {AS_OF}."
    )
