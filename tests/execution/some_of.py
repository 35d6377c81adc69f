"""A part of many cases, for tests that try the rest in a thorough run."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

CaseT = TypeVar("CaseT")


def some_of(cases: Sequence[CaseT], every: int, *, thorough: bool) -> list[CaseT]:
    """Return the first, the last and one of `every` between; all of them in a thorough run."""
    if thorough or len(cases) < 2:
        return list(cases)
    return [*cases[:-1:every], cases[-1]]
