"""One step of one action's plan, with what the plan says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.model.conditions import StepConditions
from asg_lifecycle.model.plans import IfMissing

if TYPE_CHECKING:
    from asg_lifecycle.model.plans import OnFailure
    from asg_lifecycle.model.replies import Reply
    from asg_lifecycle.steps.base import Step

UNCONDITIONAL = StepConditions()
"""The conditions of a step that has none."""


@dataclass(frozen=True, kw_only=True)
class ResolvedStep:
    """One step of one action's plan, with everything the plan says about it.

    Attributes:
        step: the step.
        position: how many steps with a kind come before it in the plan.
        on_failure: what happens when it fails.
        if_missing: what it means that something that the plan names for it does not exist.
        timeout: seconds it may take, None for as long as the plan may.
        dry_run: it may change nothing.
        callback: id of the callback that it hands out, None when it has none.
        reply: what came back through it.
        conditions: when it runs.
    """

    step: Step
    position: int
    on_failure: OnFailure
    if_missing: IfMissing = IfMissing.FAIL
    timeout: float | None = None
    dry_run: bool = False
    callback: str | None = None
    reply: Reply | None = None
    conditions: StepConditions = UNCONDITIONAL
