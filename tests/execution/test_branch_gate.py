from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.execution.durable import BranchGate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = 10.0
"""Seconds after which a test gives up on a thread."""

SHORT = 0.05
"""Seconds in which a thread that has nothing to wait for would have ended."""


@contextmanager
def running(target: Callable[[], None]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(LONG)
        assert not thread.is_alive()


def increased(number: int) -> int:
    return number + 1


def test_an_attempt_is_made_until_the_gate_is_closed() -> None:
    gate = BranchGate()
    attempt = gate.guarded(increased)
    assert [attempt(number) for number in range(3)] == [1, 2, 3]
    gate.close()
    assert [attempt(number) for number in range(3)] == [0, 1, 2]


def test_closing_twice_keeps_it_closed() -> None:
    gate = BranchGate()
    gate.close()
    gate.close()
    assert gate.guarded(increased)(0) == 0


def test_closing_waits_for_the_attempt_that_is_under_way() -> None:
    gate = BranchGate()
    inside, leave = threading.Event(), threading.Event()
    order: list[str] = []

    def attempt(state: int) -> int:
        inside.set()
        assert leave.wait(LONG)
        order.append("attempted")
        return state

    def close() -> None:
        gate.close()
        order.append("closed")

    def act() -> None:
        gate.guarded(attempt)(0)

    with running(act):
        assert inside.wait(LONG)
        with running(close) as closing:
            closing.join(SHORT)
            assert closing.is_alive()
            leave.set()
    assert order == ["attempted", "closed"]


def test_one_attempt_is_made_at_a_time() -> None:
    gate = BranchGate()
    together = threading.Barrier(4)
    inside: list[int] = []
    most: list[int] = []

    def attempt(state: int) -> int:
        inside.append(1)
        most.append(len(inside))
        inside.pop()
        return state

    def act() -> None:
        together.wait(LONG)
        for _ in range(200):
            gate.guarded(attempt)(0)

    threads = [threading.Thread(target=act, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len(most) == 800
    assert max(most) == 1


def test_a_fault_in_an_attempt_does_not_block_the_next() -> None:
    gate = BranchGate()

    def fail(_: int) -> int:
        raise ValueError("fault")

    with pytest.raises(ValueError, match="fault"):
        gate.guarded(fail)(0)
    assert gate.guarded(increased)(0) == 1
    with running(gate.close):
        pass
    assert gate.guarded(increased)(0) == 0
