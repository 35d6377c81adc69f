"""What EC2 tells of the instance when its action is set up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.model.conditions import CAUSES
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.termination_causes import possible_causes

if TYPE_CHECKING:
    from asg_lifecycle.execution.claim import PriorState
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.model.record_changes import RecordChanges

CAUSE_KEPT = 500
"""Characters of what Auto Scaling says that are kept."""

UNKNOWN_AT_MOST = 300.0
"""Seconds that an instance which is launched may be unknown to EC2 (R32); longer, the work begins without facts."""


def describe_instance(action_context: ActionContext, prior: PriorState) -> InstanceFacts:
    """Return what EC2 knows of the instance, and what it knew. Never raises: what cannot be read is unknown."""
    dependencies = action_context.dependencies
    try:
        action = action_context.action
        facts = dependencies.instances.facts(action.instance, launching=action.launching)
    except CallFailed as failed:
        # Unknown counts as alive: needless work may be done, but necessary work is never left out.
        dependencies.observer.warning(f"the instance could not be described: {failed}")
        facts = InstanceFacts(problem=str(failed), unread=failed.failure.consequence is Consequence.TRANSIENT)
    return facts.completed_by(prior.facts)


def with_cause(action_context: ActionContext, facts: InstanceFacts, plan: Plan | None) -> InstanceFacts:
    """Return the facts with why the instance terminates, where a step of the plan asks for that. Never raises.

    It is read when the work is set up: later the activity may not be among the latest of the group any more.
    """
    action, dependencies = action_context.action, action_context.dependencies
    if plan is None or plan.conditions.isdisjoint(CAUSES) or facts.causes is not None or action.launching:
        return facts
    try:
        cause = dependencies.scaling_activities.cause_of_termination(action.group, action.instance)
    except CallFailed as failed:
        # Unknown counts as true: the steps that ask for it run.
        dependencies.observer.warning(f"why the instance terminates is not known: {failed}")
        return facts
    if cause is None:
        return facts
    return msgspec.structs.replace(facts, causes=tuple(sorted(possible_causes(cause))), cause=cause[:CAUSE_KEPT])


def may_be_known_soon(action_context: ActionContext, facts: InstanceFacts, began: float) -> bool:
    """Return whether to ask EC2 again for an instance that is launched, after a note in the record.

    Args:
        action_context: the action and the execution that works on it.
        facts: what EC2 told of it.
        began: when its wait began, seconds since the epoch.
    """
    dependencies = action_context.dependencies
    now = dependencies.clock()
    if not (action_context.action.launching and facts.unread and now < began + UNKNOWN_AT_MOST):
        return False
    note: RecordChanges = {"detail": f"waiting for EC2 to describe the instance: {facts.problem}", "detail_at": now}
    try:
        dependencies.records.update(action_context.wait, action_context.execution, note)
    except CallFailed as failed:
        dependencies.observer.warning(f"the record could not be written: {failed}")
    return True
