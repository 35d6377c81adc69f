"""Updates of items in DynamoDB that only set and remove whole attributes, carried out at once.

moto goes ten times through the tree of each expression, and copies it before. Any other expression, and one whose names
or values are not all given, is left to it. What comes out is the same; an item that would become too large stays as it
was, as in DynamoDB.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from moto.dynamodb import models
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models.dynamo_type import DynamoType

from asg_lifecycle_simulator.region.dynamodb_items import LARGEST_ITEM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIMPLE = re.compile(
    r"(?:SET (?P<set>#\w+ ?= ?:\w+(?:, ?#\w+ ?= ?:\w+)*))? ?(?:REMOVE (?P<remove>#\w+(?:, ?#\w+)*))?", re.ASCII
)


def carry_out_simple_updates(replace: Callable[[object, str, object], None]) -> None:
    """Take the functions below in place of moto's classes.

    Args:
        replace: sets an attribute of an object until the region is left.
    """
    replace(models, "UpdateExpressionValidator", _validator)
    replace(models, "UpdateExpressionExecutor", _executor)


@dataclass(frozen=True, kw_only=True)
class Simple:
    """An expression, in placeholders: what is set to which value, and what is removed."""

    set: tuple[tuple[str, str], ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is done to an item: in moto's eyes an expression that was validated."""

    set: dict[str, DynamoType]
    remove: tuple[str, ...]

    def validate(self) -> Change:
        """Return it: it is valid."""
        return self

    def normalize(self) -> None:
        """Do nothing: its parts are of different attributes, so their order does not matter."""

    def apply(self, attrs: Any) -> None:  # noqa: ANN401 - moto has no types for them
        """Change the attributes of an item.

        Raises:
            ItemSizeTooLarge: they would be too large.
        """
        changed = {name: value for name, value in attrs.items() if name not in self.remove} | self.set
        if sum(len(name.encode()) + value.size() for name, value in changed.items()) > LARGEST_ITEM:
            raise ItemSizeTooLarge
        for name in self.remove:
            attrs.pop(name, None)
        # Not one by one through moto's dictionary, which measures all of them each time.
        dict.update(attrs, self.set)


@dataclass(frozen=True)
class Applying:
    """A change to an item: in moto's eyes what executes an expression."""

    change: Change
    item: Any

    def execute(self) -> None:
        """Do it."""
        self.change.apply(self.item.attrs)


@cache
def _simple(expression: str) -> Simple | None:
    found = SIMPLE.fullmatch(expression)
    if found is None:
        return None
    pairs = [pair.partition("=") for pair in (found["set"] or "").split(",") if pair]
    remove = tuple(name.strip() for name in (found["remove"] or "").split(",") if name)
    return Simple(set=tuple((name.strip(), value.strip()) for name, _, value in pairs), remove=remove)


def _change(expression: str, names: Mapping[str, str], values: Mapping[str, Any], keys: list[str]) -> Change | None:
    """Return what an expression changes, None where that is for moto to find out, or to refuse."""
    simple = _simple(expression)
    if simple is None:
        return None
    placeholders = [*(name for name, _ in simple.set), *simple.remove]
    named = [names.get(each) for each in placeholders]
    if None in named or len(set(named)) < len(named) or not set(named).isdisjoint(keys):
        return None
    if any(value not in values for _, value in simple.set):
        return None
    return Change(
        set={names[name]: DynamoType(values[value]) for name, value in simple.set},
        remove=tuple(names[name] for name in simple.remove),
    )


def _validator(expression: Any, **given: Any) -> Any:  # noqa: ANN401 - moto has no types for them
    names, values = given["expression_attribute_names"] or {}, given["expression_attribute_values"] or {}
    text = getattr(expression, "text", "")
    return _change(text, names, values, given["table"].table_key_attrs) or VALIDATOR(expression, **given)


def _executor(expression: Any, item: Any, names: Any) -> Any:  # noqa: ANN401 - as above
    return Applying(expression, item) if isinstance(expression, Change) else EXECUTOR(expression, item, names)


VALIDATOR: Any = vars(models)["UpdateExpressionValidator"]
EXECUTOR: Any = vars(models)["UpdateExpressionExecutor"]
