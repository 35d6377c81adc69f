"""A plan as somebody wrote it becomes a decision: it can be used, or everything that is wrong with it is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from asg_lifecycle.model.plans import PlanDecision
from asg_lifecycle.plans.validation import PLAN_FIELDS, find_problems, kind_of, parse
from asg_lifecycle.plans.value_problems import listed

if TYPE_CHECKING:
    from asg_lifecycle.model.plans import PlanTransition

OBSERVE_KEY = "observe"


def decide_text(
    text: str, transition: PlanTransition, *, source: str, why: str, name: str | None = None
) -> PlanDecision:
    """Return the decision for a plan given as the text of a JSON document, for hooks of `transition`."""
    try:
        plan = json.loads(text)
    except (ValueError, RecursionError) as error:
        return PlanDecision(source=source, why=why, name=name, problems=(f"the plan is not JSON: {error}",))
    return decide_value(plan, transition, source=source, why=why, name=name)


def decide_value(
    plan: object, transition: PlanTransition, *, source: str, why: str, name: str | None = None
) -> PlanDecision:
    """Return the decision for a plan given as JSON values, for hooks of `transition`."""
    if not isinstance(plan, dict):
        problem = f"the plan is {kind_of(plan)}; expected an object with {listed(PLAN_FIELDS)}"
        return PlanDecision(source=source, why=why, name=name, problems=(problem,))
    # Whoever writes the field in any way wants nothing to be touched, above all by a plan with mistakes.
    observe = plan.get(OBSERVE_KEY, False) is not False
    problems = tuple(map(str, find_problems(plan, transition)))
    if problems:
        return PlanDecision(source=source, why=why, name=name, problems=problems, observe=observe)
    return PlanDecision(source=source, why=why, name=name, plan=parse(plan), observe=observe)
