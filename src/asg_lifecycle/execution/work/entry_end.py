"""What the end of an entry means for the plan: which failure decides, and how the work is summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.execution.work.entry_runner import SIDE_BY_SIDE
from asg_lifecycle.model.plans import OnFailure
from asg_lifecycle.model.progress import Failed

if TYPE_CHECKING:
    from asg_lifecycle.execution.work.entry_checkpoint import EntryCheckpoint
    from asg_lifecycle.execution.work.step_runner import StepRunner
    from asg_lifecycle.model.plans import PlannedStep
    from asg_lifecycle.model.step_memory import StepOutcome

SEVERITY = (OnFailure.HOLD, OnFailure.ABANDON, OnFailure.CONTINUE)
"""When several steps side by side fail, the first of these decides."""


def failure_of(
    entry: PlannedStep, number: int, runners: tuple[StepRunner, ...], state: EntryCheckpoint
) -> tuple[OnFailure | None, str]:
    """Return what the plan says about the failure of an entry, and the reason; None when it did not fail.

    Args:
        entry: the entry.
        number: its place in the plan, from 1.
        runners: of its steps.
        state: how they ended.
    """
    failed = [
        (runner, step.progress.reason)
        for runner, step in zip(runners, state.steps, strict=True)
        if isinstance(step.progress, Failed)
    ]
    if not failed:
        return None, ""
    on_failure = min((runner.resolved.on_failure for runner, _ in failed), key=SEVERITY.index)
    told = "; ".join(f"{runner.kind}: {reason}" if entry.parallel else reason for runner, reason in failed)
    return on_failure, f"step {number} ({entry.kind or SIDE_BY_SIDE}) failed: {told}"


def summary_of(outcomes: tuple[StepOutcome, ...]) -> str:
    """Return how the steps of a plan ended, as a sentence: `2 done, 1 skipped of 3 steps`."""
    if not outcomes:
        return "the plan has no steps"
    counts = {how: sum(outcome.outcome == how for outcome in outcomes) for how in ("done", "skipped", "failed")}
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count) + f" of {len(outcomes)} steps"
