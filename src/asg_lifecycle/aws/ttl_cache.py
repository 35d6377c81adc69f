"""Answers that stay true for a while, kept while a Lambda environment lives."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

AnswerT = TypeVar("AnswerT")

MOST_KEPT = 1000


class TtlCache(Generic[AnswerT]):
    """Keeps answers for some seconds: in a storm a few environments serve many executions that ask the same.

    Only for answers that may be a little old: names, timers, settings; never for whether something is drained.

    Args:
        clock: seconds since the epoch.
        seconds: how long an answer is kept.
    """

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._answers: dict[object, tuple[float, AnswerT]] = {}

    def get(self, question: object, ask: Callable[[], AnswerT | None]) -> AnswerT | None:
        """Return the kept answer to `question`, or ask for it and keep it. None is never kept.

        Raises:
            CallFailed: what `ask` raises; nothing is kept then.
        """
        now = self._clock()
        with self._lock:
            kept = self._answers.get(question)
        if kept is not None and now < kept[0]:
            return kept[1]
        answer = ask()
        if answer is not None:
            with self._lock:
                if len(self._answers) >= MOST_KEPT:
                    self._answers.clear()
                self._answers[question] = (now + self._seconds, answer)
        return answer

    def forget(self, question: object) -> None:
        """Forget the answer, which has turned out to be wrong: it is asked for again next time."""
        with self._lock:
            self._answers.pop(question, None)
