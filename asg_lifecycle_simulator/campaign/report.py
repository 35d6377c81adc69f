"""Runs one scenario of a campaign and checks it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from asg_lifecycle_simulator.campaign.checker import violations
from asg_lifecycle_simulator.campaign.generator import generate_scenario
from asg_lifecycle_simulator.campaign.runner import run_scenario
from asg_lifecycle_simulator.campaign.waits import waits


@dataclass(kw_only=True)
class RunReport:
    """What one run came to.

    Attributes:
        run: its number.
        found: the violations.
        faults: faults met, by kind.
        ends: how the waits of ours ended.
        operations: metered of each execution.
    """

    run: int
    found: list[str]
    faults: dict[str, int]
    ends: Counter[str] = field(default_factory=Counter)
    operations: list[int] = field(default_factory=list)


def check_run(seed: int, run: int) -> RunReport:
    """Run and check one scenario. A testbed that breaks is a finding, too, and does not end the campaign."""
    try:
        history = run_scenario(generate_scenario(seed, run))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported with the run that shows it
        return RunReport(run=run, found=[f"(testbed) {type(error).__name__}: {error}"], faults={})
    ends = Counter(f"{wait.result} {wait.by}".strip() or "still waits" for wait in waits(history))
    operations = [execution.metered_operations for execution in history.executions]
    return RunReport(run=run, found=violations(history), faults=history.faults, ends=ends, operations=operations)
