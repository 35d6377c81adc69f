"""A timeline for people: what comes again and again is one row."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from asg_lifecycle.model.action_timeline import TimelineEntry
from asg_lifecycle.model.story_parts import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REPEATED = {EntryKind.BEAT.value: "heartbeats", EntryKind.LOOK.value: "looks"}
"""What there may be hundreds of, and how several are called."""


def rows_of(timeline: Iterable[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    """Return the entries of a table: several of a kind that say the same, with nothing between them, are one."""
    return tuple(_rows(timeline))


def _rows(timeline: Iterable[TimelineEntry]) -> Iterator[TimelineEntry]:
    for (what, detail), group in groupby(timeline, key=lambda entry: (entry.what, entry.detail)):
        entries = tuple(group)
        first, last = entries[0], entries[-1]
        if what not in REPEATED or len(entries) == 1 or first.at is None or last.at is None:
            yield from entries
        else:
            yield TimelineEntry(
                at=first.at, what=f"{len(entries)} {REPEATED[what]}", detail=detail, lasted=last.at - first.at
            )
