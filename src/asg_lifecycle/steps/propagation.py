"""DNS changes on their way to all of Route 53's servers, for the steps that make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from asg_lifecycle.aws.dns_records import DnsRecords

LONGEST = 60.0
"""Seconds within which a change generally reaches all servers: waited out where its answer was lost."""

SOON = 1.0
"""Seconds until what was found is changed: it is written down before, so that nothing is forgotten in between."""

RETRY_STEP = 2.0
RETRY_MOST = 30.0


class Pending(Struct, frozen=True, kw_only=True):
    """One change on its way.

    Attributes:
        change: its id, None when Route 53's answer was lost.
        at: when it was made, at the latest; seconds since the epoch.
    """

    change: str | None
    at: float


def still_pending(dns_records: DnsRecords, pending: tuple[Pending, ...], now: float) -> tuple[Pending, ...]:
    """Return the changes that some of Route 53's servers may not know yet.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    return tuple(each for each in pending if not _arrived(dns_records, each, now))


def retry_gap(tries: int) -> float:
    """Return the seconds until a change that somebody else was faster than is made anew."""
    return min(RETRY_STEP * tries, RETRY_MOST)


def _arrived(dns_records: DnsRecords, pending: Pending, now: float) -> bool:
    in_sync = dns_records.in_sync(pending.change) if pending.change is not None else None
    return now >= pending.at + LONGEST if in_sync is None else in_sync
