"""What a dependency's error means for the step it stops, and for the other drains it may stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.outages import is_outage, notice, sentence
from asg_lifecycle.model.plans import OnFailure
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import Assignment
    from asg_lifecycle.store.outages import Outage

BELIEVED_AFTER = 60.0
"""Seconds after which an error that stops a drain is taken at its word. Until then the other drains that it stops have
met it, too, and an outage can be told from one drain's own trouble."""


class Trouble(Struct, frozen=True, kw_only=True):
    """An error of a dependency that stops a step.

    Attributes:
        dependency: the call and the error code.
        since: when it first did so, seconds since the epoch.
        tries: how often in a row the step met it, from 1.
    """

    dependency: str
    since: float
    tries: int = 1


def judge(  # noqa: PLR0913 - the facts that the decision takes
    assignment: Assignment,
    failure: Failure,
    *,
    last: Waiting | None,
    before: Trouble | None,
    on_failure: OnFailure,
    now: float,
) -> tuple[Progress, Trouble | None]:
    """Return a step's progress after a call that failed, and the trouble it is in.

    A dependency that is down holds the instance. An error that will not pass fails the step; but where the plan would
    go on without the step, it is believed only after a minute, and not at all while many drains meet the same one.

    Args:
        assignment: the action and who works on it.
        failure: the failed call.
        last: the step's last answer, None when it has not begun.
        before: the trouble it was in, None when it was in none.
        on_failure: what the plan says for when the step fails.
        now: seconds since the epoch.
    """
    if failure.consequence is Consequence.MISSING:
        return Done(f"nothing is left to do: {failure}"), None
    if failure.consequence is Consequence.DENIED:
        assignment.application.observer.count(Metric.PERMISSION_MISSING)
    trouble = _trouble(failure, before, now)
    believed = now - trouble.since >= BELIEVED_AFTER
    passing = failure.consequence is Consequence.PASSING
    if passing and not believed:
        return _kept(str(failure), last), trouble
    outage = _report(assignment, trouble, now)
    held_by_plan = on_failure is OnFailure.HOLD
    if outage is not None and is_outage(outage.count) and (passing or not held_by_plan):
        why = f"{sentence(outage.count, outage.dependency, outage.since)}; {failure}"
        return _kept(why, last), trouble
    # Whether others are stopped, too, may not be known: then the instance is kept.
    if passing or (outage is None and not held_by_plan):
        return _kept(str(failure), last), trouble
    if not believed and not held_by_plan:
        return _kept(f"{failure}; the step fails if that lasts a minute", last, BELIEVED_AFTER), trouble
    return Failed(str(failure), retryable=failure.consequence is Consequence.DENIED), trouble


def _report(assignment: Assignment, trouble: Trouble, now: float) -> Outage | None:
    application = assignment.application
    try:
        outage = application.outages.report(trouble.dependency, assignment.action.reference, now)
    except CallFailed as failed:
        application.observer.warning(f"an outage could not be told from one drain's trouble: {failed}")
        return None
    if outage.notice:
        application.observer.count(Metric.DEPENDENCY_OUTAGE)
        application.observer.error(notice(outage.count, outage.dependency, outage.since))
    return outage


def _trouble(failure: Failure, before: Trouble | None, now: float) -> Trouble:
    dependency = f"{failure.action} {failure.code}"
    if before is None or before.dependency != dependency:
        return Trouble(dependency=dependency, since=now)
    return Trouble(dependency=dependency, since=before.since, tries=before.tries + 1)


def _kept(why: str, last: Waiting | None, again_after: float | None = None) -> Waiting:
    return Waiting(f"kept: {why}", again_after=again_after, state=last.state if last is not None else {}, blocked=True)
