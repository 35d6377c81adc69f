"""The messages that an operator, an event or another execution can send to the inbox of a running execution."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.actions import ActionResult, LifecycleAction
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.redaction import redacted
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP


class Finish(Struct, frozen=True, tag="finish", tag_field="message"):
    """End the action now with this result, whatever work is left. `by` says who asked, and why."""

    result: ActionResult
    by: str = "an operator"


class Skip(Struct, frozen=True, tag="skip", tag_field="message"):
    """Leave the current step and go on with the next one. `by` says who asked, and why."""

    by: str = "an operator"


class Hold(Struct, frozen=True, tag="hold", tag_field="message"):
    """Begin no further step and do not complete the action; the steps under way go on. `by` says who asked, and why."""

    by: str = "an operator"


class Resume(Struct, frozen=True, tag="resume", tag_field="message"):
    """Go on with the work: a hold ends, a step that failed begins again, a plan that cannot be used is chosen again.

    `by` says who asked, and why.
    """

    by: str = "an operator"


LONGEST_EXTENSION = int(GLOBAL_TIMEOUT_CAP)
"""Seconds: more than the longest wait there is moves nothing any further."""


class Extend(Struct, frozen=True, tag="extend", tag_field="message"):
    """Move the timeouts of the present steps and of the plan by so many seconds. `by` says who asked, and why."""

    seconds: Annotated[int, Meta(ge=1, le=LONGEST_EXTENSION)]
    by: str = "an operator"


class Nudge(Struct, frozen=True, tag="nudge", tag_field="message"):
    """Poll again now, and change nothing."""

    by: str = "an event"


class Wake(Struct, frozen=True, tag="wake", tag_field="message"):
    """What the present step waits for may have come: poll now, and change nothing else. `by` says what came."""

    by: str


class Join(Struct, frozen=True, tag="join", tag_field="message"):
    """The instance waits now: the work that began early goes on under this action. `by` says how that is known."""

    action: LifecycleAction
    by: str = "the hook's event"


class Replied(Struct, frozen=True, tag="replied", tag_field="message"):
    """What came back through the callback of a step, handed on by the execution that holds it."""

    callback: str
    succeeded: bool
    text: str


class Unknown(Struct, frozen=True, tag="unknown", tag_field="message"):
    """A message this version does not understand: recorded and ignored. `text` is its beginning."""

    text: str


Known: TypeAlias = Finish | Skip | Hold | Resume | Extend | Nudge | Wake | Join | Replied
Message: TypeAlias = Known | Unknown

TEXT_KEPT = 200
TEXT_READ = 4_000
"""Characters that are kept of a text; and that are read, to find secrets that a cut would make unrecognisable."""


def encode(message: Message) -> bytes:
    """Return the message as the callback result that `SendDurableExecutionCallbackSuccess` carries."""
    return msgspec.json.encode(message)


def decode(payload: str | bytes | None) -> Message:
    """Return the message in a callback result; anything that is no message of ours is `Unknown`, never an error."""
    raw = payload.encode(errors="replace") if isinstance(payload, str) else payload or b""
    try:
        message: Known = msgspec.json.decode(raw, type=Known)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Unknown(redacted(raw[:TEXT_READ].decode(errors="replace"))[:TEXT_KEPT])
    return _redacted(message)


def _redacted(message: Known) -> Message:
    """Return the message without the secrets that somebody may have written into what it says."""
    match message:
        case Replied(_, _, text):
            return msgspec.structs.replace(message, text=redacted(text))
        case _:
            return msgspec.structs.replace(message, by=redacted(message.by))


def describe(message: Message) -> str:  # noqa: C901, PLR0911 - one line a case
    """Return the message as logs and the record show it."""
    match message:
        case Finish(result, by):
            return f"finish {result}, said {_shortened(by)}"
        case Skip(by):
            return f"skip the current step, said {_shortened(by)}"
        case Hold(by):
            return f"hold, said {_shortened(by)}"
        case Resume(by):
            return f"resume, said {_shortened(by)}"
        case Extend(length, by):
            return f"{readable(length)} more, said {_shortened(by)}"
        case Nudge(by):
            return f"look again now, said {_shortened(by)}"
        case Wake(by):
            return f"looked again: {_shortened(by)}"
        case Join(action, by):
            return f"the instance waits under {action.hook}, said {_shortened(by)}"
        case Replied(_, succeeded, text):
            return f"the reply of a function, {'a success' if succeeded else 'a failure'}: {_shortened(text)}"
        case Unknown(text):
            return f"unknown message, ignored: {_shortened(text)}"


def _shortened(text: str) -> str:
    # A callback result can be as large as the whole record may be.
    text = redacted(text[:TEXT_READ])
    return text if len(text) <= TEXT_KEPT else f"{text[:TEXT_KEPT]}…"
