"""Whether the pattern of an EventBridge rule matches an event, as far as that can be told.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Match(StrEnum):
    """What a pattern says of an event."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """The pattern asks for something of the event that is not known, or in a way that is not known here."""


class Varying:
    """A value of an event that differs from one event to the next: it is there, and nothing more is known of it."""


VARYING: Final = Varying()
OR = "$or"


def match(pattern: Mapping[str, object], event: Mapping[str, object]) -> Match:
    """Return whether a pattern matches an event.

    Args:
        pattern: the pattern as JSON values.
        event: the event as JSON values, with `VARYING` for what is not known.
    """
    return _all(
        _any(match(each, event) for each in wanted if isinstance(each, dict))
        if key == OR and isinstance(wanted, list)
        else _field(wanted, key, event)
        for key, wanted in pattern.items()
    )


def _field(wanted: object, key: str, event: Mapping[str, object]) -> Match:
    if isinstance(wanted, dict):
        inner = event.get(key, {})
        if isinstance(inner, Varying):
            return Match.UNKNOWN
        return match(wanted, inner if isinstance(inner, dict) else {})
    if not isinstance(wanted, list):
        return Match.UNKNOWN
    there = key in event
    value = event.get(key)
    # An event matches when one of the values of a list does.
    values = value if isinstance(value, list) else [value]
    if there and not values:
        return Match.NO
    return _any(_condition(condition, each, there=there) for condition in wanted for each in values)


def _condition(condition: object, value: object, *, there: bool) -> Match:
    """Return whether a value meets one condition of a pattern.

    Args:
        condition: a plain value, or an object with one operator.
        value: the value; None where there is none.
        there: whether the event has the field.
    """
    if isinstance(condition, dict) and len(condition) == 1:
        ((operator, operand),) = condition.items()
        if operator == "exists":
            return _known(there is operand)
        if not there:
            return Match.NO
        return Match.UNKNOWN if isinstance(value, Varying) else _operator(operator, operand, value)
    if isinstance(condition, dict):
        return Match.UNKNOWN
    if not there:
        return Match.NO
    return Match.UNKNOWN if isinstance(value, Varying) else _known(condition == value)


def _operator(operator: str, operand: object, value: object) -> Match:
    if operator == "anything-but":
        excluded = operand if isinstance(operand, list) else [operand]
        return _not(_any(_condition(each, value, there=True) for each in excluded))
    if operator not in COMPARISONS:
        return Match.UNKNOWN
    # Inside of anything-but an operator takes a list, too.
    wanted = operand if isinstance(operand, list) else [operand]
    return _any(_comparison(operator, each, value) for each in wanted)


def _comparison(operator: str, operand: object, value: object) -> Match:
    ignores_case = operator == "equals-ignore-case"
    if isinstance(operand, dict) and [*operand] == ["equals-ignore-case"]:
        ignores_case, operand = True, operand["equals-ignore-case"]
    if not isinstance(operand, str):
        return Match.UNKNOWN
    if not isinstance(value, str):
        return Match.NO
    if ignores_case:
        operand, value = operand.lower(), value.lower()
    return _known(COMPARISONS[operator](value, operand))


def _fits(value: str, wildcard: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, wildcard.split("*"))), value, re.DOTALL) is not None


COMPARISONS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "prefix": str.startswith,
    "suffix": str.endswith,
    "equals-ignore-case": str.__eq__,
    "wildcard": _fits,
}
"""The operators that compare texts; of the others (numbers, addresses) nothing is told."""


def _known(value: bool) -> Match:  # noqa: FBT001 - it is what is turned into a match
    return Match.YES if value else Match.NO


def _not(found: Match) -> Match:
    return {Match.YES: Match.NO, Match.NO: Match.YES, Match.UNKNOWN: Match.UNKNOWN}[found]


def _any(found: Iterable[Match]) -> Match:
    every = set(found)
    return Match.YES if Match.YES in every else Match.UNKNOWN if Match.UNKNOWN in every else Match.NO


def _all(found: Iterable[Match]) -> Match:
    every = set(found)
    return Match.NO if Match.NO in every else Match.UNKNOWN if Match.UNKNOWN in every else Match.YES
