"""The price of waiting is counted and added up rightly. What it comes to is the benchmark's own verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest

from benchmarks.bench import Results, at_most
from benchmarks.waiting.billed_time import FULL_PROCESSOR, Function
from benchmarks.waiting.compare import best_of, designs, functions
from benchmarks.waiting.designs import step_functions
from benchmarks.waiting.drain import Drain
from benchmarks.waiting.prices import Prices
from benchmarks.waiting.usage import Failed, Usage

if TYPE_CHECKING:
    from benchmarks.waiting.designs.base import Design

CPU = {"ours": 0.5, "wake": 0.4, "signal": 0.3, "bare": 0.4, "plain": 0.3}
TWO_MINUTES = Drain(lasts=120.0, heartbeat_timeout=900)
DESIGNS = designs(functions(CPU))


def test_each_unit_is_paid_once() -> None:
    usage = Usage(
        durable_operations=10,
        durable_bytes=0,
        invocations=5,
        gigabyte_seconds=2.0,
        write_units=4,
        read_units=2,
        queue_requests=3,
        state_transitions=1,
        late=3.0,
    )
    costs = usage.costs(Prices())
    assert {name: round(dollars, 6) for name, dollars in costs.items()} == {
        "operations": 0.08,
        "checkpoints": 0.0,
        "Lambda": 0.001 + 0.026667,
        "DynamoDB": 0.00275,
        "SQS": 0.0012,
        "Step Functions": 0.025,
        "waiting instance": 0.08,
    }
    assert usage.total(Prices()) == pytest.approx(sum(costs.values()))


def test_what_has_not_run_for_five_minutes_starts_cold() -> None:
    function = Function(memory=FULL_PROCESSOR, first_cpu=5.0, cold_cpu=2.0, warm_cpu=1.0)
    seconds = [
        function.gigabyte_seconds(invocations) * 1024 / FULL_PROCESSOR
        for invocations in ([(0.0, 0)], [(0.0, 0), (300.0, 0)], [(0.0, 0), (301.0, 0)], [(0.0, 10)])
    ]
    assert seconds == pytest.approx([6.0, 7.0, 9.0, 6.2])


def test_half_of_the_memory_takes_twice_as_long_and_costs_the_same() -> None:
    costs = {
        Function(memory=memory, first_cpu=1.0, cold_cpu=1.0, warm_cpu=0.0).gigabyte_seconds([(0.0, 0)])
        for memory in (128, 256)
    }
    assert len({round(cost, 9) for cost in costs}) == 1


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_every_design_drains_the_instance_before_it_lets_it_go(design: Design) -> None:
    usage = design.play(TWO_MINUTES, None if design.gaps == (None,) else 30)
    assert isinstance(usage, Usage)
    assert 0 <= usage.late <= 30
    assert usage.total(Prices()) > 0


@pytest.mark.parametrize(
    ("name", "drain", "why"),
    [
        ("a Lambda that sleeps", Drain(lasts=1_000.0, heartbeat_timeout=900), "runs for 15 minutes at most"),
        ("a Step Functions loop", Drain(lasts=200.0, heartbeat_timeout=900), "keeps 25,000 events at most"),
    ],
)
def test_a_design_that_cannot_carry_a_drain_through_fails(
    name: str, drain: Drain, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_functions, "MOST_EVENTS", 200)
    (design,) = [each for each in DESIGNS if each.name == name]
    failed = design.play(drain, 5)
    assert isinstance(failed, Failed)
    assert why in failed.why


class Curve:
    """A design whose price is lowest at one gap, and which fails at the longest."""

    name = "a curve"
    lacks: ClassVar[tuple[str, ...]] = ()
    gaps: ClassVar[tuple[int | None, ...]] = (10, 20, 30, 60, 300)

    def __init__(self) -> None:
        self.tried: list[int | None] = []

    def play(self, drain: Drain, gap: int | None) -> Usage | Failed:
        """Return what the curve says."""
        del drain
        self.tried.append(gap)
        if gap == 300:
            return Failed("too long")
        return Usage(durable_operations=100 * abs((gap or 0) - 30))


def test_a_design_is_judged_at_the_gap_that_is_cheapest_for_it() -> None:
    curve = Curve()
    best = best_of(curve, TWO_MINUTES, replace(Prices(), instance_second=0.0))
    assert best.gap == 30
    assert curve.tried == [300, 60, 30, 20]


def test_a_promise_that_is_missed_is_said() -> None:
    results = Results(rows=[at_most("calls", 26.0, 25.0), at_most("calls", 25.0, 25.0)])
    missed, kept = results.table().splitlines()
    assert missed.endswith("MISSED")
    assert kept.endswith("ok")
