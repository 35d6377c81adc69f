"""The work on one action: its plan, entry by entry, one durable operation each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from asg_lifecycle.execution.durable import poll
from asg_lifecycle.execution.work.broken_step import build_or_stand_in
from asg_lifecycle.execution.work.entry_runner import (
    SIDE_BY_SIDE,
    EntryRunner,
    first_checkpoint,
    outcomes_of,
    remembered_checkpoints,
)
from asg_lifecycle.execution.work.step_runner import ResolvedStep, StepRunner
from asg_lifecycle.model.durations import readable, seconds
from asg_lifecycle.model.plans import IfMissing, OnFailure, PlannedStep, WhenSurviving
from asg_lifecycle.model.progress import Done, Failed
from asg_lifecycle.model.records import StepMemory, StepOutcome
from asg_lifecycle.steps.base import CallbackStep

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.durable import BranchGate
    from asg_lifecycle.execution.work.entry_runner import EntryCheckpoint
    from asg_lifecycle.execution.work.step_callbacks import StepCallback
    from asg_lifecycle.model.instances import InstanceFacts
    from asg_lifecycle.model.plan_position import Position
    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.model.replies import Reply
    from asg_lifecycle.steps.base import Step

SEVERITY = (OnFailure.HOLD, OnFailure.ABANDON, OnFailure.CONTINUE)
"""When several steps side by side fail, the first of these decides."""


class PlanResult(Struct, frozen=True, kw_only=True):
    """How the work ended.

    Attributes:
        how: `done`: every step has ended; `abandon`: a step failed and the plan abandons; `held`: a step failed and the
            plan holds; `timed_out`: the plan's time is over; `lost_ownership`: another execution owns the action;
            `needs_callback`: the step at `index` needs a callback before it begins.
        reason: why, a sentence.
        index: the entry of the plan it ended at.
        outcomes: the outcomes of the steps.
    """

    how: Literal["done", "abandon", "held", "timed_out", "lost_ownership", "needs_callback"]
    reason: str = ""
    index: int
    outcomes: tuple[StepOutcome, ...] = ()


class _Entry(Struct, frozen=True, kw_only=True):
    """One entry of the plan that is about to be run.

    Attributes:
        name: of its durable operation.
        index: its place in the plan, from 0.
        outcomes: how the steps before it ended.
        memories: what is remembered of its steps, empty when it has not begun.
        work_began_at: when the work began, seconds since the epoch; None when it begins here.
    """

    name: str
    index: int
    outcomes: tuple[StepOutcome, ...]
    memories: tuple[StepMemory, ...]
    work_began_at: float | None


class _EntryResult(Struct, frozen=True, kw_only=True):
    """How one entry of the plan ended.

    Attributes:
        how: `lost_ownership`, `timed_out` or `needs_callback` where it did not end; None where it did.
        outcomes: of its steps.
        on_failure: what the plan says about its failure, None when it did not fail.
        reason: why it failed.
        work_began_at: when the work began, as far as its timeout is concerned, seconds since the epoch.
    """

    how: Literal["lost_ownership", "timed_out", "needs_callback"] | None = None
    outcomes: tuple[StepOutcome, ...] = ()
    on_failure: OnFailure | None = None
    reason: str = ""
    work_began_at: float | None = None


class PlanRunner:
    """Carries out the plan of one action.

    Args:
        action_context: the action and the execution that works on it.
        plan: the plan.
        facts: what EC2 knew of the instance.
        step_callback: the callback that the present step has handed out, None when none has.
        reply: what came back through it, None as long as nothing has.
    """

    def __init__(
        self,
        action_context: ActionContext,
        plan: Plan,
        facts: InstanceFacts,
        step_callback: StepCallback | None = None,
        reply: Reply | None = None,
    ) -> None:
        self._action_context = action_context
        self._services = action_context.dependencies.services
        self.plan = plan
        self._facts = facts
        self._step_callback = step_callback
        self._reply = reply
        self._limit = seconds(plan.timeout) if plan.timeout is not None else None

    def run(self, context: DurableContext, start: Position, round_number: int, gate: BranchGate) -> PlanResult:
        """Run the steps from `start` on. One durable operation an entry of the plan, however long it takes."""
        if start.lost_ownership:
            return PlanResult(how="lost_ownership", index=start.index, outcomes=start.outcomes)
        outcomes, work_began_at = start.outcomes, start.work_began_at
        for index in range(start.index, len(self.plan.steps)):
            name = f"step-{index + 1}-{self.plan.steps[index].kind or SIDE_BY_SIDE}"
            entry = _Entry(
                name=name + (f"-round-{round_number}" if round_number > 1 else ""),
                index=index,
                outcomes=outcomes,
                memories=start.steps if index == start.index else (),
                work_began_at=work_began_at,
            )
            ended = self._run_entry(context, gate, entry)
            if ended.how == "timed_out":
                reason = f"the work was not done within {readable(self._limit or 0)}"
                return PlanResult(how="timed_out", reason=reason, index=index, outcomes=outcomes)
            if ended.how is not None:
                return PlanResult(how=ended.how, index=index, outcomes=outcomes)
            if ended.on_failure is OnFailure.HOLD:
                return PlanResult(how="held", reason=ended.reason, index=index, outcomes=outcomes)
            outcomes += ended.outcomes
            if ended.on_failure is OnFailure.ABANDON:
                return PlanResult(how="abandon", reason=ended.reason, index=index, outcomes=outcomes)
            work_began_at = ended.work_began_at if ended.work_began_at is not None else work_began_at
        return PlanResult(how="done", reason=_summary(outcomes), index=len(self.plan.steps), outcomes=outcomes)

    def observe(self, now: float) -> tuple[StepOutcome, ...]:
        """Return what each step would do now, skipped ones included. Changes nothing; never raises."""
        outcomes: list[StepOutcome] = []
        for index in range(len(self.plan.steps)):
            runners, needless = self._resolve(index)
            outcomes += [*needless, *(runner.observe(now) for runner in runners)]
        return tuple(outcomes)

    def cancel(self, position: Position, now: float) -> str | None:
        """Stop what the present entry has under way because the action goes on without it.

        Returns:
            What was stopped, None when nothing was.

        Raises:
            CallFailed: a step could not be stopped.
        """
        if position.index >= len(self.plan.steps) or not position.steps:
            return None
        runners, _ = self._resolve(position.index)
        checkpoints = remembered_checkpoints(position.steps, len(runners))
        stopped = [runner.cancel(step, now) for runner, step in zip(runners, checkpoints, strict=True)]
        return "; ".join(each for each in stopped if each) or None

    def skipped(self, position: Position, detail: str) -> tuple[StepOutcome, ...]:
        """Return the outcomes of the present entry's steps when it is skipped: steps that are done stay done."""
        runners, needless = self._resolve(position.index)
        checkpoints = remembered_checkpoints(position.steps, len(runners))
        ended = [
            outcomes_of((runner,), (step,))
            if isinstance(step.progress, Done)
            else (StepOutcome(kind=runner.kind, outcome="skipped", detail=detail),)
            for runner, step in zip(runners, checkpoints, strict=True)
        ]
        return (*needless, *(outcome for outcomes in ended for outcome in outcomes))

    def _run_entry(self, context: DurableContext, gate: BranchGate, entry: _Entry) -> _EntryResult:
        runners, needless = self._resolve(entry.index)
        if not runners:
            return _EntryResult(outcomes=needless)
        first = first_checkpoint(entry.memories, len(runners))
        if self._needs_callback(runners[0].resolved.step, entry.index, begins=not first.steps[0].begun):
            return _EntryResult(how="needs_callback")
        entry_runner = EntryRunner(
            self._action_context,
            runners,
            index=entry.index,
            outcomes=entry.outcomes + needless,
            limit=self._limit,
            work_began_at=entry.work_began_at,
            side_by_side=bool(self.plan.steps[entry.index].parallel),
        )
        state = poll(context, entry.name, first, gate.guarded(entry_runner.poll))
        if state.lost_ownership:
            return _EntryResult(how="lost_ownership")
        if state.timed_out:
            return _EntryResult(how="timed_out")
        on_failure, reason = self._failure(entry.index, runners, state)
        return _EntryResult(
            outcomes=needless + outcomes_of(runners, state.steps),
            on_failure=on_failure,
            reason=reason,
            work_began_at=entry_runner.work_began(state),
        )

    def _failure(
        self, index: int, runners: tuple[StepRunner, ...], state: EntryCheckpoint
    ) -> tuple[OnFailure | None, str]:
        """Return what the plan says about the failure of an entry, and the reason; None when it did not fail."""
        failed = [
            (runner, step.progress.reason)
            for runner, step in zip(runners, state.steps, strict=True)
            if isinstance(step.progress, Failed)
        ]
        if not failed:
            return None, ""
        on_failure = min((runner.resolved.on_failure for runner, _ in failed), key=SEVERITY.index)
        entry = self.plan.steps[index]
        told = "; ".join(f"{runner.kind}: {reason}" if entry.parallel else reason for runner, reason in failed)
        return on_failure, f"step {index + 1} ({entry.kind or SIDE_BY_SIDE}) failed: {told}"

    def _needs_callback(self, step: Step, index: int, *, begins: bool) -> bool:
        """Return whether the step has to be given a callback: it has none yet, or begins again after an answer."""
        if self.plan.dry_run or not isinstance(step, CallbackStep) or step.times is None:
            return False
        return not self._has_callback(index) or (begins and self._reply is not None)

    def _has_callback(self, index: int) -> bool:
        return self._step_callback is not None and self._step_callback.index == index

    def _resolve(self, index: int) -> tuple[tuple[StepRunner, ...], tuple[StepOutcome, ...]]:
        """Return the runners of an entry's steps, and the outcomes of the steps that are skipped."""
        entry = self.plan.steps[index]
        runners, needless = [], []
        for number, planned in enumerate(entry.parallel or (entry,)):
            resolved = self._resolve_step(planned, index, number)
            if (reason := self._skip_reason(resolved.step, planned)) is not None:
                needless.append(StepOutcome(kind=planned.kind, outcome="skipped", detail=reason))
            else:
                runners.append(StepRunner(self._action_context, self._facts, resolved))
        return tuple(runners), tuple(needless)

    def _resolve_step(self, planned: PlannedStep, index: int, number: int) -> ResolvedStep:
        """Return one step. Settings that it leaves open come from its entry, then from the plan."""
        entry = self.plan.steps[index]
        timeout = planned.timeout or entry.timeout
        callback = self._step_callback if self._has_callback(index) else None
        return ResolvedStep(
            step=build_or_stand_in(planned, self._services),
            position=self.plan.position(index) + number,
            on_failure=planned.on_failure or entry.on_failure or self.plan.on_failure,
            if_missing=planned.if_missing or IfMissing.FAIL,
            timeout=seconds(timeout) if timeout is not None else None,
            dry_run=self.plan.dry_run,
            callback=callback.callback.callback_id if callback is not None else None,
            reply=self._reply if callback is not None else None,
        )

    def _skip_reason(self, step: Step, planned: PlannedStep) -> str | None:
        instance = self._action_context.action.instance
        if step.needs_instance_alive and self._facts.gone:
            return f"skipped: instance {instance} is {self._facts.state}"
        if not self._action_context.action.survives:
            return None
        wanted = planned.when_instance_survives
        skips = step.skip_if_instance_survives if wanted is None else wanted is WhenSurviving.SKIP
        return f"skipped: instance {instance} survives" if skips else None


def _summary(outcomes: tuple[StepOutcome, ...]) -> str:
    if not outcomes:
        return "the plan has no steps"
    counts = {how: sum(outcome.outcome == how for outcome in outcomes) for how in ("done", "skipped", "failed")}
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count) + f" of {len(outcomes)} steps"
