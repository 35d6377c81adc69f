"""The waits of a run, read from the region's log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from asg_lifecycle_simulator.campaign.history import RunHistory

OURS = "asg-lifecycle"
"""What the names of our hooks begin with."""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """One wait of an instance under one hook of ours, read from the log. Times are seconds since the epoch.

    Attributes:
        token: of the action.
        hook: its hook.
        instance: its instance.
        began_at: when it began.
        ended_at: when it ended, None when it did not.
        result: `CONTINUE` or `ABANDON`; empty for a skipped one and for one that did not end.
        by: who ended it.
    """

    token: str
    hook: str
    instance: str
    began_at: float
    ended_at: float | None
    result: str
    by: str


def waits(history: RunHistory) -> list[Wait]:
    """Return the waits under our hooks, in the order they began."""
    ends = {entry.token: entry for entry in history.log if entry.kind in {LogKind.COMPLETED, LogKind.SKIPPED}}
    found = []
    for entry in history.log:
        if entry.kind is not LogKind.WAIT_STARTED or not entry.hook.startswith(OURS):
            continue
        end = ends.get(entry.token)
        result, _, by = end.detail.partition(" ") if end is not None else ("", "", "")
        found.append(
            Wait(
                token=entry.token,
                hook=entry.hook,
                instance=entry.instance,
                began_at=entry.time,
                ended_at=end.time if end is not None else None,
                result=result,
                by=by if end is None or end.kind is LogKind.COMPLETED else "another hook",
            )
        )
    return found
