"""What comes back through the durable callback that a step has handed out."""

from __future__ import annotations

from msgspec import Struct

TEXT_KEPT = 2_000
"""Characters of an answer that are kept."""


class CallbackTimes(Struct, frozen=True, kw_only=True):
    """How long an answer is waited for.

    Attributes:
        timeout: seconds until it has to be there.
        heartbeat_timeout: seconds within which whoever works on it has to say so; None for never.
    """

    timeout: float
    heartbeat_timeout: float | None


class Reply(Struct, frozen=True, kw_only=True):
    """An answer.

    Attributes:
        index: the entry of the plan it is for, from 0.
        succeeded: whether it was a success.
        text: what was said, shortened; or why there is no answer.
    """

    index: int
    succeeded: bool
    text: str
