"""Plays one run and judges it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from asg_lifecycle_simulator.campaign.invariants import violations, waits
from asg_lifecycle_simulator.campaign.runner import play
from asg_lifecycle_simulator.campaign.scenario import draw


@dataclass(kw_only=True)
class Verdict:
    """What one run came to.

    Attributes:
        run: its number.
        found: the violations.
        faults: faults met, by kind.
        ends: how the waits of ours ended.
    """

    run: int
    found: list[str]
    faults: dict[str, int]
    ends: Counter[str] = field(default_factory=Counter)


def judge(seed: int, run: int) -> Verdict:
    """Play and judge one run. A stage that breaks is a finding, too, and does not end the campaign."""
    try:
        played = play(draw(seed, run))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported with the run that shows it
        return Verdict(run=run, found=[f"(stage) {type(error).__name__}: {error}"], faults={})
    ends = Counter(f"{wait.result} {wait.by}".strip() or "still waits" for wait in waits(played))
    return Verdict(run=run, found=violations(played), faults=played.faults, ends=ends)
