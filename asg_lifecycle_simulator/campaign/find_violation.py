"""`python -m asg_lifecycle_simulator.campaign.find_violation SEED RUNS`: run until something is violated."""

from __future__ import annotations

import sys

from asg_lifecycle_simulator.campaign.report import check_run


def main(seed: int, runs: int) -> int:
    """Return 1 and print the first run that violates something; return 0 when none does."""
    for run in range(runs):
        verdict = check_run(seed, run)
        if verdict.found:
            letters = sorted({found[:3] for found in verdict.found})
            sys.stdout.write(f"run {run}, {' '.join(letters)}: {verdict.found[0]}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
