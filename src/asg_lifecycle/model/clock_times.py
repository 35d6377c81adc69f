"""Times of the day in sentences for people."""

from __future__ import annotations

from datetime import UTC, datetime


def clock_time(moment: float) -> str:
    """Return the time of the day in UTC, `14:05:09 UTC`, of a moment in seconds since the epoch."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S UTC")
