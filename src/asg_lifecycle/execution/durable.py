"""How a check tells the durable engine when to look again."""

from __future__ import annotations

import math
from typing import Protocol

from aws_durable_execution_sdk_python.config import Duration
from aws_durable_execution_sdk_python.waits import WaitForConditionDecision


class HasDelay(Protocol):
    """A checked state that says itself when it wants to be looked at again."""

    @property
    def delay(self) -> float | None:
        """Seconds until the next look, None when there is nothing more to wait for."""
        ...


def decide_by_delay(state: HasDelay, attempts: int) -> WaitForConditionDecision:
    """Return the engine's decision for `state`: whole seconds, rounded up, at least one."""
    del attempts
    if state.delay is None:
        return WaitForConditionDecision.stop_polling()
    return WaitForConditionDecision.continue_waiting(Duration(max(1, math.ceil(state.delay))))
