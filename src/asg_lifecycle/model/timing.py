"""When to send heartbeats, when to poll, when to stop: pure arithmetic on seconds.

Every time is seconds since the epoch, every duration is seconds. Randomness comes in as a number
between 0 and 1, so that a decision can be repeated.
"""

from __future__ import annotations

from msgspec import Struct

GLOBAL_TIMEOUT_CAP = 172_800.0
"""The longest wait there is: 48 hours (R4)."""

SHORTEST_HEARTBEAT_TIMEOUT = 30.0
"""The shortest `HeartbeatTimeout` a hook can have (R3)."""

POLL_FLOOR = 5.0
POLL_CEILING = 300.0
POLL_FRACTION = 0.1

EVENT_POLL_FLOOR = 30.0
EVENT_POLL_CEILING = 900.0
EVENT_POLL_FRACTION = 0.5
"""Of a wait that an event can end: a lost event costs at most half of the time that the step took, or 30 s, and 15
minutes."""

OLD_FRACTION = 0.02
"""Of its age, the shortest time between two polls of anything: gaps of 10 s would be 17,280 polls in two days, and an
execution may have 3,000 operations."""

SWEEP_MARGIN = 120.0
"""Seconds for two sweeps to find an action whose execution died just before a heartbeat, beyond their intervals."""

LAPSED_AFTER = 60
"""Tries of one heartbeat after which the timer must have lapsed, whatever the timeout."""

COMPLETION_HASTE = 600.0
"""Seconds during which a completion that fails is tried again at least twice a minute."""

NOT_YET_WINDOW = 60.0
"""Seconds for which "No active Lifecycle Action" is taken to mean "not yet" while the instance still waits (R13)."""

NOT_YET_RETRY = 5.0

LONGEST_INTERRUPTION = 60.0
"""Seconds between two polls of a step that a dependency stops."""

SETTLED = 120.0
"""Seconds after the end of an action during which its instance may still be seen waiting."""


class HookTimeouts(Struct, frozen=True, kw_only=True):
    """The two timers of a lifecycle hook, in seconds.

    Attributes:
        heartbeat: `HeartbeatTimeout`: how long the wait lasts after it began or was last extended (R3, R5).
        overall: `GlobalTimeout`: how long the wait lasts at most, whatever the heartbeats (R4).
        assumed: why these are not the hook's own figures, None when they are.
    """

    heartbeat: float
    overall: float
    assumed: str | None = None


def assume_timeouts(why: str) -> HookTimeouts:
    """Return timeouts for safe heartbeats when the hook's own cannot be read.

    The shortest heartbeat timeout keeps any hook alive; the longest global timeout never gives a drain
    up too early (Auto Scaling answers "No active Lifecycle Action" when the real one is shorter).
    """
    return HookTimeouts(heartbeat=SHORTEST_HEARTBEAT_TIMEOUT, overall=GLOBAL_TIMEOUT_CAP, assumed=why)


def finish_reserve(timeouts: HookTimeouts) -> float:
    """Return the seconds kept back before the global timeout to end the action in an orderly way.

    A fiftieth of the global timeout, at most two minutes: 60 s for the shortest hook (3000 s, R4).
    """
    return min(120.0, timeouts.overall / 50)


def deadline(started: float, timeouts: HookTimeouts) -> float:
    """Return the moment past which no heartbeat is sent and no work is waited for (R4)."""
    return bound(started, timeouts) - finish_reserve(timeouts)


def bound(started: float, timeouts: HookTimeouts) -> float:
    """Return the moment Auto Scaling ends the wait by itself, whatever the heartbeats (R4)."""
    return started + min(timeouts.overall, GLOBAL_TIMEOUT_CAP)


def heartbeat_interval(timeouts: HookTimeouts, chance: float, *, sweep_interval: float) -> float:
    """Return the seconds until the next heartbeat, less a random tenth of that.

    Half of the timeout. Of a long one all but the time in which two sweeps find an action whose execution has died, or
    a quarter where that is more: heartbeats are a good part of what a wait of days costs. The random part keeps the
    heartbeats of a mass drain apart (R15).

    Args:
        timeouts: the hook's timers.
        chance: a random number from 0 to 1.
        sweep_interval: seconds between two sweeps.
    """
    left = min(timeouts.heartbeat / 2, max(2 * sweep_interval + SWEEP_MARGIN, timeouts.heartbeat / 4))
    interval = timeouts.heartbeat - left
    return interval - interval * 0.1 * chance


def heartbeat_retry(timeouts: HookTimeouts, failures: int, chance: float) -> float:
    """Return the seconds until a failed heartbeat is tried again.

    A first retry after a fortieth of the timeout, then doubled up to a tenth, at most a minute, gives five retries or
    more before the timer lapses, whatever the timeout. Once it must have lapsed the tries get rarer, up to five
    minutes: they only find out that the action is over.

    Args:
        timeouts: the hook's timers.
        failures: how many tries in a row have failed, 1 or more.
        chance: a random number from 0 to 1; up to a half is taken off, to spread retries (R15).
    """
    longest = min(60.0, timeouts.heartbeat / 10)
    if failures > LAPSED_AFTER:
        longest = min(POLL_CEILING, longest * failures / LAPSED_AFTER)
    doubled = timeouts.heartbeat / 40 * 2.0 ** min(failures - 1, 10)
    return max(1.0, min(longest, doubled) * (1 - 0.5 * chance))


def completion_retry(spent: float, failures: int, chance: float) -> float:
    """Return the seconds until a completion that failed is sent again: the instance waits for nothing else.

    1, 2, 4, … up to 30 s for ten minutes, then a twentieth of the time spent, up to ten minutes.

    Args:
        spent: seconds since the first failure.
        failures: how many tries in a row have failed, 1 or more.
        chance: a random number from 0 to 1; up to a half is taken off, to spread retries (R15).
    """
    doubled = min(30.0, 2.0 ** min(failures - 1, 10))
    delay = doubled if spent < COMPLETION_HASTE else min(600.0, spent / 20)
    return max(1.0, delay * (1 - 0.5 * chance))


def retry_delay(failures: int, chance: float, longest: float) -> float:
    """Return the seconds until a call that failed is made again.

    Two seconds, doubled with each failure up to `longest`, less a random half: a thousand drains that were throttled
    together must not come back together (R15).

    Args:
        failures: how many tries in a row have failed, 1 or more.
        chance: a random number from 0 to 1.
        longest: the longest delay, seconds.
    """
    return max(1.0, min(longest, 2.0 ** min(failures, 20)) * (1 - 0.5 * chance))


def interrupted_delay(spent: float, tries: int, chance: float) -> float:
    """Return the seconds until a step is polled again that a dependency stopped: no sooner than if it had answered.

    A mass drain is throttled as a whole: whoever asks again at once takes the place of another.

    Args:
        spent: seconds since the step began.
        tries: how often in a row it was stopped, 1 or more.
        chance: a random number from 0 to 1.
    """
    at_least = min(poll_delay(spent), LONGEST_INTERRUPTION)
    return max(at_least, retry_delay(tries + 1, chance, LONGEST_INTERRUPTION))


def poll_delay(spent: float, *, heard: bool = False) -> float:
    """Return the seconds until a step is polled again: a tenth of the time it has taken, 5 s to 5 min.

    So the number of polls, and their cost, grow with the logarithm of the wait. Where an event can end the wait, polls
    only make up for lost events: the first comes after 30 s, and then it is half of the time the step has taken, up to
    15 min.

    Args:
        spent: seconds since the step began.
        heard: whether an event tells when the wait is over.
    """
    if heard:
        first = EVENT_POLL_FLOOR - spent
        return min(EVENT_POLL_CEILING, max(first, POLL_FLOOR, spent * EVENT_POLL_FRACTION))
    return min(POLL_CEILING, max(POLL_FLOOR, spent * POLL_FRACTION))


def rarer_with_age(delay: float, spent: float) -> float:
    """Return a delay that something asked for, or more where the wait is old.

    Args:
        delay: the delay, seconds.
        spent: seconds since the wait began.
    """
    return max(delay, min(POLL_CEILING, spent * OLD_FRACTION))
