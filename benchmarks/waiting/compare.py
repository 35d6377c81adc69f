"""The price of waiting: every design on the same drains, each at the gap that is cheapest for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchmarks.waiting.billed_time import Function
from benchmarks.waiting.designs.application import Application
from benchmarks.waiting.designs.fixed_polling import FixedPolling
from benchmarks.waiting.designs.queue_loop import QueueLoop
from benchmarks.waiting.designs.sleeping_function import SleepingFunction
from benchmarks.waiting.designs.step_functions import StateMachine
from benchmarks.waiting.drain import Drain
from benchmarks.waiting.usage import Failed, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.waiting.designs.base import Design
    from benchmarks.waiting.prices import Prices

MINUTE, HOUR = 60.0, 3_600.0
DRAINS = {
    "nothing": Drain(lasts=0.0, heartbeat_timeout=900),
    "2 min": Drain(lasts=2 * MINUTE, heartbeat_timeout=900),
    "10 min": Drain(lasts=10 * MINUTE, heartbeat_timeout=900),
    "70 min": Drain(lasts=70 * MINUTE, heartbeat_timeout=900),
    "10 h": Drain(lasts=10 * HOUR, heartbeat_timeout=3_600),
    "20 h": Drain(lasts=20 * HOUR, heartbeat_timeout=3_600),
    "48 h": Drain(lasts=47.5 * HOUR, heartbeat_timeout=1_800),
}

MEMORY = 256
"""Of our function, megabytes: what the CPU needs costs the same at any size, what is waited for the least at this."""

PLAIN_MEMORY = 128
WARM_CPU = 0.012
"""CPU seconds of a wake-up, replay and one poll."""

PLAIN_WARM_CPU = 0.005
MOST_LOOKS = 1_200
ENOUGH_RISES = 1


@dataclass(frozen=True, kw_only=True)
class Best:
    """A design on one drain, at the gap that is cheapest for it.

    Attributes:
        gap: seconds between two looks, None where the design chooses them.
        usage: what it used, or why it fails.
        dollars: for a thousand drains, by what they are for; empty where it fails.
    """

    gap: int | None
    usage: Usage | Failed
    dollars: dict[str, float]

    @property
    def total(self) -> float:
        """Dollars for a thousand drains; infinite where it fails."""
        return sum(self.dollars.values()) if self.dollars else float("inf")


@dataclass(frozen=True, kw_only=True)
class Functions:
    """The functions of the designs, with what their cold starts were measured to take.

    Attributes:
        ours: the application's durable function.
        signal: its function that wakes executions.
        plain: one with boto3 alone.
        durable: a bare one on the durable SDK.
    """

    ours: Function
    signal: Function
    plain: Function
    durable: Function


def functions(cpu: Mapping[str, float]) -> Functions:
    """Return the functions for CPU seconds of cold starts: `ours`, `wake`, `signal`, `bare` and `plain`."""

    def plain(seconds: float) -> Function:
        return Function(memory=PLAIN_MEMORY, first_cpu=seconds, cold_cpu=seconds, warm_cpu=PLAIN_WARM_CPU)

    ours = Function(memory=MEMORY, first_cpu=cpu["ours"], cold_cpu=cpu["wake"], warm_cpu=WARM_CPU)
    signal = Function(memory=MEMORY, first_cpu=cpu["signal"], cold_cpu=cpu["signal"], warm_cpu=PLAIN_WARM_CPU)
    return Functions(ours=ours, signal=signal, plain=plain(cpu["plain"]), durable=plain(cpu["bare"]))


def designs(of: Functions) -> tuple[Design, ...]:
    """Return the designs that are compared, our own first."""
    return (
        Application(of.ours, of.signal),
        QueueLoop(of.plain),
        FixedPolling(of.durable),
        StateMachine(),
        SleepingFunction(of.plain),
    )


def best_of(design: Design, drain: Drain, prices: Prices) -> Best:
    """Return the design at its best: gaps are tried from the longest on, until they only get dearer."""
    best: Best | None = None
    rises = 0
    for gap in _worth_trying(design, drain):
        usage = _expected(design.play(drain, gap), gap, drain)
        tried = Best(gap=gap, usage=usage, dollars=usage.costs(prices) if isinstance(usage, Usage) else {})
        rises = rises + 1 if best is not None and tried.total >= best.total and best.dollars else 0
        if best is None or tried.total < best.total:
            best = tried
        if rises >= ENOUGH_RISES:
            break
    if best is None:
        raise ValueError(f"{design.name} has no gap to try for {drain}")
    return best


def _worth_trying(design: Design, drain: Drain) -> Iterator[int | None]:
    for gap in sorted(design.gaps, key=lambda each: each or 0, reverse=True):
        # A heartbeat has to fit between two looks.
        if gap is None or (drain.lasts / gap <= MOST_LOOKS and gap <= drain.heartbeat_timeout / 2):
            yield gap


def _expected(usage: Usage | Failed, gap: int | None, drain: Drain) -> Usage | Failed:
    """Return the usage with the lateness that is to be expected: work ends at any moment between two looks."""
    if gap is None or isinstance(usage, Failed) or not drain.has_work:
        return usage
    return replace(usage, late=gap / 2)
