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

from asg_lifecycle.execution.race.branch_gate import Turnstile
from asg_lifecycle.execution.race.decision import Ending, Finishes
from asg_lifecycle.execution.retrying import while_the_race_lasts
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.setup import particulars_of
from asg_lifecycle.execution.work.plan_runner import Correspondence, Work, WorkEnd
from asg_lifecycle.execution.work.position import Position, position_of
from asg_lifecycle.execution.work.slot_wait import TurnTaking
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.messages import Message, Nudge, Skip, Unknown, decode, describe
from asg_lifecycle.model.plans import Plan, PlanDecision
from asg_lifecycle.model.records import Record, Status
from asg_lifecycle.observer import Metric
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.callback_step import CallbackStep

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import CompletionDecision, CompletionStatus, DurableContext
    from aws_durable_execution_sdk_python.types import Callback, StepContext

    from asg_lifecycle.execution.dependencies import Assignment
    from asg_lifecycle.execution.race.decision import Round
    from asg_lifecycle.execution.race.keep_alive import KeepAlive
    from asg_lifecycle.execution.setup import Admission
    from asg_lifecycle.execution.work.step_callbacks import Callbacks
    from asg_lifecycle.model.replies import CallbackTimes

LAST_ROUND = 500
"""The round that hears no more messages. An execution may have 3000 operations and a round costs five: a sender that
does not stop must not take the action's heartbeats with it."""


NEVER = Duration(172_800)


class Chapter(Protocol):
    """What tells a race of an action that waits from one of work that began early."""

    def watch(self, context: DurableContext, turnstile: Turnstile, current: Round, *, is_first: bool) -> KeepAlive:
        """Run the branch that knows the time: it keeps the action alive, or waits for the end."""
        ...

    def judge(self, current: Round, finishes: Finishes, decision: PlanDecision) -> Ending | Round:
        """Return what a round came to: an ending, or the next round."""
        ...


class Race:
    """The rounds of one action's race.

    Attributes:
        decision: the plan and why. One that could not be used is chosen anew when an operator says to look again.

    Args:
        assignment: the action and who works on it.
        admission: what is known of it.
        decision: the plan and why.
        chapter: how its rounds are watched and judged.
        callbacks: what steps have handed out.
    """

    def __init__(
        self,
        assignment: Assignment,
        admission: Admission,
        decision: PlanDecision,
        chapter: Chapter,
        callbacks: Callbacks,
    ) -> None:
        self._assignment = assignment
        self._application = assignment.application
        self._admission = admission
        self.decision = decision
        self._chapter = chapter
        self._callbacks = callbacks

    def run(self, context: DurableContext, callback: Callback[str], first: Round) -> tuple[Ending, int]:
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
            finishes = self._run_round(context, current, callback, is_first=current is first)
            following = self._chapter.judge(current, finishes, self.decision)
            if isinstance(following, Ending):
                return following, current.number
            current = following
            if isinstance(current.message, Nudge) and self.decision.plan is None:
                self.decision = self._decided_anew(context, current.number)
                current = msgspec.structs.replace(current, held="; ".join(self.decision.problems) or None)
            callback = context.create_callback(f"inbox-{current.number}")
            if current.asks is not None and (times := self._times(current.asks)) is not None:
                self._callbacks.open(context, current.asks, times, current.number)

    def _run_round(
        self, context: DurableContext, current: Round, callback: Callback[str], *, is_first: bool
    ) -> Finishes:
        # One each: a heartbeat does not wait for a look that takes long.
        watching, working = Turnstile(), Turnstile()
        is_at_work = current.held is None and current.idle is None

        def watch_branch(inner: DurableContext) -> dict[str, Any]:
            alive = self._chapter.watch(inner, watching, current, is_first=is_first)
            return _plain(Finishes(keep_alive=alive))

        def inbox_branch(inner: DurableContext) -> dict[str, Any]:
            if not is_at_work and not is_first:
                position = self._open(inner, current, callback, None, working)
                if position.taken:
                    return _plain(Finishes(work=WorkEnd(how="taken", reason="", index=0, outcomes=())))
            if current.number >= LAST_ROUND:
                inner.wait(NEVER, name="inbox-closed")
            return _plain(Finishes(message=_next_message(callback)))

        def work_branch(inner: DurableContext) -> dict[str, Any]:
            correspondence = self._correspondence(current)
            work = Work(self._assignment, plan, self._admission.facts, working, correspondence)
            start = self._admission.position
            if not is_first:
                start = self._open(inner, current, callback, work, working)
            start = self._wait_for_turn(inner, plan, start, working, current.number)
            return _plain(Finishes(work=work.run(inner, start, current.number)))

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
                decision = self._application.planning.plan_for(self._assignment.action)
                self._update(particulars_of(decision))
            except CallFailed as failed:
                # Held as before: a nudge that finds the plans in reach does better.
                self._application.observer.warning(f"the plan could not be chosen again: {failed}")
                return self.decision
            return decision

        return context.step(
            choose,
            name=f"plan-{round_number}",
            config=StepConfig(retry_strategy=while_the_race_lasts, serdes=StructSerDes(PlanDecision)),
        )

    def _reply_branch(self, current: Round) -> list[ParallelBranch[dict[str, Any]]]:
        def reply_branch(_: DurableContext) -> dict[str, Any]:
            return _plain(Finishes(reply=self._callbacks.reply()))

        awaited = self._callbacks.index is not None and current.reply is None
        return [ParallelBranch(reply_branch, "reply")] if awaited else []

    def _times(self, index: int) -> CallbackTimes | None:
        step = build((self.decision.plan or Plan()).steps[index], self._application.services)
        return step.times if isinstance(step, CallbackStep) else None

    def _correspondence(self, current: Round) -> Correspondence:
        index = self._callbacks.index
        if index is None:
            return Correspondence()
        return Correspondence(index=index, callback=self._callbacks.identity(index), reply=current.reply)

    def _wait_for_turn(
        self, context: DurableContext, plan: Plan, start: Position, turnstile: Turnstile, round_number: int
    ) -> Position:
        limit = plan.drains_per_group or self._application.settings.drains_per_group
        if limit is None or start.taken or start.index >= len(plan.steps):
            return start
        turn = TurnTaking(self._assignment, limit, self._admission.bound, turnstile).wait(context, round_number)
        return msgspec.structs.replace(start, taken=turn.taken)

    def _open(
        self,
        context: DurableContext,
        current: Round,
        callback: Callback[str],
        work: Work | None,
        turnstile: Turnstile,
    ) -> Position:
        """Put the round's inbox into the record, carry out what was said, and return where the work stands."""

        def open_round(_: StepContext) -> Position:
            with turnstile.passage() as is_open:
                return self._opened(current, callback.callback_id, work) if is_open else Position()

        return context.step(
            open_round,
            name=f"open-inbox-{current.number}",
            config=StepConfig(retry_strategy=while_the_race_lasts, serdes=StructSerDes(Position)),
        )

    def _opened(self, current: Round, callback: str, work: Work | None) -> Position:
        observer = self._application.observer
        record = self._update({"messages": current.messages})
        if record is None:
            return Position(taken=True)
        position = position_of(record)
        if record.callback == callback:
            return position
        if current.message is not None:
            observer.info(f"message: {describe(current.message)}")
        if isinstance(current.message, Skip) and work is not None:
            position = self._skipped(work, position, current.message)
        if isinstance(current.message, Skip | Nudge):
            # Who was out of time and is told to go on has all of it again.
            position = msgspec.structs.replace(position, work_began_at=None)
        changes: dict[str, object] = {
            "callback": callback,
            "work_begun_at": position.work_began_at,
            "step": position.index,
            "steps": position.outcomes,
            "step_begun_at": position.began_at,
            "step_state": position.last.state if position.last is not None else None,
        }
        if current.held is not None:
            changes |= {
                "status": Status.HELD,
                "problem": current.held,
                "detail": f"held: {current.held}",
                "detail_at": self._application.clock(),
            }
            if current.newly_held:
                observer.count(Metric.HELD)
                observer.error(f"held until an operator or the deadline decides: {current.held}")
        elif current.idle is not None:
            changes |= {"detail": current.idle, "detail_at": self._application.clock()}
        return position if self._update(changes) is not None else Position(taken=True)

    def _skipped(self, work: Work, position: Position, message: Skip) -> Position:
        if position.index >= len(work.plan.steps):
            return position
        try:
            stopped = work.cancel(position, self._application.clock())
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.PASSING:
                raise
            stopped = f"what it began could not be stopped: {failed}"
            self._application.observer.error(stopped)
        detail = describe(message) + (f"; {stopped}" if stopped else "")
        outcomes = (*position.outcomes, *work.skipped(position, detail))
        return Position(index=position.index + 1, outcomes=outcomes, work_began_at=position.work_began_at)

    def _update(self, changes: dict[str, object]) -> Record | None:
        return self._application.records.update(self._assignment.wait, self._assignment.execution, changes)


def _first_finisher(status: CompletionStatus) -> CompletionDecision:
    return complete_batch() if status.completed_count > 0 else continue_batch()


def _next_message(callback: Callback[str]) -> Message:
    try:
        return decode(callback.result())
    except CallbackError as error:
        return Unknown(f"the callback failed: {error}")


def _plain(finishes: Finishes) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(finishes)
    return plain


def _merged(results: list[dict[str, Any]]) -> Finishes:
    merged = {name: value for result in results for name, value in result.items() if value is not None}
    return msgspec.convert(merged, Finishes)
