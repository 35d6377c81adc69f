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

    ADDRESS = "address"
    AGENT = "agent"
    AUTOMATION = "automation"
    AUTO_SCALING_GROUP = "auto-scaling-group"
    COMMAND = "command"
    CONTAINER_INSTANCE = "container-instance"
    DEPENDENCY = "dependency"
    DEPLOYMENT = "deployment"
    DNS_RECORD = "dns-record"
    FUNCTION = "function"
    HTTP_API = "http-api"
    IMAGE = "image"
    INSTANCE = "instance"
    INTERNAL_ERROR = "internal-error"
    LOAD_BALANCER = "load-balancer"
    METRIC = "metric"
    NETWORK_INTERFACE = "network-interface"
    NODE = "node"
    PERMISSION = "permission"
    POD = "pod"
    POD_DISRUPTION_BUDGET = "pod-disruption-budget"
    SERVICE = "service"
    SIGNAL = "signal"
    SNAPSHOT = "snapshot"
    STATE_MACHINE = "state-machine"
    STATUS_CHECK = "status-check"
    TARGET_GROUP = "target-group"
    TASK = "task"
    VOLUME = "volume"


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


def blocked_seconds(
    before: Iterable[Blocker], after: Iterable[Blocker], now: float, *, began_at: float = 0.0
) -> dict[BlockerKind, float]:
    """Return for how long each kind has blocked that blocks less now than before: the time since its earliest blocker.

    Where another blocker of the kind stays, only the time until that one came: the rest is returned when it goes. So
    the sum over all polls is the time for which the kind blocked, with nothing kept beside the blockers.

    Args:
        before: the blockers of the poll before.
        after: those of this poll; none when the step or the action has ended.
        now: the time of this poll, seconds since the epoch.
        began_at: when the step began, seconds since the epoch. What blocked before it blocked something else.
    """
    earlier, later = _first_since(before, began_at), _first_since(after, began_at)
    times = {kind: later.get(kind, now) - since for kind, since in earlier.items()}
    return {kind: seconds for kind, seconds in times.items() if seconds > 0}


def _first_since(blockers: Iterable[Blocker], began_at: float) -> dict[BlockerKind, float]:
    first: dict[BlockerKind, float] = {}
    for each in blockers:
        if each.since is not None:
            first[each.kind] = max(began_at, min(each.since, first.get(each.kind, each.since)))
    return first


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
