"""What keeps an instance, as data: beside the sentence for people, for tools and metrics."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BLOCKERS = 10
"""How many blockers of one step are kept."""


class BlockerKind(StrEnum):
    """The kinds of things that keep an instance. The values are an interface."""

    AGENT = "agent"
    COMMAND = "command"
    CONTAINER_INSTANCE = "container-instance"
    DEPENDENCY = "dependency"
    DISRUPTION_BUDGET = "disruption-budget"
    DNS_RECORD = "dns-record"
    FUNCTION = "function"
    INSTANCE = "instance"
    INTERNAL_ERROR = "internal-error"
    LOAD_BALANCER = "load-balancer"
    METRIC = "metric"
    NODE = "node"
    PERMISSION = "permission"
    POD = "pod"
    SERVICE = "service"
    SIGNAL = "signal"
    STATUS_CHECK = "status-check"
    TARGET_GROUP = "target-group"
    TASK = "task"


class Blocker(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that keeps the instance.

    Attributes:
        kind: what it is.
        name: which one, as its own service calls it: `shop/web-0`, the ARN of a task, `ssm:SendCommand`.
        reason: why it does.
        since: since when it does, seconds since the epoch; a step leaves it None unless it knows better than the
            engine, which puts in the time of the first poll that named it.
    """

    kind: BlockerKind
    name: str
    reason: str
    since: float | None = None


def followed(blockers: Iterable[Blocker], before: Iterable[Blocker], now: float) -> tuple[Blocker, ...]:
    """Return the blockers of this poll with the times since when they block, at most `MOST_BLOCKERS`.

    Args:
        blockers: what the step named at this poll.
        before: those of the poll before.
        now: the time of this poll, seconds since the epoch.
    """
    known = {(each.kind, each.name): each.since for each in before}
    kept: dict[tuple[BlockerKind, str], Blocker] = {}
    for each in blockers:
        since = each.since if each.since is not None else known.get((each.kind, each.name), now)
        kept.setdefault((each.kind, each.name), msgspec.structs.replace(each, since=since))
    return tuple(kept.values())[:MOST_BLOCKERS]
