"""A drain to watch: `python -m asg_lifecycle_simulator.demo`, or `make demo`.

One of two instances of a simulated group is terminated while it is registered with a target group. The real handler
runs through the durable local runner; time runs ninety times as fast as real time: ten minutes take ten seconds, with
what begins and ends them. Exit 0 only if the simulator's own log says that the instance was drained first, then
completed with CONTINUE, inside every timeout.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGINS = "Making a simulated Region with a group of two instances, one of which is about to be terminated …"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m asg_lifecycle_simulator.demo", description=__doc__)
    parser.add_argument("--scale", type=float, default=90.0, help="how much faster than real time (default 90)")
    parser.add_argument("--delay", type=int, default=600, help="deregistration delay in seconds (default 600)")
    parser.add_argument("--logs", action="store_true", help="print the application's own log at the end")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="write the story of the drain as a page, as asg-lifecycle show --html"
    )
    options = parser.parse_args(arguments)
    console = Console(file=sys.stdout)
    log = io.StringIO()
    complaints = _play(console, options, log)
    if options.logs:
        console.print(log.getvalue(), markup=False, highlight=False, soft_wrap=True)
    for complaint in complaints:
        console.print(f"✗ {complaint}", style="bold red")
    if complaints:
        return 1
    console.print("✓ drained first, then completed with CONTINUE, inside every timeout", style="bold green")
    return 0


def _play(console: Console, options: argparse.Namespace, log: io.StringIO) -> list[str]:
    """Play the drain; the application writes to `log`. Something is seen at once, before what takes seconds."""
    waiting = console.status(BEGINS) if console.is_terminal else None
    if waiting is None:
        console.print(BEGINS, highlight=False, soft_wrap=True)
        console.file.flush()
    else:
        waiting.start()
    try:
        with contextlib.redirect_stdout(log):
            from asg_lifecycle_simulator.demo.play import play  # noqa: PLC0415 - takes seconds, see above

            begin = waiting.stop if waiting is not None else lambda: None
            return play(console, options.scale, options.delay, begin, options.page)
    finally:
        if waiting is not None:
            waiting.stop()
