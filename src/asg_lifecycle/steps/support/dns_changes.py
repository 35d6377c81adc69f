"""DNS changes: what they are called, and when all of Route 53's servers know them. For the steps that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.bounds import matching

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.aws.dns_records import DnsRecords
    from asg_lifecycle.model.record_sets import Edit

HostedZoneId: TypeAlias = Annotated[
    str, matching("^Z[A-Z0-9]{1,31}$", "the id of a hosted zone, such as 'Z1D633PJN98FT9'")
]
"""The id of a hosted zone."""

LONGEST = 60.0
"""Seconds within which a change generally reaches all servers: waited out where its answer was lost."""

POLL_INTERVAL = 15.0
"""Seconds between two polls of a change: Route 53 takes five requests a second from the whole account."""

SOON = 1.0
"""Seconds until what was found is changed: it is written down before, so that nothing is forgotten in between."""

RETRY_STEP = 2.0
RETRY_MOST = 30.0

NAMED = 5
"""Record sets that are named in progress."""

MOST_NAMES = 10
"""Names that are read again one by one; the whole zone where there are more."""


class Pending(Struct, frozen=True, kw_only=True):
    """One change on its way.

    Attributes:
        change: its id, None when Route 53's answer was lost.
        at: when it was made, at the latest; seconds since the epoch.
    """

    change: str | None
    at: float


class Removal(Struct, frozen=True, kw_only=True):
    """What a removal has to know at the next poll. Times are seconds since the epoch.

    Attributes:
        addresses: of the instance, while EC2 told them.
        left: zones that are still to be changed, and the names of the record sets; none for the whole zone.
        sets: the first record sets that are changed, for people.
        count: how many there are.
        ttl: the longest of their TTLs, seconds.
        missing: the hosted zones that the plan names and that there are not.
        pending: changes on their way.
        tries: how often in a row somebody else was faster.
        in_sync_at: since when all servers know, None while they do not.
    """

    addresses: tuple[str, ...]
    left: dict[str, tuple[str, ...]]
    sets: tuple[str, ...]
    count: int
    ttl: int
    missing: tuple[str, ...] = ()
    pending: tuple[Pending, ...] = ()
    tries: int = 0
    in_sync_at: float | None = None

    def __str__(self) -> str:
        """Return what is changed."""
        more = f" and {self.count - len(self.sets)} more" if self.count > len(self.sets) else ""
        return ", ".join(self.sets) + more


def still_pending(dns_records: DnsRecords, pending: tuple[Pending, ...], now: float) -> tuple[Pending, ...]:
    """Return the changes that some of Route 53's servers may not know yet.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    return tuple(each for each in pending if not _arrived(dns_records, each, now))


def on_its_way(record_set: str, zone: str) -> Blocker:
    """Return what keeps the instance while a change of a record set is on its way."""
    return Blocker(kind=BlockerKind.DNS_RECORD, name=record_set, reason=f"it is being changed in hosted zone {zone}")


def retry_delay(tries: int) -> float:
    """Return the seconds until a change that somebody else was faster than is made anew."""
    return min(RETRY_STEP * tries, RETRY_MOST)


def names_of(edits: Iterable[Edit]) -> tuple[str, ...]:
    """Return the names of what is edited, none when there are too many to read them one by one."""
    names = tuple(dict.fromkeys(edit.before.name for edit in edits if edit.before is not None))
    return names if len(names) <= MOST_NAMES else ()


def longest_ttl(edits: Iterable[Edit]) -> int:
    """Return for how many seconds clients may keep what was there before."""
    return max((edit.before.ttl for edit in edits if edit.before is not None), default=0)


def told(edit: Edit) -> str:
    """Return a removal in words."""
    if edit.before is None or edit.after is None:
        return f"delete {edit.before}"
    out = [value for value in edit.before.values if value not in edit.after.values]
    return f"take {', '.join(out)} out of {edit.before}"


def zones_named(zones: Iterable[str]) -> str:
    """Return hosted zones in words."""
    listed = tuple(zones)
    return f"hosted {'zone' if len(listed) == 1 else 'zones'} {', '.join(listed)}"


def _arrived(dns_records: DnsRecords, pending: Pending, now: float) -> bool:
    in_sync = dns_records.in_sync(pending.change) if pending.change is not None else None
    return now >= pending.at + LONGEST if in_sync is None else in_sync
