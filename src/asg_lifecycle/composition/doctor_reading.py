"""Reads what can be read, and keeps what could not be: what is denied never looks like what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from asg_lifecycle.model.doctor.facts import Unread
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Reader:
    """Makes calls, and remembers those that failed."""

    def __init__(self) -> None:
        self._failed: dict[tuple[str, tuple[str, ...]], tuple[str, Failure, int]] = {}

    def read(self, what: str, checks: tuple[str, ...], call: Callable[[], T], *, kind: str = "") -> T | None:
        """Return what a call returns, None when it fails.

        What was denied once is not asked for again: fifty groups are not asked for hooks that one may not see.

        Args:
            what: what is read, for people.
            checks: names of the checks that need it.
            call: the call.
            kind: of things, where calls for the same checks read several kinds.
        """
        key = (kind, checks)
        if (before := self._failed.get(key)) is not None and before[1].consequence is Consequence.DENIED:
            self._failed[key] = (*before[:2], before[2] + 1)
            return None
        try:
            return call()
        except CallFailed as failed:
            first, failure, count = before or (what, failed.failure, 0)
            self._failed[key] = (first, failure, count + 1)
            return None

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What could not be read so far."""
        return tuple(
            Unread(
                what=first if count == 1 else f"{first}, and {count - 1} more of the kind,",
                permission=failure.action,
                reason=_reason(failure),
                denied=failure.consequence is Consequence.DENIED,
                checks=checks,
            )
            for (_, checks), (first, failure, count) in self._failed.items()
        )


def _reason(failure: Failure) -> str:
    if failure.consequence is Consequence.DENIED:
        return f"permission {failure.action} is missing ({failure.message})"
    return str(failure)
