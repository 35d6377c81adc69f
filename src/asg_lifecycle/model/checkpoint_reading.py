"""What one checkpoint of an execution tells: a look at the work, heartbeats, the end of the action."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.history_entries import EntryKind, HistoryEntry, generic_name
from asg_lifecycle.model.history_payloads import (
    ChosenPlan,
    ClaimResult,
    FinishPoll,
    ForwardingPoll,
    HandOverPoll,
    KeepAlivePoll,
    ObservationPoll,
    RoundPoll,
    SetupPoll,
    WorkPoll,
    decoded,
)
from asg_lifecycle.model.story_parts import LATEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle.model.execution_history import HistoryEvent
    from asg_lifecycle.model.history_payloads import Heartbeat, StepEnd, Work


class CheckpointReader:
    """Reads the checkpoints of an action's executions, in the order in which they were written.

    Much of a checkpoint was in the one before: only what is new is told.
    """

    def __init__(self) -> None:
        self._told: set[tuple[object, ...]] = set()
        self._ended_steps: tuple[StepEnd, ...] = ()
        self._plan: ChosenPlan | None = None
        self._execution = ""
        self._readers: dict[str, Callable[[HistoryEvent], Iterator[HistoryEntry]]] = {
            "claim": self._claim,
            "set-up": self._set_up,
            "set-up-again": self._set_up,
            "set-up-early": self._set_up,
            "set-up-early-again": self._set_up,
            "choose-plan-N": self._choose_plan,
            "observe": self._observe,
            "observe-again": self._observe,
            "open-round-N": self._open_round,
            "open-round-N-again": self._open_round,
            "work-N": self._work,
            "keep-alive-N": self._keep_alive,
            "await-event-N": self._keep_alive,
            "finish": self._finish,
            "finish-again": self._finish,
            "hand-over": self._hand_over,
            "hand-over-again": self._hand_over,
            "hand-on-message": self._hand_on,
            "hand-on-message-again": self._hand_on,
            "hand-on-reply": self._hand_on,
            "hand-on-reply-again": self._hand_on,
            "watch-step": self._watch,
        }

    @property
    def names(self) -> frozenset[str]:
        """The generic names of the operations whose results are read."""
        return frozenset(self._readers)

    def begin(self, execution: str) -> None:
        """Go on with the checkpoints of another execution."""
        self._execution = execution

    def read(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        """Tell what is new in the result of a step, or of one poll of a condition, whose name is one of `names`."""
        yield from self._readers[generic_name(event.name or "")](event)

    def _claim(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, ClaimResult)
        if found is None:
            yield unread(event)
        elif found.owner is None:
            yield _entry(event, EntryKind.CLAIM, f"claimed by {self._execution}", succeeded=True)
        else:
            how = "told of the event" if found.joined else "had the action already"
            yield _entry(event, EntryKind.CLAIM, f"{found.owner} {how}, which was {found.status}", succeeded=False)

    def _set_up(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, SetupPoll)
        if found is None:
            yield unread(event)
            return
        yield from self._planned(event, found.decision)
        yield from self._beats(event, found.heartbeat)
        if found.readiness == "waiting":
            yield _entry(event, EntryKind.RETRY, "the action could not be set up yet")
        elif found.held is not None:
            yield _entry(event, EntryKind.FAILURE, f"held: {found.held}", succeeded=False)

    def _choose_plan(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, ChosenPlan)
        if found is None:
            yield unread(event)
            return
        yield from self._planned(event, found)

    def _planned(self, event: HistoryEvent, plan: ChosenPlan | None) -> Iterator[HistoryEntry]:
        if plan is None or plan == self._plan:
            return
        self._plan = plan
        detail = "; ".join((f"{plan.source}, because {plan.why}", *plan.problems))
        yield _entry(event, EntryKind.PLAN, detail, succeeded=False if plan.problems else None)

    def _observe(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, ObservationPoll)
        if found is None:
            yield unread(event)
        elif found.reason:
            yield _entry(event, EntryKind.LOOK, found.reason)
        else:
            yield _entry(event, EntryKind.RETRY, "what the plan would do could not be noted yet")

    def _open_round(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, RoundPoll)
        if found is None:
            yield unread(event)
            return
        yield from self._beats(event, found.heartbeat)
        if not found.entered:
            if found.heartbeat.over is None:
                yield _entry(event, EntryKind.RETRY, "the record could not be written yet")
            return
        if found.work.was_polled:
            yield _entry(event, EntryKind.ROUND, f"round {_number(event)} began")
            yield from self._look(event, found.work)
        else:
            # A message may have skipped a step.
            said = (f"round {_number(event)} began", *self._newly_ended(found.work))
            yield _entry(event, EntryKind.ROUND, "; ".join(said))

    def _work(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, WorkPoll)
        if found is None:
            yield unread(event, EntryKind.LOOK)
            return
        if found.keep_alive is not None:
            yield from self._kept(event, found.keep_alive)
        yield from self._look(event, found.work)

    def _keep_alive(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, KeepAlivePoll)
        if found is None:
            yield unread(event, EntryKind.BEAT)
            return
        yield from self._kept(event, found)

    def _kept(self, event: HistoryEvent, found: KeepAlivePoll) -> Iterator[HistoryEntry]:
        yield from self._beats(event, found.heartbeat)
        if found.deadline_reached and self._is_new("deadline", self._execution):
            yield _entry(event, EntryKind.FAILURE, "the deadline was reached", succeeded=False)

    def _look(self, event: HistoryEvent, work: Work) -> Iterator[HistoryEntry]:
        said = list(self._newly_ended(work))
        failed = False
        if work.entry is not None:
            looked = self._is_new("look", self._execution, work.index, work.entry.due)
            if not (looked or said or work.result is not None):
                # No step was due: there was a heartbeat to send.
                return
        if work.entry is not None:
            progress = [step.progress for step in work.entry.steps if step.progress is not None]
            failed = any(each.type == "failed" for each in progress)
            said += [sentence for each in progress if (sentence := each.detail or each.reason)]
        if work.result is not None:
            said.append(work.result.reason or f"the work stopped: {work.result.how.replace('_', ' ')}")
        if not said and work.slot.said is not None:
            said.append(work.slot.said)
        yield _entry(
            event, EntryKind.LOOK, "; ".join(said) or "nothing was found out", succeeded=False if failed else None
        )

    def _newly_ended(self, work: Work) -> tuple[str, ...]:
        before, ended = len(self._ended_steps), work.ended_steps
        if len(ended) < before:
            # An older state of a branch that lost the race.
            return ()
        self._ended_steps = ended
        return tuple(
            f"step {number} {each.kind} {each.outcome}: {each.detail}"
            for number, each in enumerate(ended, start=1)
            if number > before
        )

    def _finish(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, FinishPoll)
        if found is None:
            yield unread(event)
            return
        yield from self._beats(event, found.heartbeat)
        why = f": {found.reason}" if found.reason else ""
        if found.lost_ownership:
            yield _entry(event, EntryKind.TAKEOVER, "another execution had taken the action over")
        elif found.status is None:
            yield _entry(event, EntryKind.RETRY, f"the action could not be completed yet{why}")
        else:
            done = found.status == "completed"
            yield _entry(event, EntryKind.COMPLETION, f"the action was {found.status}{why}", succeeded=done)

    def _hand_over(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, HandOverPoll)
        if found is None:
            yield unread(event)
            return
        yield from self._beats(event, found.heartbeat)
        if found.how == "handed_over":
            yield _entry(event, EntryKind.TAKEOVER, "handed over to another execution", succeeded=True)
        elif found.how is None:
            yield _entry(event, EntryKind.RETRY, "not handed over yet")
        else:
            yield _entry(event, EntryKind.FAILURE, f"it could not be handed over: {found.how}", succeeded=False)

    def _hand_on(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, ForwardingPoll)
        if found is None:
            yield unread(event)
        elif found.delay is not None:
            yield _entry(event, EntryKind.RETRY, f"{event.name}: not handed on yet")
        else:
            yield _entry(event, EntryKind.MESSAGE, f"{event.name}: to the execution that owns the action, if any")

    def _watch(self, event: HistoryEvent) -> Iterator[HistoryEntry]:
        found = decoded(event.payload, ForwardingPoll)
        if found is None:
            yield unread(event)
        elif found.delay is None:
            yield _entry(event, EntryKind.END, "the step ended whose callback this execution held")

    def _beats(self, event: HistoryEvent, heartbeat: Heartbeat) -> Iterator[HistoryEntry]:
        last = heartbeat.last_at
        if last is not None and self._is_new("beat", last):
            at = last if 0 <= last <= LATEST else event.at
            yield HistoryEntry(at=at, kind=EntryKind.BEAT, detail="a heartbeat was accepted", succeeded=True)
        if heartbeat.failures and self._is_new("failed beat", self._execution, last, heartbeat.failures):
            why = heartbeat.problem or "no reason was told"
            yield _entry(event, EntryKind.BEAT, f"a heartbeat failed: {why}", succeeded=False)
        if heartbeat.over is not None and self._is_new("over", self._execution, heartbeat.over):
            yield _entry(event, EntryKind.BEAT, heartbeat.over, succeeded=False)

    def _is_new(self, *what: object) -> bool:
        if what in self._told:
            return False
        self._told.add(what)
        return True


def unread(event: HistoryEvent, kind: EntryKind = EntryKind.NOT_UNDERSTOOD) -> HistoryEntry:
    """Return the entry for a result that cannot be read: of `kind` where Lambda left it out."""
    if event.left_out:
        return _entry(event, kind, f"{event.name}: what it found out was left out of the history")
    return _entry(event, EntryKind.NOT_UNDERSTOOD, f"not understood: the result of {event.name}")


def _entry(event: HistoryEvent, kind: EntryKind, detail: str, *, succeeded: bool | None = None) -> HistoryEntry:
    return HistoryEntry(at=event.at, kind=kind, detail=detail, succeeded=succeeded)


def _number(event: HistoryEvent) -> str:
    return "".join(each for each in event.name or "" if each.isdigit())
