"""Conditions on the answer of an HTTP API, and the sentences made of it. JMESPath is loaded where one is written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from msgspec import Meta

from asg_lifecycle.model.http_texts import in_condition
from asg_lifecycle.model.placeholders import FOUND, KNOWN, CannotFillError, fill_found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.steps.support.http_building import Values

Condition: TypeAlias = Annotated[str, Meta(min_length=1, max_length=2000)] | dict[str, Any]
"""An expression of JMESPath, or JSON that the answer has to hold."""

_BRACES = re.compile(r"\{((?:[^{}]|\{[^{}]*\})+)\}")
"""An expression in braces, in which placeholders have braces of their own."""

_PLACEHOLDER = re.compile(KNOWN)
SAMPLE = "sample"
"""What stands in for every placeholder where a plan is checked."""

UNKNOWN = "unknown"
"""What a sentence says in place of a value that the answer does not have."""


class CannotApplyError(Exception):
    """A condition cannot be applied to an answer; the sentence says why, with what stands in the answer."""


def condition_problem(condition: Condition) -> str | None:
    """Return what is wrong with a condition of a plan, None when nothing is."""
    if isinstance(condition, dict):
        return None if condition else "the condition is an empty object, which every answer meets"
    if (problem := _expression_problem(fill_found(condition, Samples(), SAMPLE, _as_it_is))) is not None:
        return problem
    try:
        fill_found(condition, Samples(), SAMPLE, in_condition)
    except CannotFillError as error:
        return re.sub("^.*safely: ", "a placeholder cannot be put in: ", str(error))
    return None


def sentence_problem(text: str) -> str | None:
    """Return what is wrong with the expressions in a sentence of a plan, None when nothing is."""
    expressions = (found[1] for found in _BRACES.finditer(text) if not _is_placeholder(found))
    return next((problem for each in expressions if (problem := condition_problem(each)) is not None), None)


def parse_answer(body: bytes) -> Any:  # noqa: ANN401 - JSON of somebody else's
    """Return an answer as JSON values.

    Raises:
        CannotApplyError: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise CannotApplyError("the answer is not JSON") from error


def holds(condition: Condition, answer: object, values: Values) -> bool:
    """Return whether an answer meets a condition.

    Args:
        condition: what it has to meet.
        answer: JSON values.
        values: what placeholders stand for.

    Raises:
        CannotFillError: a placeholder has no value, or one that cannot be put in safely.
        CannotApplyError: the expression cannot be applied to this answer.
    """
    if isinstance(condition, dict):
        return _has(answer, values.fill_json(condition))
    found = search(values.fill(condition, in_condition), answer)
    # As JMESPath has it: a number is true, also 0.
    return found is not None and found is not False and found not in ("", [], {})


def sentence_from(text: str, answer: object, values: Values) -> str:
    """Return a sentence whose expressions in braces are replaced by what the answer has there.

    Raises:
        CannotFillError: a placeholder has no value.
        CannotApplyError: an expression cannot be applied to this answer.
    """
    parts, end = [], 0
    for found in _BRACES.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if _is_placeholder(found):
            parts.append(values.fill(found[0]))
        else:
            parts.append(_in_words(search(values.fill(found[1], in_condition), answer)))
    sentence = "".join([*parts, text[end:]])
    return "".join(character if character.isprintable() else " " for character in sentence)


def _as_it_is(name: str, value: str, before: str) -> str:
    del name, before
    return value


def _expression_problem(expression: str) -> str | None:
    import jmespath  # type: ignore[import-untyped]  # noqa: PLC0415 - see the module
    from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]  # noqa: PLC0415 - see the module

    try:
        compiled = jmespath.compile(expression)
    except JMESPathError as error:
        why = " ".join(str(error).split())
        return f"{expression!r} is not an expression of JMESPath: {why}"
    if _has_no_value(compiled.parsed):
        return f"{expression!r} has no value: & is for the arguments of functions such as sort_by"
    return None


def _has_no_value(node: Mapping[str, Any]) -> bool:
    """Return whether a node of JMESPath's tree has a reference to an expression where a value is expected."""
    if node["type"] == "expref":
        return True
    arguments = node["type"] == "function_expression"
    parts = (part for part in node["children"] if isinstance(part, dict))
    return any(
        any(_has_no_value(inner) for inner in part["children"] if isinstance(inner, dict))
        if arguments and part["type"] == "expref"
        else _has_no_value(part)
        for part in parts
    )


def search(expression: str, answer: object) -> Any:  # noqa: ANN401 - JSON of somebody else's
    """Return what an expression of JMESPath finds in an answer, None where it finds nothing.

    Raises:
        CannotApplyError: it cannot be applied to this answer.
    """
    import jmespath  # noqa: PLC0415 - see the module
    from jmespath.exceptions import JMESPathError  # noqa: PLC0415 - see the module

    try:
        found = jmespath.search(expression, answer)
    except (JMESPathError, TypeError, ValueError, ArithmeticError) as error:
        raise CannotApplyError(f"{expression!r} cannot be applied to the answer: {error}") from error
    if not _is_json(found):
        # Not every such expression is found where the plan is checked: a function may return its argument.
        raise CannotApplyError(f"{expression!r} finds no JSON value in the answer")
    return found


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_json(each) for each in value.values())
    if isinstance(value, list):
        return all(_is_json(each) for each in value)
    return value is None or isinstance(value, str | int | float)


def _is_placeholder(braces: re.Match[str]) -> bool:
    return braces[0] == FOUND or _PLACEHOLDER.fullmatch(braces[1]) is not None


def _has(answer: object, wanted: object) -> bool:
    """Return whether JSON values hold others: each field of an object; everything else exactly."""
    if isinstance(wanted, dict):
        return isinstance(answer, dict) and all(name in answer and _has(answer[name], wanted[name]) for name in wanted)
    # To Python true is 1.
    return (type(answer) is type(wanted) and answer == wanted) or _is_same_number(answer, wanted)


def _is_same_number(one: object, other: object) -> bool:
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return numbers and not isinstance(one, bool) and not isinstance(other, bool) and one == other


def _in_words(value: object) -> str:
    if value is None:
        return UNKNOWN
    # As long as it is: half a secret would not be found.
    return value if isinstance(value, str) else json.dumps(value)


class Samples(dict[str, str]):
    """A value for every placeholder: what is around them can be checked before there is an action."""

    def __missing__(self, name: str) -> str:
        """Return the same value for every name."""
        return SAMPLE

    def get(self, name: str, default: object = None) -> str:
        """Return the value of a name: every one has one."""
        del default
        return self[name]
