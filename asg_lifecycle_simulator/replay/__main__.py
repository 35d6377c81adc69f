"""`python -m asg_lifecycle_simulator.replay`: record histories of executions on the present code."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.silence import without_logging
from asg_lifecycle_simulator.replay.history import written
from asg_lifecycle_simulator.replay.recorder import record
from asg_lifecycle_simulator.replay.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

HISTORIES = Path(__file__).parents[2] / "tests" / "execution" / "histories"


def main(arguments: Sequence[str] | None = None) -> int:
    """Record the scenarios named, or all that have no history yet under this version; return the exit code.

    Args:
        arguments: the command line, that of the process when None.
    """
    parser = argparse.ArgumentParser(prog="python -m asg_lifecycle_simulator.replay", description=__doc__)
    parser.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"one of {', '.join(SCENARIOS)}; all when none is given"
    )
    parser.add_argument(
        "--version", default=_present_version(), help="of the folder that keeps them (default %(default)s)"
    )
    parsed = parser.parse_args(arguments)
    if unknown := [scenario for scenario in parsed.scenarios if scenario not in SCENARIOS]:
        parser.error(f"no such scenario: {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    folder = HISTORIES / parsed.version
    folder.mkdir(parents=True, exist_ok=True)
    for scenario in parsed.scenarios or SCENARIOS:
        path = folder / f"{scenario}.json"
        if path.exists():
            # Executions of that version may still run somewhere: their history is not ours to change.
            sys.stdout.write(f"kept      {path.name}: it is recorded already\n")
            continue
        path.write_text(_text(scenario))
        sys.stdout.write(f"recorded  {path.name}, {path.stat().st_size} bytes\n")
    return 0


def _text(scenario: str) -> str:
    # The application's log is not what is recorded.
    with without_logging(), Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        return written(record(scenario))


def _present_version() -> str:
    major, minor, *_ = version("asg-lifecycle").split(".")
    return f"{major}.{minor}"


if __name__ == "__main__":
    sys.exit(main())
