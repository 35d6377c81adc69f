"""The reply that comes back through the durable callback of a step."""

from __future__ import annotations

from msgspec import Struct

TEXT_KEPT, TEXT_READ = 2_000, 20_000
"""Characters of a reply that are kept; and that are read, to find secrets that a cut would make unrecognisable."""


class CallbackTimes(Struct, frozen=True, kw_only=True):
    """How long a reply is waited for.

    Attributes:
        timeout: seconds within which it has to come.
        heartbeat_timeout: seconds within which the holder of the callback has to send a heartbeat; None for never.
    """

    timeout: float
    heartbeat_timeout: float | None


class Reply(Struct, frozen=True, kw_only=True):
    """A reply.

    Attributes:
        index: the entry of the plan it is for, from 0.
        succeeded: whether it was a success.
        text: its text, shortened; or why there is none.
    """

    index: int
    succeeded: bool
    text: str


class HandedCallback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The callback of a step that an execution holds which has handed the action on.

    Attributes:
        index: the entry of the plan whose step has it, from 0.
        id: the callback's id.
        reply: what has come back through it, None as long as nothing has.
    """

    index: int
    id: str
    reply: Reply | None = None
