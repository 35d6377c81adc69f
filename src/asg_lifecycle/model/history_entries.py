"""The things that happened to an action, as the histories of its executions tell them."""

from __future__ import annotations

import re
from enum import StrEnum

from msgspec import Struct


class EntryKind(StrEnum):
    """What an entry tells."""

    DELIVERY = "delivery"
    """An event, or a start request, reached the function."""
    CLAIM = "claim"
    """An execution took the action, or found that another has it."""
    PLAN = "plan"
    """A plan was chosen."""
    ROUND = "round"
    """A message, or the end of a part of the work, began another round."""
    LOOK = "look"
    """The work was polled."""
    BEAT = "heartbeat"
    """A heartbeat was sent."""
    MESSAGE = "message"
    """Something came back through a callback: a message of an operator or an event, or the reply to a step."""
    TAKEOVER = "takeover"
    """Another execution took the action over."""
    WAIT = "wait"
    """A wait of a known length began."""
    RETRY = "retry"
    """Something did not work and is tried again."""
    FAILURE = "failure"
    """Something failed: an operation, an invocation, or the execution."""
    PAUSE = "pause"
    """Somebody paused the execution, or resumed it."""
    COMPLETION = "completion"
    """The action was completed, or its end was found out."""
    END = "end"
    """An execution ended, and the action goes on, or is another's."""
    RESULT = "result"
    """An execution ended, and its action with it."""
    NOT_UNDERSTOOD = "not understood"
    """This version does not know what it is."""


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        at: when, seconds since the epoch.
        kind: what it was.
        detail: a sentence.
        succeeded: whether it was; None where that is no question.
    """

    at: float
    kind: EntryKind
    detail: str
    succeeded: bool | None = None


def generic_name(name: str) -> str:
    """Return the name of an operation with `N` in place of each number, as `docs/architecture.md` lists them."""
    return re.sub("[0-9]+", "N", name)
