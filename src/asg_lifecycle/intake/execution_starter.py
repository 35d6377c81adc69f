"""Starts executions of the durable function, each at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.start_requests import execution_name, payload

if TYPE_CHECKING:
    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.model.start_requests import StartRequest


class ExecutionStarter:
    """Starts executions of the durable function."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    def start(self, start: StartRequest, *, generation: str = "") -> bool:
        """Start an execution; return False when one of the same name was started before, with another event.

        Args:
            start: what to start.
            generation: part of the name: another one starts the same action again.

        Raises:
            CallFailed: no answer (the execution may have started all the same: repeat the call), throttled, denied.
        """
        return self._executions.start(payload(start), name=execution_name(start, generation))
