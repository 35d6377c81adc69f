"""One paragraph that answers "why is it still there?", for a chat or a ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.action_summary import Standing, summarize
from asg_lifecycle.model.durations import roughly
from asg_lifecycle.model.verbs import possible_verbs

if TYPE_CHECKING:
    from asg_lifecycle.model.action_summary import ActionSummary
    from asg_lifecycle.model.records import Record

MOST_NAMED = 5
"""Blockers that are named one by one."""


def explain(record: Record, now: float) -> str:
    """Return what holds the instance of a record, since when, what would end it, and what happens by itself and when.

    Args:
        record: the action's.
        now: seconds since the epoch.
    """
    summary = summarize(record, now)
    if summary.standing is Standing.ENDED:
        return (
            f"{_subject(summary)} does not wait any more: {record.status}, {record.reason or 'no reason is recorded'}."
        )
    waiting = f"has been waiting for {roughly(summary.age)} and is {summary.standing}{_step(summary)}"
    sentences = [
        f"{_subject(summary)} {waiting}: {summary.waits_for.removeprefix(f'{summary.kind}: ')}.",
        _hold(summary),
        _blockers(summary, now),
        _problem(summary),
        _by_itself(summary),
        _operator(summary),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _subject(summary: ActionSummary) -> str:
    return f"Instance {summary.instance} of group {summary.group} ({summary.transition} hook {summary.hook})"


def _step(summary: ActionSummary) -> str:
    return f" at step {summary.step} of {summary.steps} ({summary.kind})" if summary.step is not None else ""


def _hold(summary: ActionSummary) -> str:
    if summary.standing is not Standing.HELD or summary.hold is None or summary.hold in summary.waits_for:
        return ""
    return f"It is on hold, said {summary.hold}: what is under way goes on, no further step begins."


def _blockers(summary: ActionSummary, now: float) -> str:
    named = [
        f"{each.kind} {each.name} ({each.reason}"
        + (f", for {roughly(max(0.0, now - each.since))})" if each.since is not None else ")")
        for each in summary.blockers[:MOST_NAMED]
    ]
    more = len(summary.blockers) - len(named)
    if not named:
        return ""
    return f"It is kept by {', '.join(named)}{f' and {more} more' if more else ''}."


def _problem(summary: ActionSummary) -> str:
    # What held an action whose result is decided is no problem any more.
    if not summary.problem or summary.standing is Standing.COMPLETING or summary.problem in summary.waits_for:
        return ""
    return f"Problem: {summary.problem}."


def _by_itself(summary: ActionSummary) -> str:
    if summary.standing is Standing.COMPLETING:
        return "Auto Scaling is being told; nothing else is needed."
    if summary.left is None:
        return "Its deadline is not known yet."
    if summary.left <= 0:
        return "Its deadline has passed: it is about to be completed as its plan says for that case."
    ending = "when what it waits for has come, or else " if summary.standing is not Standing.HELD else ""
    return f"By itself it ends {ending}in {roughly(summary.left)}, at its deadline, as its plan says for that case."


def _operator(summary: ActionSummary) -> str:
    verbs = possible_verbs(summary)
    return f"An operator may {', '.join(verbs[:-1])} or {verbs[-1]} it." if verbs else ""
