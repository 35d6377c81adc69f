"""What happened to an action in the order of time, as its story tells it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.durations import readable, roughly
from asg_lifecycle.model.history_entries import EntryKind
from asg_lifecycle.model.story_parts import Source, StepState
from asg_lifecycle.model.story_telling import hold_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.model.action_story import ActionStory
    from asg_lifecycle.model.story_parts import StoryMessage, StoryStep

BEGUN = frozenset({StepState.UNDER_WAY.value, StepState.HELD.value, StepState.UNFINISHED.value})
"""The states of steps that have begun and have not ended."""

FIRST = frozenset({"waiting", EntryKind.DELIVERY.value})
"""What comes before everything else of the same time."""

PENDING = frozenset({StepState.TO_COME.value, StepState.NOT_BEGUN.value})
"""The states of steps that have not begun."""


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        at: when, seconds since the epoch; None where the story does not know.
        what: what it is: `waiting`, `claimed`, `early`, `plan`, `queued`, `step`, `signal`, `message`, `taken over`,
            `now`, `ended`, and what the execution history adds: the values of `EntryKind`.
        detail: a sentence.
        lasted: for how long, seconds; None for a moment.
        number: of a step, from 1; None for all else.
    """

    at: float | None
    what: str
    detail: str
    lasted: float | None = None
    number: int | None = None


def timeline_of(story: ActionStory) -> tuple[TimelineEntry, ...]:
    """Return what happened to an action. What has no time stands where it belongs."""
    entries = [*_beginning(story), *_work(story), *_said(story), *_told(story), *_end(story)]
    return tuple(_in_order(entries))


def _beginning(story: ActionStory) -> list[TimelineEntry]:
    identity, beginning = story.identity, story.beginning
    token = f" with token {identity.token}" if identity.token is not None else ""
    entries = [
        TimelineEntry(at=beginning.at, what="waiting", detail=f"under hook {identity.hook}{token}"),
        TimelineEntry(at=beginning.claimed_at, what="claimed", detail=_claimed_by(story)),
    ]
    if beginning.early_reason is not None:
        entries.append(
            TimelineEntry(at=beginning.claimed_at, what="early", detail=f"begun because of {beginning.early_reason}")
        )
    plan = story.plan
    if plan is not None:
        steps = ", ".join(step.kind for step in story.steps) or "no steps"
        name = f" {plan.name}" if plan.name is not None else ""
        entries.append(TimelineEntry(at=None, what="plan", detail=f"{plan.source}{name}, because {plan.why}: {steps}"))
    if beginning.queued_since is not None:
        until = beginning.work_began_at
        lasted = until - beginning.queued_since if until is not None else None
        entries.append(
            TimelineEntry(at=beginning.queued_since, what="queued", detail="waited for a drain slot", lasted=lasted)
        )
    return entries


def _claimed_by(story: ActionStory) -> str:
    taken_over = any(entry.kind is EntryKind.TAKEOVER for entry in story.source.entries)
    # The record names the execution that owns the action now.
    return (
        f"by the first of its executions; its owner is {story.identity.execution}"
        if taken_over
        else (f"by {story.identity.execution}")
    )


def _work(story: ActionStory) -> list[TimelineEntry]:
    total = len(story.steps)
    return [
        TimelineEntry(
            at=step.began_at,
            what="step",
            detail=f"{number}/{total} {step.kind} {step.state}: {step.detail or 'it has said nothing yet'}",
            lasted=length_of(story, step),
            number=number,
        )
        for number, step in enumerate(story.steps, start=1)
        if step.state not in PENDING and not (step.state == StepState.UNDER_WAY and step.detail is None)
    ]


def length_of(story: ActionStory, step: StoryStep) -> float | None:
    """Return for how long a step has been worked on, seconds; None where that is not known."""
    if step.began_at is None:
        return None
    ended_at = step.ended_at if step.ended_at is not None else story.until if step.state in BEGUN else None
    return ended_at - step.began_at if ended_at is not None else None


def _said(story: ActionStory) -> list[TimelineEntry]:
    signals = [
        TimelineEntry(
            at=signal.at,
            what="signal",
            detail=": ".join(filter(None, (f"{signal.name}, a {_result(signal.succeeded)}", signal.message))),
        )
        for signal in story.signals
    ]
    messages = [
        TimelineEntry(at=message.at, what="message", detail=sentence_of_message(message))
        for message in messages_of_record(story)
    ]
    taken = story.takeovers
    takeovers = (
        [
            TimelineEntry(
                at=taken.unowned_since,
                what="taken over",
                detail=f"{taken.count} times in a row while {taken.position}"
                + ("; no execution works on it any more" if taken.unowned_since is not None else ""),
            )
        ]
        if taken is not None and (taken.count or taken.unowned_since is not None)
        else []
    )
    return [*signals, *messages, *takeovers]


def sentence_of_message(message: StoryMessage) -> str:
    """Return what a message asked for, who sent it, and why."""
    who = f", said {message.who}" if message.who is not None else ""
    why = f": {message.why}" if message.why is not None else ""
    return f"{message.what}{who}{why}"


def messages_of_record(story: ActionStory) -> tuple[StoryMessage, ...]:
    """Return the messages that the record alone tells: told from elsewhere, they have the time when they were heard."""
    told = Counter(entry.detail for entry in story.source.entries if entry.kind is EntryKind.MESSAGE)
    left = []
    for message in story.messages:
        sentence = sentence_of_message(message)
        if told[sentence]:
            told[sentence] -= 1
        else:
            left.append(message)
    return tuple(left)


def _told(story: ActionStory) -> list[TimelineEntry]:
    return [TimelineEntry(at=entry.at, what=entry.kind.value, detail=entry.detail) for entry in story.source.entries]


def _end(story: ActionStory) -> list[TimelineEntry]:
    present = story.present
    if present.standing is not Standing.ENDED:
        deadline = story.times.deadline
        left = (
            f"; {roughly(deadline - story.read_at)} left" if deadline is not None and deadline > story.read_at else ""
        )
        return [
            TimelineEntry(
                at=story.read_at,
                what="now",
                detail=f"{_standing(story)}{left}",
                lasted=story.read_at - story.beginning.at,
            )
        ]
    result = f" with {present.result}" if present.result is not None else ""
    return [
        TimelineEntry(
            at=present.ended_at,
            what="ended",
            detail=f"{present.status}{result}: {present.reason or 'no reason is recorded'}",
            lasted=present.ended_at - story.beginning.at if present.ended_at is not None else None,
        )
    ]


def _standing(story: ActionStory) -> str:
    standing, detail = str(story.present.standing), story.present.detail or "nothing is known yet"
    return detail if detail.startswith(f"{standing}:") else f"{standing}: {detail}"


def _in_order(entries: list[TimelineEntry]) -> list[TimelineEntry]:
    """Sort by time; what has none stays behind what it came after, and a delivery before what it brought about."""
    known, keyed = 0.0, []
    for number, entry in enumerate(entries):
        known = max(known, entry.at) if entry.at is not None and entry.what not in {"ended", "now"} else known
        keyed.append((entry.at if entry.at is not None else known, entry.what not in FIRST, number, entry))
    return [entry for *_, entry in sorted(keyed, key=lambda each: each[:3])]


def _result(succeeded: bool) -> str:  # noqa: FBT001 - of a signal
    return "success" if succeeded else "failure"


def orders_in_force(story: ActionStory, at: Callable[[float], str]) -> tuple[str, ...]:
    """Return what operators have said that still holds, a sentence each: a hold, and more time.

    Args:
        story: the action's.
        at: a time as the reader knows it.
    """
    sentences = []
    if story.present.hold is not None and story.present.standing is not Standing.ENDED:
        hold = hold_in(story.present.hold)
        since = f" since {at(hold.at)}" if hold.at is not None else ""
        why = f": {hold.why}" if hold.why is not None else ""
        sentences.append(f"on hold{since}, said {hold.who or story.present.hold}{why}")
    if story.times.extended_seconds:
        sentences.append(f"timeouts moved by {readable(story.times.extended_seconds)}, said operators")
    return tuple(sentences)


def told_from(story: ActionStory) -> str:
    """Return what a story is told from and why, a sentence."""
    what = {
        Source.RECORD: "the record alone",
        Source.HISTORY: "the record and the execution history",
        Source.SIMULATOR: "the record and the simulator's log",
    }
    return f"told from {what[story.source.told_from]}: {story.source.why}"
