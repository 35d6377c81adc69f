"""The race of work, keep-alive and inbox, round by round until one of them ends the action."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution import durable
from asg_lifecycle.execution.heartbeat import KeepAlive, KeepAliveBranch
from asg_lifecycle.execution.race.decision import (
    BranchResults,
    RaceOutcome,
    Round,
    decide,
    merged_results,
    next_round,
    said_so_far,
)
from asg_lifecycle.execution.race.round_opening import Opening, RoundOpening
from asg_lifecycle.execution.race.running_round import RunningRound, next_message
from asg_lifecycle.execution.race.work_branch import WorkBranch
from asg_lifecycle.execution.setup import plan_fields
from asg_lifecycle.execution.work.plan_runner import PlanRunner
from asg_lifecycle.execution.work.slot_wait import SlotWait
from asg_lifecycle.execution.work.step_callbacks import open_step_callback
from asg_lifecycle.execution.work.work_state import WorkState, work_at
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.messages import Replied, Resume
from asg_lifecycle.model.plans import Plan, PlanDecision
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import CallbackStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.heartbeat import HeartbeatState
    from asg_lifecycle.execution.setup import Setup
    from asg_lifecycle.execution.work.step_callbacks import StepCallback
    from asg_lifecycle.model.replies import CallbackTimes, Reply

MESSAGES_EVERY = 300.0
"""Seconds after which an action without work looks at its messages: Lambda may notice the end of a callback only when
the next timer resumes the execution."""

TIME_TO_LOOK = 600.0
"""Seconds of heartbeat timeout from which on no branch is needed that keeps the action alive while the work is polled:
half of it is left at least, and two invocations that run into their timeout take 240 s."""


class Race:
    """The race of an action whose instance waits: it is kept alive until its deadline.

    Attributes:
        decision: the plan and why. A plan that could not be used is chosen again when an operator says so.
        step_callback: the callback that the present step has handed out; replies through earlier ones are ignored.
        heartbeat: the heartbeats so far, as far as they are known between two rounds.
        inbox: the durable callback through which messages reach the action at present.
        reply: what has come back through the callback of the present step.

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
        self.heartbeat = setup.heartbeat
        self.inbox: Callback[str] | None = None
        self.reply: Reply | None = None

    def run(self, context: DurableContext, inbox: Callback[str], first: Round) -> tuple[RaceOutcome, int]:
        """Run rounds until one ends the race.

        Args:
            context: the durable context.
            inbox: the inbox of the first round; the record has it already.
            first: the first round.

        Returns:
            The outcome, and the number of the last round.
        """
        current, self.inbox = first, inbox
        while True:
            self.reply = current.reply
            results = self._run_round(context, RunningRound(current, self.inbox, is_first=current is first))
            following = self._conclude(current, results)
            if isinstance(following, RaceOutcome):
                return following, current.number
            current = following
            if isinstance(current.message, Resume) and self.decision.plan is None:
                self.decision = self._choose_plan_again(context, current.number)
                current = msgspec.structs.replace(current, held="; ".join(self.decision.problems) or None)
            if current.message is not None:
                # The inbox before took that message, and no other.
                self.inbox = durable.create_callback(context, f"inbox-{current.number}")
            if current.needs_callback is not None and (times := self._times(current.needs_callback)) is not None:
                self.step_callback = open_step_callback(context, current.needs_callback, times, current.number)

    def _run_round(self, context: DurableContext, running: RunningRound) -> BranchResults:
        """Open a round, then run its branches until the first of them is done."""
        woken = running.current.message is not None
        runner = self._runner(running, woken=woken and not self._may_look(running)) if running.is_at_work else None
        opening = self._open(context, running, runner)
        self.heartbeat = opening.heartbeat
        if opening.heartbeat.over is not None:
            return BranchResults(keep_alive=KeepAlive(heartbeat=opening.heartbeat, delay=None))
        if opening.work.result is not None:
            return BranchResults(work=opening.work.result)
        branches: dict[str, Callable[[DurableContext], BranchResults]] = {
            "inbox": lambda inner: self._hear(inner, running, opening)
        }
        # The heartbeats have a branch of their own as well while the table does not answer.
        merged = runner is not None and opening.entered and self._keeps_alive_itself(running)
        if not merged:
            branches["keep-alive"] = lambda inner: BranchResults(keep_alive=self._keep_time(inner, running, opening))
        if runner is not None:
            branches["work"] = lambda inner: self._work(inner, running, runner, opening, merged=merged)
        reply = self._reply(running.current)
        if reply is not None:
            branches["reply"] = lambda _: BranchResults(reply=reply())
        results = merged_results(durable.race(context, f"race-{running.current.number}", branches, BranchResults))
        running.time_gate.close()
        running.work_gate.close()
        if results.keep_alive is not None:
            self.heartbeat = results.keep_alive.heartbeat
        else:
            self.heartbeat = msgspec.structs.replace(self.heartbeat, outdated=True)
        return results

    def _open(self, context: DurableContext, running: RunningRound, runner: PlanRunner | None) -> Opening:
        """Begin the round. One durable operation; none where the record knows of it and the work can wait."""
        looks = runner is not None and self._may_look(running)
        work = work_at(self._setup.position) if running.is_first else WorkState()
        opening = Opening(entered=running.is_first, work=work, heartbeat=self.heartbeat)
        if running.is_first and not looks:
            return opening
        woken = running.current.message is not None
        opener = self._opener(running, self._runner(running, woken=woken) if runner is not None else None)

        def attempt() -> Opening:
            return opener.attempt(self._with_heartbeat(opening), looks=looks)

        return durable.run_step(context, f"open-round-{running.current.number}", Opening, attempt, durable.never_retry)

    def _opener(self, running: RunningRound, runner: PlanRunner | None) -> RoundOpening:
        return RoundOpening(self._action_context, running.current, running.inbox.callback_id, runner)

    def _may_look(self, running: RunningRound) -> bool:
        """Return whether the heartbeat timer leaves time for a poll of the work before the race."""
        del running
        return self._setup.timeouts.heartbeat >= TIME_TO_LOOK

    def _keeps_alive_itself(self, running: RunningRound) -> bool:
        """Return whether the work branch sends the heartbeats: for want of time they have a branch of their own."""
        return self._may_look(running)

    def _with_heartbeat(self, opening: Opening) -> Opening:
        """Send a heartbeat if one is due: nothing else does until the race."""
        heartbeat = self.send_if_due(opening.heartbeat, self._dependencies.clock())
        return msgspec.structs.replace(opening, heartbeat=heartbeat)

    def send_if_due(self, heartbeat: HeartbeatState, now: float) -> HeartbeatState:
        """Send a heartbeat if one is due at `now`, seconds since the epoch; return how they stand then."""
        return self._keep_alive(None).send_if_due(heartbeat, now)

    def _keep_alive(self, longest: float | None) -> KeepAliveBranch:
        return KeepAliveBranch(
            action_context=self._action_context,
            timeouts=self._setup.timeouts,
            deadline=self._setup.deadline,
            longest=longest,
        )

    def _keep_time(self, context: DurableContext, running: RunningRound, opening: Opening) -> KeepAlive:
        """Run the keep-alive branch: it sends heartbeats until the action is over or at its deadline."""
        branch = self._keep_alive(None if running.is_at_work else MESSAGES_EVERY)
        return branch.run(context, running.current.number, opening.heartbeat, running.time_gate, opening.at)

    def _hear(self, context: DurableContext, running: RunningRound, opening: Opening) -> BranchResults:
        """Wait for a message; where no work is done, this branch sees to it that the record knows of the round."""
        if not running.is_at_work:
            opening = self._entered(context, running, None, opening)
            if opening.work.result is not None:
                return BranchResults(work=opening.work.result)
        return BranchResults(message=next_message(running.inbox))

    def _work(
        self, context: DurableContext, running: RunningRound, runner: PlanRunner, opening: Opening, *, merged: bool
    ) -> BranchResults:
        """Carry out the plan from where it stands."""
        opening = self._entered(context, running, runner, opening)
        branch = WorkBranch(
            action_context=self._action_context,
            runner=runner,
            keeper=self._keep_alive(None) if merged else None,
            gate=running.work_gate,
        )
        return branch.run(context, running.current.number, opening.work, opening.heartbeat)

    def _entered(
        self, context: DurableContext, running: RunningRound, runner: PlanRunner | None, opening: Opening
    ) -> Opening:
        """Return the opening of the round once the record knows of it: the table did not answer before."""
        if opening.entered:
            return opening
        opener = self._opener(running, runner)
        attempt = running.work_gate.guarded(partial(opener.attempt, looks=False))
        return durable.poll(context, f"open-round-{running.current.number}-again", opening, attempt)

    def _runner(self, running: RunningRound, *, woken: bool = False) -> PlanRunner:
        plan = self.decision.plan or Plan()
        limit = plan.drains_per_group or self._dependencies.settings.drains_per_group
        return PlanRunner(
            dataclasses.replace(self._action_context, round_number=running.current.number),
            plan,
            self._setup.facts,
            step_callback=self.step_callback,
            reply=running.current.reply,
            slot_wait=SlotWait(self._action_context, limit, self._setup.bound) if limit is not None else None,
            woken=woken,
            hold=running.current.hold,
            restarts=running.restarts,
        )

    def _reply(self, current: Round) -> Callable[[], Reply] | None:
        """Return what waits for the reply to the present step's callback, None where none is waited for here."""
        if self.step_callback is None or current.reply is not None:
            return None
        return self.step_callback.reply if self.step_callback.callback is not None else None

    def _conclude(self, current: Round, results: BranchResults) -> RaceOutcome | Round:
        """Return what follows a round: how the action ends, or the next round."""
        outcome = decide(results, self.decision.plan)
        if outcome is None:
            return self._following(current, results)
        return msgspec.structs.replace(outcome, messages=said_so_far(current, results), hold=current.hold)

    def _following(self, current: Round, results: BranchResults) -> Round:
        following = next_round(current, results, "; ".join(self.decision.problems))
        if isinstance(results.message, Replied) and self.step_callback is not None:
            # The execution before this one holds the callback, and has handed the reply on.
            reply = self.step_callback.replied(results.message)
            return msgspec.structs.replace(following, reply=reply or following.reply)
        return following

    def _choose_plan_again(self, context: DurableContext, round_number: int) -> PlanDecision:
        """Choose the plan again, because it could not be used."""

        def choose() -> PlanDecision:
            wait, execution = self._action_context.wait, self._action_context.execution
            try:
                decision = self._dependencies.planning.plan_for(self._action_context.action)
                self._dependencies.records.update(wait, execution, plan_fields(decision))
            except CallFailed as failed:
                # Held as before: whoever says it again tries it again.
                self._dependencies.observer.warning(f"the plan could not be chosen again: {failed}")
                return self.decision
            return decision

        name = f"choose-plan-{round_number}"
        return durable.run_step(context, name, PlanDecision, choose, durable.never_retry)

    def _times(self, index: int) -> CallbackTimes | None:
        step = build((self.decision.plan or Plan()).steps[index], self._dependencies.services)
        return step.times if isinstance(step, CallbackStep) else None
