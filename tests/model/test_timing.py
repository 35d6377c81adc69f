from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.timing import (
    GLOBAL_TIMEOUT_CAP,
    SHORTEST_HEARTBEAT_TIMEOUT,
    HookTimeouts,
    assume_timeouts,
    bound,
    deadline,
    finish_reserve,
    heartbeat_interval,
    heartbeat_retry,
    poll_delay,
)


def hook(heartbeat: float) -> HookTimeouts:
    """Return the timers of a hook as Auto Scaling derives them (R3, R4)."""
    return HookTimeouts(heartbeat=float(heartbeat), overall=min(172_800.0, 100.0 * heartbeat))


legal_hooks = st.integers(30, 7200).map(hook)
chances = st.floats(0, 1)


@given(legal_hooks, chances)
def test_the_interval_is_half_the_timeout_less_at_most_a_tenth(timeouts: HookTimeouts, chance: float) -> None:
    interval = heartbeat_interval(timeouts, chance)
    assert 0.44 * timeouts.heartbeat < interval <= 0.5 * timeouts.heartbeat


@given(legal_hooks, chances, chances)
def test_a_different_chance_gives_a_different_interval(timeouts: HookTimeouts, one: float, other: float) -> None:
    apart = abs(heartbeat_interval(timeouts, one) - heartbeat_interval(timeouts, other))
    assert apart == pytest.approx(timeouts.heartbeat / 20 * abs(one - other))


def tries_before_the_timer_lapses(timeouts: HookTimeouts, chances_of_tries: list[float], *, call: float = 0.0) -> int:
    """Count the tries of one beat that always fails; waits are rounded up to whole seconds, as the engine does."""
    at = float(math.ceil(heartbeat_interval(timeouts, 0.0)))
    tries = 0
    while at < timeouts.heartbeat:
        chance = chances_of_tries[tries % len(chances_of_tries)]
        tries += 1
        at += call + math.ceil(heartbeat_retry(timeouts, tries, chance))
    return tries


@given(legal_hooks, st.lists(chances, min_size=1, max_size=8))
def test_a_failed_beat_has_five_tries_or_more(timeouts: HookTimeouts, chances_of_tries: list[float]) -> None:
    assert tries_before_the_timer_lapses(timeouts, chances_of_tries) >= 5


def test_five_tries_hold_for_every_whole_second_of_timeout() -> None:
    fewest = {
        chance: min(tries_before_the_timer_lapses(hook(seconds), [chance]) for seconds in range(30, 7201))
        for chance in (0.0, 0.5, 1.0)
    }
    assert fewest == {0.0: 5, 0.5: 6, 1.0: 8}


def test_three_tries_are_left_when_every_call_takes_a_second_to_fail() -> None:
    fewest = min(tries_before_the_timer_lapses(hook(seconds), [0.0], call=1.0) for seconds in range(30, 7201))
    assert fewest >= 3


@given(legal_hooks, st.integers(1, 10_000), chances)
def test_a_retry_waits_at_least_a_second_and_at_most_a_minute(
    timeouts: HookTimeouts, failures: int, chance: float
) -> None:
    assert 1 <= heartbeat_retry(timeouts, failures, chance) <= min(60.0, timeouts.heartbeat / 10)


@given(legal_hooks, st.integers(1, 50), chances)
def test_retries_slow_down(timeouts: HookTimeouts, failures: int, chance: float) -> None:
    assert heartbeat_retry(timeouts, failures, chance) <= heartbeat_retry(timeouts, failures + 1, chance)


@given(legal_hooks, st.floats(0, 4e9))
def test_the_deadline_leaves_room_before_the_bound(timeouts: HookTimeouts, started: float) -> None:
    assert 60 <= finish_reserve(timeouts) <= 120
    assert started < deadline(started, timeouts) < bound(started, timeouts)
    assert bound(started, timeouts) - deadline(started, timeouts) == pytest.approx(finish_reserve(timeouts), abs=1e-3)


@given(legal_hooks)
def test_the_reserve_is_a_fiftieth_of_the_whole_at_most(timeouts: HookTimeouts) -> None:
    assert finish_reserve(timeouts) <= timeouts.overall / 50


@pytest.mark.parametrize(
    ("heartbeat", "seconds", "reserve"),
    [
        pytest.param(30, 3_000, 60, id="R4: a 30 s hook lives 50 minutes"),
        pytest.param(1_727, 172_700, 120, id="R4: just short of 48 hours"),
        pytest.param(1_728, 172_800, 120, id="R4: 48 hours need 1728 s"),
        pytest.param(7_200, 172_800, 120, id="R4: the cap"),
    ],
)
def test_r4_bound_and_reserve(heartbeat: int, seconds: int, reserve: int) -> None:
    assert bound(1_000.0, hook(heartbeat)) == 1_000 + seconds
    assert deadline(1_000.0, hook(heartbeat)) == 1_000 + seconds - reserve


def test_r4_a_longer_global_timeout_than_there_can_be_is_not_believed() -> None:
    assert bound(0.0, HookTimeouts(heartbeat=7200.0, overall=720_000.0)) == GLOBAL_TIMEOUT_CAP


@given(legal_hooks, chances)
def test_assumed_timeouts_keep_every_hook_alive_and_give_none_up_early(timeouts: HookTimeouts, chance: float) -> None:
    assumed = assume_timeouts("access denied")
    assert assumed.heartbeat == SHORTEST_HEARTBEAT_TIMEOUT
    assert heartbeat_interval(assumed, chance) <= timeouts.heartbeat / 2
    assert deadline(0.0, assumed) >= deadline(0.0, timeouts)
    assert assumed.assumed == "access denied"


@given(st.floats(0, 200_000), st.floats(0, 200_000))
def test_looks_come_further_apart_between_five_seconds_and_five_minutes(one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    assert 5 <= poll_delay(earlier) <= poll_delay(later) <= 300


def looks(wait: float) -> int:
    spent, count = 0.0, 1
    while spent < wait:
        spent += poll_delay(spent)
        count += 1
    return count


@given(st.floats(50, 172_800))
def test_looks_grow_with_the_logarithm_of_the_wait_until_the_ceiling(wait: float) -> None:
    # Every 5 s for 50 s, then a tenth more each time for 50 minutes, then every 5 minutes.
    growing = math.log(min(wait, 3_000) / 50) / math.log(1.1)
    at_the_ceiling = max(0.0, wait - 3_000) / 300
    assert looks(wait) <= 10 + growing + at_the_ceiling + 3


@pytest.mark.parametrize(
    ("wait", "most"),
    [(50, 11), (600, 40), (3_000, 56), (7_200, 70), (172_800, 625)],
    ids=["50 s", "10 min", "50 min", "2 h", "48 h"],
)
def test_looks_in_a_wait(wait: float, most: int) -> None:
    assert looks(wait) <= most
