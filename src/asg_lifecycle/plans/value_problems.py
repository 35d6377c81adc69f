"""What is wrong with one value of a plan, in words for people."""

from __future__ import annotations

import re
from enum import Enum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from asg_lifecycle.model.bounds import expected_by, is_hidden
from asg_lifecycle.model.fields import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PLAIN_WORDS = {bool: "true or false", str: "a string"}

_BOUND = re.compile(r"Expected `(?P<kind>\w+)`(?: of length)? (?P<sign>>=|<=) (?P<limit>-?[0-9.]+)")
_BOUND_WORDS = {">=": "of at least", "<=": "of at most"}
_NUMBER_OF = {"str": "a string", "array": "a list", "object": "an object"}
_COUNTED = {"str": "characters", "array": "entries", "object": "entries"}

LIKENESS = 0.8
"""How alike two names are, 0 to 1, when one is taken for a slip of the other; `drain` is none of `drain-ecs`."""

_WRONG_TYPE = re.compile(r"Expected `([^`]+)`, got `[^`]+`")

_TYPES_IN_WORDS = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "object": "an object",
    "str": "a string",
}


def path_text(path: tuple[str | int, ...]) -> str:
    """Return a path as people write it: `steps[2].options.names`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def value_problems(
    value: object,
    wanted: Any,  # noqa: ANN401 - a type
    path: tuple[str | int, ...],
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what is wrong with a value: each wrong value inside it with its path, or the whole."""
    found = [*_key_problems(value, wanted, path)]
    found += [
        problem
        for inner, part, place in _parts(value, wanted)
        for problem in value_problems(inner, part, (*path, place))
    ]
    if not found and (problem := value_problem(value, wanted)) is not None:
        found = [(path, problem)]
    yield from found


def _parts(value: object, wanted: Any) -> Iterator[tuple[object, Any, str | int]]:  # noqa: ANN401 - a type
    """Yield the values inside a list or an object of names, with their types and places."""
    plain = _plain_type(wanted)
    if get_origin(plain) in {Union, UnionType}:
        structs = [each for each in map(_plain_type, get_args(plain)) if _is_struct(each)]
        # A struct or nothing.
        plain = structs[0] if len(structs) == 1 else plain
    arguments = [each for each in get_args(plain) if each not in {NoneType, Ellipsis}]
    if get_origin(plain) is tuple and isinstance(value, list):
        yield from ((inner, arguments[0], index) for index, inner in enumerate(value))
    elif get_origin(plain) is dict and isinstance(value, dict):
        yield from ((inner, arguments[1], name) for name, inner in value.items())
    elif _is_struct(plain) and isinstance(value, dict):
        fields = {field.encode_name: field for field in msgspec.structs.fields(plain)}
        yield from ((inner, fields[name].type, name) for name, inner in value.items() if name in fields)


def _key_problems(
    value: object,
    wanted: Any,  # noqa: ANN401 - a type
    path: tuple[str | int, ...],
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what is wrong with the names in an object of names, each at its own place."""
    plain = _plain_type(wanted)
    if get_origin(plain) is dict and isinstance(value, dict):
        for name in value:
            if (problem := value_problem(name, get_args(plain)[0])) is not None:
                yield (*path, name), f"its name {problem}" if problem.startswith("is ") else f"its name: {problem}"


def value_problem(value: object, wanted: Any) -> str | None:  # noqa: ANN401 - a type
    """Return what is wrong with a value as a whole, None when nothing is."""
    try:
        # Written as the checkpoint will be: JSON can escape half a surrogate pair, which nothing can carry.
        msgspec.json.encode(msgspec.convert(value, wanted))
    except msgspec.ValidationError as error:
        found, _, place = str(error).partition(" - at ")
        expected = _expected_instead(found, wanted, inside=bool(place))
        if expected is not None:
            return f"is {'something else' if _is_hidden(wanted) else shown(value)}; {expected}"
        return found + (f" - at {place}" if place else "")
    except UnicodeEncodeError:
        return "broken Unicode, half a surrogate pair"
    return None


def _expected_instead(found: str, wanted: Any, *, inside: bool) -> str | None:  # noqa: ANN401 - a type
    """Return what a type expects, in words; None where msgspec's own say more.

    Args:
        found: what msgspec found wrong.
        wanted: the type.
        inside: whether it is about a part of the value.
    """
    if choices := _choices(wanted):
        return f"valid: {listed(choices)}"
    is_about_text = "matching regex" in found or (not inside and found.startswith("Expected `str"))
    if is_about_text and (expected := _expected(wanted)) is not None:
        return f"expected {expected}"
    if inside:
        return None
    if (bound := _BOUND.fullmatch(found)) is not None:
        sentence = (
            f"expected {_NUMBER_OF.get(bound['kind'], 'a number')} {_BOUND_WORDS[bound['sign']]} {bound['limit']}"
        )
        return f"{sentence} {_COUNTED[bound['kind']]}" if bound["kind"] in _COUNTED else sentence
    if (wrong := _WRONG_TYPE.fullmatch(found)) is not None:
        kinds = [_TYPES_IN_WORDS.get(kind, kind) for kind in wrong[1].split(" | ") if kind != "null"]
        return f"expected {' or '.join(kinds)}"
    return None


def in_words(wanted: Any) -> str:  # noqa: ANN401 - a type
    """Return what a type expects of a value."""
    if choices := _choices(wanted):
        return f"valid: {listed(choices)}"
    return f"expected {_expected(wanted) or PLAIN_WORDS[_plain_type(wanted)]}"


def _plain_type(wanted: Any) -> Any:  # noqa: ANN401 - a type
    return get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted


def _expected(wanted: Any) -> str | None:  # noqa: ANN401 - a type
    """Return the words in which a type, or one inside it, says what it expects."""
    found = (expected_by(inner) or _expected(inner) for inner in get_args(wanted) + getattr(wanted, "__metadata__", ()))
    return next((expected for expected in found if expected is not None), None)


def _is_hidden(wanted: Any) -> bool:  # noqa: ANN401 - a type
    inside = get_args(wanted) + getattr(wanted, "__metadata__", ())
    return any(is_hidden(inner) or _is_hidden(inner) for inner in inside)


def _is_struct(wanted: Any) -> bool:  # noqa: ANN401 - a type
    return isinstance(wanted, type) and issubclass(wanted, Struct)


def _choices(wanted: Any) -> list[str]:  # noqa: ANN401 - a type
    """Return the values that a type names one by one, those inside of others included."""
    if get_origin(wanted) is Literal:
        return [str(value) for value in get_args(wanted)]
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return [str(choice.value) for choice in wanted]
    return [choice for inner in get_args(wanted) for choice in _choices(inner)]


def listed(names: Iterable[object]) -> str:
    """Return names in order, for people."""
    return ", ".join(sorted({str(name) for name in names}))


def unknown(what: str, name: object, valid: Iterable[str], *, where: str = "", valid_for: str = "") -> str:
    """Return the sentence about a name that nobody knows, with the valid one that it may be a slip of.

    Args:
        what: what it should name: `option`.
        name: as it was written.
        valid: the names that there are.
        where: where it stands, where that is not plain: ` in the plan`.
        valid_for: what these names are valid for, likewise.
    """
    names = sorted(valid)
    slip_of = _slip_of(name, names) if isinstance(name, str) else None
    perhaps = f", perhaps {slip_of!r} is meant" if slip_of is not None else ""
    return f"unknown {what} {name!r}{where}{perhaps}; valid{valid_for}: {', '.join(names) or 'none'}"


def _slip_of(written: str, names: list[str]) -> str | None:
    import difflib  # noqa: PLC0415 - the function checks plans, and needs it for a mistake alone

    close = difflib.get_close_matches(written.lower(), names, n=1, cutoff=LIKENESS)
    return close[0] if close else None
