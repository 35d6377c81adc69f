"""The durable callbacks that steps hand out.

They are made outside of the race: what is made in one of its branches is lost with the branch when a message ends the
round, and an answer may take hours.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aws_durable_execution_sdk_python import CallbackError
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration

from asg_lifecycle.model.replies import TEXT_KEPT, Reply

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.model.replies import CallbackTimes


class StepCallbacks:
    """The callback of the present step. Steps run in order, so there is one at a time.

    Attributes:
        index: the entry of the plan that has it, None when none has.
    """

    def __init__(self) -> None:
        self.index: int | None = None
        self._callback: Callback[str] | None = None

    def open(self, context: DurableContext, index: int, times: CallbackTimes, round_number: int) -> None:
        """Make a callback for an entry of the plan; the one before it is heard no more."""
        self._callback = context.create_callback(
            f"callback-{index + 1}-round-{round_number}",
            CallbackConfig(timeout=_whole(times.timeout), heartbeat_timeout=_whole(times.heartbeat_timeout or 0.0)),
        )
        self.index = index

    def identity(self, index: int) -> str | None:
        """Return the id of the callback that an entry has, None when it has none."""
        return self._callback.callback_id if self._callback is not None and self.index == index else None

    def reply(self) -> Reply:
        """Return what came back; suspends the execution until something has."""
        if self._callback is None or self.index is None:
            raise RuntimeError("no step has a callback")
        try:
            text = self._callback.result()
        except CallbackError as error:
            return Reply(index=self.index, succeeded=False, text=str(error)[:TEXT_KEPT])
        return Reply(index=self.index, succeeded=True, text=(text or "")[:TEXT_KEPT])


def _whole(seconds: float) -> Duration:
    return Duration(math.ceil(seconds))
