"""Which plan an action follows: parse what the hook says, or fall back to the built-in plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.plans import OnFailure, OnTimeout, Plan, PlanDecision, PlannedStep
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from msgspec import Struct

    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.steps.protocol import Step
    from asg_lifecycle.steps.services import Services

BUILT_IN = {
    Transition.TERMINATING: Plan(steps=(PlannedStep(kind="deregister-targets"),)),
    Transition.LAUNCHING: Plan(),
}
"""What is done for a hook that says nothing: verify on the way out, let in on the way in."""

PLAN_KEY = "plan"
PLAN_FIELDS = {"steps": None, "on_failure": OnFailure, "on_timeout": OnTimeout, "drains_per_group": None}
MOST_DRAINS = 1000
"""The largest limit on drains of one group at once; without a limit there is no counting."""

STEP_FIELDS = frozenset({"kind", "options"})


def plan_for(action: LifecycleAction) -> PlanDecision:
    """Return the plan of `action`: inline in the hook's `NotificationMetadata`, else the built-in one.

    Metadata that is no JSON object, or one without `plan`, belongs to somebody else and is left alone. Whatever stands
    under `plan` was meant for us: when it cannot be used its problems are told, and no other plan takes its place.
    """
    inline = _inline(action.metadata)
    if inline is None:
        plan = BUILT_IN[action.transition]
        return PlanDecision(source="built-in", why=f"hook {action.hook} names no plan of its own", plan=plan)
    why = f"the NotificationMetadata of hook {action.hook} carries it"
    if isinstance(inline, str):
        return PlanDecision(source="hook metadata", why=why, problems=(inline,))
    problems = find_problems(inline)
    if problems:
        return PlanDecision(source="hook metadata", why=why, problems=problems)
    return PlanDecision(source="hook metadata", why=why, plan=msgspec.convert(inline, Plan))


def find_problems(plan: dict[str, Any]) -> tuple[str, ...]:
    """Return everything that is wrong with a plan given as JSON, each with what would be right."""
    problems = [
        f"unknown field {name!r} in the plan; valid: {_listed(PLAN_FIELDS)}" for name in plan if name not in PLAN_FIELDS
    ]
    for name, values in PLAN_FIELDS.items():
        if values is not None and name in plan and plan[name] not in tuple(values):
            problems.append(f"{name} is {plan[name]!r}; valid: {_listed(values)}")
    at_once = plan.get("drains_per_group")
    if at_once is not None and (type(at_once) is not int or not 1 <= at_once <= MOST_DRAINS):
        problems.append(f"drains_per_group is {at_once!r}; expected a whole number from 1 to {MOST_DRAINS}, or nothing")
    steps = plan.get("steps", [])
    if not isinstance(steps, list):
        return (*problems, f"steps is {_kind_of(steps)}; expected a list")
    for number, step in enumerate(steps, start=1):
        problems += [f"step {number}: {problem}" for problem in _step_problems(step)]
    return tuple(problems)


def build(planned: PlannedStep, services: Services) -> Step:
    """Return the step that a plan without problems names.

    Raises:
        KeyError: there is no such kind.
        msgspec.ValidationError: its options are wrong.
    """
    step = KINDS[planned.kind]
    return step.create(msgspec.convert(planned.options, step.options), services)


def _step_problems(step: object) -> list[str]:
    if not isinstance(step, dict):
        return [f"is {_kind_of(step)}; expected an object with {_listed(STEP_FIELDS)}"]
    problems = [f"unknown field {name!r}; valid: {_listed(STEP_FIELDS)}" for name in step if name not in STEP_FIELDS]
    kind = step.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return [*problems, f"unknown kind {kind!r}; valid: {_listed(KINDS)}"]
    options = step.get("options", {})
    if not isinstance(options, dict):
        return [*problems, f"{kind}: options is {_kind_of(options)}; expected an object"]
    return problems + [f"{kind}: {problem}" for problem in _option_problems(options, KINDS[kind].options)]


def _option_problems(options: dict[str, Any], struct: type[Struct]) -> list[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    problems = [f"unknown option {name!r}; valid: {_listed(fields)}" for name in options if name not in fields]
    problems += [
        f"option {name!r} is missing" for name, field in fields.items() if field.required and name not in options
    ]
    for name, field in fields.items():
        if name in options:
            try:
                # Written as the checkpoint will be: JSON can escape half a surrogate pair, which nothing can carry.
                msgspec.json.encode(msgspec.convert(options[name], field.type))
            except msgspec.ValidationError as error:
                problems.append(f"option {name!r}: {error}")
            except UnicodeEncodeError:
                problems.append(f"option {name!r}: broken Unicode, half a surrogate pair")
    return problems


def _inline(metadata: str | None) -> dict[str, Any] | str | None:
    """Return the plan in the metadata, what is wrong when it meant to hold one, or None when it is somebody else's."""
    if metadata is None:
        return None
    try:
        parsed = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        meant = metadata.lstrip().startswith("{") and f'"{PLAN_KEY}"' in metadata
        return f"the NotificationMetadata seems to hold a plan but is not JSON: {error}" if meant else None
    plan = parsed.get(PLAN_KEY) if isinstance(parsed, dict) else None
    if isinstance(plan, str):
        return f"there is no plan named {plan!r}: give the plan itself as an object with {_listed(PLAN_FIELDS)}"
    if plan is None or isinstance(plan, dict):
        return plan
    return f"the plan is {_kind_of(plan)}; expected an object with {_listed(PLAN_FIELDS)}"


def _listed(names: object) -> str:
    return ", ".join(sorted(str(name) for name in names))  # type: ignore[attr-defined]


def _kind_of(value: object) -> str:
    if value is None:
        return "null"
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
