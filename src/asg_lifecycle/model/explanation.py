"""One paragraph that answers "why is it still there?", for a chat or a ticket."""

from __future__ import annotations

import math
import shlex
from typing import TYPE_CHECKING

from asg_lifecycle.model.action_summary import Standing, summarize
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.durations import roughly
from asg_lifecycle.model.plans import OnFailure, holds_when_late, timeout_result
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.running_timeouts import UnknownPlanError, plan_of, running_timeouts
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP
from asg_lifecycle.model.verbs import possible_verbs

if TYPE_CHECKING:
    from asg_lifecycle.model.action_summary import ActionSummary
    from asg_lifecycle.model.plans import Plan
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
    # Past the longest global timeout there is (R4) nothing waits any more, whoever was to answer.
    if record.status is Status.OBSERVED and now - record.event_time < GLOBAL_TIMEOUT_CAP:
        return f"{_subject(summary)} was left to others: {_end(record, now)}. {_left_to_others(record)}"
    if summary.standing is Standing.ENDED:
        return f"{_subject(summary)} does not wait any more: {_end(record, now)}."
    waiting = f"has been waiting for {roughly(summary.age)} and is {summary.standing}{_step(summary)}"
    sentences = [
        f"{_subject(summary)} {waiting}: {_waits_for(summary)}.",
        _hold(summary),
        _blockers(summary, now),
        _problem(summary),
        _by_itself(summary, record, now),
        _operator(summary),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _end(record: Record, now: float) -> str:
    result = f" with {record.result}" if record.result is not None and record.status is Status.COMPLETED else ""
    when = f" {roughly(max(0.0, now - record.ended_at))} ago" if record.ended_at is not None else ""
    return f"{record.status}{result}{when}, {record.reason or 'no reason is recorded'}"


def _left_to_others(record: Record) -> str:
    """Return what may still hold an instance whose plan only observed it: nobody told us how its wait goes on."""
    return (
        "Whether it still waits is not known here: whoever else answers the hook completes it, or the hook's own "
        f"timeout ends it. To end it by hand: {command_by_hand(record)}"
    )


def command_by_hand(record: Record) -> str:
    """Return the command that ends the wait of an instance whose action is none of ours any more."""
    names = ("--auto-scaling-group-name", record.group, "--lifecycle-hook-name", record.hook)
    end = ("--instance-id", record.instance, "--lifecycle-action-result", ActionResult.CONTINUE.value)
    return shlex.join(("aws", "autoscaling", "complete-lifecycle-action", *names, *end))


def _subject(summary: ActionSummary) -> str:
    return f"Instance {summary.instance} of group {summary.group} ({summary.transition} hook {summary.hook})"


def _step(summary: ActionSummary) -> str:
    return f" at step {summary.step} of {summary.steps} ({summary.kind})" if summary.step is not None else ""


def _waits_for(summary: ActionSummary) -> str:
    # What the beginning of the sentence says.
    return summary.waits_for.removeprefix(f"{summary.kind}: ").removeprefix(f"{summary.standing}: ")


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


def _by_itself(summary: ActionSummary, record: Record, now: float) -> str:
    """Return what happens when nobody does anything, in the order in which the work has to fail."""
    if summary.standing is Standing.COMPLETING:
        return "Auto Scaling is being told; nothing else is needed."
    try:
        plan = plan_of(record)
    except UnknownPlanError as unknown:
        return f"What happens when its time is over is not known here: {unknown}."
    if summary.left is None:
        return "Its deadline is not known yet."
    if summary.left <= 0:
        return f"Its deadline has passed: it is about to be completed with {timeout_result(plan)}."
    goes_on = ["it goes on when what it waits for has come"] if summary.standing is not Standing.HELD else []
    deadline = f"it is completed with {timeout_result(plan)} at its deadline, in {roughly(summary.left)}"
    return f"By itself {'; '.join((*goes_on, *_timeouts(summary, record, plan, now), deadline))}."


def _timeouts(summary: ActionSummary, record: Record, plan: Plan | None, now: float) -> list[str]:
    """Return what the timeouts of the step and of the plan do, where they are over before the deadline."""
    if plan is None or record.paused_since is not None:
        return []
    running, sentences = running_timeouts(record, now), []
    before = record.deadline if record.deadline is not None else math.inf
    if running.step is not None and running.step < before:
        said = "" if summary.hold is not None else _on_failure(plan, record)
        sentences.append(f"its step fails {_in(running.step - now)}{said}")
    if running.plan is not None and running.plan < before:
        then = "held" if holds_when_late(plan) else f"completed with {timeout_result(plan)}"
        sentences.append(f"the time of its plan is over {_in(running.plan - now)}, and then it is {then}")
    return sentences


def _in(length: float) -> str:
    return f"in {roughly(length)}" if length > 0 else "now"


def _on_failure(plan: Plan, record: Record) -> str:
    """Return what follows when the present step fails; empty where that depends on which of several it is."""
    entry = plan.steps[record.step_index]
    said = {step.on_failure or entry.on_failure or plan.on_failure for step in entry.parallel or (entry,)}
    if len(said) > 1:
        return ""
    (on_failure,) = said
    match on_failure:
        case OnFailure.HOLD:
            return " and it is held"
        case OnFailure.ABANDON:
            return " and it is completed with ABANDON"
        case OnFailure.CONTINUE:
            return " and the plan goes on without it"


def _operator(summary: ActionSummary) -> str:
    verbs = possible_verbs(summary)
    return f"An operator may {', '.join(verbs[:-1])} or {verbs[-1]} it." if verbs else ""
