"""The branch of the race that runs the plan's steps in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig
from msgspec import Struct

from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.waiting import decide_by_delay
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.plans import OnFailure
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.records import Status, StepOutcome
from asg_lifecycle.model.timing import look_gap
from asg_lifecycle.observer import Metric
from asg_lifecycle.steps.planning import build
from asg_lifecycle.steps.protocol import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext

    from asg_lifecycle.aws.instances import InstanceFacts
    from asg_lifecycle.execution.application import Assignment
    from asg_lifecycle.execution.turnstile import Turnstile
    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.steps.protocol import Step


class Position(Struct, frozen=True, kw_only=True):
    """Where in the plan the work stands.

    Attributes:
        index: position of the present step, from 0.
        outcomes: how the steps before it ended.
        last: what the present step last answered, None when it has not begun or nothing is known of it.
        began_at: when the present step began, seconds since the epoch; None likewise.
        taken: another execution owns the action.
    """

    index: int = 0
    outcomes: tuple[StepOutcome, ...] = ()
    last: Waiting | None = None
    began_at: float | None = None
    taken: bool = False


def position_of(record: Record) -> Position:
    """Return where the record says the work stands."""
    last = None
    if record.step_state is not None:
        # `detail` is the step's sentence behind its kind.
        last = Waiting((record.detail or "").partition(": ")[2], state=record.step_state)
    return Position(index=record.step, outcomes=record.steps, last=last, began_at=record.step_begun_at)


class WorkEnd(Struct, frozen=True, kw_only=True):
    """How the work ended.

    Attributes:
        how: `done`: every step is; `abandon`: a step failed and the plan abandons; `held`: a step failed and the
            plan holds; `taken`: another execution owns the action.
        reason: why, a sentence.
        index: position of the step it ended at.
        outcomes: how the steps ended.
    """

    how: Literal["done", "abandon", "held", "taken"]
    reason: str
    index: int
    outcomes: tuple[StepOutcome, ...]


class Look(Struct, frozen=True, kw_only=True):
    """One step between two looks. Times are seconds since the epoch.

    Attributes:
        began_at: when the step began, None before its first look.
        begun: its `begin` has answered.
        progress: what it last answered, None before it did.
        recorded: the sentence and the memory that the record holds, None when it holds neither.
        taken: another execution owns the action.
        delay: seconds until the next look, None when the step is finished.
    """

    began_at: float | None = None
    begun: bool = False
    progress: Progress | None = None
    recorded: Waiting | None = None
    taken: bool = False
    delay: float | None = 0.0


class Work:
    """The plan of one action, carried out."""

    def __init__(self, assignment: Assignment, plan: Plan, facts: InstanceFacts, turnstile: Turnstile) -> None:
        self._assignment = assignment
        self._application = assignment.application
        self.plan = plan
        self._facts = facts
        self._turnstile = turnstile

    def run(self, context: DurableContext, start: Position, round_number: int) -> WorkEnd:
        """Run the steps from `start` on. One durable operation a step, however long it takes."""
        if start.taken:
            return WorkEnd(how="taken", reason="", index=start.index, outcomes=start.outcomes)
        outcomes = list(start.outcomes)
        for index in range(start.index, len(self.plan.steps)):
            kind = self.plan.steps[index].kind
            step = build(self.plan.steps[index], self._application.services)
            if (reason := self._needless(step)) is not None:
                outcomes.append(StepOutcome(kind=kind, outcome="skipped", detail=reason))
                continue
            first = Look()
            if index == start.index and start.last is not None:
                first = Look(began_at=start.began_at, begun=True, progress=start.last, recorded=start.last)
            look = context.wait_for_condition(
                self._check(step, index, tuple(outcomes)),
                WaitForConditionConfig(wait_strategy=decide_by_delay, initial_state=first, serdes=StructSerDes(Look)),
                name=f"step-{index + 1}-{kind}" + (f"-round-{round_number}" if round_number > 1 else ""),
            )
            if look.taken:
                return WorkEnd(how="taken", reason="", index=index, outcomes=tuple(outcomes))
            if isinstance(look.progress, Failed):
                reason = f"step {index + 1} ({kind}) failed: {look.progress.reason}"
                if self.plan.on_failure is OnFailure.HOLD:
                    return WorkEnd(how="held", reason=reason, index=index, outcomes=tuple(outcomes))
                outcomes.append(StepOutcome(kind=kind, outcome="failed", detail=look.progress.reason))
                if self.plan.on_failure is OnFailure.ABANDON:
                    return WorkEnd(how="abandon", reason=reason, index=index, outcomes=tuple(outcomes))
            elif isinstance(look.progress, Done):
                outcomes.append(StepOutcome(kind=kind, outcome="done", detail=look.progress.detail))
        return WorkEnd(how="done", reason=_summary(outcomes), index=len(self.plan.steps), outcomes=tuple(outcomes))

    def cancel(self, position: Position, now: float) -> str | None:
        """Stop what the present step has under way because the action goes on without it.

        Returns:
            What was stopped, None when nothing was.

        Raises:
            CallFailed: the step could not be stopped.
        """
        if position.index >= len(self.plan.steps) or position.began_at is None:
            return None
        step = build(self.plan.steps[position.index], self._application.services)
        return step.cancel(self._target(position.index, position.began_at, now, None), position.last)

    def _check(
        self, step: Step, index: int, outcomes: tuple[StepOutcome, ...]
    ) -> Callable[[Look, WaitForConditionCheckContext], Look]:
        def check(state: Look, _: WaitForConditionCheckContext) -> Look:
            with self._turnstile.passage() as is_open:
                return self._look(step, index, outcomes, state) if is_open else state

        return check

    def _look(self, step: Step, index: int, outcomes: tuple[StepOutcome, ...], state: Look) -> Look:
        now = self._application.clock()
        began_at = state.began_at if state.began_at is not None else now
        begun_before = None
        if not state.begun and step.begins_once:
            try:
                noted = self._note_beginning(step, index, outcomes, now)
            except CallFailed as failed:
                # Without the note a second beginning could not be told from the first: do not begin.
                self._application.observer.warning(f"the record could not be written: {failed}", step=step.kind)
                return msgspec.structs.replace(state, began_at=began_at, delay=look_gap(now - began_at))
            if noted is None:
                return msgspec.structs.replace(state, taken=True, delay=None)
            begun_before = noted.at
        last = state.progress if state.begun and isinstance(state.progress, Waiting) else None
        progress, begun = self._ask(step, self._target(index, began_at, now, begun_before), last)
        state = msgspec.structs.replace(state, began_at=began_at, begun=state.begun or begun, progress=progress)
        state = self._record(step, index, outcomes, state, now)
        if state.taken or not isinstance(progress, Waiting):
            return msgspec.structs.replace(state, delay=None)
        gap = progress.again_after if progress.again_after is not None else look_gap(now - began_at)
        return msgspec.structs.replace(state, delay=gap)

    def _ask(self, step: Step, target: Target, last: Waiting | None) -> tuple[Progress, bool]:
        """Return the step's progress, and whether it is the step's own answer."""
        observer = self._application.observer
        answered = False
        try:
            progress = step.check(target, last) if last is not None else step.begin(target)
            answered = True
        except CallFailed as failed:
            progress = _consequence(failed.failure, last)
            if failed.failure.consequence is Consequence.DENIED:
                observer.count(Metric.PERMISSION_MISSING)
        except Exception as error:  # noqa: BLE001 - a fault of ours must hold the instance, not end the execution
            observer.count(Metric.INTERNAL_ERROR)
            observer.error(f"internal error, the instance is kept: {error!r}", step=step.kind, with_traceback=True)
            progress = _kept(f"internal error, see the log: {error!r}", last)
        if isinstance(progress, Failed):
            if step.needs_instance_alive and self._gone_by_now():
                return Done(f"given up, the instance is gone: {progress.reason}"), answered
            observer.count(Metric.STEP_FAILED)
            observer.error(f"step failed: {progress.reason}", step=step.kind)
        return progress, answered

    def _gone_by_now(self) -> bool:
        try:
            return self._application.instances.facts(self._assignment.action.instance).gone
        except CallFailed as failed:
            self._application.observer.warning(f"the instance could not be described: {failed}")
            return False

    def _record(self, step: Step, index: int, outcomes: tuple[StepOutcome, ...], state: Look, now: float) -> Look:
        progress = state.progress
        if progress is None or _same(progress, state.recorded):
            return state
        changes: dict[str, object] = {"status": Status.WORKING, "detail_at": now}
        match progress:
            case Done(detail):
                ended = StepOutcome(kind=step.kind, outcome="done", detail=detail)
                changes |= {"step": index + 1, "steps": (*outcomes, ended)}
                changes |= {"step_begun_at": None, "step_state": None, "problem": None}
            case Waiting(detail):
                changes |= {"step": index, "steps": outcomes, "step_begun_at": state.began_at}
                changes |= {"step_state": progress.state if state.begun else None}
                changes |= {"problem": detail if progress.blocked else None}
            case Failed(reason):
                changes |= {"step": index, "steps": outcomes, "step_begun_at": state.began_at}
                changes |= {"step_state": None, "problem": reason}
        sentence = progress.reason if isinstance(progress, Failed) else progress.detail
        changes["detail"] = f"{step.kind}: {sentence}"
        self._application.observer.info(sentence, step=step.kind)
        try:
            record = self._application.records.update(self._assignment.wait, self._assignment.execution, changes)
        except CallFailed as failed:
            # The work goes on without; the next look writes it.
            self._application.observer.warning(f"the record could not be written: {failed}", step=step.kind)
            return msgspec.structs.replace(state, recorded=None)
        recorded = progress if isinstance(progress, Waiting) else None
        return msgspec.structs.replace(state, taken=record is None, recorded=recorded)

    def _note_beginning(
        self, step: Step, index: int, outcomes: tuple[StepOutcome, ...], now: float
    ) -> _Beginning | None:
        before = self._application.records.update(
            self._assignment.wait,
            self._assignment.execution,
            {
                "status": Status.WORKING,
                "step": index,
                "step_begun_at": now,
                "step_state": None,
                "steps": outcomes,
                "detail": f"{step.kind}: beginning",
                "detail_at": now,
                "problem": None,
            },
            before=True,
        )
        if before is None:
            return None
        if before.step > index:
            # The record is past this step, but its last look was not kept: the Lambda died between the two.
            return _Beginning(at=now)
        return _Beginning(at=before.step_begun_at if before.step == index else None)

    def _needless(self, step: Step) -> str | None:
        if step.needs_instance_alive and self._facts.gone:
            return f"skipped: instance {self._assignment.action.instance} is {self._facts.state}"
        if step.forgets_instance and self._assignment.action.survives:
            return f"skipped: instance {self._assignment.action.instance} survives"
        return None

    def _target(self, index: int, began_at: float, now: float, begun_before: float | None) -> Target:
        return Target(
            action=self._assignment.action,
            facts=self._facts,
            position=index,
            began_at=began_at,
            now=now,
            begun_before=begun_before,
        )


class _Beginning(Struct, frozen=True):
    at: float | None


def _consequence(failure: Failure, last: Waiting | None) -> Progress:
    match failure.consequence:
        case Consequence.PASSING:
            return _kept(str(failure), last)
        case Consequence.MISSING:
            return Done(f"nothing is left to do: {failure}")
        case Consequence.DENIED:
            return Failed(str(failure), retryable=True)
        case Consequence.REFUSED:
            return Failed(str(failure))


def _kept(why: str, last: Waiting | None) -> Waiting:
    return Waiting(f"kept: {why}", state=last.state if last is not None else {}, blocked=True)


def _same(progress: Progress, recorded: Waiting | None) -> bool:
    if recorded is None or not isinstance(progress, Waiting) or progress.detail != recorded.detail:
        return False
    # As JSON: what was read back from a checkpoint has lists where a step may have put tuples.
    return msgspec.json.encode(progress.state) == msgspec.json.encode(recorded.state)


def _summary(outcomes: list[StepOutcome]) -> str:
    if not outcomes:
        return "the plan has no steps"
    counts = {how: sum(outcome.outcome == how for outcome in outcomes) for how in ("done", "skipped", "failed")}
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count) + f" of {len(outcomes)} steps"
