"""What is wrong with the conditions of a step, beyond their values: those with which it would never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from asg_lifecycle.model.conditions import OF_TERMINATIONS, Condition, Conditions, StepConditions, as_tuple
from asg_lifecycle.model.plans import PlanTransition, WhenSurviving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asg_lifecycle.steps.base import Step

FIELDS = ("when", "unless")


def conditions_of(step: Mapping[str, Any]) -> StepConditions | None:
    """Return the conditions of a step, given as JSON values; None where they cannot be read."""
    try:
        read = {name: as_tuple(msgspec.convert(step.get(name), Conditions | None)) for name in FIELDS}
    except msgspec.ValidationError:
        return None
    return StepConditions(**read)


def condition_problems(step: Mapping[str, Any], kind: type[Step], *, first: bool) -> Iterator[tuple[str, str]]:
    """Yield the fields with conditions that are wrong, each with a sentence.

    Args:
        step: the step as JSON values.
        kind: its kind.
        first: whether no step can end before it.
    """
    conditions = conditions_of(step)
    if conditions is None:
        return
    when = set(conditions.when)
    named = ", ".join(conditions.when)
    if when and when <= set(conditions.unless):
        yield "unless", f"unless names all that when names ({named}), so it would never run"
    if when == {Condition.GONE} and kind.needs_instance_alive:
        yield "when", "its kind is skipped when the instance is gone, so with when: gone it would never run"
    keeps = step.get("when_instance_survives") != WhenSurviving.RUN.value
    if when == {Condition.SURVIVES} and kind.skip_if_instance_survives and keeps:
        yield "when", "its kind is skipped when the instance survives; add when_instance_survives: run"
    if when == {Condition.EARLIER_STEP_FAILED} and first:
        yield "when", "no step comes before it that could fail, so it would never run"


def is_about_terminations(step: Mapping[str, Any]) -> tuple[str, Condition] | None:
    """Return the field and the first condition of a step that is about terminate hooks alone, None for none."""
    conditions = conditions_of(step)
    if conditions is None:
        return None
    both = ((name, each) for name in FIELDS for each in getattr(conditions, name) if each in OF_TERMINATIONS)
    return next(both, None)


def launch_problem(condition: Condition) -> str:
    """Return what is wrong with such a condition in a plan for launch hooks."""
    terminate, launch = PlanTransition.TERMINATE, PlanTransition.LAUNCH
    return f"{condition} is a condition for {terminate} hooks, and the plan is for {launch} hooks"
