"""What happened to an action in the order of time, as far as its record knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.action_summary import Standing, standing_of, summarize
from asg_lifecycle.model.durations import roughly

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        at: when, seconds since the epoch; None where the record does not know.
        what: what it is: `waiting`, `claimed`, `plan`, `queued`, `step`, `message`, `signal`, `taken over`, `problem`,
            `result`, `ended`, `now`.
        detail: a sentence.
        lasted: for how long, seconds; None for a moment.
    """

    at: float | None
    what: str
    detail: str
    lasted: float | None = None


def timeline_of(record: Record, now: float) -> tuple[TimelineEntry, ...]:
    """Return what happened to an action. What has no time stands where it belongs.

    Args:
        record: the action's.
        now: seconds since the epoch.
    """
    entries = [*_beginning(record), *_work(record), *_said(record), *_end(record, now)]
    return tuple(_in_order(entries))


def _beginning(record: Record) -> list[TimelineEntry]:
    token = f" with token {record.token}" if record.token is not None else ""
    entries = [
        TimelineEntry(at=record.event_time, what="waiting", detail=f"under hook {record.hook}{token}"),
        TimelineEntry(at=record.claimed_at, what="claimed", detail=f"by {record.execution}"),
    ]
    if record.early_reason is not None:
        entries.append(
            TimelineEntry(at=record.claimed_at, what="early", detail=f"begun because of {record.early_reason}")
        )
    if record.plan_why is not None:
        steps = ", ".join(record.plan_kinds) or "no steps"
        entries.append(
            TimelineEntry(at=None, what="plan", detail=f"{record.plan_source}, because {record.plan_why}: {steps}")
        )
    if record.queued_since is not None:
        until = record.work_began_at
        lasted = until - record.queued_since if until is not None else None
        entries.append(
            TimelineEntry(at=record.queued_since, what="queued", detail="waited for a drain slot", lasted=lasted)
        )
    return entries


def _work(record: Record) -> list[TimelineEntry]:
    total = max(len(record.plan_kinds), len(record.step_outcomes))
    return [
        TimelineEntry(
            at=outcome.began_at,
            what="step",
            detail=f"{number}/{total} {outcome.kind} {outcome.outcome}: {outcome.detail}",
            lasted=outcome.ended_at - outcome.began_at
            if outcome.ended_at is not None and outcome.began_at is not None
            else None,
        )
        for number, outcome in enumerate(record.step_outcomes, start=1)
    ]


def _said(record: Record) -> list[TimelineEntry]:
    signals = [
        TimelineEntry(
            at=signal.at,
            what="signal",
            detail=": ".join(filter(None, (f"{signal.name}, a {_result(signal.succeeded)}", signal.message))),
        )
        for signal in record.signals
    ]
    messages = [TimelineEntry(at=None, what="message", detail=message) for message in record.messages]
    taken = record.takeovers
    takeovers = (
        [TimelineEntry(at=None, what="taken over", detail=f"{taken.count} times in a row while {taken.position}")]
        if taken is not None and taken.count
        else []
    )
    return [*signals, *messages, *takeovers]


def _end(record: Record, now: float) -> list[TimelineEntry]:
    summary = summarize(record, now)
    if standing_of(record) is not Standing.ENDED:
        since = record.step_began_at
        doing = f"{summary.standing}: {summary.waits_for}"
        left = f"; {roughly(summary.left)} left" if summary.left is not None and summary.left > 0 else ""
        return [
            TimelineEntry(
                at=record.detail_at, what="now", detail=f"{doing}{left}", lasted=now - since if since else None
            )
        ]
    result = f" with {record.result}" if record.result is not None else ""
    return [
        TimelineEntry(
            at=record.ended_at,
            what="ended",
            detail=f"{record.status}{result}: {record.reason or 'no reason is recorded'}",
            lasted=record.ended_at - record.event_time if record.ended_at is not None else None,
        )
    ]


def _in_order(entries: list[TimelineEntry]) -> list[TimelineEntry]:
    """Sort by time; what has none stays behind what it came after."""
    known, keyed = 0.0, []
    for number, entry in enumerate(entries):
        known = max(known, entry.at) if entry.at is not None and entry.what != "ended" else known
        keyed.append((entry.at if entry.at is not None else known, number, entry))
    return [entry for _, _, entry in sorted(keyed, key=lambda each: each[:2])]


def _result(succeeded: bool) -> str:  # noqa: FBT001 - of a signal
    return "success" if succeeded else "failure"
