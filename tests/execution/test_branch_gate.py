from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.execution.race.branch_gate import BranchGate

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


def test_it_is_open_until_it_is_closed() -> None:
    gate = BranchGate()
    for _ in range(3):
        with gate.enter() as is_open:
            assert is_open
    gate.close()
    for _ in range(3):
        with gate.enter() as is_open:
            assert not is_open


def test_closing_twice_keeps_it_closed() -> None:
    gate = BranchGate()
    gate.close()
    gate.close()
    with gate.enter() as is_open:
        assert not is_open


def test_closing_waits_for_the_one_who_is_inside() -> None:
    gate = BranchGate()
    inside, leave = threading.Event(), threading.Event()
    order: list[str] = []

    def act() -> None:
        with gate.enter() as is_open:
            assert is_open
            inside.set()
            assert leave.wait(LONG)
            order.append("acted")

    def close() -> None:
        gate.close()
        order.append("closed")

    with running(act):
        assert inside.wait(LONG)
        with running(close) as closing:
            closing.join(SHORT)
            assert closing.is_alive()
            leave.set()
    assert order == ["acted", "closed"]


def test_nobody_acts_after_the_closing() -> None:
    gate = BranchGate()
    inside, leave = threading.Event(), threading.Event()
    begun = threading.Barrier(5)
    acted_after: list[bool] = []
    closed = threading.Event()

    def act() -> None:
        with gate.enter():
            inside.set()
            assert leave.wait(LONG)

    def come_later() -> None:
        begun.wait(LONG)
        assert closed.wait(LONG)
        with gate.enter() as is_open:
            acted_after.append(is_open)

    def close() -> None:
        begun.wait(LONG)
        gate.close()
        closed.set()

    later = [threading.Thread(target=come_later, daemon=True) for _ in range(3)]
    with running(act):
        assert inside.wait(LONG)
        for thread in later:
            thread.start()
        with running(close):
            begun.wait(LONG)
            leave.set()
        for thread in later:
            thread.join(LONG)
    assert acted_after == [False, False, False]


def test_one_is_inside_at_a_time() -> None:
    gate = BranchGate()
    together = threading.Barrier(4)
    inside: list[int] = []
    most: list[int] = []

    def act() -> None:
        together.wait(LONG)
        for _ in range(200):
            with gate.enter():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=act, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert len(most) == 800
    assert max(most) == 1


def test_a_fault_inside_does_not_block_the_way() -> None:
    gate = BranchGate()
    with pytest.raises(ValueError, match="fault"), gate.enter():
        raise ValueError("fault")
    with gate.enter() as is_open:
        assert is_open
    with running(gate.close):
        pass
    with gate.enter() as is_open:
        assert not is_open
