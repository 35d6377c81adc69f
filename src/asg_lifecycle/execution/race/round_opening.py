"""How a later round of the race begins: its inbox goes into the record, and the message is carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.durable import retry_while_the_race_lasts, run_step
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.messages import Nudge, Skip, describe
from asg_lifecycle.model.plan_position import Position, position_of
from asg_lifecycle.model.records import Status
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.durable import BranchGate
    from asg_lifecycle.execution.race.decision import Round
    from asg_lifecycle.execution.work.plan_runner import PlanRunner
    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.model.records import Record


class RoundOpening:
    """The beginning of one round.

    Args:
        action_context: the action and who works on it.
        current: the round.
        inbox: id of the durable callback that is its inbox.
        runner: runs the plan, None where no work is done.
    """

    def __init__(self, action_context: ActionContext, current: Round, inbox: str, runner: PlanRunner | None) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._round = current
        self._inbox = inbox
        self._runner = runner

    def run(self, context: DurableContext, gate: BranchGate) -> Position:
        """Open the round; return where the work stands. One durable operation."""
        attempt = gate.guarded(self._open)
        return run_step(
            context,
            f"open-inbox-{self._round.number}",
            Position,
            lambda: attempt(Position()),
            retry_while_the_race_lasts,
        )

    def _open(self, _: Position) -> Position:
        record = self._update({"messages": self._round.messages})
        if record is None:
            return Position(lost_ownership=True)
        position = position_of(record)
        if record.inbox == self._inbox:
            # A Lambda opened the round and died before the result was kept.
            return position
        message = self._round.message
        if message is not None:
            self._dependencies.observer.info(f"message: {describe(message)}")
        if isinstance(message, Skip) and self._runner is not None:
            position = self._skipped(self._runner, position, message)
        if isinstance(message, Skip | Nudge):
            # An action that was out of time and is told to go on has its whole time again.
            position = msgspec.structs.replace(position, work_began_at=None)
        return (
            position
            if self._update(self._changes(position, record.status)) is not None
            else Position(lost_ownership=True)
        )

    def _changes(self, position: Position, status: Status) -> RecordChanges:
        changes: RecordChanges = {
            "inbox": self._inbox,
            "work_began_at": position.work_began_at,
            "step_index": position.index,
            "step_outcomes": position.outcomes,
            "step_began_at": min((step.began_at for step in position.steps), default=None),
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
        detail = describe(message) + (f"; {stopped}" if stopped else "")
        outcomes = (*position.outcomes, *runner.skipped(position, detail))
        return Position(index=position.index + 1, outcomes=outcomes, work_began_at=position.work_began_at)

    def _update(self, changes: RecordChanges) -> Record | None:
        return self._dependencies.records.update(self._action_context.wait, self._action_context.execution, changes)
