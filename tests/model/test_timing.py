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
    completion_retry,
    deadline,
    finish_reserve,
    heartbeat_interval,
    heartbeat_retry,
    poll_delay,
    rarer_with_age,
)


def hook(heartbeat: float) -> HookTimeouts:
    """Return the timers of a hook as Auto Scaling derives them (R3, R4)."""
    return HookTimeouts(heartbeat=float(heartbeat), overall=min(172_800.0, 100.0 * heartbeat))


def interval_of(timeouts: HookTimeouts, chance: float) -> float:
    """Return the heartbeat interval where a sweep comes every five minutes."""
    return heartbeat_interval(timeouts, chance, sweep_interval=300.0)


legal_hooks = st.integers(30, 7200).map(hook)
chances = st.floats(0, 1)


@given(legal_hooks, chances)
def test_a_heartbeat_leaves_half_the_timeout_or_twelve_minutes_and_a_quarter(
    timeouts: HookTimeouts, chance: float
) -> None:
    left = timeouts.heartbeat - interval_of(timeouts, chance)
    assert left >= min(timeouts.heartbeat / 2, 720)
    assert left >= timeouts.heartbeat / 4
    assert interval_of(timeouts, chance) >= 0.89 * interval_of(timeouts, 0.0)


@given(legal_hooks, chances, st.sampled_from([60.0, 300.0, 900.0, 1_800.0]))
def test_two_sweeps_find_an_action_whose_execution_dies_just_before_a_heartbeat(
    timeouts: HookTimeouts, chance: float, sweep_interval: float
) -> None:
    left = timeouts.heartbeat - heartbeat_interval(timeouts, chance, sweep_interval=sweep_interval)
    assert left >= min(timeouts.heartbeat / 2, 2 * sweep_interval)


@pytest.mark.parametrize(
    ("heartbeat", "interval"), [(30, 15), (900, 450), (1_440, 720), (1_800, 1_080), (3_600, 2_700), (7_200, 5_400)]
)
def test_long_timeouts_need_few_heartbeats(heartbeat: int, interval: int) -> None:
    assert interval_of(hook(heartbeat), 0.0) == interval


@given(legal_hooks, chances, chances)
def test_a_different_chance_gives_a_different_interval(timeouts: HookTimeouts, one: float, other: float) -> None:
    apart = abs(interval_of(timeouts, one) - interval_of(timeouts, other))
    assert apart == pytest.approx(interval_of(timeouts, 0.0) / 10 * abs(one - other))


def tries_before_the_timer_lapses(timeouts: HookTimeouts, chances_of_tries: list[float], *, call: float = 0.0) -> int:
    """Count the tries of one beat that always fails; waits are rounded up to whole seconds, as the engine does."""
    at = float(math.ceil(interval_of(timeouts, 0.0)))
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


@given(legal_hooks, st.integers(1, 60), chances)
def test_a_retry_waits_at_least_a_second_and_at_most_a_minute(
    timeouts: HookTimeouts, failures: int, chance: float
) -> None:
    assert 1 <= heartbeat_retry(timeouts, failures, chance) <= min(60.0, timeouts.heartbeat / 10)


@given(legal_hooks, st.integers(61, 10_000), chances)
def test_a_retry_after_the_timer_has_lapsed_waits_five_minutes_at_most(
    timeouts: HookTimeouts, failures: int, chance: float
) -> None:
    assert 1 <= heartbeat_retry(timeouts, failures, chance) <= 300


@given(legal_hooks)
def test_the_timer_has_lapsed_when_retries_get_rarer(timeouts: HookTimeouts) -> None:
    spent = sum(heartbeat_retry(timeouts, failures, 1.0) for failures in range(1, 61))
    assert interval_of(timeouts, 0.0) + spent >= timeouts.heartbeat


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
    assert interval_of(assumed, chance) <= timeouts.heartbeat / 2
    assert deadline(0.0, assumed) >= deadline(0.0, timeouts)
    assert assumed.assumed == "access denied"


@given(st.floats(0, 200_000), st.floats(0, 200_000))
def test_looks_come_further_apart_between_five_seconds_and_five_minutes(one: float, other: float) -> None:
    earlier, later = sorted((one, other))
    assert 5 <= poll_delay(earlier) <= poll_delay(later) <= 300


@given(st.floats(0, 200_000))
def test_a_lost_event_costs_half_of_the_wait_and_fifteen_minutes_at_most(spent: float) -> None:
    assert spent + poll_delay(spent, heard=True) <= max(35, 1.5 * spent)
    assert 5 <= poll_delay(spent, heard=True) <= 900


@given(st.floats(0, 1e4), st.floats(0, 200_000))
def test_no_wait_is_polled_at_one_pace_for_days(delay: float, spent: float) -> None:
    assert delay <= rarer_with_age(delay, spent) <= max(delay, 300, 0)
    assert rarer_with_age(delay, spent) >= min(300, spent / 50)


def test_a_completion_is_tried_twice_a_minute_for_ten_minutes() -> None:
    delays = [completion_retry(spent, failures, 0.0) for failures, spent in enumerate((0, 1, 3, 7, 15, 31, 61, 599), 1)]
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30]
    assert [completion_retry(spent, 99, 0.0) for spent in (600, 6_000, 100_000)] == [30, 300, 600]


@given(st.floats(0, 200_000), st.integers(1, 10_000), chances)
def test_the_tries_of_a_completion_are_spread_by_half(spent: float, failures: int, chance: float) -> None:
    latest = completion_retry(spent, failures, 0.0)
    assert max(1, latest / 2) <= completion_retry(spent, failures, chance) <= latest


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
