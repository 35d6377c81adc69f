"""How a later round of the race begins: its inbox goes into the record, and the message is carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.execution.heartbeat import HeartbeatState
from asg_lifecycle.execution.work.work_state import WorkState, work_at
from asg_lifecycle.model.action_measures import blocked_until
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.messages import Extend, Hold, Resume, Skip, Wake, describe
from asg_lifecycle.model.plan_position import Position, position_of
from asg_lifecycle.model.progress import Failed, Waiting
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.step_memory import StepMemory
from asg_lifecycle.model.timing import retry_delay
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.race.decision import Round
    from asg_lifecycle.execution.work.plan_runner import PlanRunner
    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.model.records import Record

LONGEST_RETRY_DELAY = 60.0


class Opening(Polled, frozen=True, kw_only=True, omit_defaults=True):
    """How the beginning of a round went. Times are seconds since the epoch.

    Attributes:
        entered: the record knows of the round: its inbox, and what became of the message before it.
        work: where the work stands, or how it ended at once.
        heartbeat: the heartbeats so far.
        at: when it was, None where nothing had to be done.
        tries: how often the record could not be written.
    """

    entered: bool = False
    work: WorkState = WorkState()
    heartbeat: HeartbeatState
    at: float | None = None
    tries: int = 0


class RoundOpening:
    """The beginning of one round: the record is written, a message carried out, and the work goes as far as it can.

    Args:
        action_context: the action and the execution that works on it.
        current: the round.
        inbox: id of the durable callback that is its inbox.
        runner: carries out the plan, None where no work is done.
    """

    def __init__(self, action_context: ActionContext, current: Round, inbox: str, runner: PlanRunner | None) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._round = current
        self._inbox = inbox
        self._runner = runner

    def attempt(self, state: Opening, *, looks: bool) -> Opening:
        """Open the round, once. Never raises for what AWS answers.

        Args:
            state: what is known.
            looks: whether the work is polled here and now. It is not where the heartbeat timer leaves too little time:
                the race has a branch for each.
        """
        state = msgspec.structs.replace(state, at=self._dependencies.clock(), delay=None)
        if state.heartbeat.over is not None:
            return state
        if not state.entered:
            try:
                position = self._enter()
            except CallFailed as failed:
                self._dependencies.observer.warning(f"the record could not be written, trying again: {failed}")
                tries = state.tries + 1
                delay = retry_delay(tries, self._dependencies.chance(), LONGEST_RETRY_DELAY)
                return msgspec.structs.replace(state, tries=tries, delay=delay)
            state = msgspec.structs.replace(state, entered=True, work=work_at(position))
        if not looks or self._runner is None:
            return state
        work = self._runner.poll(state.work)
        return msgspec.structs.replace(state, work=work, at=self._dependencies.clock())

    def _enter(self) -> Position:
        """Write the round into the record; return where the work stands.

        Raises:
            CallFailed: the table does not answer, or what a skipped step began could not be stopped just now.
        """
        message = self._round.message
        if isinstance(message, Wake) and self._round.held is None and self._round.idle is None:
            return self._woken(message)
        record = self._update({"messages": self._round.messages})
        if record is None:
            return Position(lost_ownership=True)
        position = position_of(record)
        if message is not None and record.inbox == self._inbox:
            # A Lambda carried out the message and died before the result was kept.
            return position
        if message is not None:
            self._dependencies.observer.info(f"message: {describe(message)}")
        if isinstance(message, Skip) and self._runner is not None:
            position = self._skipped(self._runner, position, message)
        if isinstance(message, Extend):
            position = extended(position, message.seconds)
        if isinstance(message, Resume):
            position = restarted(position)
        if isinstance(message, Skip | Resume):
            # An action that was out of time and is told to go on has its whole time again, and never less than it had.
            # The record of a step that goes on as before would not be written again: it counts from here.
            goes_on = any(isinstance(memory.progress, Waiting) for memory in position.steps)
            began = self._dependencies.clock() if goes_on else None
            position = msgspec.structs.replace(position, work_began_at=began)
        changed = self._update(self._changes(position, record.status))
        if changed is None:
            return Position(lost_ownership=True)
        self._tell_of_hold(changed)
        return position

    def _tell_of_hold(self, record: Record) -> None:
        events, held = self._dependencies.action_events, self._round.held
        if events is None:
            return
        if isinstance(self._round.message, Hold):
            events.held(self._action_context, record, describe(self._round.message), self._round.number)
        elif held is not None and self._round.newly_held:
            events.held(self._action_context, record, held, self._round.number)

    def _woken(self, message: Wake) -> Position:
        """Note an event, which changes nothing but the inbox: one write is enough."""
        record = self._update({"messages": self._round.messages, "inbox": self._inbox})
        if record is None:
            return Position(lost_ownership=True)
        self._dependencies.observer.info(f"message: {describe(message)}")
        return position_of(record)

    def _changes(self, position: Position, status: Status) -> RecordChanges:
        changes: RecordChanges = {
            "inbox": self._inbox,
            "work_began_at": position.work_began_at,
            "extended_seconds": position.extended_seconds,
            "hold": self._round.hold,
            "step_index": position.index,
            "step_outcomes": position.outcomes,
            "step_began_at": min((step.began_at for step in position.steps if step.began_at is not None), default=None),
            "present_steps": position.steps,
        }
        held, idle, now = self._round.held, self._round.idle, self._dependencies.clock()
        if held is not None:
            changes |= {"status": Status.HELD, "problem": held, "detail": f"held: {held}", "detail_at": now}
            if self._round.newly_held:
                self._dependencies.observer.count(Metric.HELD)
                self._dependencies.observer.error(f"held until an operator or the deadline decides: {held}")
            return changes
        if status is Status.HELD:
            # A step whose sentence has not changed since it was held would not write the record again.
            changes |= {"status": Status.WORKING, "problem": None}
        if idle is not None:
            changes |= {"detail": idle, "detail_at": now}
        return changes

    def _skipped(self, runner: PlanRunner, position: Position, message: Skip) -> Position:
        if position.index >= len(runner.plan.steps):
            return position
        try:
            stopped = runner.cancel(position, self._dependencies.clock())
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.TRANSIENT:
                raise
            stopped = f"what it began could not be stopped: {failed}"
            self._dependencies.observer.error(stopped)
        self._dependencies.observer.by_cause(
            Metric.BLOCKED_SECONDS, blocked_until(position.steps, self._dependencies.clock())
        )
        detail = describe(message) + (f"; {stopped}" if stopped else "")
        outcomes = (*position.outcomes, *runner.skipped(position, detail, self._dependencies.clock()))
        return msgspec.structs.replace(position, index=position.index + 1, outcomes=outcomes, steps=())

    def _update(self, changes: RecordChanges) -> Record | None:
        return self._dependencies.records.update(self._action_context.wait, self._action_context.execution, changes)


def restarted(position: Position) -> Position:
    """Return where the work stands when the present steps that failed are to begin again."""
    steps = tuple(
        StepMemory(attempt=memory.attempt + 1) if isinstance(memory.progress, Failed) else memory
        for memory in position.steps
    )
    return msgspec.structs.replace(position, steps=steps)


def extended(position: Position, length: float) -> Position:
    """Return where the work stands when an operator has moved its timeouts.

    Args:
        position: where it stands.
        length: by how much, seconds.
    """
    return msgspec.structs.replace(
        position,
        steps=tuple(
            msgspec.structs.replace(memory, extended_seconds=memory.extended_seconds + length)
            for memory in position.steps
        ),
        extended_seconds=position.extended_seconds + length,
    )
