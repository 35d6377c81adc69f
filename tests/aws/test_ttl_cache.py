"""Answers that are kept for a while."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from asg_lifecycle.aws.ttl_cache import MOST_KEPT, TtlCache


class Source:
    """Answers with how often it was asked."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked = 0
        self.kept: TtlCache[int] = TtlCache(lambda: self.now, 60)

    def ask(self) -> int:
        self.asked += 1
        return self.asked

    def get(self, question: object = "hook") -> int | None:
        return self.kept.get(question, self.ask)


def test_an_answer_is_kept_for_its_time_and_no_longer() -> None:
    source = Source()
    assert [source.get(), source.get()] == [1, 1]
    source.now = 59.9
    assert source.get() == 1
    source.now = 60.0
    assert [source.get(), source.get()] == [2, 2]


def test_each_question_has_its_own_answer() -> None:
    source = Source()
    assert [source.get("a"), source.get("b"), source.get("a")] == [1, 2, 1]


def test_nothing_is_kept_of_an_error_or_of_no_answer() -> None:
    source = Source()

    def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        source.kept.get("hook", fail)
    assert source.kept.get("hook", lambda: None) is None
    assert source.get() == 1


def test_what_is_kept_does_not_grow_without_end() -> None:
    source = Source()
    for question in range(MOST_KEPT):
        source.get(question)
    source.get("one more")
    assert source.get(0) == MOST_KEPT + 2


def test_threads_may_ask_at_once() -> None:
    source = Source()
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: source.get(), range(200)))
    assert answers <= set(range(1, 9))
    assert source.get() in answers
