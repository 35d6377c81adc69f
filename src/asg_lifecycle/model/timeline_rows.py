"""The rows of a table of what happened: what stays the same for a while is one row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.model.history_entries import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.model.action_timeline import TimelineEntry

REPEATED = {EntryKind.BEAT.value: "heartbeats", EntryKind.LOOK.value: "looks"}
"""What there may be hundreds of, and how several are called."""

BETWEEN = frozenset({*REPEATED, EntryKind.WAIT.value})
"""What keeps nothing apart: looks and heartbeats alternate."""


def rows_of(timeline: Iterable[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    """Return the rows: entries of a kind that say the same are one, as long as nothing else happens meanwhile."""
    rows: list[list[TimelineEntry]] = []
    present: dict[str, list[TimelineEntry]] = {}
    for entry in timeline:
        row = present.get(entry.what)
        if row is not None and entry.at is not None and row[0].detail == entry.detail:
            row.append(entry)
            continue
        rows.append([entry])
        if entry.what not in BETWEEN:
            present = {}
        elif entry.what in REPEATED and entry.at is not None:
            present[entry.what] = rows[-1]
    return tuple(_row(entries) for entries in rows)


def _row(entries: list[TimelineEntry]) -> TimelineEntry:
    first, last = entries[0], entries[-1]
    if len(entries) == 1 or first.at is None or last.at is None:
        return first
    return msgspec.structs.replace(first, what=f"{len(entries)} {REPEATED[first.what]}", lasted=last.at - first.at)
