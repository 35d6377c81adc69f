"""One entry of a plan: one step, or several side by side, polled until each has ended. Changes go into the record.

A single step is a group of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.work.entry_checkpoint import digest_of
from asg_lifecycle.execution.work.step_runner import StepRunner
from asg_lifecycle.model.blockers import blocked_seconds
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Done, Failed, Skipped, Waiting, blockers_in, sentence_of
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.step_memory import StepMemory, StepOutcome
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.work.entry_checkpoint import EntryCheckpoint
    from asg_lifecycle.execution.work.step_checkpoint import StepCheckpoint
    from asg_lifecycle.model.progress import Progress
    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.model.records import Record

SIDE_BY_SIDE = "parallel"
"""What an entry with several steps is called in names and sentences."""

TOGETHER = 1.0
"""Seconds within which steps that are due are polled together."""


class EntryRunner:
    """Polls the steps of one entry and writes their progress into the record.

    Args:
        action_context: the action and the execution that works on it.
        runners: run its steps; at least one.
        index: the entry's place in the plan, from 0.
        outcomes: how the steps before it ended.
        limit: how long the whole work may take, seconds; None for as long as the hook's timers allow.
        work_began_at: when the work began, seconds since the epoch; None when it begins here.
        side_by_side: it is an entry of steps side by side, even if only one of them is run.
    """

    def __init__(  # noqa: PLR0913 - where an entry stands in its plan
        self,
        action_context: ActionContext,
        runners: tuple[StepRunner, ...],
        *,
        index: int,
        outcomes: tuple[StepOutcome, ...],
        limit: float | None,
        work_began_at: float | None,
        side_by_side: bool,
    ) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._runners = runners
        self._index = index
        self._outcomes = outcomes
        self._limit = limit
        self._work_began_at = work_began_at
        self._side_by_side = side_by_side
        self._name = SIDE_BY_SIDE if side_by_side else runners[0].kind
        self._written: Record | None = None

    def poll(self, state: EntryCheckpoint) -> EntryCheckpoint:
        """Poll each step that is due. Never raises for what AWS answers, nor for a fault of a step's."""
        now = self._dependencies.clock()
        if any(map(StepRunner.is_undecided, self._runners, state.steps)):
            # Kept before anything begins: what has begun must not be left out by what is found out later.
            return self._scheduled(self._record(self._decided(state, now), now), now)
        state = _begun(state, now)
        began_before: tuple[float | None, ...] = (None,) * len(self._runners)
        if self._has_to_note(state, now):
            try:
                noted = self._note_beginning(state, now)
            except CallFailed as failed:
                # Without the note a second beginning could not be told from the first: do not begin.
                self._warn(failed)
                delay = self._runners[0].next_poll_delay(state.steps[0], now)
                return msgspec.structs.replace(state, delay=delay)
            if noted is None:
                return msgspec.structs.replace(state, lost_ownership=True, delay=None)
            began_before = noted
            state = msgspec.structs.replace(state, recorded=None, noted=True)
        steps, due = list(state.steps), list(state.due)
        for number, runner in enumerate(self._runners):
            if steps[number].finished or not self._is_due(state, number, now):
                continue
            waited = steps[number]
            steps[number] = runner.poll(waited, None if waited.begun else began_before[number], now)
            self._measure_blocked(waited, steps[number], now)
            due[number] = now + runner.next_poll_delay(steps[number], now)
        before, state = state, msgspec.structs.replace(state, steps=tuple(steps), due=tuple(due))
        state = self._record(state, now)
        self._tell_of_failures(before, state)
        return self._scheduled(state, now)

    def _decided(self, state: EntryCheckpoint, now: float) -> EntryCheckpoint:
        """Return the entry after the conditions of its steps have said which of them run."""
        earlier_failed = any(outcome.outcome == "failed" for outcome in self._outcomes)
        steps = tuple(
            runner.decide(step, now, earlier_failed=earlier_failed) if runner.is_undecided(step) else step
            for runner, step in zip(self._runners, state.steps, strict=True)
        )
        began = state.began_at if state.began_at is not None else now
        return msgspec.structs.replace(state, steps=steps, began_at=began)

    def work_began(self, state: EntryCheckpoint) -> float | None:
        """Return when the work began, moved on by the time for which a dependency kept this entry waiting.

        That is what the plan's timeout counts from: an outage must not release the fleet.
        """
        began = self._work_began_at if self._work_began_at is not None else state.began_at
        blocked = max(step.blocked_seconds for step in state.steps) - state.blocked_before
        return began + max(0.0, blocked) if began is not None else None

    def _ends_at(self, state: EntryCheckpoint) -> float | None:
        began = self.work_began(state)
        return began + self._limit if self._limit is not None and began is not None else None

    def _is_due(self, state: EntryCheckpoint, number: int, now: float) -> bool:
        ends = self._ends_at(state)
        # Each step is polled once more before its time is over.
        return state.due[number] <= now + TOGETHER or (ends is not None and now >= ends)

    def _scheduled(self, state: EntryCheckpoint, now: float) -> EntryCheckpoint:
        """Return the entry with the seconds until its next poll."""
        left = [due for step, due in zip(state.steps, state.due, strict=True) if not step.finished]
        if state.lost_ownership or not left:
            return msgspec.structs.replace(state, delay=None)
        ends = self._ends_at(state)
        blocked = any(step.blocked_since is not None for step in state.steps)
        if ends is not None and now >= ends and not blocked:
            return msgspec.structs.replace(state, timed_out=True, delay=None)
        due = min(left) if ends is None or ends <= now else min(*left, ends)
        return msgspec.structs.replace(state, delay=max(0.0, due - now))

    def _has_to_note(self, state: EntryCheckpoint, now: float) -> bool:
        """Return whether the record has to say that steps begin, before they do."""
        if self._side_by_side and not state.noted:
            return True
        return any(
            runner.resolved.step.at_most_once
            and not (runner.resolved.dry_run or step.begun or step.finished)
            and self._is_due(state, number, now)
            for number, (runner, step) in enumerate(zip(self._runners, state.steps, strict=True))
        )

    def _note_beginning(self, state: EntryCheckpoint, now: float) -> tuple[float | None, ...] | None:
        """Note that the steps begin.

        Returns:
            When an earlier beginning of each step was noted, None where none was. None instead of these when this
            execution does not own the action any more.
        """
        noted = tuple(
            step if step.begun or step.finished else msgspec.structs.replace(step, began_at=now, progress=None)
            for step in state.steps
        )
        before = self._update(
            {
                "status": Status.WORKING,
                "work_began_at": self.work_began(state),
                "step_index": self._index,
                "step_began_at": _first_began_at(noted),
                "present_steps": memories_of(noted),
                "step_outcomes": self._outcomes,
                "detail": f"{self._name}: beginning",
                "detail_at": now,
                "problem": None,
            },
            before=True,
        )
        if before is None:
            return None
        if before.step_index > self._index:
            # In the record they have ended, but their last poll was not kept: the Lambda died between the two.
            return (now,) * len(self._runners)
        if before.step_index < self._index or len(before.present_steps) != len(self._runners):
            return (None,) * len(self._runners)
        return tuple(
            None if runner.resolved.step.raises_before_effect and _has_raised(memory) else memory.began_at
            for runner, memory in zip(self._runners, before.present_steps, strict=True)
        )

    def _record(self, state: EntryCheckpoint, now: float) -> EntryCheckpoint:
        """Write the progress of the steps into the record, if it has changed."""
        memories = memories_of(state.steps)
        digest = digest_of(memories)
        if state.recorded == digest or self._is_stopped_for_a_moment(state):
            return state
        waits = [step.progress for step in state.steps if isinstance(step.progress, Waiting)]
        failures = [step.progress.reason for step in state.steps if isinstance(step.progress, Failed)]
        changes: RecordChanges = {
            "status": Status.WORKING,
            "work_began_at": self.work_began(state),
            "detail": f"{self._name}: {self._sentence(state)}",
            "detail_at": now,
            "problem": "; ".join([*failures, *(wait.detail for wait in waits if wait.blocked)]) or None,
            "wake_on": tuple(wait.wake_on for wait in waits if wait.wake_on is not None),
        }
        if all(isinstance(step.progress, Done) for step in state.steps):
            ended = outcomes_of(self._runners, state.steps)
            changes |= {"step_index": self._index + 1, "step_outcomes": (*self._outcomes, *ended)}
            changes |= {"step_began_at": None, "present_steps": ()}
        else:
            changes |= {"step_index": self._index, "step_outcomes": self._outcomes}
            changes |= {"step_began_at": _first_began_at(state.steps), "present_steps": memories}
        self._dependencies.observer.info(self._sentence(state), step=self._name)
        try:
            record = self._update(changes)
        except CallFailed as failed:
            # The work goes on; the next poll writes the record.
            self._warn(failed)
            return msgspec.structs.replace(state, recorded=None)
        return msgspec.structs.replace(state, lost_ownership=record is None, recorded=digest)

    def _measure_blocked(self, before: StepCheckpoint, after: StepCheckpoint, now: float) -> None:
        gone, stay = blockers_in(before.progress), blockers_in(after.progress)
        blocked = blocked_seconds(gone, stay, now, began_at=before.began_at or now)
        self._dependencies.observer.by_cause(Metric.BLOCKED_SECONDS, blocked)

    def _is_stopped_for_a_moment(self, state: EntryCheckpoint) -> bool:
        """Return whether there is nothing to record but a dependency that did not answer now."""
        # The record has to unsay that such a step begins: what may have begun is looked for before it begins again.
        noted = any(runner.resolved.step.at_most_once for runner in self._runners)
        return not noted and all(step.streak is not None and step.streak.passing for step in state.steps)

    def _sentence(self, state: EntryCheckpoint) -> str:
        said = [
            (runner.kind, sentence_of(step.progress))
            for runner, step in zip(self._runners, state.steps, strict=True)
            if step.progress is not None
        ]
        return "; ".join(f"{kind}: {sentence}" if self._side_by_side else sentence for kind, sentence in said)

    def _update(self, changes: RecordChanges, *, before: bool = False) -> Record | None:
        records, context = self._dependencies.records, self._action_context
        self._written = records.update(context.wait, context.execution, changes, before=before)
        return self._written

    def _tell_of_failures(self, before: EntryCheckpoint, after: EntryCheckpoint) -> None:
        events = self._dependencies.action_events
        if events is None or after.lost_ownership:
            return
        for runner, was, now in zip(self._runners, before.steps, after.steps, strict=True):
            events.step_failed(self._action_context, self._written, runner.resolved, was, now)

    def _warn(self, failed: CallFailed) -> None:
        self._dependencies.observer.warning(f"the record could not be written: {failed}", step=self._name)


def memories_of(steps: tuple[StepCheckpoint, ...]) -> tuple[StepMemory, ...]:
    """Return what the record remembers of steps that have begun or are about to."""
    return tuple(step.remembered() for step in steps)


def outcomes_of(runners: tuple[StepRunner, ...], steps: tuple[StepCheckpoint, ...]) -> tuple[StepOutcome, ...]:
    """Return the outcomes of the steps that have ended."""
    return tuple(
        _outcome(runner.kind, step, step.progress)
        for runner, step in zip(runners, steps, strict=True)
        if step.progress is not None and step.finished
    )


def _outcome(kind: str, step: StepCheckpoint, progress: Progress) -> StepOutcome:
    if isinstance(progress, Skipped):
        return StepOutcome(kind=kind, outcome="skipped", detail=progress.detail)
    return StepOutcome(
        kind=kind,
        outcome="failed" if isinstance(progress, Failed) else "done",
        detail=sentence_of(progress),
        began_at=step.began_at,
        ended_at=step.ended_at,
    )


def _begun(state: EntryCheckpoint, now: float) -> EntryCheckpoint:
    steps = tuple(
        step if step.began_at is not None else msgspec.structs.replace(step, began_at=now) for step in state.steps
    )
    return msgspec.structs.replace(state, steps=steps, began_at=state.began_at if state.began_at is not None else now)


def _has_raised(memory: StepMemory) -> bool:
    """Return whether the last attempt to begin ended with an error: the note that it begins has no progress."""
    return not memory.begun and memory.progress is not None


def _first_began_at(steps: tuple[StepCheckpoint, ...]) -> float | None:
    return min((step.began_at for step in steps if step.began_at is not None), default=None)
