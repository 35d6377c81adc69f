"""Reading the fields of a JSON object that somebody else wrote. Every problem is kept, not only the first."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

SHOWN = 100
"""Characters of a wrong value that a problem repeats."""

NAMES_SHOWN = 5
"""How many of an object's field names a problem repeats."""

LARGEST_SHOWN = 10**SHOWN
"""Numbers from here on are only called large: Python refuses to print the largest ones."""


_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Problem(Struct, frozen=True):
    """One field with a wrong value.

    Attributes:
        field: its path, `detail.EC2InstanceId`; empty when it is the whole payload.
        expected: what it has to be.
        found: what it is, shortened.
    """

    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        """Return the problem on one line."""
        sentence = f"expected {self.expected}, found {self.found}"
        return f"{self.field}: {sentence}" if self.field else sentence


class FieldReader:
    """The fields of one JSON object.

    A wrong field reads as empty and adds a problem, so reading an object once finds all of its problems.

    Attributes:
        values: the object.
        path: where it stands in the payload, empty for the payload itself.
        problems: what was found wrong, in the order of reading; shared with the objects inside.
    """

    def __init__(self, values: dict[str, object], path: str, problems: list[Problem] | None = None) -> None:
        self.values = values
        self.path = path
        self.problems: list[Problem] = [] if problems is None else problems

    def problem(self, name: str, expected: str, found: str) -> None:
        """Note that the field `name` is wrong."""
        self.problems.append(Problem(join(self.path, name), expected, found))

    def text(self, name: str, expected: str, is_valid: Callable[[str], object] = bool) -> str:
        """Return a required text.

        Args:
            name: of the field.
            expected: what the text has to be, for the problem.
            is_valid: whether a text is valid; when not given, any text but the empty one is.

        Returns:
            The text, empty when it is missing, no text, or not valid.
        """
        value = self.values.get(name)
        if isinstance(value, str) and is_text(value) and is_valid(value):
            return value
        self.problem(name, expected, shown(value) if name in self.values else "nothing")
        return ""

    def optional_text(self, name: str) -> str | None:
        """Return a text that may be absent or null; also None when the value is no text."""
        value = self.values.get(name)
        if value is None or (isinstance(value, str) and is_text(value)):
            return value
        self.problem(name, "text or nothing", shown(value))
        return None

    def instance_id(self, name: str) -> str:
        """Return a required EC2 instance id (R29), empty when it is missing or not valid."""
        return self.text(name, "'i-' and 8 or 17 hexadecimal digits", is_instance_id)

    def moment(self, name: str) -> float | None:
        """Return a required time (R30), as seconds since the epoch; None when it is no time."""
        expected = "a time with its zone, such as '2021-01-13T00:12:37Z'"
        text = self.text(name, expected)
        if not text:
            return None
        try:
            return msgspec.convert(text, _Moment).timestamp()
        except msgspec.ValidationError:
            self.problem(name, expected, shown(text))
            return None

    def inner(self, name: str) -> FieldReader | None:
        """Return the fields of a required object inside this one, None when it is missing or no object."""
        value = self.values.get(name)
        if isinstance(value, dict):
            return FieldReader(value, join(self.path, name), self.problems)
        self.problem(name, "an object", shown(value) if name in self.values else "nothing")
        return None


def is_instance_id(value: str) -> bool:
    """Whether a string has the form of an EC2 instance id (R29)."""
    return _INSTANCE_ID.fullmatch(value) is not None


def join(path: str, name: str) -> str:
    """Return the path of the field `name` of the object at `path`."""
    return f"{path}.{name}" if path else name


def is_text(value: str) -> bool:
    """Whether a string is valid Unicode. JSON can escape half a surrogate pair; no AWS call can carry it."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def shown(value: object) -> str:
    """Describe a JSON value on one line of printable text, shortened."""
    if isinstance(value, str):
        return _shown_text(value)
    if isinstance(value, dict):
        names = ", ".join(shown(name) for name in islice(value, NAMES_SHOWN))
        rest = ", …" if len(value) > NAMES_SHOWN else ""
        return f"an object with {names}{rest}" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return f"the number {value}" if abs(value) < LARGEST_SHOWN else "a very large number"
    return f"a value of type {type(value).__name__}"


def _shown_text(value: str) -> str:
    if not is_text(value):
        return f"broken Unicode {value[:SHOWN]!a}"
    return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}… of {len(value)} characters"
