"""The branch of the race that runs the plan's steps in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig
from msgspec import Struct

from asg_lifecycle.execution.durable import decide_by_delay
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.work import parallel_steps
from asg_lifecycle.execution.work.parallel_steps import ParallelCheckpoint, ParallelSteps, fresh, outcomes_of, recalled
from asg_lifecycle.execution.work.position import Position
from asg_lifecycle.execution.work.single_step import SingleStep
from asg_lifecycle.execution.work.step_runner import ResolvedStep, StepCheckpoint, StepRunner, work_began
from asg_lifecycle.model.durations import readable, seconds
from asg_lifecycle.model.plans import OnFailure, PlannedStep, WhenSurviving
from asg_lifecycle.model.progress import Failed
from asg_lifecycle.model.records import StepOutcome
from asg_lifecycle.model.replies import Reply
from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import CallbackStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext

    from asg_lifecycle.aws.instances import InstanceFacts
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.race.branch_gate import BranchGate
    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.steps.base import Step

_LookT = TypeVar("_LookT", StepCheckpoint, ParallelCheckpoint)

SEVERITY = (OnFailure.HOLD, OnFailure.ABANDON, OnFailure.CONTINUE)
"""Of several steps that failed side by side the first of these decides."""


class PlanResult(Struct, frozen=True, kw_only=True):
    """How the work ended.

    Attributes:
        how: `done`: every step is; `abandon`: a step failed and the plan abandons; `held`: a step failed and the
            plan holds; `timed_out`: the plan's time is over; `lost_ownership`: another execution owns the action;
            `needs_callback`: the step at `index` needs a callback before it begins.
        reason: why, a sentence.
        index: the entry of the plan it ended at.
        outcomes: how the steps ended.
    """

    how: Literal["done", "abandon", "held", "timed_out", "lost_ownership", "needs_callback"]
    reason: str
    index: int
    outcomes: tuple[StepOutcome, ...]


class _Entry(Struct, frozen=True, kw_only=True):
    """One entry of the plan that is about to be run.

    Attributes:
        name: of its durable operation.
        index: its place in the plan, from 0.
        outcomes: how the steps before it ended.
        begun: where it stands, None when it has not begun.
        work_began_at: when the first step of all began, seconds since the epoch; None when that is this one.
    """

    name: str
    index: int
    outcomes: tuple[StepOutcome, ...]
    begun: Position | None
    work_began_at: float | None


class _Ended(Struct, frozen=True, kw_only=True):
    """How one entry of the plan ended.

    Attributes:
        outcomes: of its steps.
        severity: what the plan says about its failure, None when it did not fail.
        reason: why it failed.
        how: `lost_ownership`, `timed_out` or `needs_callback` where it did not end.
        work_began_at: when the work began, as far as its timeout is concerned, seconds since the epoch.
    """

    outcomes: tuple[StepOutcome, ...] = ()
    severity: OnFailure | None = None
    reason: str = ""
    how: Literal["lost_ownership", "timed_out", "needs_callback"] | None = None
    work_began_at: float | None = None


class StepCallback(Struct, frozen=True, kw_only=True):
    """The callback that a step has handed out.

    Attributes:
        index: the entry of the plan whose step has it, None when none has.
        callback: its id.
        reply: what came back, None as long as nothing has.
    """

    index: int | None = None
    callback: str | None = None
    reply: Reply | None = None


class PlanRunner:
    """The plan of one action, carried out."""

    def __init__(
        self,
        action_context: ActionContext,
        plan: Plan,
        facts: InstanceFacts,
        gate: BranchGate,
        step_callback: StepCallback | None = None,
    ) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self.plan = plan
        self._facts = facts
        self._turnstile = gate
        self._correspondence = step_callback or StepCallback()
        self._limit = seconds(plan.timeout) if plan.timeout is not None else None

    def run(self, context: DurableContext, start: Position, round_number: int) -> PlanResult:
        """Run the steps from `start` on. One durable operation an entry of the plan, however long it takes."""
        if start.lost_ownership:
            return PlanResult(how="lost_ownership", reason="", index=start.index, outcomes=start.outcomes)
        outcomes, began_at = start.outcomes, start.work_began_at
        for index in range(start.index, len(self.plan.steps)):
            planned = self.plan.steps[index]
            name = f"step-{index + 1}-{planned.kind or parallel_steps.KIND}"
            entry = _Entry(
                name=name + (f"-round-{round_number}" if round_number > 1 else ""),
                index=index,
                outcomes=outcomes,
                begun=start if index == start.index else None,
                work_began_at=began_at,
            )
            ended = self._run_group(context, entry) if planned.parallel else self._run_single(context, entry)
            began_at = ended.work_began_at if ended.work_began_at is not None else began_at
            if ended.how == "timed_out":
                reason = f"the work was not done within {readable(self._limit or 0)}"
                return PlanResult(how="timed_out", reason=reason, index=index, outcomes=outcomes)
            if ended.how is not None:
                return PlanResult(how=ended.how, reason="", index=index, outcomes=outcomes)
            if ended.severity is OnFailure.HOLD:
                return PlanResult(how="held", reason=ended.reason, index=index, outcomes=outcomes)
            outcomes += ended.outcomes
            if ended.severity is OnFailure.ABANDON:
                return PlanResult(how="abandon", reason=ended.reason, index=index, outcomes=outcomes)
        return PlanResult(how="done", reason=_summary(outcomes), index=len(self.plan.steps), outcomes=outcomes)

    def cancel(self, position: Position, now: float) -> str | None:
        """Stop what the present entry has under way because the action goes on without it.

        Returns:
            What was stopped, None when nothing was.

        Raises:
            CallFailed: a step could not be stopped.
        """
        if position.index >= len(self.plan.steps) or position.began_at is None:
            return None
        entry = self.plan.steps[position.index]
        if not entry.parallel:
            checkpoint = StepCheckpoint(began_at=position.began_at, progress=position.last)
            return self._step_runner(entry, position.index, 0, None).cancel(checkpoint, now)
        stopped = []
        runners = self._members(position.index)
        state = position.last.state if position.last is not None else None
        checkpoints = recalled(state, len(runners)) if state is not None else (StepCheckpoint(),) * len(runners)
        for runner, checkpoint in zip(runners, checkpoints, strict=True):
            stopped.append(runner.cancel(checkpoint, now))
        return "; ".join(each for each in stopped if each) or None

    def skipped(self, position: Position, detail: str) -> tuple[StepOutcome, ...]:
        """Return how the steps of the present entry end when it is skipped: those that are done stay done."""
        entry = self.plan.steps[position.index]
        if not entry.parallel:
            return (StepOutcome(kind=entry.kind, outcome="skipped", detail=detail),)
        needless, runners = self._skipped_members(position.index), self._members(position.index)
        state = position.last.state if position.last is not None else None
        checkpoints = recalled(state, len(runners)) if state is not None else (StepCheckpoint(),) * len(runners)
        done = [
            outcomes_of((runner,), (checkpoint,))
            or (StepOutcome(kind=runner.resolved.step.kind, outcome="skipped", detail=detail),)
            for runner, checkpoint in zip(runners, checkpoints, strict=True)
        ]
        return (*needless, *(outcome for outcomes in done for outcome in outcomes))

    def _run_single(self, context: DurableContext, entry: _Entry) -> _Ended:
        planned = self.plan.steps[entry.index]
        runner = self._step_runner(planned, entry.index, 0, None)
        if (reason := self._skip_reason(runner.resolved.step, planned)) is not None:
            return _Ended(outcomes=(StepOutcome(kind=planned.kind, outcome="skipped", detail=reason),))
        if self._needs_callback(runner.resolved.step, entry):
            return _Ended(how="needs_callback")
        first, begun = StepCheckpoint(), entry.begun
        if begun is not None and begun.last is not None:
            first = StepCheckpoint(began_at=begun.began_at, begun=True, progress=begun.last, recorded=begun.last)
        single = SingleStep(
            self._action_context,
            runner,
            index=entry.index,
            outcomes=entry.outcomes,
            limit=self._limit,
            work_began_at=entry.work_began_at,
        )
        checkpoint = context.wait_for_condition(
            self._guarded(single.look),
            WaitForConditionConfig(
                wait_strategy=decide_by_delay, initial_state=first, serdes=StructSerDes(StepCheckpoint)
            ),
            name=entry.name,
        )
        if checkpoint.lost_ownership:
            return _Ended(how="lost_ownership")
        if checkpoint.timed_out:
            return _Ended(how="timed_out")
        ended = _Ended(
            outcomes=outcomes_of((runner,), (checkpoint,)), work_began_at=work_began(entry.work_began_at, checkpoint)
        )
        if not isinstance(checkpoint.progress, Failed):
            return ended
        reason = f"step {entry.index + 1} ({planned.kind}) failed: {checkpoint.progress.reason}"
        return msgspec.structs.replace(ended, severity=runner.resolved.on_failure, reason=reason)

    def _needs_callback(self, step: Step, entry: _Entry) -> bool:
        """Return whether the step has to be given a callback: it has none yet, or begins again after an answer."""
        if self.plan.dry_run or not isinstance(step, CallbackStep) or step.times is None:
            return False
        begins = entry.begun is None or entry.begun.last is None
        return self._correspondence.index != entry.index or (begins and self._correspondence.reply is not None)

    def _run_group(self, context: DurableContext, entry: _Entry) -> _Ended:
        needless, runners = self._skipped_members(entry.index), self._members(entry.index)
        if not runners:
            return _Ended(outcomes=needless)
        state = entry.begun.last.state if entry.begun is not None and entry.begun.last is not None else None
        group = ParallelSteps(
            self._action_context,
            runners,
            index=entry.index,
            outcomes=entry.outcomes + needless,
            limit=self._limit,
            work_began_at=entry.work_began_at,
        )
        checkpoint = context.wait_for_condition(
            self._guarded(group.look),
            WaitForConditionConfig(
                wait_strategy=decide_by_delay,
                initial_state=fresh(state, len(runners)),
                serdes=StructSerDes(ParallelCheckpoint),
            ),
            name=entry.name,
        )
        if checkpoint.lost_ownership:
            return _Ended(how="lost_ownership")
        if checkpoint.timed_out:
            return _Ended(how="timed_out")
        ended = _Ended(
            outcomes=needless + outcomes_of(runners, checkpoint.members),
            work_began_at=work_began(entry.work_began_at, checkpoint.longest_blocked),
        )
        failed = [
            (runner.resolved, member.progress.reason)
            for runner, member in zip(runners, checkpoint.members, strict=True)
            if isinstance(member.progress, Failed)
        ]
        if not failed:
            return ended
        told = "; ".join(f"{resolved.step.kind}: {reason}" for resolved, reason in failed)
        return msgspec.structs.replace(
            ended,
            severity=min((resolved.on_failure for resolved, _ in failed), key=SEVERITY.index),
            reason=f"step {entry.index + 1} ({parallel_steps.KIND}) failed: {told}",
        )

    def _guarded(
        self, checkpoint: Callable[[_LookT], _LookT]
    ) -> Callable[[_LookT, WaitForConditionCheckContext], _LookT]:
        def check(state: _LookT, _: WaitForConditionCheckContext) -> _LookT:
            with self._turnstile.enter() as is_open:
                return checkpoint(state) if is_open else state

        return check

    def _step_runner(self, planned: PlannedStep, index: int, member: int, group: PlannedStep | None) -> StepRunner:
        """Return what asks one step. What it does not say itself its group says, then the plan."""
        on_failure = planned.on_failure or (group.on_failure if group is not None else None) or self.plan.on_failure
        timeout = planned.timeout or (group.timeout if group is not None else None)
        resolved = ResolvedStep(
            step=build(planned, self._dependencies.services),
            position=self.plan.position(index) + member,
            on_failure=on_failure,
            timeout=seconds(timeout) if timeout is not None else None,
            dry_run=self.plan.dry_run,
            callback=self._correspondence.callback if self._correspondence.index == index else None,
            reply=self._correspondence.reply if self._correspondence.index == index else None,
        )
        return StepRunner(self._action_context, self._facts, resolved)

    def _members(self, index: int) -> tuple[StepRunner, ...]:
        group = self.plan.steps[index]
        runners = [
            (planned, self._step_runner(planned, index, number, group)) for number, planned in enumerate(group.parallel)
        ]
        return tuple(runner for planned, runner in runners if self._skip_reason(runner.resolved.step, planned) is None)

    def _skipped_members(self, index: int) -> tuple[StepOutcome, ...]:
        group = self.plan.steps[index]
        found = [
            (planned.kind, self._skip_reason(build(planned, self._dependencies.services), planned))
            for planned in group.parallel
        ]
        return tuple(
            StepOutcome(kind=kind, outcome="skipped", detail=reason) for kind, reason in found if reason is not None
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
