"""How many drains one error stops, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.model.outages import THRESHOLD, WINDOW
from asg_lifecycle.store.outages import Outage, Outages
from tests.store.test_drain_slots import TABLE, table

if TYPE_CHECKING:
    from collections.abc import Iterator

DENIED = "ssm:SendCommand AccessDenied"
SEEN_EVERY = WINDOW / 10


@pytest.fixture
def outages() -> Iterator[Outages]:
    with table():
        yield Outages(Clients(), TABLE)


def reports(outages: Outages, count: int, *, at: float, first: int = 0) -> list[Outage]:
    return [outages.report(DENIED, f"drain-{number}", at) for number in range(first, first + count)]


def test_drains_are_counted_once_each(outages: Outages) -> None:
    assert [outage.count for outage in reports(outages, 4, at=1_000)] == [1, 2, 3, 4]
    assert [outage.count for outage in reports(outages, 4, at=1_010)] == [4, 4, 4, 4]
    assert all(outage.since == 1_000 for outage in reports(outages, 4, at=1_020))


def test_one_reporter_is_told_to_say_it(outages: Outages) -> None:
    assert [outage.notice for outage in reports(outages, 8, at=1_000)] == [False] * 4 + [True] + [False] * 3


def test_errors_are_counted_apart(outages: Outages) -> None:
    reports(outages, 6, at=1_000)
    assert outages.report("elbv2:DeregisterTargets AccessDenied", "drain-7", 1_000).count == 1


def test_an_error_across_the_edge_of_a_window_is_one_outage(outages: Outages) -> None:
    reports(outages, 3, at=2 * WINDOW - 1)
    (*_, last) = reports(outages, 2, at=2 * WINDOW + 1, first=3)
    assert (last.count, last.since, last.notice) == (5, 2 * WINDOW - 1, True)


def test_it_is_said_again_after_a_quiet_window_only(outages: Outages) -> None:
    reports(outages, 5, at=1_000)
    assert not any(outage.notice for outage in reports(outages, 5, at=1_000 + WINDOW - 1))
    later = 1_000 + 3 * WINDOW
    assert [outage.notice for outage in reports(outages, 5, at=later)] == [False] * 4 + [True]


def test_an_item_does_not_grow_without_end(outages: Outages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_lifecycle.store.outages.KEPT", 20)
    assert [outage.count for outage in reports(outages, 30, at=1_000)] == [*range(1, 21), *[20] * 10]


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from([0.0, 1.0, 30.0, 100.0, 700.0, 1300.0])), max_size=30))
def test_whatever_is_reported_counts_and_notices_are_right(reported: list[tuple[int, float]]) -> None:
    with table():
        outages, now = Outages(Clients(), TABLE), 10_000.0
        history: list[tuple[float, int]] = []
        met: list[float] = []
        for drain, later in reported:
            now += later
            history.append((now, drain))
            outage = outages.report(DENIED, f"drain-{drain}", now)
            surely = {each for at, each in history if at > now - WINDOW}
            perhaps = {each for at, each in history if at > now - 2 * WINDOW}
            assert len(surely) <= outage.count <= len(perhaps)
            if outage.count < THRESHOLD:
                assert not outage.notice
                continue
            quiet = now - met[-1] if met else float("inf")
            # Seen outages are written once in a while only.
            assert outage.notice or quiet <= WINDOW
            assert not outage.notice or quiet > WINDOW - SEEN_EVERY
            met.append(now)
