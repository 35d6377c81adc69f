"""The race of work, keep-alive and inbox, round by round until one of them ends the action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aws_durable_execution_sdk_python import CallbackError, complete_batch, continue_batch
from aws_durable_execution_sdk_python.config import (
    CompletionConfig,
    Duration,
    NestingType,
    ParallelBranch,
    ParallelConfig,
    StepConfig,
)

from asg_lifecycle.execution.race.branch_gate import BranchGate
from asg_lifecycle.execution.race.decision import BranchResults, RaceOutcome
from asg_lifecycle.execution.retrying import while_the_race_lasts
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.setup import plan_fields
from asg_lifecycle.execution.work.plan_runner import PlanResult, PlanRunner, StepCallback
from asg_lifecycle.execution.work.position import Position, position_of
from asg_lifecycle.execution.work.slot_wait import SlotWait
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.messages import Message, Nudge, Skip, Unknown, decode, describe
from asg_lifecycle.model.plans import Plan, PlanDecision
from asg_lifecycle.model.records import Record, Status
from asg_lifecycle.observer import Metric
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import CallbackStep

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import CompletionDecision, CompletionStatus, DurableContext
    from aws_durable_execution_sdk_python.types import Callback, StepContext

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.race.decision import Round
    from asg_lifecycle.execution.race.keep_alive import KeepAlive
    from asg_lifecycle.execution.setup import Setup
    from asg_lifecycle.execution.work.step_callbacks import StepCallbacks
    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.model.replies import CallbackTimes

LAST_ROUND = 500
"""The round that hears no more messages. An execution may have 3000 operations and a round costs five: a sender that
does not stop must not take the action's heartbeats with it."""


NEVER = Duration(172_800)


class Phase(Protocol):
    """What tells a race of an action that waits from one of work that began early."""

    def watch(self, context: DurableContext, gate: BranchGate, current: Round, *, is_first: bool) -> KeepAlive:
        """Run the branch that knows the time: it keeps the action alive, or waits for the end."""
        ...

    def conclude_round(self, current: Round, results: BranchResults, decision: PlanDecision) -> RaceOutcome | Round:
        """Return what a round came to: an ending, or the next round."""
        ...


class Race:
    """The rounds of one action's race.

    Attributes:
        decision: the plan and why. One that could not be used is chosen anew when an operator says to look again.

    Args:
        action_context: the action and who works on it.
        setup: what is known of it.
        decision: the plan and why.
        phase: how its rounds are watched and judged.
        callbacks: what steps have handed out.
    """

    def __init__(
        self,
        action_context: ActionContext,
        setup: Setup,
        decision: PlanDecision,
        phase: Phase,
        callbacks: StepCallbacks,
    ) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._setup = setup
        self.decision = decision
        self._phase = phase
        self._callbacks = callbacks

    def run(self, context: DurableContext, callback: Callback[str], first: Round) -> tuple[RaceOutcome, int]:
        """Run rounds until one ends the race.

        Args:
            context: the durable context.
            callback: the inbox of the first round; the record has it already.
            first: the first round.

        Returns:
            The ending, and the number of the last round.
        """
        current = first
        while True:
            results = self._run_round(context, current, callback, is_first=current is first)
            following = self._phase.conclude_round(current, results, self.decision)
            if isinstance(following, RaceOutcome):
                return following, current.number
            current = following
            if isinstance(current.message, Nudge) and self.decision.plan is None:
                self.decision = self._decided_anew(context, current.number)
                current = msgspec.structs.replace(current, held="; ".join(self.decision.problems) or None)
            callback = context.create_callback(f"inbox-{current.number}")
            if current.needs_callback is not None and (times := self._times(current.needs_callback)) is not None:
                self._callbacks.open(context, current.needs_callback, times, current.number)

    def _run_round(
        self, context: DurableContext, current: Round, callback: Callback[str], *, is_first: bool
    ) -> BranchResults:
        # One each: a heartbeat does not wait for a look that takes long.
        watching, working = BranchGate(), BranchGate()
        is_at_work = current.held is None and current.idle is None

        def watch_branch(inner: DurableContext) -> dict[str, Any]:
            alive = self._phase.watch(inner, watching, current, is_first=is_first)
            return _plain(BranchResults(keep_alive=alive))

        def inbox_branch(inner: DurableContext) -> dict[str, Any]:
            if not is_at_work and not is_first:
                position = self._open(inner, current, callback, None, working)
                if position.lost_ownership:
                    return _plain(BranchResults(work=PlanResult(how="lost_ownership", reason="", index=0, outcomes=())))
            if current.number >= LAST_ROUND:
                inner.wait(NEVER, name="inbox-closed")
            return _plain(BranchResults(message=_next_message(callback)))

        def work_branch(inner: DurableContext) -> dict[str, Any]:
            step_callback = self._correspondence(current)
            work = PlanRunner(self._action_context, plan, self._setup.facts, working, step_callback)
            start = self._setup.position
            if not is_first:
                start = self._open(inner, current, callback, work, working)
            start = self._wait_for_turn(inner, plan, start, working, current.number)
            return _plain(BranchResults(work=work.run(inner, start, current.number)))

        plan = self.decision.plan or Plan()
        branches: list[ParallelBranch[dict[str, Any]]] = [
            ParallelBranch(watch_branch, "keep-alive"),
            ParallelBranch(inbox_branch, "inbox"),
        ]
        if is_at_work:
            branches.append(ParallelBranch(work_branch, "work"))
        branches += self._reply_branch(current)
        batch = context.parallel(
            branches,
            name=f"race-{current.number}",
            config=ParallelConfig(
                completion_config=CompletionConfig(should_complete=_first_finisher), nesting_type=NestingType.FLAT
            ),
        )
        watching.close()
        working.close()
        batch.throw_if_error()
        return _merged([item.result for item in batch.succeeded() if item.result is not None])

    def _decided_anew(self, context: DurableContext, round_number: int) -> PlanDecision:
        """Choose the plan again, which could not be used."""

        def choose(_: StepContext) -> PlanDecision:
            try:
                decision = self._dependencies.planning.plan_for(self._action_context.action)
                self._update(plan_fields(decision))
            except CallFailed as failed:
                # Held as before: a nudge that finds the plans in reach does better.
                self._dependencies.observer.warning(f"the plan could not be chosen again: {failed}")
                return self.decision
            return decision

        return context.step(
            choose,
            name=f"choose-plan-{round_number}",
            config=StepConfig(retry_strategy=while_the_race_lasts, serdes=StructSerDes(PlanDecision)),
        )

    def _reply_branch(self, current: Round) -> list[ParallelBranch[dict[str, Any]]]:
        def reply_branch(_: DurableContext) -> dict[str, Any]:
            return _plain(BranchResults(reply=self._callbacks.reply()))

        awaited = self._callbacks.index is not None and current.reply is None
        return [ParallelBranch(reply_branch, "reply")] if awaited else []

    def _times(self, index: int) -> CallbackTimes | None:
        step = build((self.decision.plan or Plan()).steps[index], self._dependencies.services)
        return step.times if isinstance(step, CallbackStep) else None

    def _correspondence(self, current: Round) -> StepCallback:
        index = self._callbacks.index
        if index is None:
            return StepCallback()
        return StepCallback(index=index, callback=self._callbacks.identity(index), reply=current.reply)

    def _wait_for_turn(
        self, context: DurableContext, plan: Plan, start: Position, gate: BranchGate, round_number: int
    ) -> Position:
        limit = plan.drains_per_group or self._dependencies.settings.drains_per_group
        if limit is None or start.lost_ownership or start.index >= len(plan.steps):
            return start
        slot = SlotWait(self._action_context, limit, self._setup.bound, gate).wait(context, round_number)
        return msgspec.structs.replace(start, lost_ownership=slot.lost_ownership)

    def _open(
        self,
        context: DurableContext,
        current: Round,
        callback: Callback[str],
        work: PlanRunner | None,
        gate: BranchGate,
    ) -> Position:
        """Put the round's inbox into the record, carry out what was said, and return where the work stands."""

        def open_round(_: StepContext) -> Position:
            with gate.enter() as is_open:
                return self._opened(current, callback.callback_id, work) if is_open else Position()

        return context.step(
            open_round,
            name=f"open-inbox-{current.number}",
            config=StepConfig(retry_strategy=while_the_race_lasts, serdes=StructSerDes(Position)),
        )

    def _opened(self, current: Round, callback: str, work: PlanRunner | None) -> Position:
        observer = self._dependencies.observer
        record = self._update({"messages": current.messages})
        if record is None:
            return Position(lost_ownership=True)
        position = position_of(record)
        if record.inbox == callback:
            return position
        if current.message is not None:
            observer.info(f"message: {describe(current.message)}")
        if isinstance(current.message, Skip) and work is not None:
            position = self._skipped(work, position, current.message)
        if isinstance(current.message, Skip | Nudge):
            # Who was out of time and is told to go on has all of it again.
            position = msgspec.structs.replace(position, work_began_at=None)
        changes: RecordChanges = {
            "inbox": callback,
            "work_began_at": position.work_began_at,
            "step_index": position.index,
            "step_outcomes": position.outcomes,
            "step_began_at": position.began_at,
            "step_state": position.last.state if position.last is not None else None,
        }
        if current.held is not None:
            changes |= {
                "status": Status.HELD,
                "problem": current.held,
                "detail": f"held: {current.held}",
                "detail_at": self._dependencies.clock(),
            }
            if current.newly_held:
                observer.count(Metric.HELD)
                observer.error(f"held until an operator or the deadline decides: {current.held}")
        elif current.idle is not None:
            changes |= {"detail": current.idle, "detail_at": self._dependencies.clock()}
        return position if self._update(changes) is not None else Position(lost_ownership=True)

    def _skipped(self, work: PlanRunner, position: Position, message: Skip) -> Position:
        if position.index >= len(work.plan.steps):
            return position
        try:
            stopped = work.cancel(position, self._dependencies.clock())
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.TRANSIENT:
                raise
            stopped = f"what it began could not be stopped: {failed}"
            self._dependencies.observer.error(stopped)
        detail = describe(message) + (f"; {stopped}" if stopped else "")
        outcomes = (*position.outcomes, *work.skipped(position, detail))
        return Position(index=position.index + 1, outcomes=outcomes, work_began_at=position.work_began_at)

    def _update(self, changes: RecordChanges) -> Record | None:
        return self._dependencies.records.update(self._action_context.wait, self._action_context.execution, changes)


def _first_finisher(status: CompletionStatus) -> CompletionDecision:
    return complete_batch() if status.completed_count > 0 else continue_batch()


def _next_message(callback: Callback[str]) -> Message:
    try:
        return decode(callback.result())
    except CallbackError as error:
        return Unknown(f"the callback failed: {error}")


def _plain(results: BranchResults) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(results)
    return plain


def _merged(results: list[dict[str, Any]]) -> BranchResults:
    merged = {name: value for result in results for name, value in result.items() if value is not None}
    return msgspec.convert(merged, BranchResults)
