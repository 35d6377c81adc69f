"""One look at one step: ask it, judge what went wrong, and tell the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.execution.trouble import Trouble, judge
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.records import Status, StepOutcome
from asg_lifecycle.model.timing import look_gap, retry_delay
from asg_lifecycle.observer import Metric
from asg_lifecycle.steps.protocol import Target

if TYPE_CHECKING:
    from asg_lifecycle.aws.instances import InstanceFacts
    from asg_lifecycle.execution.application import Assignment
    from asg_lifecycle.model.plans import OnFailure
    from asg_lifecycle.steps.protocol import Step

LONGEST_RETRY = 60.0
"""Seconds between two tries of a step whose dependency does not answer."""

JITTER = 0.1


class Look(Struct, frozen=True, kw_only=True):
    """One step between two looks. Times are seconds since the epoch.

    Attributes:
        began_at: when the step began, None before its first look.
        begun: its `begin` has answered.
        progress: what it last answered, None before it did.
        trouble: the dependency that stops it at present, None when none does.
        recorded: the sentence and the memory that the record holds, None when it holds neither.
        taken: another execution owns the action.
        delay: seconds until the next look, None when the step is finished.
    """

    began_at: float | None = None
    begun: bool = False
    progress: Progress | None = None
    trouble: Trouble | None = None
    recorded: Waiting | None = None
    taken: bool = False
    delay: float | None = 0.0


class StepUnderWay:
    """One step of one action's plan, looked at until it is finished.

    Args:
        assignment: the action and who works on it.
        facts: what EC2 knew of the instance.
        step: the step.
        index: its position in the plan, from 0.
        outcomes: how the steps before it ended.
        on_failure: what the plan says for when it fails.
    """

    def __init__(  # noqa: PLR0913 - what a step is looked at with
        self,
        assignment: Assignment,
        facts: InstanceFacts,
        step: Step,
        *,
        index: int,
        outcomes: tuple[StepOutcome, ...],
        on_failure: OnFailure,
    ) -> None:
        self._assignment = assignment
        self._application = assignment.application
        self._facts = facts
        self._step = step
        self._index = index
        self._outcomes = outcomes
        self._on_failure = on_failure

    def look(self, state: Look) -> Look:
        """Look once. Never raises for what AWS answers, nor for a fault of the step's."""
        now = self._application.clock()
        state = msgspec.structs.replace(state, began_at=state.began_at if state.began_at is not None else now)
        begun_before = None
        if not state.begun and self._step.begins_once:
            try:
                noted = self._note_beginning(now)
            except CallFailed as failed:
                # Without the note a second beginning could not be told from the first: do not begin.
                self._warn(failed)
                return msgspec.structs.replace(state, delay=self._gap(state, now))
            if noted is None:
                return msgspec.structs.replace(state, taken=True, delay=None)
            begun_before = noted.at
        state = self._ask(state, begun_before, now)
        state = self._record(state, now)
        if state.taken or not isinstance(state.progress, Waiting):
            return msgspec.structs.replace(state, delay=None)
        return msgspec.structs.replace(state, delay=self._gap(state, now))

    def _gap(self, state: Look, now: float) -> float:
        chance = self._application.chance()
        asked = state.progress.again_after if isinstance(state.progress, Waiting) else None
        if asked is None and state.trouble is not None:
            return retry_delay(state.trouble.tries, chance, LONGEST_RETRY)
        gap = asked if asked is not None else look_gap(now - (state.began_at if state.began_at is not None else now))
        # Instances that were drained together would all be looked at together, again and again (R15).
        return gap * (1 + JITTER * chance)

    def _ask(self, state: Look, begun_before: float | None, now: float) -> Look:
        observer, step = self._application.observer, self._step
        last = state.progress if state.begun and isinstance(state.progress, Waiting) else None
        target = target_of(
            self._assignment,
            self._facts,
            self._index,
            began_at=state.began_at or now,
            now=now,
            begun_before=begun_before,
        )
        begun, trouble = state.begun, None
        try:
            progress = step.check(target, last) if last is not None else step.begin(target)
            begun = True
        except CallFailed as failed:
            progress, trouble = judge(
                self._assignment,
                failed.failure,
                last=last,
                before=state.trouble,
                on_failure=self._on_failure,
                now=now,
            )
        except Exception as error:  # noqa: BLE001 - a fault of ours must hold the instance, not end the execution
            observer.count(Metric.INTERNAL_ERROR)
            observer.error(f"internal error, the instance is kept: {error!r}", step=step.kind, with_traceback=True)
            detail = f"kept: internal error, see the log: {error!r}"
            progress = Waiting(detail, state=last.state if last is not None else {}, blocked=True)
        if isinstance(progress, Failed):
            if step.needs_instance_alive and self._gone_by_now():
                progress = Done(f"given up, the instance is gone: {progress.reason}")
            else:
                observer.count(Metric.STEP_FAILED)
                observer.error(f"step failed: {progress.reason}", step=step.kind)
        return msgspec.structs.replace(state, begun=begun, progress=progress, trouble=trouble)

    def _gone_by_now(self) -> bool:
        try:
            return self._application.instances.facts(self._assignment.action.instance).gone
        except CallFailed as failed:
            self._application.observer.warning(f"the instance could not be described: {failed}")
            return False

    def _record(self, state: Look, now: float) -> Look:
        progress, index, outcomes = state.progress, self._index, self._outcomes
        if progress is None or _same(progress, state.recorded):
            return state
        changes: dict[str, object] = {"status": Status.WORKING, "detail_at": now}
        match progress:
            case Done(detail):
                ended = StepOutcome(kind=self._step.kind, outcome="done", detail=detail)
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
        changes["detail"] = f"{self._step.kind}: {sentence}"
        self._application.observer.info(sentence, step=self._step.kind)
        try:
            record = self._application.records.update(self._assignment.wait, self._assignment.execution, changes)
        except CallFailed as failed:
            # The work goes on without; the next look writes it.
            self._warn(failed)
            return msgspec.structs.replace(state, recorded=None)
        recorded = progress if isinstance(progress, Waiting) else None
        return msgspec.structs.replace(state, taken=record is None, recorded=recorded)

    def _note_beginning(self, now: float) -> _Beginning | None:
        before = self._application.records.update(
            self._assignment.wait,
            self._assignment.execution,
            {
                "status": Status.WORKING,
                "step": self._index,
                "step_begun_at": now,
                "step_state": None,
                "steps": self._outcomes,
                "detail": f"{self._step.kind}: beginning",
                "detail_at": now,
                "problem": None,
            },
            before=True,
        )
        if before is None:
            return None
        if before.step > self._index:
            # The record is past this step, but its last look was not kept: the Lambda died between the two.
            return _Beginning(at=now)
        return _Beginning(at=before.step_begun_at if before.step == self._index else None)

    def _warn(self, failed: CallFailed) -> None:
        self._application.observer.warning(f"the record could not be written: {failed}", step=self._step.kind)


class _Beginning(Struct, frozen=True):
    at: float | None


def target_of(  # noqa: PLR0913 - the fields of a target
    assignment: Assignment,
    facts: InstanceFacts,
    index: int,
    *,
    began_at: float,
    now: float,
    begun_before: float | None = None,
) -> Target:
    """Return what the step at `index` is told of its instance at `now`."""
    return Target(
        action=assignment.action,
        facts=facts,
        position=index,
        began_at=began_at,
        now=now,
        begun_before=begun_before,
    )


def _same(progress: Progress, recorded: Waiting | None) -> bool:
    if recorded is None or not isinstance(progress, Waiting) or progress.detail != recorded.detail:
        return False
    # As JSON: what was read back from a checkpoint has lists where a step may have put tuples.
    return msgspec.json.encode(progress.state) == msgspec.json.encode(recorded.state)
