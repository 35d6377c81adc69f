"""`make bench`: one table of everything that is promised about cost and speed, with what was measured.

Counts come from the edge of the simulated Region. What depends on the machine is a ratio within one run. Billed time is
a model, see `benchmarks/waiting/billed_time.py`; prices stand in `benchmarks/waiting/prices.py`.

    python -m benchmarks.bench [--quick] [--results FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.region.silence import without_logging
from benchmarks import coldstart, replay_time
from benchmarks.package_size import measure as measure_package
from benchmarks.plots import draw
from benchmarks.storm import Storm, let_loose, on_paper
from benchmarks.waiting.billed_time import Function
from benchmarks.waiting.compare import DRAINS, HOUR, WARM_CPU, Best, Functions, best_of, designs, functions
from benchmarks.waiting.designs.application import Application
from benchmarks.waiting.drain import Drain
from benchmarks.waiting.prices import AS_OF, Prices
from benchmarks.waiting.usage import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESULTS = Path(__file__).parent / "results"
QUICK_DRAINS = ("nothing", "2 min", "10 min")
STORMS = (10, 100, 1_000)
UNTHROTTLED = 100
"""Instances of a storm that meets no limit."""
ON_PAPER = 5_000
CALLS_OF_A_FIRST_INVOCATION = 6
TEN_MINUTES = 600.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes:
        what: is measured.
        value: what was found.
        wanted: what it has to reach; empty where nothing is promised.
        reached: whether it does.
    """

    what: str
    value: str
    wanted: str = ""
    reached: bool = True


def at_most(what: str, value: float, most: float, text: str = "{:.1f}") -> Row:
    """Return the line of something that must not be more than `most`."""
    return Row(what=what, value=text.format(value), wanted=text.format(most), reached=value <= most)


@dataclass
class Results:
    """Everything that one run found.

    Attributes:
        rows: the table.
        figures: by section, plain values for the JSON file and the plots.
    """

    rows: list[Row] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def table(self) -> str:
        """Return the table as text."""
        widths = [max(len(getattr(row, name)) for row in self.rows) for name in ("what", "value", "wanted")]
        return "\n".join(
            f"{row.what:<{widths[0]}}  {row.value:>{widths[1]}}  {row.wanted:<{widths[2]}}"
            f"  {'' if not row.wanted else 'ok' if row.reached else 'MISSED'}".rstrip()
            for row in self.rows
        )


def prices_of_waiting(results: Results, of: Functions, drains: dict[str, Drain]) -> None:
    """Compare the designs on each drain."""
    prices = Prices()
    table: dict[str, dict[str, Any]] = {}
    for name, drain in drains.items():
        found = {design.name: best_of(design, drain, prices) for design in designs(of)}
        table[name] = {design: _figures(best) for design, best in found.items()}
        ours, *others = found.values()
        for design, best in found.items():
            results.rows.append(Row(what=f"1,000 drains of {name}: {design}", value=_told(best)))
        results.rows += _promises(name, drain, ours, min(other.total for other in others), prices)
    results.figures["price of waiting"] = table


def _promises(name: str, drain: Drain, ours: Best, best: float, prices: Prices) -> Iterator[Row]:
    """Yield what is promised of our price, and whether it holds."""
    share = ours.total / (1000 * drain.lasts * prices.instance_second) if drain.has_work else 0.0
    limits: list[tuple[str, float]] = []
    if name == "2 min":
        limits.append(("twice the best other", 2 * best))
    elif drain.lasts >= TEN_MINUTES:
        limits.append(("below the best other", best))
    if name == "20 h":
        limits.append(("half of the best other", best / 2))
    for wanted, limit in limits:
        value = f"${ours.total:.3f}"
        yield Row(what=f"  {name}: {wanted}", value=value, wanted=f"${limit:.3f}", reached=ours.total <= limit)
    for length, most in (("10 min", 0.025), ("20 h", 0.001)):
        if name == length:
            wanted = f"{most:.1%}"
            yield Row(
                what=f"  {name}: of the instance's price", value=f"{share:.2%}", wanted=wanted, reached=share <= most
            )


def _figures(best: Best) -> dict[str, Any]:
    if isinstance(best.usage, Failed):
        return {"failed": best.usage.why}
    return {"gap": best.gap, "dollars": round(best.total, 4), "for": best.dollars, "usage": asdict(best.usage)}


def _told(best: Best) -> str:
    if isinstance(best.usage, Failed):
        return f"fails: {best.usage.why}"
    gap = f", a look every {best.gap} s" if best.gap is not None else ""
    return f"${best.total:.3f}{gap}"


def lateness(results: Results, of: Functions, drains: dict[str, Drain]) -> None:
    """Measure the time from drained to completed: events on, lost, off."""
    cases: dict[str, tuple[Application, Callable[[float], float]]] = {
        "events on": (Application(of.ours, of.signal), lambda _: 2.0),
        "events lost": (Application(of.ours, of.signal, events_come=False), lambda lasts: min(lasts / 2, 900.0)),
        "events off": (Application(of.ours, of.signal, signals=False), lambda lasts: min(max(5.0, lasts / 10), 300.0)),
    }
    found: dict[str, dict[str, float]] = {}
    for case, (application, limit) in cases.items():
        found[case] = {}
        for name, drain in drains.items():
            if not drain.has_work:
                continue
            usage = application.play(drain, None)
            if isinstance(usage, Failed):
                results.rows.append(Row(what=f"{case}, {name}", value=usage.why, wanted="completed", reached=False))
                continue
            found[case][name] = usage.late
            # SSM and EventBridge take a second each in the simulator.
            most = limit(drain.lasts) + 2.0
            results.rows.append(
                Row(
                    what=f"drained to completed, {case}, {name}",
                    value=f"{usage.late:.1f} s",
                    wanted=f"{most:.1f} s",
                    reached=usage.late <= most,
                )
            )
    results.figures["drained to completed"] = found


def start(results: Results, rounds: int) -> Functions:
    """Measure cold starts against a bare durable handler; return the functions for the model of billed time."""
    programs = {
        "ours": coldstart.OURS,
        "bare": coldstart.BARE,
        "wake": coldstart.WAKE_UP,
        "signal": coldstart.SIGNAL,
        "plain": coldstart.PLAIN,
    }
    cpu = coldstart.cpu_medians(programs, rounds)
    ratio = cpu["ours"] / cpu["bare"]
    results.rows.append(at_most("cold start, CPU against a bare durable handler", ratio, 1.15, "{:.2f}"))
    figures = {"ratio": ratio, **{f"CPU seconds, {name}": seconds for name, seconds in cpu.items()}}
    for memory in (256, 512, 1_024):
        function = Function(memory=memory, first_cpu=cpu["ours"], cold_cpu=cpu["wake"], warm_cpu=WARM_CPU)
        billed = function.gigabyte_seconds([(0.0, CALLS_OF_A_FIRST_INVOCATION)])
        figures[f"{memory} MB, GB-seconds of a cold invocation"] = billed
        told = f"{billed * 1024 / memory:.2f} s, {billed:.3f} GB-s"
        results.rows.append(Row(what=f"a cold invocation at {memory} MB (model)", value=told))
    results.figures["start"] = figures
    return functions(cpu)


def replays(results: Results) -> None:
    """Measure memory and time of a replay at the end of a short and of a long drain."""
    short = replay_time.measure(Drain(lasts=600.0, heartbeat_timeout=900))
    long = replay_time.measure(Drain(lasts=47.5 * HOUR, heartbeat_timeout=1_800))
    results.figures["replay"] = {"10 min": asdict(short), "48 h": asdict(long)}
    results.rows += [
        at_most("memory after 48 h, MB", long.megabytes, 130),
        at_most("replay after 48 h, CPU against 10 min", long.seconds / short.seconds, 1.5, "{:.2f}"),
    ]


def storms(results: Results, sizes: tuple[int, ...]) -> None:
    """Let storms loose."""
    found: dict[str, dict[str, float]] = {}
    for size in sizes:
        storm = Storm(instances=size)
        result = let_loose(storm)
        calls = sum(result.calls.values())
        found[str(size)] = {"calls": calls, "lost": result.lost, "early": result.early, "last": result.last}
        results.rows += [
            at_most(f"storm of {size}: lost or early", result.lost + result.early, 0, "{:.0f}"),
            at_most(f"storm of {size}: calls an instance", calls, 25),
            Row(what=f"storm of {size}: last completion", value=f"{result.last:.0f} s"),
        ]
        if size == UNTHROTTLED:
            needed = on_paper(ON_PAPER, result, storm)
            found[f"{ON_PAPER} on paper"] = needed
            results.rows += [
                Row(what=f"storm of {ON_PAPER}, on paper: {limit}", value=f"{seconds:.0f} s")
                for limit, seconds in needed.items()
            ]
    results.figures["storm"] = found


def package(results: Results) -> None:
    """Weigh the package that `sam build` has made, where it has."""
    size = measure_package()
    if size is None:
        results.rows.append(Row(what="package", value="not built: make build"))
        return
    results.figures["package"] = asdict(size)
    results.rows += [
        Row(what="package, zip", value=f"{size.zipped:.1f} MB"),
        at_most("package, unpacked, MB", size.unpacked, 45),
        Row(what="files imported by an ordinary drain", value=str(size.imported)),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table and write the results; return 1 when something that is promised is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description="Cost and speed, in one table.")
    parser.add_argument("--quick", action="store_true", help="short drains and small storms alone")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON file and the plots")
    chosen = parser.parse_args(arguments)
    drains = {name: drain for name, drain in DRAINS.items() if not chosen.quick or name in QUICK_DRAINS}
    results = Results(figures={"prices as of": AS_OF})
    with without_logging(), contextlib.redirect_stdout(io.StringIO()):
        of = start(results, 3 if chosen.quick else 10)
        prices_of_waiting(results, of, drains)
        lateness(results, of, drains)
        replays(results)
        storms(results, STORMS[:1] if chosen.quick else STORMS)
        package(results)
    chosen.results.mkdir(parents=True, exist_ok=True)
    (chosen.results / "results.json").write_text(json.dumps(results.figures, indent=1, default=str) + "\n")
    (chosen.results / "table.txt").write_text(results.table() + "\n")
    draw(results.figures, chosen.results)
    sys.stdout.write(results.table() + "\n")
    return 0 if all(row.reached for row in results.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
