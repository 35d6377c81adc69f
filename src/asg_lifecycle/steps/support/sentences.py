"""Words that the sentences of several steps have in common."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMED = 5
"""How many things a sentence names. That there are more is said by `…`."""


def listed(names: Iterable[str], separator: str = ", ") -> str:
    """Return the first names of a list, and `…` where there are more."""
    remaining = iter(names)
    named = list(islice(remaining, NAMED))
    return separator.join(named if next(remaining, None) is None else [*named, "…"])


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, `1 task` or `2 tasks`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
