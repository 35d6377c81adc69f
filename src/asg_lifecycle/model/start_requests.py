"""Start requests: our own events, with which the other functions and operators start executions."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from asg_lifecycle.model.actions import LifecycleAction
from asg_lifecycle.model.records import wait_key
from asg_lifecycle.model.replies import HandedCallback

SOURCE = "asg-lifecycle"
"""The `source` of a start request. EventBridge rules never pass it on: it comes by direct invocation only."""

NAME_DIGITS = 40


class StartReason(StrEnum):
    """Why an execution is started."""

    SWEEP = "sweep"
    """The instance waits and nobody works on it: its event was lost."""
    TAKEOVER = "takeover"
    """The execution that owned the action failed, timed out or was stopped."""
    HAND_OVER = "hand-over"
    """The execution that owned the action may have no more operations, and hands it over."""
    REDRIVE = "redrive"
    """An operator took the event out of a dead-letter queue."""
    SPOT_INTERRUPTION = "spot interruption"
    """EC2 reclaims the instance in two minutes (R27); no action exists yet."""
    REBALANCE = "rebalance"
    """EC2 expects to reclaim the instance; no action exists yet."""


EARLY = frozenset({StartReason.SPOT_INTERRUPTION, StartReason.REBALANCE})
"""Reasons for which the instance does not wait yet: the work begins early, and the hook's event joins it."""


class StartRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Work on this action, which no event announced.

    Attributes:
        reason: why it is started.
        action: the action; without a token where it is not known.
        takes_over: ARN of the execution that owns the action's record and is dead or hands it over, None when there is
            none.
        until: when the work has to be over whatever the hook's timers say, seconds since the epoch; None for never.
        callback: the callback of a step that the execution before goes on holding, None when there is none.
    """

    reason: StartReason
    action: LifecycleAction
    takes_over: str | None = None
    until: float | None = None
    callback: HandedCallback | None = None

    @property
    def early(self) -> bool:
        """Whether the instance does not wait yet."""
        return self.reason in EARLY


class _Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    source: str
    start: StartRequest


def payload(start: StartRequest) -> dict[str, Any]:
    """Return the event that hands `start` to the durable function: JSON values."""
    plain: dict[str, Any] = msgspec.to_builtins(_Envelope(source=SOURCE, start=start))
    return plain


def parse(event: object) -> StartRequest:
    """Return the start request that an event with our `source` holds.

    Raises:
        msgspec.ValidationError: it is no start request; the message names the field.
        UnicodeEncodeError: half a surrogate pair is where one of several values is expected.
    """
    return msgspec.convert(event, _Envelope).start


def execution_name(start: StartRequest, generation: str = "") -> str:
    """Return the durable execution's name: the same start request, repeated, is the same execution.

    Args:
        start: what is started.
        generation: differs for a later start of the same action.

    Returns:
        At most 64 characters of `A-Z a-z 0-9 - _`: the reason and a digest.
    """
    return _name(start.reason.value, start.action, start.takes_over or "", generation)


def event_name(entry_point: str, action: LifecycleAction, generation: str = "") -> str:
    """Return the name of the execution for an event that came through `entry_point`. Otherwise as `execution_name`."""
    return _name(entry_point, action, generation)


def _name(entry_point: str, action: LifecycleAction, *more: str) -> str:
    text = "\n".join((wait_key(action.group, action.hook, action.instance), action.token or "", *more))
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:NAME_DIGITS]
    return f"{entry_point.replace(' ', '-')}-{digest}"
