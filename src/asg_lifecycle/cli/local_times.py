"""Times as people read them: by the clock of their machine with its zone, and how long ago that is."""

from __future__ import annotations

from datetime import datetime


def local_time(at: float | None) -> str:
    """Return a time as this machine's clock shows it, with its zone; `-` where it is not known."""
    return "-" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def local_minute(at: float | None) -> str:
    """Return a time as a list shows it that has no room for seconds; `-` where it is not known."""
    return "-" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def time_ago(at: float | None, now: float) -> str:
    """Return a time with how long ago it is: `2026-11-30 06:12:01 CET (3 min ago)`; `-` where it is not known."""
    if at is None:
        return "-"
    return f"{local_time(at)} ({ago(at, now)})"


def ago(at: float, now: float) -> str:
    """Return how long ago a time is, in its largest unit: `just now`, `3 min ago`, `in 5 min`."""
    passed = abs(now - at)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if passed >= size:
            length = f"{passed // size:.0f} {unit}"
            return f"{length} ago" if at <= now else f"in {length}"
    return "just now"
