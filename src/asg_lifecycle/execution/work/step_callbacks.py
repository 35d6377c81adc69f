"""The durable callback that a step hands out.

It is made outside of the race: what is made in one of its branches is lost with the branch when a message ends the
round, and a reply may take hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.execution.durable import create_callback, result_of
from asg_lifecycle.model.redaction import redacted
from asg_lifecycle.model.replies import TEXT_KEPT, TEXT_READ, Reply

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.model.messages import Replied
    from asg_lifecycle.model.replies import CallbackTimes, HandedCallback


@dataclass(frozen=True, kw_only=True)
class StepCallback:
    """The callback of the present step. Steps that have one run in order, so there is one at a time.

    Attributes:
        index: the entry of the plan whose step has it, from 0.
        id: the callback's id, as it was handed out.
        callback: the durable callback, None where an earlier execution holds it and hands the reply on.
    """

    index: int
    id: str
    callback: Callback[str] | None

    def reply(self) -> Reply:
        """Return what came back; suspends the execution until something has.

        Raises:
            ValueError: another execution holds the callback.
        """
        if self.callback is None:
            raise ValueError(f"callback {self.id} is held by another execution")
        result = result_of(self.callback)
        return Reply(index=self.index, succeeded=result.succeeded, text=redacted(result.text[:TEXT_READ])[:TEXT_KEPT])

    def replied(self, message: Replied) -> Reply | None:
        """Return the reply that an earlier execution hands on, None when it is to another callback."""
        if message.callback != self.id:
            return None
        return Reply(index=self.index, succeeded=message.succeeded, text=redacted(message.text[:TEXT_READ])[:TEXT_KEPT])


def open_step_callback(context: DurableContext, index: int, times: CallbackTimes, round_number: int) -> StepCallback:
    """Make a callback for the step of one entry of the plan. One durable operation."""
    name = f"callback-{index + 1}-round-{round_number}"
    heartbeat_timeout = times.heartbeat_timeout or 0.0
    callback = create_callback(context, name, timeout=times.timeout, heartbeat_timeout=heartbeat_timeout)
    return StepCallback(index=index, id=callback.callback_id, callback=callback)


def held_elsewhere(handed: HandedCallback) -> StepCallback:
    """Return the callback of a step that an earlier execution holds."""
    return StepCallback(index=handed.index, id=handed.id, callback=None)
