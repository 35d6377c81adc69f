"""Hands a start to the durable function, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.start_requests import execution_name, payload

if TYPE_CHECKING:
    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.model.start_requests import StartRequest


class Starter:
    """Starts executions of the durable function."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    def start(self, start: StartRequest, *, generation: str = "") -> bool:
        """Start the execution; return False when it had been started before, with another event.

        Args:
            start: what to start.
            generation: tells a later start of the same action from this one.

        Raises:
            CallFailed: no answer (it may have been started all the same: repeat it), throttled, denied.
        """
        return self._executions.start(payload(start), name=execution_name(start, generation))
