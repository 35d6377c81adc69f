"""Snapshots and images: what makes them those of one action and of one moment, and names that EC2 takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.snapshots import Snapshot, action_key, call_time, complete_set, image_name

if TYPE_CHECKING:
    from random import Random

TOKEN = "87654321-4321-4321-4321-210987654321"  # noqa: S105 - names an action, opens nothing
NAME = re.compile(r"[A-Za-z0-9()\[\] ./'@_-]{3,128}")
"""What EC2 takes (`CreateImage` in its API reference)."""

steps = st.tuples(st.text(), st.integers(0, 999), st.integers(0, 99))
texts = st.text(st.characters())


@given(st.lists(steps, min_size=2, max_size=2, unique=True))
def test_no_two_attempts_of_steps_have_the_same_key(two: list[tuple[str, int, int]]) -> None:
    first, second = (action_key(*each) for each in two)
    assert first != second


@given(texts, st.integers(0, 999), st.integers(0, 99))
def test_a_key_is_a_value_of_a_tag_and_no_pattern_of_a_filter(reference: str, position: int, attempt: int) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_/-]{3,80}", action_key(reference, position, attempt))


def test_the_key_of_a_token_has_the_token() -> None:
    assert action_key(TOKEN, 0, 0) == f"{TOKEN}/1"
    assert action_key(TOKEN, 2, 1) == f"{TOKEN}/3/2"
    assert "*" not in action_key("any * thing", 0, 0)


@given(texts, steps)
def test_any_beginning_makes_a_name_that_ec2_takes_and_that_tells_its_action(
    beginning: str, step: tuple[str, int, int]
) -> None:
    key = action_key(*step)
    name = image_name(beginning, key)
    assert NAME.fullmatch(name)
    assert name.endswith(key)
    assert name == name.strip()


@given(texts, st.lists(steps, min_size=2, max_size=2, unique=True))
def test_the_names_of_two_attempts_differ_whatever_they_begin_with(
    beginning: str, two: list[tuple[str, int, int]]
) -> None:
    first, second = (image_name(beginning, action_key(*each)) for each in two)
    assert first != second


@given(st.floats(0, 4e9), st.floats(1e-5, 1e8))
def test_later_calls_sort_behind(moment: float, later: float) -> None:
    assert call_time(moment) <= call_time(moment + later)


def snapshots_of(calls: list[set[str]]) -> list[Snapshot]:
    return [
        Snapshot(snapshot=f"snap-{call}-{volume}", volume=volume, state="pending", call=call_time(call))
        for call, volumes in enumerate(calls)
        for volume in sorted(volumes)
    ]


volume_sets = st.sets(st.sampled_from(["vol-1", "vol-2", "vol-3"]))


@given(st.lists(volume_sets, max_size=4), volume_sets, st.randoms())
def test_a_set_is_of_one_call_and_whole(calls: list[set[str]], wanted: set[str], random: Random) -> None:
    found = snapshots_of(calls)
    random.shuffle(found)
    chosen = complete_set(found, wanted)
    whole = [call for call, volumes in enumerate(calls) if volumes and wanted <= volumes]
    assert {each.call for each in chosen} == ({call_time(whole[-1])} if whole else set())
    assert {each.volume for each in chosen} == ((wanted or calls[whole[-1]]) if whole else set())
