"""Outages: when many drains are stopped by the same error, and the sentences about it."""

from __future__ import annotations

from asg_lifecycle.model.clock_times import clock_time

WINDOW = 600.0
"""Seconds: drains that met the error longer ago do not count."""

THRESHOLD = 5
"""How many drains have to be stopped by the same error. Fewer can each have an error of their own."""


def is_outage(count: int) -> bool:
    """Return whether `count` drains stopped by the same error within `WINDOW` are an outage."""
    return count >= THRESHOLD


def sentence(count: int, dependency: str, since: float) -> str:
    """Return the sentence for the record of each of the drains.

    Args:
        count: how many drains.
        dependency: the call and the error code, `ssm:SendCommand AccessDenied`.
        since: when the first of them met it, seconds since the epoch.
    """
    at = clock_time(since)
    return f"{count} drains of this stack are stopped by {dependency} since {at}, so nothing is released because of it"


def notice(count: int, dependency: str, since: float) -> str:
    """Return the sentence that is logged once for the outage. The arguments are those of `sentence`."""
    return (
        f"outage: {sentence(count, dependency, since)}; the drains try again by themselves: mend the dependency, or "
        "grant the permission, before their deadlines"
    )
