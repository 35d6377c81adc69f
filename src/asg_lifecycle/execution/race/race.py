"""The race of work, keep-alive and inbox, round by round until one of them ends the action."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution import durable
from asg_lifecycle.execution.durable import BranchGate, run_step
from asg_lifecycle.execution.heartbeat import KeepAlive, keep_alive
from asg_lifecycle.execution.race.decision import BranchResults, RaceOutcome, Round, decide, next_round, said_so_far
from asg_lifecycle.execution.race.round_opening import RoundOpening
from asg_lifecycle.execution.setup import plan_fields
from asg_lifecycle.execution.work.plan_runner import PlanResult, PlanRunner
from asg_lifecycle.execution.work.slot_wait import SlotWait
from asg_lifecycle.execution.work.step_callbacks import open_step_callback
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.messages import Message, Nudge, Unknown, decode
from asg_lifecycle.model.plans import Plan, PlanDecision
from asg_lifecycle.observer import Metric
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import CallbackStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.setup import Setup
    from asg_lifecycle.execution.work.step_callbacks import StepCallback
    from asg_lifecycle.model.plan_position import Position
    from asg_lifecycle.model.replies import CallbackTimes

LAST_ROUND = 500
"""The last round, which accepts no more messages. An execution may have 3000 operations and a round costs five: a
sender that does not stop must not use up the operations that heartbeats need."""

NEVER = 172_800
"""Seconds: longer than any action lives (R4)."""


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


class Race:
    """The race of an action whose instance waits: it is kept alive until its deadline.

    Attributes:
        decision: the plan and why. A plan that could not be used is chosen again when an operator says so.
        step_callback: the callback that the present step has handed out; replies through earlier ones are ignored.

    Args:
        action_context: the action and the execution that works on it.
        setup: what is known of it.
        decision: the plan and why.
        step_callback: what a step has handed out before, None when none has.
    """

    def __init__(
        self,
        action_context: ActionContext,
        setup: Setup,
        decision: PlanDecision,
        step_callback: StepCallback | None = None,
    ) -> None:
        self.decision = decision
        self.step_callback = step_callback
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._setup = setup

    def run(self, context: DurableContext, inbox: Callback[str], first: Round) -> tuple[RaceOutcome, int]:
        """Run rounds until one ends the race.

        Args:
            context: the durable context.
            inbox: the inbox of the first round; the record has it already.
            first: the first round.

        Returns:
            The outcome, and the number of the last round.
        """
        current = first
        while True:
            results = self._run_round(context, RunningRound(current, inbox, is_first=current is first))
            following = self._conclude(current, results)
            if isinstance(following, RaceOutcome):
                return following, current.number
            current = following
            if isinstance(current.message, Nudge) and self.decision.plan is None:
                self.decision = self._choose_plan_again(context, current.number)
                current = msgspec.structs.replace(current, held="; ".join(self.decision.problems) or None)
            inbox = durable.create_callback(context, f"inbox-{current.number}")
            if current.needs_callback is not None and (times := self._times(current.needs_callback)) is not None:
                self.step_callback = open_step_callback(context, current.needs_callback, times, current.number)

    def _run_round(self, context: DurableContext, running: RunningRound) -> BranchResults:
        """Run the branches of one round until the first of them is done."""
        branches: dict[str, Callable[[DurableContext], BranchResults]] = {
            "keep-alive": lambda inner: BranchResults(keep_alive=self._keep_time(inner, running)),
            "inbox": lambda inner: self._hear(inner, running),
        }
        if running.is_at_work:
            branches["work"] = lambda inner: BranchResults(
                work=durable.guarded(lambda: self._work(inner, running), self._held_by_fault)
            )
        step_callback = self.step_callback
        if step_callback is not None and running.current.reply is None:
            branches["reply"] = lambda _: BranchResults(reply=step_callback.reply())
        results = durable.race(context, f"race-{running.current.number}", branches, BranchResults)
        running.time_gate.close()
        running.work_gate.close()
        return _merged(results)

    def _keep_time(self, context: DurableContext, running: RunningRound) -> KeepAlive:
        """Run the keep-alive branch: it sends heartbeats until the action is over or at its deadline."""
        heartbeat = self._setup.heartbeat
        if not running.is_first:
            # A later round does not know when the last heartbeat was sent: it sends one at once.
            heartbeat = msgspec.structs.replace(heartbeat, next_at=0.0)
        return keep_alive(
            context,
            f"keep-alive-{running.current.number}",
            self._action_context,
            self._setup.timeouts,
            heartbeat,
            deadline=self._setup.deadline,
            gate=running.time_gate,
        )

    def _hear(self, context: DurableContext, running: RunningRound) -> BranchResults:
        """Wait for a message; where no work is done, this branch opens the round."""
        if not running.is_at_work and not running.is_first:
            position = self._open_round(context, running, None)
            if position.lost_ownership:
                return BranchResults(work=PlanResult(how="lost_ownership", index=0))
        if running.current.number >= LAST_ROUND:
            durable.wait(context, "inbox-closed", NEVER)
        return BranchResults(message=_next_message(running.inbox))

    def _work(self, context: DurableContext, running: RunningRound) -> PlanResult:
        """Carry out the plan from where it stands."""
        plan, number = self.decision.plan or Plan(), running.current.number
        runner = PlanRunner(self._action_context, plan, self._setup.facts, self.step_callback, running.current.reply)
        start = self._setup.position if running.is_first else self._open_round(context, running, runner)
        limit = plan.drains_per_group or self._dependencies.settings.drains_per_group
        if limit is not None and not start.lost_ownership and start.index < len(plan.steps):
            slot = SlotWait(self._action_context, limit, self._setup.bound).run(context, number, running.work_gate)
            start = msgspec.structs.replace(start, lost_ownership=slot.lost_ownership)
        return runner.run(context, start, number, running.work_gate)

    def _held_by_fault(self, error: Exception) -> PlanResult:
        """Return the result of work that a fault of ours has ended: an operator decides."""
        self._dependencies.observer.count(Metric.INTERNAL_ERROR)
        self._dependencies.observer.error(f"internal error: {error!r}", with_traceback=True)
        return PlanResult(how="held", reason=f"internal error, see the log: {error!r}", index=0)

    def _open_round(self, context: DurableContext, running: RunningRound, runner: PlanRunner | None) -> Position:
        opening = RoundOpening(self._action_context, running.current, running.inbox.callback_id, runner)
        return opening.run(context, running.work_gate)

    def _conclude(self, current: Round, results: BranchResults) -> RaceOutcome | Round:
        """Return what follows a round: how the action ends, or the next round."""
        outcome = decide(results, self.decision.plan)
        if outcome is None:
            return next_round(current, results, "; ".join(self.decision.problems))
        return msgspec.structs.replace(outcome, messages=said_so_far(current, results))

    def _choose_plan_again(self, context: DurableContext, round_number: int) -> PlanDecision:
        """Choose the plan again, because it could not be used."""

        def choose() -> PlanDecision:
            wait, execution = self._action_context.wait, self._action_context.execution
            try:
                decision = self._dependencies.planning.plan_for(self._action_context.action)
                self._dependencies.records.update(wait, execution, plan_fields(decision))
            except CallFailed as failed:
                # Held as before: another nudge tries again.
                self._dependencies.observer.warning(f"the plan could not be chosen again: {failed}")
                return self.decision
            return decision

        name = f"choose-plan-{round_number}"
        return run_step(context, name, PlanDecision, choose, durable.retry_while_the_race_lasts)

    def _times(self, index: int) -> CallbackTimes | None:
        step = build((self.decision.plan or Plan()).steps[index], self._dependencies.services)
        return step.times if isinstance(step, CallbackStep) else None


def _next_message(inbox: Callback[str]) -> Message:
    result = durable.result_of(inbox)
    return decode(result.text) if result.succeeded else Unknown(f"the callback failed: {result.text}")


def _merged(results: list[BranchResults]) -> BranchResults:
    found = [{name: getattr(result, name) for name in BranchResults.__struct_fields__} for result in results]
    return BranchResults(**{name: value for each in found for name, value in each.items() if value is not None})
