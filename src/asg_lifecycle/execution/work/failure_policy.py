"""What a dependency's error means for the step it stops, and for the other drains it may stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.outages import is_outage, notice, sentence
from asg_lifecycle.model.plans import IfMissing, OnFailure
from asg_lifecycle.model.progress import Done, Failed, Missing, Progress, Waiting
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.store.outages import Outage

BELIEVED_AFTER = 60.0
"""Seconds that an error has to stop a drain before it is believed. By then the other drains that it stops have met it,
too, so an outage can be told from an error of one drain."""


class ErrorStreak(Struct, frozen=True, kw_only=True):
    """An error of a dependency that stops a step.

    Attributes:
        dependency: the call and the error code.
        since: when it first did so, seconds since the epoch.
        tries: how often in a row the step met it, from 1.
        passing: it may be over within a minute: nobody has to be told yet.
    """

    dependency: str
    since: float
    tries: int = 1
    passing: bool = False


def progress_after_failure(  # noqa: PLR0913 - the facts that the decision takes
    action_context: ActionContext,
    failure: Failure,
    *,
    last: Waiting | None,
    before: ErrorStreak | None,
    on_failure: OnFailure,
    now: float,
) -> tuple[Progress | Missing, ErrorStreak | None]:
    """Return a step's progress after a call that failed, and the streak of its error.

    A dependency that is down holds the instance; for its first minute a wait that has begun says nothing of it. A
    permanent error fails the step. Where the plan does not hold then, the step fails only when the error has lasted a
    minute, and not while many drains meet the same error.

    Args:
        action_context: the action and the execution that works on it.
        failure: the failed call.
        last: the step's last progress, None when it has not begun.
        before: the streak of its error so far, None when no error stopped it.
        on_failure: what the plan says for when the step fails.
        now: seconds since the epoch.
    """
    if failure.consequence is Consequence.NOT_FOUND:
        return Missing(str(failure)), None
    if failure.consequence is Consequence.DENIED:
        action_context.dependencies.observer.count(Metric.PERMISSION_MISSING)
    streak = _streak(failure, before, now)
    believed = now - streak.since >= BELIEVED_AFTER
    passing = failure.consequence is Consequence.TRANSIENT
    if passing and not believed:
        # In a mass drain nearly every call is throttled now and then: not worth a record each.
        waiting = msgspec.structs.replace(last, again_after=failure.retry_after) if last is not None else None
        return waiting or _kept(str(failure), None, failure), msgspec.structs.replace(streak, passing=True)
    outage = _report(action_context, streak, now)
    held_by_plan = on_failure is OnFailure.HOLD
    if outage is not None and is_outage(outage.count) and (passing or not held_by_plan):
        why = f"{sentence(outage.count, outage.dependency, outage.since)}; {failure}"
        return _kept(why, last, failure), streak
    # When it cannot be known whether other drains are stopped, too, the instance is kept.
    if passing or (outage is None and not held_by_plan):
        return _kept(str(failure), last, failure), streak
    if not believed and not held_by_plan:
        return _kept(f"{failure}; the step fails if that lasts a minute", last, failure, BELIEVED_AFTER), streak
    return Failed(str(failure)), streak


def progress_when_missing(missing: Missing, if_missing: IfMissing) -> Progress:
    """Return the progress of a step for which the plan names something that does not exist."""
    if if_missing is IfMissing.DONE:
        return Done(f"{missing.detail}; the plan allows that (if_missing: done)")
    return Failed(f"{missing.detail}: create it, correct the plan, or write if_missing: done where it may be missing")


def _report(action_context: ActionContext, streak: ErrorStreak, now: float) -> Outage | None:
    dependencies = action_context.dependencies
    try:
        outage = dependencies.outages.report(streak.dependency, action_context.action.reference, now)
    except CallFailed as failed:
        dependencies.observer.warning(f"it could not be found out whether this is an outage: {failed}")
        return None
    if outage.notice:
        dependencies.observer.count(Metric.DEPENDENCY_OUTAGE)
        dependencies.observer.error(notice(outage.count, outage.dependency, outage.since))
    return outage


def _streak(failure: Failure, before: ErrorStreak | None, now: float) -> ErrorStreak:
    dependency = f"{failure.action} {failure.code}"
    if before is None or before.dependency != dependency:
        return ErrorStreak(dependency=dependency, since=now)
    return ErrorStreak(dependency=dependency, since=before.since, tries=before.tries + 1)


def _kept(why: str, last: Waiting | None, failure: Failure, again_after: float | None = None) -> Waiting:
    denied = failure.consequence is Consequence.DENIED
    kind = BlockerKind.PERMISSION if denied else BlockerKind.DEPENDENCY
    return Waiting(
        f"kept: {why}",
        again_after=failure.retry_after if again_after is None else again_after,
        state=last.state if last is not None else {},
        blocked=True,
        blockers=(Blocker(kind=kind, name=failure.action, reason=str(failure)),),
    )
