"""What the base classes and the sentences of steps do for every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
import pytest
from msgspec import Struct

from asg_lifecycle.model.durations import Duration, PositiveDuration
from asg_lifecycle.model.progress import Done, Progress, Waiting
from asg_lifecycle.steps.base import NoOptions, StatefulStep, Target
from asg_lifecycle.steps.support.connection_draining import poll_interval
from asg_lifecycle.steps.support.sentences import counted, listed

if TYPE_CHECKING:
    from asg_lifecycle.steps.services import Services

TARGET = cast("Target", None)


class Count(Struct, frozen=True, kw_only=True):
    polls: int


class Counting(StatefulStep[NoOptions, Count]):
    """Count polls."""

    kind = "counting"

    def preview(self, target: Target) -> str:
        del target
        return "would count"

    def begin(self, target: Target) -> Progress:
        del target
        return self._waiting("begun", Count(polls=0), again_after=5.0)

    def poll(self, target: Target, state: Count) -> Progress:
        del target
        return self._waiting("polled", Count(polls=state.polls + 1)) if state.polls < 1 else Done("counted")

    def stop(self, target: Target, state: Count | None) -> str | None:
        del target
        return str(state)


COUNTING = Counting(NoOptions(), cast("Services", None))


def test_options_and_state_are_those_of_the_type_parameters() -> None:
    assert (Counting.options, Counting.state) == (NoOptions, Count)


def test_a_poll_is_given_the_state_of_the_one_before() -> None:
    first = COUNTING.begin(TARGET)
    assert first == Waiting("begun", again_after=5.0, state={"polls": 0})
    second = COUNTING.check(TARGET, first)
    assert second == Waiting("polled", state={"polls": 1})
    assert COUNTING.check(TARGET, second) == Done("counted")


def test_a_wait_without_state_begins_again() -> None:
    assert COUNTING.check(TARGET, Waiting("kept")) == COUNTING.begin(TARGET)
    assert COUNTING.cancel(TARGET, Waiting("kept")) == COUNTING.cancel(TARGET, None) == "None"
    assert COUNTING.cancel(TARGET, Waiting("polled", state={"polls": 1})) == "Count(polls=1)"


def test_the_state_of_another_kind_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        COUNTING.check(TARGET, Waiting("polled", state={"until": 5.0}))


@pytest.mark.parametrize(
    ("delay", "until", "expected"),
    [
        (300.0, 1_300.0, 30.0),
        (300.0, 1_010.0, 11.0),
        (20.0, 1_020.0, 5.0),
        (300.0, 1_000.0, 30.0),
        (300.0, 900.0, 30.0),
    ],
)
def test_draining_is_polled_ten_times_and_at_its_end(delay: float, until: float, expected: float) -> None:
    assert poll_interval(delay, until, 1_000.0) == expected


def test_a_sentence_names_five_and_says_that_there_are_more() -> None:
    assert listed("abcde") == "a, b, c, d, e"
    assert listed("abcdef", "; ") == "a; b; c; d; e; …"
    assert (counted(1, "task"), counted(0, "task"), counted(2, "task")) == ("1 task", "0 tasks", "2 tasks")


@pytest.mark.parametrize("text", ["0s", "0d0h", "00m"])
def test_a_duration_may_be_none_where_it_need_not_be_positive(text: str) -> None:
    assert msgspec.convert(text, Duration) == text
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, PositiveDuration)


@pytest.mark.parametrize("text", ["", "5", "s", "1s1m", "-1s", "1.5h", "1234567s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    for kind in (Duration, PositiveDuration):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, kind)
