"""What the log of a simulated Region adds to the story of an action: heartbeats, deliveries, the completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.history_entries import EntryKind
from asg_lifecycle.model.story_parts import Source, StorySource, ToldEntry
from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle_simulator.region.log import LogEntry

KINDS = {
    LogKind.DELIVERED: (EntryKind.DELIVERY, "the event reached the function"),
    LogKind.HEARTBEAT: (EntryKind.BEAT, "accepted"),
    LogKind.HEARTBEAT_REFUSED: (EntryKind.BEAT, "refused"),
    LogKind.COMPLETED: (EntryKind.COMPLETION, ""),
    LogKind.COMPLETION_REFUSED: (EntryKind.COMPLETION, "refused"),
}
"""What a story tells of the log, and the words where the log has none."""

REFUSED = frozenset({LogKind.HEARTBEAT_REFUSED, LogKind.COMPLETION_REFUSED})


def told_by_simulator(entries: Iterable[LogEntry]) -> StorySource:
    """Return what a log says of one action, in the order of time.

    Args:
        entries: of its instance.
    """
    told = [
        ToldEntry(
            at=entry.time,
            kind=KINDS[entry.kind][0],
            detail=": ".join(filter(None, (KINDS[entry.kind][1], entry.detail))),
            succeeded=entry.kind not in REFUSED,
        )
        for entry in entries
        if entry.kind in KINDS
    ]
    return StorySource(
        told_from=Source.SIMULATOR,
        why="no AWS account was asked",
        entries=tuple(sorted(told, key=lambda entry: entry.at)),
    )
