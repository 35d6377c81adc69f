"""The durable callback that a step hands out.

It is made outside of the race: what is made in one of its branches is lost with the branch when a message ends the
round, and a reply may take hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.execution.durable import create_callback, result_of
from asg_lifecycle.model.replies import TEXT_KEPT, Reply

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.model.replies import CallbackTimes


@dataclass(frozen=True)
class StepCallback:
    """The callback of the present step. Steps that have one run in order, so there is one at a time.

    Attributes:
        index: the entry of the plan whose step has it, from 0.
        callback: the durable callback.
    """

    index: int
    callback: Callback[str]

    def reply(self) -> Reply:
        """Return what came back; suspends the execution until something has."""
        result = result_of(self.callback)
        return Reply(index=self.index, succeeded=result.succeeded, text=result.text[:TEXT_KEPT])


def open_step_callback(context: DurableContext, index: int, times: CallbackTimes, round_number: int) -> StepCallback:
    """Make a callback for the step of one entry of the plan. One durable operation."""
    name = f"callback-{index + 1}-round-{round_number}"
    heartbeat_timeout = times.heartbeat_timeout or 0.0
    callback = create_callback(context, name, timeout=times.timeout, heartbeat_timeout=heartbeat_timeout)
    return StepCallback(index, callback)
