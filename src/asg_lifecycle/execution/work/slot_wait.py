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

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.race.branch_gate import BranchGate


class SlotWaitState(Struct, frozen=True, kw_only=True):
    """How the wait for a turn stands.

    Attributes:
        since: when it began, seconds since the epoch; None before the first look.
        said: the sentence that the record holds.
        lost_ownership: another execution owns the action.
        delay: seconds until the next look, None when it is this action's turn.
    """

    since: float | None = None
    said: str | None = None
    lost_ownership: bool = False
    delay: float | None = 0.0


class SlotWait:
    """One action's wait for its turn.

    Args:
        action_context: the action and who works on it.
        limit: how many instances of its group may drain at once.
        until: when Auto Scaling ends its wait by itself, seconds since the epoch.
        gate: of the work.
    """

    def __init__(self, action_context: ActionContext, limit: int, until: float, gate: BranchGate) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._limit = limit
        self._until = until
        self._turnstile = gate

    def wait(self, context: DurableContext, round_number: int) -> SlotWaitState:
        """Wait until it is this action's turn. One durable operation, however long it takes."""

        def check(state: SlotWaitState, _: WaitForConditionCheckContext) -> SlotWaitState:
            with self._turnstile.enter() as is_open:
                return self.look(state) if is_open else state

        return context.wait_for_condition(
            check,
            WaitForConditionConfig(
                wait_strategy=decide_by_delay, initial_state=SlotWaitState(), serdes=StructSerDes(SlotWaitState)
            ),
            name="slot-wait" if round_number == 1 else f"slot-wait-round-{round_number}",
        )

    def look(self, state: SlotWaitState) -> SlotWaitState:
        """Look once whose turn it is. Never raises for what AWS answers."""
        dependencies, action = self._dependencies, self._action_context.action
        now = dependencies.clock()
        since = state.since if state.since is not None else now
        state = msgspec.structs.replace(state, since=since, delay=gap(now - since, dependencies.chance()))
        try:
            slot = dependencies.drain_slots.look(
                action.group, holder_of(self._action_context), limit=self._limit, until=self._until, now=now
            )
            if slot.granted:
                return msgspec.structs.replace(state, delay=None)
            said = sentence(slot, self._limit)
            if said == state.said:
                return state
            record = dependencies.records.update(
                self._action_context.wait, self._action_context.execution, {"detail": said, "detail_at": now}
            )
        except CallFailed as failed:
            dependencies.observer.warning(f"whose turn it is could not be told, looking again: {failed}")
            return state
        if state.said is None:
            dependencies.observer.info(said)
        return msgspec.structs.replace(
            state, said=said, lost_ownership=record is None, delay=None if record is None else state.delay
        )


def holder_of(action_context: ActionContext) -> str:
    """Return what names the action among those of its group, whichever execution works on it."""
    return f"{action_context.wait} {action_context.action.reference}"
