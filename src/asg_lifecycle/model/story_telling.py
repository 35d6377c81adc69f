"""Makes the story of an action from its record."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.model.action_story import FORMAT, VERSION, ActionStory
from asg_lifecycle.model.action_summary import standing_of, summarize
from asg_lifecycle.model.progress import Done, Failed, Skipped, blockers_in, sentence_of
from asg_lifecycle.model.redaction import redacted_values
from asg_lifecycle.model.story_links import blocker_address, links_of, place_of
from asg_lifecycle.model.story_parts import (
    Source,
    StepState,
    StoryBeginning,
    StoryBlocker,
    StoryIdentity,
    StoryMessage,
    StoryPlan,
    StoryPresent,
    StorySignal,
    StorySource,
    StoryStep,
    StoryTakeovers,
    StoryTimes,
)
from asg_lifecycle.model.story_price import price_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.model.records import Record
    from asg_lifecycle.model.step_memory import StepMemory
    from asg_lifecycle.model.story_parts import StoryPrice

RECORD_ALONE = StorySource(
    told_from=Source.RECORD,
    why="the execution history was not read: single looks and heartbeats, and messages before the last twenty, are "
    "not told",
)

SAID = re.compile(
    r"(?P<what>.+?), said (?P<who>.+?)"
    r"(?: at (?P<at>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)(?:: (?P<why>.+))?)?",
    re.DOTALL,
)
"""A message as `model/messages.py` describes it, signed as `cli/orders.py` does."""


class ChosenPlan(Struct, frozen=True, kw_only=True):
    """What is told of a `PlanDecision`. The plan itself is not read: another version may have written it."""

    name: str | None = None
    problems: tuple[str, ...] = ()
    observe: bool = False


def story_of(  # noqa: PLR0913 - what is known from where
    record: Record,
    read_at: float,
    *,
    stack: str | None = None,
    log_group: str | None = None,
    source: StorySource = RECORD_ALONE,
    price: StoryPrice | None = None,
) -> ActionStory:
    """Return the story of an action.

    Args:
        record: the action's.
        read_at: when it was read, seconds since the epoch.
        stack: name of the CloudFormation stack of the application, None where it is not known.
        log_group: where the application logs, None where that is not known.
        source: what is known from elsewhere.
        price: what the wait has cost, where that is known from elsewhere.
    """
    until = record.ended_at if record.ended_at is not None else read_at
    story = ActionStory(
        format=FORMAT,
        version=VERSION,
        read_at=read_at,
        identity=_identity(record, read_at, stack),
        beginning=StoryBeginning(
            at=record.event_time,
            by_event=record.token is not None,
            claimed_at=record.claimed_at,
            early_reason=record.early_reason,
            queued_since=record.queued_since,
            work_began_at=record.work_began_at,
        ),
        plan=_plan(record),
        steps=tuple(_steps(record)),
        messages=tuple(message_in(text) for text in record.messages),
        signals=tuple(
            StorySignal(name=each.name, succeeded=each.succeeded, message=each.message, at=each.at)
            for each in record.signals
        ),
        takeovers=_takeovers(record),
        times=StoryTimes(
            heartbeat_timeout=record.heartbeat_timeout,
            global_timeout=record.global_timeout,
            deadline=record.deadline,
            extended_seconds=record.extended_seconds,
        ),
        present=StoryPresent(
            standing=standing_of(record),
            status=record.status,
            detail=record.detail,
            detail_at=record.detail_at,
            problem=record.problem,
            paused_since=record.paused_since,
            hold=record.hold,
            result=record.result,
            reason=record.reason,
            ended_at=record.ended_at,
        ),
        price=price if price is not None else price_of(record, until),
        source=source,
        links=links_of(record, log_group),
    )
    # An earlier version may have kept what it was told, and a history has it as it came.
    without_secrets = msgspec.convert(redacted_values(msgspec.to_builtins(story)), ActionStory)
    return msgspec.structs.replace(without_secrets, links=story.links)


def hold_in(text: str) -> StoryMessage:
    """Return the message that put an action on hold, from what its record says of who, when and why."""
    return message_in(f"hold, said {text}")


def message_in(text: str) -> StoryMessage:
    """Return the message that a record's sentence tells of; who and when where the sentence says it."""
    found = SAID.fullmatch(text)
    if found is None:
        return StoryMessage(what=text, who=None, at=None, why=None)
    at = found["at"]
    try:
        sent_at = datetime.fromisoformat(at).timestamp() if at is not None else None
    except ValueError:
        # The thirteenth month: somebody else wrote it.
        return StoryMessage(what=text, who=None, at=None, why=None)
    return StoryMessage(what=found["what"], who=found["who"], at=sent_at, why=found["why"])


def _identity(record: Record, now: float, stack: str | None) -> StoryIdentity:
    place = place_of(record.execution)
    return StoryIdentity(
        account=place.account,
        region=place.region,
        partition=place.partition,
        stack=stack,
        group=record.group,
        hook=record.hook,
        instance=record.instance,
        transition=summarize(record, now).transition,
        origin=record.origin,
        destination=record.destination,
        operation=record.operation,
        token=record.token,
        execution=record.execution,
    )


def _plan(record: Record) -> StoryPlan | None:
    if record.plan_source is None or record.plan_why is None:
        return None
    text = record.plan_decision
    chosen = msgspec.json.decode(text, type=ChosenPlan) if text is not None else ChosenPlan()
    return StoryPlan(
        source=record.plan_source,
        name=chosen.name,
        version=None,
        why=record.plan_why,
        problems=chosen.problems,
        observes=chosen.observe,
    )


def _steps(record: Record) -> Iterator[StoryStep]:
    for outcome in record.step_outcomes:
        yield StoryStep(
            kind=outcome.kind,
            state=outcome.outcome,
            detail=outcome.detail,
            began_at=outcome.began_at,
            ended_at=outcome.ended_at,
            blockers=(),
        )
    left = record.plan_kinds[len(record.step_outcomes) :]
    ended = record.in_flight is None
    for number, kind in enumerate(left):
        if number < len(record.present_steps):
            yield _present_step(kind, record.present_steps[number], record)
        else:
            yield StoryStep(
                kind=kind,
                state=StepState.NOT_BEGUN if ended else StepState.TO_COME,
                detail=None,
                began_at=None,
                ended_at=None,
                blockers=(),
            )


def _present_step(kind: str, memory: StepMemory, record: Record) -> StoryStep:
    return StoryStep(
        kind=kind,
        state=_present_state(memory, ended=record.in_flight is None),
        detail=sentence_of(memory.progress) if memory.progress is not None else None,
        began_at=memory.began_at,
        ended_at=None,
        blockers=tuple(
            StoryBlocker(
                kind=blocker.kind.value,
                name=blocker.name,
                reason=blocker.reason,
                since=blocker.since,
                address=blocker_address(blocker, record),
            )
            for blocker in blockers_in(memory.progress)
        ),
    )


def _present_state(memory: StepMemory, *, ended: bool) -> StepState:
    match memory.progress:
        case Skipped():
            return StepState.SKIPPED
        case Done():
            # Others beside it go on.
            return StepState.DONE
        case Failed():
            return StepState.FAILED if ended else StepState.HELD
        case _:
            return StepState.UNFINISHED if ended else StepState.UNDER_WAY


def _takeovers(record: Record) -> StoryTakeovers | None:
    taken = record.takeovers
    if taken is None and record.unowned_since is None:
        return None
    return StoryTakeovers(
        count=taken.count if taken is not None else 0,
        position=taken.position if taken is not None else "",
        unowned_since=record.unowned_since,
    )
