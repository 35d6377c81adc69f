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
from asg_lifecycle_simulator.replay.scenarios import PLAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

HISTORIES = Path(__file__).parents[2] / "tests" / "execution" / "histories"


def main(arguments: Sequence[str] | None = None) -> int:
    """Record the plays named, or all that have no history yet under this version; return the exit code.

    Args:
        arguments: the command line, that of the process when None.
    """
    parser = argparse.ArgumentParser(prog="python -m asg_lifecycle_simulator.replay", description=__doc__)
    parser.add_argument("plays", nargs="*", metavar="PLAY", help=f"one of {', '.join(PLAYS)}; all when none is given")
    parser.add_argument(
        "--version", default=_present_version(), help="of the folder that keeps them (default %(default)s)"
    )
    parsed = parser.parse_args(arguments)
    if unknown := [play for play in parsed.plays if play not in PLAYS]:
        parser.error(f"no such play: {', '.join(unknown)}; there are {', '.join(PLAYS)}")
    folder = HISTORIES / parsed.version
    folder.mkdir(parents=True, exist_ok=True)
    for play in parsed.plays or PLAYS:
        path = folder / f"{play}.json"
        if path.exists():
            # Executions of that version may still run somewhere: their history is not ours to change.
            sys.stdout.write(f"kept      {path.name}: it is recorded already\n")
            continue
        path.write_text(_text(play))
        sys.stdout.write(f"recorded  {path.name}, {path.stat().st_size} bytes\n")
    return 0


def _text(play: str) -> str:
    # The application's log is not what is recorded.
    with without_logging(), Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        return written(record(play))


def _present_version() -> str:
    major, minor, *_ = version("asg-lifecycle").split(".")
    return f"{major}.{minor}"


if __name__ == "__main__":
    sys.exit(main())
