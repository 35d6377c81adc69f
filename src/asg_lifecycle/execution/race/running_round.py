"""One round of the race that is under way, and its inbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asg_lifecycle.execution import durable
from asg_lifecycle.execution.durable import BranchGate
from asg_lifecycle.model.messages import Message, Unknown, decode

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.execution.race.decision import Round


@dataclass(frozen=True)
class RunningRound:
    """One round that is under way.

    Attributes:
        current: what it began with.
        inbox: the durable callback through which messages reach the action.
        is_first: no message has come before it.
        time_gate: the gate of the keep-alive branch, of its own so that a heartbeat does not wait for a poll that takes
            long.
        work_gate: the gate of the other branches.
    """

    current: Round
    inbox: Callback[str]
    is_first: bool
    time_gate: BranchGate = field(default_factory=BranchGate)
    work_gate: BranchGate = field(default_factory=BranchGate)

    @property
    def is_at_work(self) -> bool:
        """Whether the plan is carried out in it."""
        return self.current.held is None and self.current.idle is None

    @property
    def restarts(self) -> bool:
        """Whether steps that failed begin again: they failed before the instance waited, and nobody holds it."""
        return self.is_first and self.current.number > 1 and self.current.hold is None


def next_message(inbox: Callback[str]) -> Message:
    """Return the message that an inbox is sent; suspends the execution until one has come."""
    result = durable.result_of(inbox)
    return decode(result.text) if result.succeeded else Unknown(f"the callback failed: {result.text}")
