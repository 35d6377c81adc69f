"""The durable callbacks that steps hand out.

They are made outside of the race: what is made in one of its branches is lost with the branch when a message ends the
round, and an answer may take hours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.execution.durable import create_callback, result_of
from asg_lifecycle.model.replies import TEXT_KEPT, Reply

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.model.replies import CallbackTimes


class StepCallback(Struct, frozen=True, kw_only=True):
    """The callback that a step has handed out.

    Attributes:
        index: the entry of the plan whose step has it, None when none has.
        callback: its id.
        reply: what came back, None as long as nothing has.
    """

    index: int | None = None
    callback: str | None = None
    reply: Reply | None = None


class StepCallbacks:
    """The callback of the present step. Steps that have one run in order, so there is one at a time."""

    def __init__(self) -> None:
        self._index: int | None = None
        self._callback: Callback[str] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a step has a callback."""
        return self._callback is not None

    def open(self, context: DurableContext, index: int, times: CallbackTimes, round_number: int) -> None:
        """Make a callback for an entry of the plan; what comes through the one before it is ignored from now on."""
        self._callback = create_callback(
            context,
            f"callback-{index + 1}-round-{round_number}",
            timeout=times.timeout,
            heartbeat_timeout=times.heartbeat_timeout or 0.0,
        )
        self._index = index

    def present(self, reply: Reply | None) -> StepCallback:
        """Return the callback of the present step, with what came back through it."""
        if self._callback is None:
            return StepCallback()
        return StepCallback(index=self._index, callback=self._callback.callback_id, reply=reply)

    def reply(self) -> Reply:
        """Return what came back; suspends the execution until something has."""
        if self._callback is None or self._index is None:
            raise RuntimeError("no step has a callback")
        result = result_of(self._callback)
        return Reply(index=self._index, succeeded=result.succeeded, text=result.text[:TEXT_KEPT])
