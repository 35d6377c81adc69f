"""Plans: the ordered steps of an action and what to do when one fails or time runs out."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, field

from asg_lifecycle.model.actions import ActionResult, Transition
from asg_lifecycle.model.bounds import EXPECTED
from asg_lifecycle.model.conditions import Condition, Conditions, StepConditions, as_tuple
from asg_lifecycle.model.durations import PositiveDuration

if TYPE_CHECKING:
    from collections.abc import Iterator


MOST_DRAINS = 1000
"""The largest limit on drains of one group at once. Without a limit nothing is counted."""

DRAINS_EXPECTED = f"a whole number from 1 to {MOST_DRAINS}, or nothing"


class PlanTransition(StrEnum):
    """Which hooks a plan is for. One plan is never for both: what one way needs harms on the other."""

    LAUNCH = "launch"
    """Hooks for instances that launch."""
    TERMINATE = "terminate"
    """Hooks for instances that terminate."""

    @property
    def other(self) -> PlanTransition:
        """The other of the two."""
        return PlanTransition.LAUNCH if self is PlanTransition.TERMINATE else PlanTransition.TERMINATE


def plan_transition(transition: Transition) -> PlanTransition:
    """Return which plans answer an action of `transition`."""
    return PlanTransition.LAUNCH if transition is Transition.LAUNCHING else PlanTransition.TERMINATE


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
    any longer (R4): then ABANDON, with which the group can retain the instance (R10)."""


class Result(StrEnum):
    """What the action is completed with when the work is done."""

    CONTINUE = "continue"
    ABANDON = "abandon"


class WhenSurviving(StrEnum):
    """What a step does when the instance survives: into a warm pool (R22), or with a new root volume (R23)."""

    RUN = "run"
    SKIP = "skip"


class IfMissing(StrEnum):
    """What a step is when something that the plan names for it does not exist."""

    FAIL = "fail"
    """It fails, and `on_failure` decides."""
    DONE = "done"
    """It is done with that."""


class PlannedStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step of a plan, or several that run side by side."""

    kind: Annotated[str, Meta(description="The kind from the catalog; empty for steps side by side.")] = ""
    options: Annotated[dict[str, Any], Meta(description="The options of the kind.")] = field(default_factory=dict)
    parallel: Annotated[
        tuple[PlannedStep, ...],
        Meta(
            description="Steps that run side by side, in place of a kind. They all end before the plan goes on.",
        ),
    ] = ()
    timeout: Annotated[
        PositiveDuration | None,
        Meta(description="How long the step may take before it fails. The default is the plan's time."),
    ] = None
    on_failure: Annotated[
        OnFailure | None, Meta(description="What happens when the step fails. The default is the plan's `on_failure`.")
    ] = None
    if_missing: Annotated[
        IfMissing | None,
        Meta(
            description="What it means when something that is named in the options does not exist: the step fails, "
            "which is the default, or it is done."
        ),
    ] = None
    when: Annotated[
        Conditions | None,
        Meta(description="It runs only when this holds, one or any of several. What cannot be found out lets it run."),
    ] = None
    unless: Annotated[
        Conditions | None,
        Meta(
            description="It does not run when this holds, one or any of several. What cannot be found out lets it run."
        ),
    ] = None
    when_instance_survives: Annotated[
        WhenSurviving | None,
        Meta(description="Whether it runs when the instance survives. The default depends on the kind."),
    ] = None

    @property
    def conditions(self) -> StepConditions:
        """When it runs."""
        return StepConditions(when=as_tuple(self.when), unless=as_tuple(self.unless))


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An ordered list of steps."""

    steps: Annotated[tuple[PlannedStep, ...], Meta(description="What to do, in this order.")] = ()
    transition: Annotated[
        PlanTransition | None,
        Meta(
            description="Which hooks the plan is for. Needed where no step is for one of the two alone; a plan that a "
            "hook carries is for that hook."
        ),
    ] = None
    timeout: Annotated[
        PositiveDuration | None,
        Meta(
            description="How long the work may take before `on_timeout` decides. The default is as long as "
            "the hook's timers allow."
        ),
    ] = None
    on_failure: Annotated[
        OnFailure,
        Meta(
            description="What happens when a step fails. The default is `hold`: nothing is released because "
            "something went wrong."
        ),
    ] = OnFailure.HOLD
    on_timeout: Annotated[
        OnTimeout,
        Meta(
            description="What happens when time runs out first. The default is `abandon`, because the work "
            "was not done; on a terminate hook that ends the instance too, unless the group "
            "retains abandoned instances (R9, R10)."
        ),
    ] = OnTimeout.ABANDON
    result: Annotated[Result, Meta(description="What the action is completed with when the work is done.")] = (
        Result.CONTINUE
    )
    dry_run: Annotated[
        bool,
        Meta(
            description="Resolve everything and say what each step would do; change nothing, and complete the action: "
            "the instance is released without the work."
        ),
    ] = False
    observe: Annotated[
        bool,
        Meta(
            description="Say in the record what each step would do, and leave the action to whatever answers the hook "
            "today: change nothing, neither keep the action alive nor complete it."
        ),
    ] = False
    drains_per_group: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_DRAINS, extra={EXPECTED: DRAINS_EXPECTED})] | None,
        Meta(
            description="How many instances of the group do this work at once; the others wait for a "
            "drain slot, with heartbeats. The default is the deployment's limit."
        ),
    ] = None
    description: Annotated[str, Meta(description="For people.")] = ""

    @property
    def conditions(self) -> frozenset[Condition]:
        """All conditions of its steps."""
        return frozenset(condition for step in self.leaves() for condition in step.conditions.all)

    def leaves(self) -> Iterator[PlannedStep]:
        """Yield every step that has a kind, in order."""
        for step in self.steps:
            yield from step.parallel or (step,)

    def position(self, index: int) -> int:
        """Return how many steps with a kind come before the entry at `index`: its permanent position."""
        return sum(len(step.parallel) or 1 for step in self.steps[:index])


class PlanDecision(Struct, frozen=True, kw_only=True):
    """Which plan an action follows, and why.

    Attributes:
        source: `hook metadata`, `group tag`, `group name`, `default` or `built-in`.
        why: a sentence an operator understands.
        plan: the plan, None when the one that was chosen cannot be used: the action is then held.
        problems: everything that is wrong with it, each with the valid names; empty when it can be used.
        name: the plan's name in the plan store, None for a plan from elsewhere.
        observe: the plan says that the action is only observed, even if it cannot be used.
    """

    source: str
    why: str
    plan: Plan | None = None
    problems: tuple[str, ...] = ()
    name: str | None = None
    observe: bool = False


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
