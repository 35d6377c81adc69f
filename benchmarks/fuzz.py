"""Random input through every door for a while, from a seed that is new each time.

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
from benchmarks.doors import BODIES, DOORS, Door, notification_queue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BATCH = 200
"""Examples between two looks at the clock."""

LARGEST_SEED = 2**32


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, report, and return the exit code: 1 when something does not hold.

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
    with without_logging(), notification_queue() as queue:
        fuzzed = {name: Fuzzed(door) for name, door in (DOORS | {"notification": Door(BODIES, queue.check)}).items()}
        sound = _run(fuzzed, parsed.seconds, first, parsed.failures)
    return 0 if sound else 1


class Fuzzed:
    """One door under random input.

    Attributes:
        examples: how many were tried.
        seconds: how long that took.
        last: the input tried last.
    """

    def __init__(self, door: Door) -> None:
        self._door = door
        self.examples = 0
        self.seconds = 0.0
        self.last: Any = None

    def run(self, from_seed: int) -> None:
        """Try a batch; whatever the door's check raises comes out, and `last` is then the smallest input that fails."""

        def attempt(value: Any) -> None:  # noqa: ANN401 - any input
            self.examples += 1
            self.last = value
            # The log of the doors is not what is judged.
            with contextlib.redirect_stdout(io.StringIO()):
                self._door.check(value)

        limits = settings(
            max_examples=BATCH,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        began = time.perf_counter()
        try:
            seed(from_seed)(limits(given(self._door.inputs)(attempt)))()
        finally:
            self.seconds += time.perf_counter() - began


def _run(fuzzed: Mapping[str, Fuzzed], seconds: float, first: int, failures: Path) -> bool:
    until = time.monotonic() + seconds
    broken: set[str] = set()
    for number in itertools.count(first):
        for name, each in fuzzed.items():
            if name in broken:
                continue
            try:
                each.run(number)
            except Exception as error:  # noqa: BLE001 - that a door raises anything at all is the finding
                broken.add(name)
                _keep(failures / f"{name}-{number}.json", name, number, each.last, error)
        if time.monotonic() >= until or len(broken) == len(fuzzed):
            break
    for name, each in fuzzed.items():
        verdict = "FAILED" if name in broken else "ok"
        sys.stdout.write(f"{name:14} {each.examples:8} examples {each.examples / each.seconds:8.0f}/s  {verdict}\n")
    return not broken


def _keep(path: Path, door: str, number: int, value: Any, error: Exception) -> None:  # noqa: ANN401 - any input
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = value.hex() if isinstance(value, bytes) else value
    finding = {"door": door, "seed": number, "error": f"{type(error).__name__}: {error}", "input": kept}
    path.write_text(json.dumps(finding, indent=1))
    sys.stdout.write(f"{door}: {finding['error']}\n  kept in {path}\n")


if __name__ == "__main__":
    sys.exit(main())
