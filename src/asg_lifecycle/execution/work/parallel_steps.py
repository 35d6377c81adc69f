"""Steps that run side by side: one durable operation looks at each when its time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from asg_lifecycle.execution.work.step_runner import Inquiry, Look, sentence_of, woken_by, work_began
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Failed, Waiting
from asg_lifecycle.model.records import Status, StepOutcome

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import Assignment

KIND = "parallel"
"""What an entry with steps side by side is called in names and sentences."""

MEMBERS = "members"
SOON = 1.0
"""Seconds within which members that are due are looked at together."""


class GroupLook(Struct, frozen=True, kw_only=True):
    """Steps side by side between two looks. Times are seconds since the epoch.

    Attributes:
        began_at: when they began, None before the first look.
        members: each of them.
        due: when each is looked at again.
        noted: the record knows that they began.
        recorded: what the record holds of them, as JSON; None when nothing.
        taken: another execution owns the action.
        out_of_time: the plan's time is over.
        delay: seconds until the next look, None when all are finished.
    """

    began_at: float | None = None
    members: tuple[Look, ...]
    due: tuple[float, ...]
    noted: bool = False
    recorded: str | None = None
    taken: bool = False
    out_of_time: bool = False
    delay: float | None = 0.0

    @property
    def longest_held_up(self) -> Look:
        """The member that a dependency has kept waiting longest, as if it had begun with all of them."""
        return Look(began_at=self.began_at, held_up=max(member.held_up for member in self.members))


class SideBySide:
    """Steps side by side of one action's plan.

    Args:
        assignment: the action and who works on it.
        inquiries: ask the steps.
        index: their entry in the plan, from 0.
        outcomes: how the steps before them ended.
        limit: how long the whole work may take, seconds; None for as long as it likes.
        work_began_at: when the work began, seconds since the epoch; None when it begins here.
    """

    def __init__(  # noqa: PLR0913 - what steps are looked at with
        self,
        assignment: Assignment,
        inquiries: tuple[Inquiry, ...],
        *,
        index: int,
        outcomes: tuple[StepOutcome, ...],
        limit: float | None,
        work_began_at: float | None,
    ) -> None:
        self._assignment = assignment
        self._application = assignment.application
        self._inquiries = inquiries
        self._index = index
        self._outcomes = outcomes
        self._limit = limit
        self._work_began_at = work_began_at

    def look(self, state: GroupLook) -> GroupLook:
        """Look at each member that is due. Never raises for what AWS answers, nor for a fault of a step's."""
        now = self._application.clock()
        state = msgspec.structs.replace(state, began_at=state.began_at if state.began_at is not None else now)
        before: tuple[float | None, ...] = (None,) * len(self._inquiries)
        if not state.noted or self._begins_once(state, now):
            try:
                noted = self._note_beginning(state, now)
            except CallFailed as failed:
                # Without the note a second beginning could not be told from the first: do not begin.
                self._warn(failed)
                return msgspec.structs.replace(state, delay=self._inquiries[0].gap(Look(began_at=state.began_at), now))
            if noted is None:
                return msgspec.structs.replace(state, taken=True, delay=None)
            before = noted
        members, due = list(state.members), list(state.due)
        for number, inquiry in enumerate(self._inquiries):
            member = members[number]
            if member.finished or due[number] > now + SOON:
                continue
            if member.began_at is None:
                member = msgspec.structs.replace(member, began_at=now)
            members[number] = inquiry.ask(member, before[number] if not member.begun else None, now)
            due[number] = now + inquiry.gap(members[number], now)
        state = msgspec.structs.replace(state, members=tuple(members), due=tuple(due), noted=True)
        state = self._record(state, now)
        return msgspec.structs.replace(state, **self._next(state, now))

    def _begins_once(self, state: GroupLook, now: float) -> bool:
        """Return whether a member is about to begin whose beginning cannot be repeated unseen."""
        return any(
            inquiry.task.step.begins_once and not member.begun and not member.finished and due <= now + SOON
            for inquiry, member, due in zip(self._inquiries, state.members, state.due, strict=True)
        )

    def _began(self, state: GroupLook) -> float | None:
        return work_began(self._work_began_at, state.longest_held_up)

    def _next(self, state: GroupLook, now: float) -> dict[str, Any]:
        left = [due for member, due in zip(state.members, state.due, strict=True) if not member.finished]
        if state.taken or not left:
            return {"delay": None}
        began = self._began(state)
        ends = began + self._limit if self._limit is not None and began is not None else None
        blocked = any(isinstance(member.progress, Waiting) and member.progress.blocked for member in state.members)
        if ends is not None and now >= ends and not blocked:
            return {"out_of_time": True, "delay": None}
        due = min(left) if ends is None or ends <= now else min(*left, ends)
        return {"delay": max(0.0, due - now)}

    def _record(self, state: GroupLook, now: float) -> GroupLook:
        memory = remembered(state.members)
        if memory == state.recorded:
            return state
        waits = [member.progress for member in state.members if isinstance(member.progress, Waiting)]
        failed = [member.progress.reason for member in state.members if isinstance(member.progress, Failed)]
        problems = failed + [wait.detail for wait in waits if wait.blocked]
        finished = all(member.finished for member in state.members)
        changes: dict[str, object] = {"status": Status.WORKING, "detail": self._sentence(state), "detail_at": now}
        changes["problem"] = "; ".join(problems) or None
        changes["work_begun_at"] = self._began(state)
        changes["woken_by"] = woken_by(*state.members)
        if finished and not failed:
            ended = outcomes_of(self._inquiries, state.members)
            changes |= {"step": self._index + 1, "steps": (*self._outcomes, *ended)}
            changes |= {"step_begun_at": None, "step_state": None}
        else:
            changes |= {"step": self._index, "steps": self._outcomes, "step_begun_at": state.began_at}
            changes |= {"step_state": {MEMBERS: memory}}
        self._application.observer.info(self._sentence(state), step=KIND)
        try:
            record = self._application.records.update(self._assignment.wait, self._assignment.execution, changes)
        except CallFailed as error:
            # The work goes on without; the next look writes it.
            self._warn(error)
            return msgspec.structs.replace(state, recorded=None)
        return msgspec.structs.replace(state, taken=record is None, recorded=memory)

    def _sentence(self, state: GroupLook) -> str:
        said = [
            f"{inquiry.task.step.kind}: {sentence_of(member.progress)}"
            for inquiry, member in zip(self._inquiries, state.members, strict=True)
            if member.progress is not None
        ]
        return f"{KIND}: " + "; ".join(said)

    def _note_beginning(self, state: GroupLook, now: float) -> tuple[float | None, ...] | None:
        """Note that all of them begin; return when earlier beginnings were noted, None when we own nothing any more."""
        noted = tuple(
            member if member.begun or member.finished else msgspec.structs.replace(member, began_at=now)
            for member in state.members
        )
        before = self._application.records.update(
            self._assignment.wait,
            self._assignment.execution,
            {
                "status": Status.WORKING,
                "work_begun_at": self._began(state),
                "step": self._index,
                "step_begun_at": state.began_at,
                "step_state": {MEMBERS: remembered(noted)},
                "steps": self._outcomes,
                "detail": f"{KIND}: beginning",
                "detail_at": now,
                "problem": None,
            },
            before=True,
        )
        if before is None:
            return None
        if before.step > self._index:
            # The record is past them, but their last look was not kept: the Lambda died between the two.
            return (now,) * len(self._inquiries)
        if before.step < self._index or before.step_state is None:
            return (None,) * len(self._inquiries)
        return tuple(member.began_at for member in recalled(before.step_state, len(self._inquiries)))

    def _warn(self, failed: CallFailed) -> None:
        self._application.observer.warning(f"the record could not be written: {failed}", step=KIND)


def fresh(state: dict[str, Any] | None, count: int) -> GroupLook:
    """Return steps side by side as the record remembers them, those that failed as if they had not begun."""
    members = recalled(state, count) if state is not None else (Look(),) * count
    members = tuple(Look() if isinstance(member.progress, Failed) else member for member in members)
    return GroupLook(members=members, due=(0.0,) * count)


def recalled(state: dict[str, Any], count: int) -> tuple[Look, ...]:
    """Return the members as the record remembers them."""
    members = msgspec.json.decode(state[MEMBERS], type=tuple[Look, ...])
    return members if len(members) == count else (Look(),) * count


def remembered(members: tuple[Look, ...]) -> str:
    """Return the members as the record remembers them: what they said, and not when they are looked at."""
    kept = [Look(began_at=member.began_at, begun=member.begun, progress=_steady(member.progress)) for member in members]
    return msgspec.json.encode(kept).decode()


def outcomes_of(inquiries: tuple[Inquiry, ...], members: tuple[Look, ...]) -> tuple[StepOutcome, ...]:
    """Return how members that are finished ended."""
    return tuple(
        StepOutcome(
            kind=inquiry.task.step.kind,
            outcome="failed" if isinstance(member.progress, Failed) else "done",
            detail=sentence_of(member.progress),
        )
        for inquiry, member in zip(inquiries, members, strict=True)
        if member.progress is not None and member.finished
    )


def _steady(progress: Any) -> Any:  # noqa: ANN401 - one of the progresses
    # When to look again changes at every look, and is nobody's business but the engine's.
    return msgspec.structs.replace(progress, again_after=None) if isinstance(progress, Waiting) else progress
