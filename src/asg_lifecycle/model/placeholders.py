"""Placeholders in plans: what `{instance}`, `{private_ip}` or `{tag:Name}` stand for, and how they are put in.

Only the names of this module in one pair of braces are placeholders. Every other brace stays as it is written: shell
(`${instance}` is a variable of the shell), JSON, `{{ssm:name}}`. `{{instance}}` writes `{instance}`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from asg_lifecycle.model.fields import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.instances import InstanceFacts

NAMES = (
    "instance",
    "group",
    "hook",
    "token",
    "transition",
    "region",
    "account",
    "private_ip",
    "availability_zone",
)
"""What has a value for every action; beside them `tag:NAME`, the value of a tag of the instance."""

TAG = "tag:"

FOUND = "{found}"
"""In the texts of a step that looks something up: what it found."""

KNOWN = f"{'|'.join(NAMES)}|{TAG}[^{{}}]{{1,128}}"
"""A regular expression, which JSON Schema reads the same way."""

ADDRESSES = frozenset({"private_ip"})

_PLACEHOLDER = re.compile(rf"\{{\{{(?P<literal>{KNOWN})\}}\}}|(?<!\$)\{{(?P<name>{KNOWN})\}}")
_NEAR_MISS = re.compile(r"(?<![$\{])\{([A-Za-z][A-Za-z_ -]{1,30})\}(?!\})")


Quote: TypeAlias = "Callable[[str, str, str], str]"
"""Returns a value as the language of a text wants it, from the placeholder's name, the value, and the text before."""


class CannotFillError(Exception):
    """A placeholder has no value, or one that cannot be put in safely; the sentence says which and why."""


def placeholder_values(action: LifecycleAction, facts: InstanceFacts, function: str) -> dict[str, str]:
    """Return what the placeholders stand for; one that has no value is left out.

    Args:
        action: the action.
        facts: what EC2 told of the instance when the action was set up.
        function: an ARN of the function or of an execution of it: it has the Region and the account.
    """
    _, _, _, region, account, *_ = [*function.split(":"), *[""] * 5]
    values = {
        "instance": action.instance,
        "group": action.group,
        "hook": action.hook,
        "token": action.token or "",
        "transition": action.transition.value,
        "region": region,
        "account": account,
        "private_ip": facts.private_ip or "",
        "availability_zone": facts.availability_zone or "",
        **{f"{TAG}{name}": value for name, value in facts.tags.items()},
    }
    return {name: value for name, value in values.items() if value}


def fill(text: str, values: Mapping[str, str], quote: Quote | None = None) -> str:
    """Return a text with its placeholders replaced.

    Args:
        text: the text.
        values: what they stand for.
        quote: see `Quote`; without one, values are put in as they are.

    Raises:
        CannotFillError: a placeholder has no value, or `quote` refuses it.
    """
    parts, end = [], 0
    for found in _PLACEHOLDER.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if (name := found["name"]) is None:
            parts.append(f"{{{found['literal']}}}")
            continue
        if not values.get(name):
            raise CannotFillError(f"{{{name}}} has no value: {_why_empty(name)}")
        value = values[name]
        parts.append(value if quote is None else quote(name, value, text[: found.start()]))
    return "".join([*parts, text[end:]])


def fill_values(plain: object, values: Mapping[str, str]) -> object:
    """Return JSON values with the placeholders in their texts replaced; names of fields stay as they are.

    Raises:
        CannotFillError: a placeholder has no value.
    """
    if isinstance(plain, str):
        return fill(plain, values)
    if isinstance(plain, list):
        return [fill_values(each, values) for each in plain]
    if isinstance(plain, dict):
        return {name: fill_values(each, values) for name, each in plain.items()}
    return plain


def fill_found(text: str, values: Mapping[str, str], found: str | None, quote: Quote | None = None) -> str:
    """Return a text with its placeholders replaced, and `{found}` with what a step has found.

    Args:
        text: the text.
        values: what the placeholders stand for.
        found: what was found; None where nothing was looked for, and `{found}` stays as it is.
        quote: see `Quote`; without one, values are put in as they are.

    Raises:
        CannotFillError: a placeholder has no value, or `quote` refuses it.
    """
    if found is None:
        return fill(text, values, quote)
    filled, before = "", ""
    for number, part in enumerate(text.split(FOUND)):
        if number:
            filled += found if quote is None else quote("found", found, before)
            before += FOUND
        filled += fill(part, values, None if quote is None else _behind(before, quote))
        before += part
    return filled


def _behind(text: str, quote: Quote) -> Quote:
    """Return a `Quote` for what stands behind a text."""
    return lambda name, value, before: quote(name, value, text + before)


def in_dns_name(name: str, value: str, before: str) -> str:
    """Return a value as part of a DNS name: an address is written with hyphens, in one label.

    Raises:
        CannotFillError: it has characters that no host name has.
    """
    del before
    value = re.sub(r"[.:]", "-", value) if name in ADDRESSES else value
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", value):
        raise CannotFillError(f"{{{name}}} is {shown(value)}, which cannot be part of a DNS name")
    return value


def near_misses(text: str) -> Iterator[tuple[str, str]]:
    """Yield what looks like a placeholder and is one letter away from one, each with that one."""
    for found in _NEAR_MISS.finditer(text):
        written = found[1]
        if written not in NAMES:
            plain = written.lower().replace("-", "_").replace(" ", "_")
            yield from ((written, name) for name in NAMES if _one_letter_away(plain, name))


def _one_letter_away(written: str, name: str) -> bool:
    """Return whether two texts are the same but for one letter that is other, missing, or too many."""
    if written == name:
        return True
    longer, shorter = sorted((written, name), key=len, reverse=True)
    if len(longer) == len(shorter):
        swapped = [index for index in range(len(longer)) if longer[index] != shorter[index]]
        neighbours = len(swapped) == 2 and swapped[1] == swapped[0] + 1  # noqa: PLR2004 - two letters changed places
        return len(swapped) == 1 or (neighbours and sorted(longer) == sorted(shorter))
    return len(longer) == len(shorter) + 1 and any(
        longer[:index] + longer[index + 1 :] == shorter for index in range(len(longer))
    )


def _why_empty(name: str) -> str:
    if name.startswith(TAG):
        return f"the instance has no tag {name.removeprefix(TAG)!r}, or an empty one"
    if name == "token":
        return "the action was found without its event, which carries the token"
    if name in {"region", "account"}:
        return "the function is not known here"
    return "EC2 did not tell it"
