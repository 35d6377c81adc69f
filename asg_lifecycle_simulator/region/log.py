"""The region's log: what happened, in order. Tests, the campaign and the demo check it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class LogKind(StrEnum):
    """The kind of a log entry."""

    WAIT_STARTED = "wait started"
    HEARTBEAT = "heartbeat accepted"
    HEARTBEAT_REFUSED = "heartbeat refused"
    COMPLETED = "completed"
    """`detail` is the result, a space, and by whom: `CONTINUE CompleteLifecycleAction`, `ABANDON heartbeat timeout`."""
    COMPLETION_REFUSED = "completion refused"
    SKIPPED = "skipped"
    """An action that ended because another hook of the same wait abandoned (R8, R9)."""
    INSTANCE_STATE = "instance state"
    """`detail` is the new lifecycle state (R17)."""
    EVENT = "event emitted"
    """`detail` is the detail-type."""
    DELIVERED = "event delivered"
    NOTIFICATION_LOST = "notification lost"
    """A hook's target did not take the message; `detail` says why."""
    SERVICE = "service"
    """What happened in a service other than Auto Scaling; `detail` begins with the service's boto3 name."""


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """One thing that happened in the region.

    Attributes:
        time: when, seconds since the epoch.
        kind: what.
        group: Auto Scaling group name, empty when there is none.
        hook: lifecycle hook name, empty when there is none.
        instance: EC2 instance id, empty when there is none.
        token: lifecycle action token, empty when there is none.
        detail: the rest; `LogKind` says what it holds.
    """

    time: float
    kind: LogKind
    group: str = ""
    hook: str = ""
    instance: str = ""
    token: str = ""
    detail: str = ""


class RegionLog:
    """An ordered, growing log. Safe to use from several threads.

    Attributes:
        on_entry: called with each entry after it was written, by whom it was written.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.on_entry: list[Callable[[LogEntry], None]] = []
        self._entries: list[LogEntry] = []
        self._lock = threading.Lock()

    def write(  # noqa: PLR0913 - the fields of an entry
        self, kind: LogKind, *, group: str = "", hook: str = "", instance: str = "", token: str = "", detail: str = ""
    ) -> LogEntry:
        """Append what happened now and return it."""
        with self._lock:
            entry = LogEntry(
                time=self._now(), kind=kind, group=group, hook=hook, instance=instance, token=token, detail=detail
            )
            self._entries.append(entry)
        for told in self.on_entry:
            told(entry)
        return entry

    def __iter__(self) -> Iterator[LogEntry]:
        """Return the entries so far, oldest first."""
        with self._lock:
            return iter(tuple(self._entries))

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._entries)

    def of(self, *kinds: LogKind, instance: str | None = None, token: str | None = None) -> list[LogEntry]:
        """Return the entries of the given kinds, oldest first.

        Args:
            kinds: which kinds; none means all.
            instance: only entries of this instance.
            token: only entries of this lifecycle action.
        """
        return [
            entry
            for entry in self
            if (not kinds or entry.kind in kinds)
            and instance in (None, entry.instance)
            and token in (None, entry.token)
        ]
