"""Words with which an instance proves that a signal is its own."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.plans import Plan, PlanDecision, PlannedStep
from asg_lifecycle.model.signal_words import NO_WORD, TAG_PREFIX, asks_for_word, proves, word_digest
from asg_lifecycle.model.signals import Signal, says_the_same
from asg_lifecycle.steps.wait_for_signal import WaitForSignal, WaitForSignalOptions

words = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=32, max_size=200)
json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)


def decision(*steps: PlannedStep) -> str:
    return msgspec.json.encode(PlanDecision(source="default", why="", plan=Plan(steps=steps))).decode()


def wait(**options: object) -> PlannedStep:
    return PlannedStep(kind=WaitForSignal.kind, options=options)


@given(words, words)
def test_a_word_proves_its_own_signal_alone(word: str, other: str) -> None:
    tags = {f"{TAG_PREFIX}drained": word_digest(word)}
    assert proves(word_digest(word), "drained", tags)
    assert not proves(word_digest(word), "ready", tags)
    assert not proves(word_digest(word), "drained", {})
    assert proves(word_digest(other), "drained", tags) == (word == other)
    # Everybody can read the tag.
    assert not proves(word_digest(tags[f"{TAG_PREFIX}drained"]), "drained", tags)


@given(json_values | st.text(max_size=31) | words.map(lambda word: f" {word}"))
def test_what_is_no_word_proves_nothing(value: object) -> None:
    digest = word_digest(value)
    if digest == NO_WORD:
        assert not proves(digest, "drained", {f"{TAG_PREFIX}drained": digest})
        assert not proves(digest, "drained", {f"{TAG_PREFIX}drained": ""})
    else:
        assert isinstance(value, str)
        assert len(value) >= 32


@pytest.mark.parametrize(
    ("steps", "asks"),
    [
        ([wait(name="drained", word=True)], True),
        ([wait(name="drained")], False),
        ([wait(name="drained", word=False)], False),
        ([wait(name="ready", word=True)], False),
        ([wait(name="drained", word=True), wait(name="drained")], False),
        ([PlannedStep(parallel=(wait(name="drained", word=True), wait()))], True),
        ([], False),
    ],
)
def test_a_plan_asks_for_the_word_of_a_signal_or_not(steps: list[PlannedStep], *, asks: bool) -> None:
    assert asks_for_word(decision(*steps), "drained") == asks


def test_a_signal_without_a_name_in_the_plan_is_known_by_the_default() -> None:
    assert asks_for_word(decision(wait(word=True)), WaitForSignalOptions().name)


@pytest.mark.parametrize(
    "stored", [None, "{}", "[]", json.dumps({"source": "default", "why": "", "plan": None}), "nan"]
)
def test_a_plan_that_is_not_known_asks_for_none(stored: str | None) -> None:
    assert not asks_for_word(stored, "drained")


def test_the_same_signal_with_its_word_is_another() -> None:
    without = Signal(name="drained", succeeded=True, message="", at=1.0)
    assert says_the_same(without, msgspec.structs.replace(without, at=2.0))
    assert not says_the_same(without, msgspec.structs.replace(without, proved=True))
