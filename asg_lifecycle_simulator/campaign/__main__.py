"""`python -m asg_lifecycle_simulator.campaign --runs 1000 --seed 1`: run, check, report."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import median

from asg_lifecycle_simulator.campaign.checker import violations
from asg_lifecycle_simulator.campaign.generator import generate_scenario
from asg_lifecycle_simulator.campaign.report import RunReport, check_run
from asg_lifecycle_simulator.campaign.runner import run_scenario

SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign; return 1 when something was violated."""
    parser = argparse.ArgumentParser(prog="python -m asg_lifecycle_simulator.campaign", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=int, help="run this one only, and print what happened")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    if chosen.run is not None:
        return replay(chosen.seed, chosen.run)
    began = time.monotonic()
    faults: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    operations: list[int] = []
    broken: list[RunReport] = []
    with ProcessPoolExecutor(chosen.processes, mp_context=get_context("spawn")) as pool:
        for verdict in pool.map(partial(check_run, chosen.seed), range(chosen.runs), chunksize=8):
            faults.update(verdict.faults)
            ends.update(verdict.ends)
            operations += verdict.operations
            if verdict.found:
                broken.append(verdict)
                report(chosen.seed, verdict)
    seconds = time.monotonic() - began
    _say(f"{chosen.runs} runs, seed {chosen.seed}: {chosen.runs / seconds:.1f} runs/s, {len(broken)} with violations")
    _say("waits ended by: " + ", ".join(f"{how} {count}" for how, count in ends.most_common()))
    _say(f"metered operations of an execution: median {median(operations or [0]):.0f}, most {max(operations or [0])}")
    _say("faults met: " + ", ".join(f"{kind} {count}" for kind, count in sorted(faults.items())))
    return 1 if broken else 0


def report(seed: int, verdict: RunReport) -> None:
    """Print what one run violated, and how to run it again."""
    _say(f"run {verdict.run} (replay: python -m asg_lifecycle_simulator.campaign --seed {seed} --run {verdict.run})")
    for found in verdict.found[:SHOWN]:
        _say(f"  {found}")


def replay(seed: int, run: int) -> int:
    """Run one scenario and print the region's log and the records."""
    scenario = generate_scenario(seed, run)
    _say(str(scenario))
    history = run_scenario(scenario)
    for entry in history.log:
        about = f"{entry.hook} {entry.instance} {entry.token[:8]}".strip()
        _say(f"{entry.time - history.started_at:10.1f}  {entry.kind:20}  {about}  {entry.detail}")
    for record in history.records:
        _say(f"{record.instance} {record.hook}: {record.status} {record.result or ''} {record.reason or record.detail}")
    for execution in history.executions:
        _say(f"{execution.name[:8]} {execution.status} {execution.result} {execution.error or ''}")
    verdict = RunReport(run=run, found=violations(history), faults=history.faults)
    report(seed, verdict)
    return 1 if verdict.found else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
