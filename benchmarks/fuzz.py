"""Fuzzes everything that reads input from outside for a while, from a seed that is new each time.

python -m benchmarks.fuzz [--seconds 60] [--seed N] [--failures fuzz-failures]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from asg_lifecycle_simulator.region.silence import without_logging
from benchmarks.command_lines import operators_region
from benchmarks.fuzz_queue import notification_queue
from benchmarks.fuzz_targets import BODIES, FUZZ_TARGETS, FuzzTarget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMAND_LINES = 20
"""Command lines after which the time is checked: each takes a hundred times as long as other input."""

SHARE_OF_COMMAND_LINES = 0.5
"""Of the time."""

LARGEST_SEED = 2**32


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, report, and return the exit code: 1 when a check failed.

    Args:
        arguments: the command line, that of the process when None.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default %(default)s)")
    parser.add_argument("--seed", type=int, help="of the run to repeat; a new one when not given")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), help="where failing input is kept")
    parsed = parser.parse_args(arguments)
    first = random.SystemRandom().randrange(LARGEST_SEED) if parsed.seed is None else parsed.seed
    sys.stdout.write(f"seed {first}\n")
    with without_logging():
        with notification_queue() as queue:
            targets = FUZZ_TARGETS | {"notification": FuzzTarget(BODIES, queue.check)}
            passed = _run(targets, parsed.seconds * (1 - SHARE_OF_COMMAND_LINES), first, parsed.failures)
        # A region of their own, once the other one is closed.
        with operators_region() as region:
            lines = {"command line": FuzzTarget(region.lines, region.check, batch=COMMAND_LINES)}
            passed = _run(lines, parsed.seconds * SHARE_OF_COMMAND_LINES, first, parsed.failures) and passed
    return 0 if passed else 1


class FuzzRun:
    """One target under random input.

    Attributes:
        examples: how many were tried.
        seconds: how long that took.
        last: the input tried last.
    """

    def __init__(self, target: FuzzTarget) -> None:
        self._target = target
        self.examples = 0
        self.seconds = 0.0
        self.last: Any = None

    def run(self, from_seed: int) -> None:
        """Try a batch; raise what the target's check raises, and `last` is then the smallest input that fails."""

        def attempt(value: Any) -> None:  # noqa: ANN401 - any input
            self.examples += 1
            self.last = value
            # What the target logs is not checked.
            with contextlib.redirect_stdout(io.StringIO()):
                self._target.check(value)

        limits = settings(
            max_examples=self._target.batch,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        began = time.perf_counter()
        try:
            seed(from_seed)(limits(given(self._target.inputs)(attempt)))()
        finally:
            self.seconds += time.perf_counter() - began


def _run(targets: Mapping[str, FuzzTarget], seconds: float, first: int, failures: Path) -> bool:
    runs = {name: FuzzRun(target) for name, target in targets.items()}
    until = time.monotonic() + seconds
    broken: set[str] = set()
    for number in itertools.count(first):
        for name, each in runs.items():
            if name in broken:
                continue
            try:
                each.run(number)
            except Exception as error:  # noqa: BLE001 - that a check raises anything at all is the finding
                broken.add(name)
                _keep(failures / f"{name}-{number}.json", name, number, each.last, error)
        if time.monotonic() >= until or len(broken) == len(runs):
            break
    for name, each in runs.items():
        verdict = "FAILED" if name in broken else "ok"
        sys.stdout.write(f"{name:14} {each.examples:8} examples {each.examples / each.seconds:8.0f}/s  {verdict}\n")
    return not broken


def _keep(path: Path, target: str, number: int, value: Any, error: Exception) -> None:  # noqa: ANN401 - any input
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = value.hex() if isinstance(value, bytes) else value
    finding = {"target": target, "seed": number, "error": f"{type(error).__name__}: {error}", "input": kept}
    path.write_text(json.dumps(finding, indent=1))
    sys.stdout.write(f"{target}: {finding['error']}\n  kept in {path}\n")


if __name__ == "__main__":
    sys.exit(main())
