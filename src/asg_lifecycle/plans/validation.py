"""Validation of plans: finds everything that is wrong with a plan at once, with its place and what is valid there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.placeholders import near_misses
from asg_lifecycle.model.plans import Plan, PlannedStep, PlanTransition
from asg_lifecycle.plans.condition_problems import condition_problems, is_about_terminations, launch_problem
from asg_lifecycle.plans.transitions import one_way_steps, said_transition, steps_of
from asg_lifecycle.plans.value_problems import in_words, listed, path_text, unknown, value_problem, value_problems
from asg_lifecycle.steps.base import CallbackStep
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from asg_lifecycle.steps.base import Step
    from asg_lifecycle.steps.services import Services

PLAN_FIELDS = Plan.__struct_fields__
STEP_FIELDS = PlannedStep.__struct_fields__
GROUP_FIELDS = ("parallel", "timeout", "on_failure")
"""The fields of an entry with steps side by side."""

ONLY_OF_STEPS = frozenset(STEP_FIELDS) - frozenset(PLAN_FIELDS)

NESTED_FIELDS = frozenset({"steps", "kind", "options", "parallel"})
"""Fields that are checked part by part, or together with others."""

LARGEST_NUMBER = 2**53
"""Whole numbers beyond it are not the same for everybody who reads JSON."""


class PlanProblem(Struct, frozen=True):
    """One thing that is wrong with a plan.

    Attributes:
        path: where it stands, names and positions from 0: `("steps", 2, "options", "names")`.
        sentence: what is wrong, and what would be right.
    """

    path: tuple[str | int, ...]
    sentence: str

    def __str__(self) -> str:
        """Return the sentence."""
        return self.sentence


def find_problems(plan: Mapping[str, Any], transition: PlanTransition | None = None) -> tuple[PlanProblem, ...]:
    """Return everything that is wrong with a plan given as JSON values.

    Args:
        plan: the plan.
        transition: of the hook that the plan is to answer; None where that is not known.
    """
    problems = (*_plan_problems(plan), *_transition_problems(plan, transition))
    told = {problem.path for problem in problems}
    numbers = (problem for problem in _number_problems(plan) if not _is_told(problem.path, told))
    return (*problems, *numbers)


def find_warnings(plan: Mapping[str, Any]) -> Iterator[PlanProblem]:
    """Yield what is probably not meant in a plan in which `find_problems` found nothing."""
    for path, value in _values(plan):
        if isinstance(value, str) and "options" in path:
            for written, meant in near_misses(value):
                sentence = f"{{{written}}} is no placeholder and stays as it is; {{{meant}}} is one"
                yield PlanProblem(path, sentence)


def parse(plan: Mapping[str, Any]) -> Plan:
    """Return a plan in which `find_problems` found nothing.

    Raises:
        msgspec.ValidationError: it cannot be used.
    """
    return msgspec.convert(plan, Plan)


def build(planned: PlannedStep, services: Services) -> Step:
    """Return the step that a plan without problems names.

    Raises:
        KeyError: there is no such kind.
        msgspec.ValidationError: its options are wrong.
    """
    kind = KINDS[planned.kind]
    return kind(msgspec.convert(planned.options, kind.options), services)


def _is_told(path: tuple[str | int, ...], told: set[tuple[str | int, ...]]) -> bool:
    """Whether something wrong is known of a place itself or of what holds it, the plan and its lists of steps aside."""
    return any(path[:length] in told for length in range(1, len(path) + 1))


def _values(plan: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield every value that holds no others, with its place."""
    left: list[tuple[tuple[str | int, ...], object]] = [((), plan)]
    while left:
        path, value = left.pop()
        if isinstance(value, dict):
            left += [((*path, name), inner) for name, inner in value.items()]
        elif isinstance(value, list):
            left += [((*path, index), inner) for index, inner in enumerate(value)]
        else:
            yield path, value


def _number_problems(plan: Mapping[str, Any]) -> Iterator[PlanProblem]:
    """Yield the numbers that not everybody who reads JSON reads as the same."""
    for path, value in _values(plan):
        if isinstance(value, float) and not math.isfinite(value):
            yield PlanProblem(path, f"{path_text(path)} is {value}; expected a number that is finite")
        elif isinstance(value, int) and abs(value) > LARGEST_NUMBER:
            expected = f"expected a number from -{LARGEST_NUMBER} to {LARGEST_NUMBER}, or text in quotes"
            yield PlanProblem(path, f"{path_text(path)} is {shown(value)}; {expected}")


def _plan_problems(plan: Mapping[str, Any]) -> Iterator[PlanProblem]:
    for name in plan:
        if name in ONLY_OF_STEPS:
            yield PlanProblem(
                (name,), f"unknown field {name!r} in the plan; it is a field of a step, and steps stand below steps"
            )
        elif name not in PLAN_FIELDS:
            yield PlanProblem((name,), unknown("field", name, PLAN_FIELDS, where=" in the plan"))
    yield from _field_problems(plan, Plan, ())
    if plan.get("dry_run") is True and plan.get("observe") is True:
        sentence = "dry_run completes the action, observe leaves it to others; write one of the two"
        yield PlanProblem(("observe",), sentence)
    steps = plan.get("steps", [])
    if not isinstance(steps, list):
        yield PlanProblem(("steps",), f"steps is {kind_of(steps)}; expected a list")
        return
    for index, step in enumerate(steps):
        for problem in _entry_problems(step, ("steps", index)):
            yield PlanProblem(problem.path, f"step {index + 1}: {problem.sentence}")


def _transition_problems(plan: Mapping[str, Any], asked: PlanTransition | None) -> Iterator[PlanProblem]:
    """Yield what is for other hooks than those that the plan is for."""
    said = said_transition(plan)
    if asked is not None and said is not None and said is not asked:
        yield PlanProblem(("transition",), f"the plan is for {said} hooks, and this is a {asked} hook")
        return
    wanted, whose = asked or said, "the plan is"
    for step in one_way_steps(plan):
        if wanted is None:
            wanted, whose = step.transition, f"{step.place}, {step.kind}, is"
        elif step.transition is not wanted:
            sentence = f"{step.place}: {step.kind} is for {step.transition} hooks, and {whose} for {wanted} hooks"
            yield PlanProblem((*step.path, "kind"), sentence)
    if wanted is PlanTransition.LAUNCH:
        for conditional in steps_of(plan):
            if (found := is_about_terminations(conditional.values)) is not None:
                sentence = f"{conditional.place}: {launch_problem(found[1])}"
                yield PlanProblem((*conditional.path, found[0]), sentence)


def _entry_problems(entry: object, path: tuple[str | int, ...]) -> Iterator[PlanProblem]:
    if not isinstance(entry, dict) or "parallel" not in entry:
        yield from _step_problems(entry, path)
        return
    for name in entry:
        if name not in GROUP_FIELDS:
            sentence = unknown("field", name, GROUP_FIELDS, valid_for=" for steps side by side")
            yield PlanProblem((*path, name), sentence)
    known = {name: value for name, value in entry.items() if name in GROUP_FIELDS}
    yield from _field_problems(known, PlannedStep, path)
    members = entry["parallel"]
    if not isinstance(members, list) or not members:
        found = "empty" if members == [] else kind_of(members)
        yield PlanProblem((*path, "parallel"), f"parallel is {found}; expected a list of steps")
        return
    for index, member in enumerate(members):
        inner = (*path, "parallel", index)
        if isinstance(member, dict) and "parallel" in member:
            yield PlanProblem(inner, f"parallel step {index + 1}: steps side by side cannot be nested")
            continue
        problems = list(_step_problems(member, inner))
        if not problems and _waits_for_callback(member):
            sentence = f"{member['kind']} waits for a callback, which steps side by side cannot have"
            problems.append(PlanProblem((*inner, "options"), sentence))
        for problem in problems:
            yield PlanProblem(problem.path, f"parallel step {index + 1}: {problem.sentence}")


def _waits_for_callback(step: Mapping[str, Any]) -> bool:
    kind = KINDS[step["kind"]]
    if not issubclass(kind, CallbackStep):
        return False
    return kind.callback_times(msgspec.convert(step.get("options", {}), kind.options)) is not None


def _step_problems(step: object, path: tuple[str | int, ...]) -> Iterator[PlanProblem]:
    if not isinstance(step, dict):
        yield PlanProblem(path, f"is {kind_of(step)}; expected an object with {listed(STEP_FIELDS)}")
        return
    kind = step.get("kind")
    for name in step:
        if name not in STEP_FIELDS:
            yield PlanProblem((*path, name), _unknown_field(name, kind))
    yield from _field_problems(step, PlannedStep, path)
    if "kind" not in step:
        yield PlanProblem((*path, "kind"), f"kind is missing; valid: {listed(KINDS)}")
        return
    if not isinstance(kind, str) or kind not in KINDS:
        yield PlanProblem((*path, "kind"), unknown("kind", kind, KINDS))
        return
    first = path in {("steps", 0), ("steps", 0, "parallel", path[-1])}
    for name, sentence in condition_problems(step, KINDS[kind], first=first):
        yield PlanProblem((*path, name), f"{kind}: {sentence}")
    if "if_missing" in step and KINDS[kind].may_be_missing is None:
        sentence = f"{kind}: if_missing is for kinds whose options name something that may not exist"
        yield PlanProblem((*path, "if_missing"), sentence)
    options = step.get("options", {})
    if not isinstance(options, dict):
        yield PlanProblem((*path, "options"), f"{kind}: options is {kind_of(options)}; expected an object")
        return
    for problem in _option_problems(options, KINDS[kind].options, (*path, "options")):
        yield PlanProblem(problem.path, f"{kind}: {problem.sentence}")


def _unknown_field(name: str, kind: object) -> str:
    """Return what is wrong with a field of a step that none has: often it stands in the wrong place."""
    options = KINDS[kind].options if isinstance(kind, str) and kind in KINDS else None
    if options is not None and any(name == field.encode_name for field in msgspec.structs.fields(options)):
        return f"unknown field {name!r}; it is an option of {kind}, and stands below options"
    if name in KINDS:
        return f"unknown field {name!r}; a kind is written as kind: {name}"
    return unknown("field", name, STEP_FIELDS)


def _field_problems(
    values: Mapping[str, Any], struct: type[Struct], path: tuple[str | int, ...]
) -> Iterator[PlanProblem]:
    """Yield what is wrong with the fields of a plan or a step that hold one value each."""
    for field in msgspec.structs.fields(struct):
        if field.name in NESTED_FIELDS or field.name not in values:
            continue
        value = values[field.name]
        if value_problem(value, field.type) is not None:
            yield PlanProblem((*path, field.name), f"{field.name} is {_as_given(value)}; {in_words(field.type)}")


def _as_given(value: object) -> str:
    try:
        return repr(value)
    except ValueError:
        # Python refuses to print the largest numbers.
        return shown(value)


def _option_problems(
    options: Mapping[str, Any], struct: type[Struct], path: tuple[str | int, ...]
) -> Iterator[PlanProblem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    found = [PlanProblem((*path, name), unknown("option", name, fields)) for name in options if name not in fields]
    found += [
        PlanProblem(path, f"option {name!r} is missing")
        for name, field in fields.items()
        if field.required and name not in options
    ]
    for name, field in fields.items():
        if name in options:
            for inner, problem in value_problems(options[name], field.type, (name,)):
                found.append(PlanProblem((*path, *inner), f"option {path_text(inner)!r}: {problem}"))
    if not found:
        try:
            # What options have to be together, their `__post_init__` says.
            msgspec.convert(dict(options), struct)
        except msgspec.ValidationError as error:
            found.append(PlanProblem(path, str(error)))
    yield from found


def kind_of(value: object) -> str:
    """Return what kind of JSON value this is, for people."""
    if value is None:
        return "null"
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return kinds.get(type(value), "a number")
