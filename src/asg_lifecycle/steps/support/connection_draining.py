"""How often a load balancer is asked whether it still drains an instance."""

from __future__ import annotations

SHORTEST_INTERVAL = 5.0
"""Seconds between two polls at least."""

POLLS_PER_DELAY = 10


def poll_interval(delay: float, until: float, now: float) -> float:
    """Return the seconds until the next poll.

    An instance without open connections is released early, so the delay is divided; its end is met exactly.

    Args:
        delay: how long connections may take to end, seconds.
        until: when the delay ends at the latest, seconds since the epoch.
        now: seconds since the epoch.
    """
    interval = max(SHORTEST_INTERVAL, delay / POLLS_PER_DELAY)
    left = until - now
    return min(interval, left + 1) if left > 0 else interval
