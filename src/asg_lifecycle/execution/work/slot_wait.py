"""Waiting for a drain slot, where only so many instances of a group may drain at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.model.drain_slots import next_request_delay, sentence
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.record_changes import RecordChanges


class SlotWaitState(Polled, frozen=True, kw_only=True, omit_defaults=True):
    """How the wait for a slot stands.

    Attributes:
        since: when it began, seconds since the epoch; None before the first request.
        said: the sentence that the record holds.
        lost_ownership: another execution owns the action.
    """

    since: float | None = None
    said: str | None = None
    lost_ownership: bool = False


class SlotWait:
    """One action's wait for its drain slot.

    Args:
        action_context: the action and the execution that works on it.
        limit: how many instances of its group may drain at once.
        until: when Auto Scaling ends the instance's wait by itself, seconds since the epoch.
    """

    def __init__(self, action_context: ActionContext, limit: int, until: float) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._limit = limit
        self._until = until

    def attempt(self, state: SlotWaitState) -> SlotWaitState:
        """Ask for a slot once. Never raises for what AWS answers."""
        dependencies, action = self._dependencies, self._action_context.action
        now = dependencies.clock()
        since = state.since if state.since is not None else now
        delay = next_request_delay(now - since, dependencies.chance())
        state = msgspec.structs.replace(state, since=since, delay=delay)
        try:
            answer = dependencies.drain_slots.request(
                action.group, holder_of(self._action_context), limit=self._limit, until=self._until, now=now
            )
            if answer.granted:
                return msgspec.structs.replace(state, delay=None)
            said = sentence(answer, self._limit)
            if said == state.said:
                return state
            changes: RecordChanges = {"queued_since": since, "detail": said, "detail_at": now}
            record = dependencies.records.update(self._action_context.wait, self._action_context.execution, changes)
        except CallFailed as failed:
            dependencies.observer.warning(f"the drain slots could not be read, trying again: {failed}")
            return state
        if state.said is None:
            dependencies.observer.info(said)
        lost = record is None
        return msgspec.structs.replace(state, said=said, lost_ownership=lost, delay=None if lost else state.delay)

    def leave(self, state: SlotWaitState) -> SlotWaitState:
        """Leave the queue once, so that others go first. Never raises for what AWS answers."""
        dependencies, group = self._dependencies, self._action_context.action.group
        now = dependencies.clock()
        try:
            dependencies.drain_slots.release(group, holder_of(self._action_context), now=now)
        except CallFailed as failed:
            dependencies.observer.warning(f"the queue for drain slots could not be left, trying again: {failed}")
            since = state.since if state.since is not None else now
            delay = next_request_delay(now - since, dependencies.chance())
            return msgspec.structs.replace(state, since=since, delay=delay)
        return msgspec.structs.replace(state, delay=None)


def holder_of(action_context: ActionContext) -> str:
    """Return the action's name among those of its group, the same whichever execution works on it."""
    return f"{action_context.wait} {action_context.action.reference}"
