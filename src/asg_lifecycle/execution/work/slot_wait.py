"""Waiting for a turn, where only so many instances of a group may drain at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig
from msgspec import Struct

from asg_lifecycle.execution.durable import decide_by_delay
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.model.drain_slots import gap, sentence
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext

    from asg_lifecycle.execution.dependencies import Assignment
    from asg_lifecycle.execution.race.branch_gate import Turnstile


class Queueing(Struct, frozen=True, kw_only=True):
    """How the wait for a turn stands.

    Attributes:
        since: when it began, seconds since the epoch; None before the first look.
        said: the sentence that the record holds.
        taken: another execution owns the action.
        delay: seconds until the next look, None when it is this action's turn.
    """

    since: float | None = None
    said: str | None = None
    taken: bool = False
    delay: float | None = 0.0


class TurnTaking:
    """One action's wait for its turn.

    Args:
        assignment: the action and who works on it.
        limit: how many instances of its group may drain at once.
        until: when Auto Scaling ends its wait by itself, seconds since the epoch.
        turnstile: of the work.
    """

    def __init__(self, assignment: Assignment, limit: int, until: float, turnstile: Turnstile) -> None:
        self._assignment = assignment
        self._application = assignment.application
        self._limit = limit
        self._until = until
        self._turnstile = turnstile

    def wait(self, context: DurableContext, round_number: int) -> Queueing:
        """Wait until it is this action's turn. One durable operation, however long it takes."""

        def check(state: Queueing, _: WaitForConditionCheckContext) -> Queueing:
            with self._turnstile.passage() as is_open:
                return self.look(state) if is_open else state

        return context.wait_for_condition(
            check,
            WaitForConditionConfig(
                wait_strategy=decide_by_delay, initial_state=Queueing(), serdes=StructSerDes(Queueing)
            ),
            name="turn" if round_number == 1 else f"turn-round-{round_number}",
        )

    def look(self, state: Queueing) -> Queueing:
        """Look once whose turn it is. Never raises for what AWS answers."""
        application, action = self._application, self._assignment.action
        now = application.clock()
        since = state.since if state.since is not None else now
        state = msgspec.structs.replace(state, since=since, delay=gap(now - since, application.chance()))
        try:
            turn = application.turns.look(
                action.group, holder_of(self._assignment), limit=self._limit, until=self._until, now=now
            )
            if turn.granted:
                return msgspec.structs.replace(state, delay=None)
            said = sentence(turn, self._limit)
            if said == state.said:
                return state
            record = application.records.update(
                self._assignment.wait, self._assignment.execution, {"detail": said, "detail_at": now}
            )
        except CallFailed as failed:
            application.observer.warning(f"whose turn it is could not be told, looking again: {failed}")
            return state
        if state.said is None:
            application.observer.info(said)
        return msgspec.structs.replace(
            state, said=said, taken=record is None, delay=None if record is None else state.delay
        )


def holder_of(assignment: Assignment) -> str:
    """Return what names the action among those of its group, whichever execution works on it."""
    return f"{assignment.wait} {assignment.action.reference}"
