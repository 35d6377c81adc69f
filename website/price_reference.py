"""The price of one wait by its length and its number of looks, from prices and from the reference run of `make bench`.

A look is an invocation after the first. What an early look used is the difference between the runs of 2 and of 10
minutes, what a late one used that between the runs of 20 and of 48 hours, in which each look begins a new environment.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.waiting.prices import AS_OF, Prices
from benchmarks.waiting.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "results.json"

LENGTHS = {"2 min": 120, "10 min": 600, "70 min": 4200, "10 h": 36_000, "20 h": 72_000, "48 h": 172_800}
"""Seconds of each run."""

GAPS = {"15 s": 15, "1 min": 60, "5 min": 300, "15 min": 900}
"""Seconds between two looks."""

COLD_AFTER = 300
"""Seconds after which an environment is taken to be gone, as the benchmark does."""

MOST_LOOKS = 2400
"""Of one execution: it hands over at 2,500 operations, some of which are not looks."""

PRICES = Prices()


def measured(length: str) -> Usage:
    """Return what one wait of a length used in the reference run."""
    results: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return Usage(**results["price of waiting"][length]["asg-lifecycle"]["usage"])


def dollars(usage: Usage) -> float:
    """Return what one wait costs."""
    return usage.total(PRICES) / 1000


def looks(usage: Usage) -> int:
    """Return how many looks a wait had: the invocations after the first."""
    return usage.invocations - 1


def look(*, cold: bool) -> float:
    """Return what one more look costs, in dollars.

    Args:
        cold: its environment has to be made first.
    """
    shorter, longer = (measured(length) for length in (("20 h", "48 h") if cold else ("2 min", "10 min")))
    return (dollars(longer) - dollars(shorter)) / (looks(longer) - looks(shorter))


def opening() -> float:
    """Return what a wait costs before its looks, in dollars: beginning, first round, end."""
    shortest = measured("2 min")
    return dollars(shortest) - looks(shortest) * look(cold=False)


def price(number: int, *, cold: bool) -> float:
    """Return what a wait with a number of looks costs, in dollars."""
    return opening() + number * look(cold=cold)


def page() -> str:
    """Return the page, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    yield "# What one wait costs"
    yield ""
    yield "<!-- Written by `python -m website.references` from prices and from benchmarks/results/results.json. -->"
    yield ""
    yield (
        f"Prices of us-east-1, collected second-hand, {AS_OF}; free tiers are left out. What is counted and what is "
        "modelled stands in [performance](performance.md), from whose reference run all figures come. The second for "
        "which an instance waits between the end of its work and the completion is part of the price."
    )
    yield ""
    yield "## With events"
    yield ""
    yield (
        "As it is by default: an event ends the wait, and looks only make up for a lost one. Measured for a command "
        "under a hook whose heartbeat timeout is long enough for it."
    )
    yield ""
    yield _row(
        *("the wait takes", "looks", "operations", "dollars for one wait", "for 1,000"),
        *("an m5.large meanwhile", "share of its price"),
    )
    yield _row(*["---"] * 7)
    for length, seconds in LENGTHS.items():
        usage = measured(length)
        instance = seconds * PRICES.instance_second
        yield (
            f"| {length} | {looks(usage)} | {usage.durable_operations} | {dollars(usage):.6f} | "
            f"{1000 * dollars(usage):.2f} | {instance:.4f} | {100 * dollars(usage) / instance:.2f} % |"
        )
    yield ""
    yield (
        f"A wait with nothing to do, {measured('nothing').durable_operations} operations, costs "
        f"${dollars(measured('nothing')):.6f}."
    )
    yield ""
    yield from _calculator()
    yield from _by_number()


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _calculator() -> Iterator[str]:
    yield "## By length, and by the gap between two looks"
    yield ""
    yield (
        "Dollars for one wait with looks at a fixed gap, to estimate what a plan costs whose steps end without events: "
        f"{opening():.6f} for the beginning and the end, and for each look {look(cold=False):.7f} where the one before "
        f"is less than {COLD_AFTER // 60} minutes ago, or {look(cold=True):.7f} where its environment has to be made "
        "anew."
    )
    yield ""
    yield "| the wait takes | " + " | ".join(f"a look every {gap}" for gap in GAPS) + " |"
    yield "|---|" + "---|" * len(GAPS)
    for length, seconds in LENGTHS.items():
        yield (
            f"| {length} | " + " | ".join(_cell(seconds // gap, cold=gap >= COLD_AFTER) for gap in GAPS.values()) + " |"
        )
    yield ""
    yield (
        f"The number in brackets is that of looks. With more than about {MOST_LOOKS:,} the action is handed over to "
        "another execution, which costs about as much as a beginning; an asterisk marks these. A look that is "
        "throttled, a message of an operator and a sweep's takeover come on top."
    )
    yield ""


def _cell(number: int, *, cold: bool) -> str:
    return f"{price(number, cold=cold):.5f} ({number:,}){' *' if number > MOST_LOOKS else ''}"


def _by_number() -> Iterator[str]:
    yield "## By the number of looks"
    yield ""
    yield "| looks | dollars, each soon after the one before | dollars, each more than 5 minutes after it |"
    yield "|---|---|---|"
    for number in (0, 5, 10, 25, 50, 100, 250, 500, 1000, 2400):
        yield f"| {number:,} | {price(number, cold=False):.5f} | {price(number, cold=True):.5f} |"
    yield ""
    yield "## What is not in it"
    yield ""
    yield "- The sweep: one invocation every five minutes, whatever is in flight."
    yield "  [Reliability](reliability.md#the-sweep) says what it calls."
    yield "- The alarms of the stack and the backups of its table (point-in-time recovery), billed by the month."
    yield "- Metrics: see [what they cost](metrics.md#how-many-there-are-and-what-they-cost)."
    yield "- Log lines, the dashboard ($3 a month above three of an account), a key of yours, a NAT gateway, X-Ray."
    yield "- What a step itself uses: a function that it invokes, messages and events that it publishes."
