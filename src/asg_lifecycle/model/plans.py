"""Plans: the ordered steps of an action and what to do when one fails or time runs out."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.durations import Duration

if TYPE_CHECKING:
    from collections.abc import Iterator


class OnFailure(StrEnum):
    """What happens when a step fails."""

    CONTINUE = "continue"
    """Go on with the next step; the action can still end with CONTINUE."""
    ABANDON = "abandon"
    """Complete the action with ABANDON."""
    HOLD = "hold"
    """Keep the instance waiting until an operator or the deadline decides."""


class OnTimeout(StrEnum):
    """What happens when time runs out before the work is done."""

    CONTINUE = "continue"
    """Complete the action with CONTINUE."""
    ABANDON = "abandon"
    """Complete the action with ABANDON."""
    HOLD = "hold"
    """Stop the work and keep the instance waiting for an operator. At the hook's own global timeout nothing can be held
    any longer (R4): then ABANDON, which keeps the instance where the group retains abandoned ones (R10)."""


class Result(StrEnum):
    """What the action is completed with when the work is done."""

    CONTINUE = "continue"
    ABANDON = "abandon"


class WhenSurviving(StrEnum):
    """What a step does when the instance survives: into a warm pool (R22), or with a new root volume (R23)."""

    RUN = "run"
    SKIP = "skip"


class PlannedStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step of a plan, or several that run side by side.

    Attributes:
        kind: the kind from the catalog; empty for steps side by side.
        options: of the kind, still as JSON.
        parallel: steps that run side by side, in place of a kind. They all end before the plan goes on.
        timeout: how long the step may take before it fails; None for as long as the plan may.
        on_failure: when the step fails; None for what the plan says.
        when_instance_survives: whether it runs when the instance survives; None for what suits the kind.
    """

    kind: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    parallel: tuple[PlannedStep, ...] = ()
    timeout: Duration | None = None
    on_failure: OnFailure | None = None
    when_instance_survives: WhenSurviving | None = None


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An ordered list of steps.

    Attributes:
        steps: what to do, in this order.
        timeout: how long the work may take before `on_timeout` decides; None for as long as the hook's timers allow.
        on_failure: when a step fails. The default holds: nothing is released because something went wrong.
        on_timeout: when time runs out first. The default abandons, because the work was not done; on a
            terminate hook that ends the instance too, unless the group retains abandoned instances (R9, R10).
        result: what the action is completed with when the work is done.
        dry_run: resolve everything and say what each step would do; change nothing, and complete the action.
        drains_per_group: how many instances of the group do this work at once; the others wait for their turn, with
            heartbeats. None for what the deployment says.
        description: for people.
    """

    steps: tuple[PlannedStep, ...] = ()
    timeout: Duration | None = None
    on_failure: OnFailure = OnFailure.HOLD
    on_timeout: OnTimeout = OnTimeout.ABANDON
    result: Result = Result.CONTINUE
    dry_run: bool = False
    drains_per_group: int | None = None
    description: str = ""

    def leaves(self) -> Iterator[PlannedStep]:
        """Yield every step that has a kind, in order."""
        for step in self.steps:
            yield from step.parallel or (step,)

    def position(self, index: int) -> int:
        """Return how many steps with a kind come before the entry at `index`: its position for ever."""
        return sum(len(step.parallel) or 1 for step in self.steps[:index])


class PlanDecision(Struct, frozen=True, kw_only=True):
    """Which plan an action follows, and why.

    Attributes:
        source: `hook metadata`, `group tag`, `group name`, `default` or `built-in`.
        why: a sentence an operator understands.
        plan: the plan, None when the one that was chosen cannot be used: the action is then held.
        problems: everything that is wrong with it, each with the valid names; empty when it can be used.
        name: of the plan in the plan store, None for one that is not from there.
    """

    source: str
    why: str
    plan: Plan | None = None
    problems: tuple[str, ...] = ()
    name: str | None = None


def timeout_result(plan: Plan | None) -> ActionResult:
    """Return what an action is completed with at its deadline; without a usable plan that is ABANDON."""
    if plan is not None and plan.on_timeout is OnTimeout.CONTINUE:
        return ActionResult.CONTINUE
    return ActionResult.ABANDON


def holds_when_late(plan: Plan | None) -> bool:
    """Return whether an instance is held when the plan's own time is over."""
    return plan is not None and plan.on_timeout is OnTimeout.HOLD


def success_result(plan: Plan | None) -> ActionResult:
    """Return what an action is completed with when its work is done."""
    return ActionResult.ABANDON if plan is not None and plan.result is Result.ABANDON else ActionResult.CONTINUE
