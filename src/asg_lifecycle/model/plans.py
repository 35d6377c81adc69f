"""Plans: the ordered steps of an action and what to do when one fails or time runs out."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from asg_lifecycle.model.actions import ActionResult


class OnFailure(StrEnum):
    """What happens when a step fails."""

    CONTINUE = "continue"
    """Go on with the next step; the action can still end with CONTINUE."""
    ABANDON = "abandon"
    """Complete the action with ABANDON."""
    HOLD = "hold"
    """Keep the instance waiting until an operator or the deadline decides."""


class OnTimeout(StrEnum):
    """What the action is completed with when the deadline comes before the work is done."""

    CONTINUE = "continue"
    ABANDON = "abandon"


class PlannedStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a plan: the kind from the catalog and its options, still as JSON."""

    kind: str
    options: dict[str, Any] = field(default_factory=dict)


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An ordered list of steps.

    Attributes:
        steps: what to do, in this order.
        on_failure: when a step fails. The default holds: nothing is released because something went wrong.
        on_timeout: when the deadline comes first. The default abandons, because the work was not done; on a
            terminate hook that ends the instance too, unless the group retains abandoned instances (R9, R10).
        drains_per_group: how many instances of the group do this work at once; the others wait for their turn, with
            heartbeats. None for what the deployment says.
    """

    steps: tuple[PlannedStep, ...] = ()
    on_failure: OnFailure = OnFailure.HOLD
    on_timeout: OnTimeout = OnTimeout.ABANDON
    drains_per_group: int | None = None


class PlanDecision(Struct, frozen=True, kw_only=True):
    """Which plan an action follows, and why.

    Attributes:
        source: `hook metadata` or `built-in`.
        why: a sentence an operator understands.
        plan: the plan, None when the one that was chosen cannot be used: the action is then held.
        problems: everything that is wrong with it, each with the valid names; empty when it can be used.
    """

    source: str
    why: str
    plan: Plan | None = None
    problems: tuple[str, ...] = ()


def timeout_result(plan: Plan | None) -> ActionResult:
    """Return what an action is completed with at its deadline; without a usable plan that is ABANDON."""
    if plan is not None and plan.on_timeout is OnTimeout.CONTINUE:
        return ActionResult.CONTINUE
    return ActionResult.ABANDON
