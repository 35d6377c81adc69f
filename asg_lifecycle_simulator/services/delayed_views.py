"""What a service of EC2 shows of its things: for a while after a change, still what they were before.

Source: "Eventual consistency in the Amazon EC2 API" in the EC2 developer guide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from asg_lifecycle_simulator.services.base import Request

View: TypeAlias = dict[str, Any]
"""One thing as an answer describes it."""


class DelayedViews:
    """The views of one kind of things, by id.

    Args:
        now: the region's time, seconds since the epoch.

    Attributes:
        delay: seconds from a change until it is shown.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.delay = 0.0
        self._now = now
        self._before: dict[str, tuple[float, View | None]] = {}

    def changes(self, identity: str, before: View | None) -> None:
        """Take note that a thing changes now. Several changes at once are shown together, after the last.

        Args:
            identity: of the thing.
            before: what it was, None when there was none.
        """
        until, older = self._before.get(identity, (0.0, None))
        self._before[identity] = (self._now() + self.delay, older if self._now() < until else before)

    def shown(self, identity: str, present: View | None) -> View | None:
        """Return what is shown of a thing, None when that is nothing."""
        until, before = self._before.get(identity, (0.0, None))
        return before if self._now() < until else present

    def outdated(self) -> set[str]:
        """Return the ids of all that are shown as they were."""
        return {identity for identity, (until, _) in self._before.items() if self._now() < until}


def matching(
    views: Iterable[View], request: Request, fields: Mapping[str, Callable[[View], Iterable[object]]]
) -> list[View]:
    """Return the views that all filters of a request let through.

    Args:
        views: all of them.
        request: says the filters. `tag:NAME` filters need not be in `fields`.
        fields: the values that a filter looks at, by its name.

    Raises:
        NotImplementedError: a filter is not simulated.
    """
    return [view for view in views if all(_passes(view, each, fields) for each in request.get("Filters", ()))]


def _passes(view: View, wanted: Request, fields: Mapping[str, Callable[[View], Iterable[object]]]) -> bool:
    name, values = wanted["Name"], wanted["Values"]
    if name.startswith("tag:"):
        tags = view.get("Tags") or view.get("TagSet") or ()
        return any(tag["Key"] == name.removeprefix("tag:") and _like(tag["Value"], values) for tag in tags)
    if name not in fields:
        raise NotImplementedError(f"the filter {name} is not simulated")
    return any(_like(str(value), values) for value in fields[name](view) if value)


def _like(value: str, patterns: Sequence[str]) -> bool:
    """Return whether a value is like one of several, in which `*` and `?` stand for any letters."""
    return any(re.fullmatch(_expression(pattern), value, re.DOTALL) for pattern in patterns)


def _expression(pattern: str) -> str:
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
