"""The dashboard of the template with the metrics and log lines of a simulated fleet, drawn as one picture.

python -m benchmarks.dashboard --hours 12 --write docs/images/dashboard.png
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.dashboard.body import dashboard
from benchmarks.dashboard.fleet import play
from benchmarks.dashboard.picture import draw


def main(arguments: list[str] | None = None) -> int:
    """Draw the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, default=Path("docs/images/dashboard.png"))
    chosen = parser.parse_args(arguments)
    day = play(hours=chosen.hours, seed=chosen.seed)
    draw(dashboard(), day, chosen.write)
    sys.stdout.write(f"{chosen.write}: {len(day.log)} lines of {chosen.hours:g} virtual hours\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
