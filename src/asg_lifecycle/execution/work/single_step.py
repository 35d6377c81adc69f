"""One step of the plan, looked at until it is finished, with the record told of every change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.execution.work.step_runner import (
    StepCheckpoint,
    StepRunner,
    is_same,
    sentence_of,
    wake_on,
    work_began,
)
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Done, Failed, Waiting
from asg_lifecycle.model.records import Status, StepOutcome

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.record_changes import RecordChanges


class SingleStep:
    """One step of one action's plan.

    Args:
        action_context: the action and who works on it.
        runner: asks the step.
        index: its entry in the plan, from 0.
        outcomes: how the steps before it ended.
        limit: how long the whole work may take, seconds; None for as long as it likes.
        work_began_at: when the work began, seconds since the epoch; None when it begins with this step.
    """

    def __init__(  # noqa: PLR0913 - what a step is looked at with
        self,
        action_context: ActionContext,
        runner: StepRunner,
        *,
        index: int,
        outcomes: tuple[StepOutcome, ...],
        limit: float | None,
        work_began_at: float | None,
    ) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._step_runner = runner
        self._step = runner.resolved.step
        self._index = index
        self._outcomes = outcomes
        self._limit = limit
        self._work_began_at = work_began_at

    def look(self, state: StepCheckpoint) -> StepCheckpoint:
        """Look once. Never raises for what AWS answers, nor for a fault of the step's."""
        now = self._dependencies.clock()
        state = msgspec.structs.replace(state, began_at=state.began_at if state.began_at is not None else now)
        began_before = None
        if not state.begun and self._step.at_most_once and not self._step_runner.resolved.dry_run:
            try:
                noted = self._note_beginning(state, now)
            except CallFailed as failed:
                # Without the note a second beginning could not be told from the first: do not begin.
                self._warn(failed)
                return msgspec.structs.replace(state, delay=self._step_runner.next_poll_delay(state, now))
            if noted is None:
                return msgspec.structs.replace(state, lost_ownership=True, delay=None)
            began_before = noted.at
        state = self._record(self._step_runner.poll(state, began_before, now), now)
        if state.lost_ownership or not isinstance(state.progress, Waiting):
            return msgspec.structs.replace(state, delay=None)
        ends = self._ends_at(state)
        if ends is not None and now >= ends and not state.progress.blocked:
            return msgspec.structs.replace(state, timed_out=True, delay=None)
        next_poll_delay = self._step_runner.next_poll_delay(state, now)
        return msgspec.structs.replace(
            state, delay=min(next_poll_delay, ends - now) if ends is not None and ends > now else next_poll_delay
        )

    def _ends_at(self, state: StepCheckpoint) -> float | None:
        began = work_began(self._work_began_at, state)
        return began + self._limit if self._limit is not None and began is not None else None

    def _record(self, state: StepCheckpoint, now: float) -> StepCheckpoint:
        progress, index, outcomes = state.progress, self._index, self._outcomes
        if progress is None or is_same(progress, state.recorded):
            return state
        changes: RecordChanges = {
            "status": Status.WORKING,
            "detail_at": now,
            "work_began_at": work_began(self._work_began_at, state),
            "wake_on": wake_on(state),
        }
        match progress:
            case Done(detail):
                ended = StepOutcome(kind=self._step.kind, outcome="done", detail=detail)
                changes |= {"step_index": index + 1, "step_outcomes": (*outcomes, ended)}
                changes |= {"step_began_at": None, "step_state": None, "problem": None}
            case Waiting(detail):
                changes |= {"step_index": index, "step_outcomes": outcomes, "step_began_at": state.began_at}
                changes |= {"step_state": progress.state if state.begun else None}
                changes |= {"problem": detail if progress.blocked else None}
            case Failed(reason):
                changes |= {"step_index": index, "step_outcomes": outcomes, "step_began_at": state.began_at}
                changes |= {"step_state": None, "problem": reason}
        changes["detail"] = f"{self._step.kind}: {sentence_of(progress)}"
        self._dependencies.observer.info(sentence_of(progress), step=self._step.kind)
        try:
            record = self._dependencies.records.update(
                self._action_context.wait, self._action_context.execution, changes
            )
        except CallFailed as failed:
            # The work goes on without; the next look writes it.
            self._warn(failed)
            return msgspec.structs.replace(state, recorded=None)
        recorded = progress if isinstance(progress, Waiting) else None
        return msgspec.structs.replace(state, lost_ownership=record is None, recorded=recorded)

    def _note_beginning(self, state: StepCheckpoint, now: float) -> _Beginning | None:
        before = self._dependencies.records.update(
            self._action_context.wait,
            self._action_context.execution,
            {
                "status": Status.WORKING,
                "work_began_at": work_began(self._work_began_at, state),
                "step_index": self._index,
                "step_began_at": now,
                "step_state": None,
                "step_outcomes": self._outcomes,
                "detail": f"{self._step.kind}: beginning",
                "detail_at": now,
                "problem": None,
            },
            before=True,
        )
        if before is None:
            return None
        if before.step_index > self._index:
            # The record is past this step, but its last look was not kept: the Lambda died between the two.
            return _Beginning(at=now)
        return _Beginning(at=before.step_began_at if before.step_index == self._index else None)

    def _warn(self, failed: CallFailed) -> None:
        self._dependencies.observer.warning(f"the record could not be written: {failed}", step=self._step.kind)


class _Beginning(Struct, frozen=True):
    at: float | None
