"""Steps that run side by side: one durable operation looks at each when its time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from asg_lifecycle.execution.work.step_runner import StepCheckpoint, StepRunner, sentence_of, wake_on, work_began
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Failed, Waiting
from asg_lifecycle.model.records import Status, StepOutcome

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.record_changes import RecordChanges

KIND = "parallel"
"""What an entry with steps side by side is called in names and sentences."""

MEMBERS = "members"
SOON = 1.0
"""Seconds within which members that are due are looked at together."""


class ParallelCheckpoint(Struct, frozen=True, kw_only=True):
    """Steps side by side between two looks. Times are seconds since the epoch.

    Attributes:
        began_at: when they began, None before the first look.
        members: each of them.
        due: when each is looked at again.
        noted: the record knows that they began.
        recorded: what the record holds of them, as JSON; None when nothing.
        lost_ownership: another execution owns the action.
        timed_out: the plan's time is over.
        delay: seconds until the next look, None when all are finished.
    """

    began_at: float | None = None
    members: tuple[StepCheckpoint, ...]
    due: tuple[float, ...]
    noted: bool = False
    recorded: str | None = None
    lost_ownership: bool = False
    timed_out: bool = False
    delay: float | None = 0.0

    @property
    def longest_blocked(self) -> StepCheckpoint:
        """The member that a dependency has kept waiting longest, as if it had begun with all of them."""
        return StepCheckpoint(
            began_at=self.began_at, blocked_seconds=max(member.blocked_seconds for member in self.members)
        )


class ParallelSteps:
    """Steps side by side of one action's plan.

    Args:
        action_context: the action and who works on it.
        runners: ask the steps.
        index: their entry in the plan, from 0.
        outcomes: how the steps before them ended.
        limit: how long the whole work may take, seconds; None for as long as it likes.
        work_began_at: when the work began, seconds since the epoch; None when it begins here.
    """

    def __init__(  # noqa: PLR0913 - what steps are looked at with
        self,
        action_context: ActionContext,
        runners: tuple[StepRunner, ...],
        *,
        index: int,
        outcomes: tuple[StepOutcome, ...],
        limit: float | None,
        work_began_at: float | None,
    ) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._runners = runners
        self._index = index
        self._outcomes = outcomes
        self._limit = limit
        self._work_began_at = work_began_at

    def look(self, state: ParallelCheckpoint) -> ParallelCheckpoint:
        """Look at each member that is due. Never raises for what AWS answers, nor for a fault of a step's."""
        now = self._dependencies.clock()
        state = msgspec.structs.replace(state, began_at=state.began_at if state.began_at is not None else now)
        before: tuple[float | None, ...] = (None,) * len(self._runners)
        if not state.noted or self._begins_once(state, now):
            try:
                noted = self._note_beginning(state, now)
            except CallFailed as failed:
                # Without the note a second beginning could not be told from the first: do not begin.
                self._warn(failed)
                return msgspec.structs.replace(
                    state, delay=self._runners[0].next_poll_delay(StepCheckpoint(began_at=state.began_at), now)
                )
            if noted is None:
                return msgspec.structs.replace(state, lost_ownership=True, delay=None)
            before = noted
        members, due = list(state.members), list(state.due)
        for number, runner in enumerate(self._runners):
            member = members[number]
            if member.finished or due[number] > now + SOON:
                continue
            if member.began_at is None:
                member = msgspec.structs.replace(member, began_at=now)
            members[number] = runner.poll(member, before[number] if not member.begun else None, now)
            due[number] = now + runner.next_poll_delay(members[number], now)
        state = msgspec.structs.replace(state, members=tuple(members), due=tuple(due), noted=True)
        state = self._record(state, now)
        return msgspec.structs.replace(state, **self._next(state, now))

    def _begins_once(self, state: ParallelCheckpoint, now: float) -> bool:
        """Return whether a member is about to begin whose beginning cannot be repeated unseen."""
        return any(
            runner.resolved.step.at_most_once and not member.begun and not member.finished and due <= now + SOON
            for runner, member, due in zip(self._runners, state.members, state.due, strict=True)
        )

    def _began(self, state: ParallelCheckpoint) -> float | None:
        return work_began(self._work_began_at, state.longest_blocked)

    def _next(self, state: ParallelCheckpoint, now: float) -> dict[str, Any]:
        left = [due for member, due in zip(state.members, state.due, strict=True) if not member.finished]
        if state.lost_ownership or not left:
            return {"delay": None}
        began = self._began(state)
        ends = began + self._limit if self._limit is not None and began is not None else None
        blocked = any(isinstance(member.progress, Waiting) and member.progress.blocked for member in state.members)
        if ends is not None and now >= ends and not blocked:
            return {"timed_out": True, "delay": None}
        due = min(left) if ends is None or ends <= now else min(*left, ends)
        return {"delay": max(0.0, due - now)}

    def _record(self, state: ParallelCheckpoint, now: float) -> ParallelCheckpoint:
        memory = remembered(state.members)
        if memory == state.recorded:
            return state
        waits = [member.progress for member in state.members if isinstance(member.progress, Waiting)]
        failed = [member.progress.reason for member in state.members if isinstance(member.progress, Failed)]
        problems = failed + [wait.detail for wait in waits if wait.blocked]
        finished = all(member.finished for member in state.members)
        changes: RecordChanges = {"status": Status.WORKING, "detail": self._sentence(state), "detail_at": now}
        changes["problem"] = "; ".join(problems) or None
        changes["work_began_at"] = self._began(state)
        changes["wake_on"] = wake_on(*state.members)
        if finished and not failed:
            ended = outcomes_of(self._runners, state.members)
            changes |= {"step_index": self._index + 1, "step_outcomes": (*self._outcomes, *ended)}
            changes |= {"step_began_at": None, "step_state": None}
        else:
            changes |= {"step_index": self._index, "step_outcomes": self._outcomes, "step_began_at": state.began_at}
            changes |= {"step_state": {MEMBERS: memory}}
        self._dependencies.observer.info(self._sentence(state), step=KIND)
        try:
            record = self._dependencies.records.update(
                self._action_context.wait, self._action_context.execution, changes
            )
        except CallFailed as error:
            # The work goes on without; the next look writes it.
            self._warn(error)
            return msgspec.structs.replace(state, recorded=None)
        return msgspec.structs.replace(state, lost_ownership=record is None, recorded=memory)

    def _sentence(self, state: ParallelCheckpoint) -> str:
        said = [
            f"{runner.resolved.step.kind}: {sentence_of(member.progress)}"
            for runner, member in zip(self._runners, state.members, strict=True)
            if member.progress is not None
        ]
        return f"{KIND}: " + "; ".join(said)

    def _note_beginning(self, state: ParallelCheckpoint, now: float) -> tuple[float | None, ...] | None:
        """Note that all of them begin; return when earlier beginnings were noted, None when we own nothing any more."""
        noted = tuple(
            member if member.begun or member.finished else msgspec.structs.replace(member, began_at=now)
            for member in state.members
        )
        before = self._dependencies.records.update(
            self._action_context.wait,
            self._action_context.execution,
            {
                "status": Status.WORKING,
                "work_began_at": self._began(state),
                "step_index": self._index,
                "step_began_at": state.began_at,
                "step_state": {MEMBERS: remembered(noted)},
                "step_outcomes": self._outcomes,
                "detail": f"{KIND}: beginning",
                "detail_at": now,
                "problem": None,
            },
            before=True,
        )
        if before is None:
            return None
        if before.step_index > self._index:
            # The record is past them, but their last look was not kept: the Lambda died between the two.
            return (now,) * len(self._runners)
        if before.step_index < self._index or before.step_state is None:
            return (None,) * len(self._runners)
        return tuple(member.began_at for member in recalled(before.step_state, len(self._runners)))

    def _warn(self, failed: CallFailed) -> None:
        self._dependencies.observer.warning(f"the record could not be written: {failed}", step=KIND)


def fresh(state: dict[str, Any] | None, count: int) -> ParallelCheckpoint:
    """Return steps side by side as the record remembers them, those that failed as if they had not begun."""
    members = recalled(state, count) if state is not None else (StepCheckpoint(),) * count
    members = tuple(StepCheckpoint() if isinstance(member.progress, Failed) else member for member in members)
    return ParallelCheckpoint(members=members, due=(0.0,) * count)


def recalled(state: dict[str, Any], count: int) -> tuple[StepCheckpoint, ...]:
    """Return the members as the record remembers them."""
    members = msgspec.json.decode(state[MEMBERS], type=tuple[StepCheckpoint, ...])
    return members if len(members) == count else (StepCheckpoint(),) * count


def remembered(members: tuple[StepCheckpoint, ...]) -> str:
    """Return the members as the record remembers them: what they said, and not when they are looked at."""
    kept = [
        StepCheckpoint(began_at=member.began_at, begun=member.begun, progress=_steady(member.progress))
        for member in members
    ]
    return msgspec.json.encode(kept).decode()


def outcomes_of(runners: tuple[StepRunner, ...], members: tuple[StepCheckpoint, ...]) -> tuple[StepOutcome, ...]:
    """Return how members that are finished ended."""
    return tuple(
        StepOutcome(
            kind=runner.resolved.step.kind,
            outcome="failed" if isinstance(member.progress, Failed) else "done",
            detail=sentence_of(member.progress),
        )
        for runner, member in zip(runners, members, strict=True)
        if member.progress is not None and member.finished
    )


def _steady(progress: Any) -> Any:  # noqa: ANN401 - one of the progresses
    # When to look again changes at every look, and is nobody's business but the engine's.
    return msgspec.structs.replace(progress, again_after=None) if isinstance(progress, Waiting) else progress
