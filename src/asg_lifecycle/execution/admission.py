"""Admission: prove that the action still exists, learn its timers, choose its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.instances import InstanceFacts
from asg_lifecycle.execution.heartbeat import Pulse, beat
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.plans import PlanDecision
from asg_lifecycle.model.records import Status, claim_record
from asg_lifecycle.model.timing import HookTimeouts, assume_timeouts, bound, deadline
from asg_lifecycle.observer import Metric
from asg_lifecycle.steps.planning import plan_for

if TYPE_CHECKING:
    from asg_lifecycle.execution.application import Assignment

Verdict = Literal["waiting", "admitted", "over", "late"]

UNREAD = assume_timeouts("not read yet")
RETRY_SECONDS = 3.0
TAKEN_OVER = "another execution has taken this action over"


class Admission(Struct, frozen=True, kw_only=True):
    """What is known of an action before its work begins. Times are seconds since the epoch.

    Attributes:
        verdict: `admitted`: work may begin; `over`: the action no longer exists; `late`: its deadline has passed
            already; `waiting`: not known yet.
        timeouts: the hook's timers, or what is assumed of them.
        timeouts_read: whether these are final.
        started: when the wait began: the event's time, unless that cannot be right. None before the first try.
        pulse: the heartbeats so far.
        deadline: past this moment no heartbeat is sent.
        bound: when Auto Scaling ends the wait by itself.
        facts: what EC2 knows of the instance.
        decision: the plan and why; None until admitted.
        delay: seconds until the next try, None when the verdict is final.
    """

    verdict: Verdict = "waiting"
    timeouts: HookTimeouts = UNREAD
    timeouts_read: bool = False
    started: float | None = None
    pulse: Pulse = Pulse(next_at=0.0)
    deadline: float = 0.0
    bound: float = 0.0
    facts: InstanceFacts = InstanceFacts()
    decision: PlanDecision | None = None
    delay: float | None = 0.0


class Claim(Struct, frozen=True, kw_only=True):
    """Whether this execution owns the action; if not, who does and how that stands."""

    owner: str | None = None
    status: str | None = None

    @property
    def granted(self) -> bool:
        """Whether this execution owns the action."""
        return self.owner is None


def claim(assignment: Assignment) -> Claim:
    """Record the action for this execution, unless another execution has it.

    Raises:
        CallFailed: the table did not take the record. Repeat it.
    """
    application = assignment.application
    standing = application.records.claim(
        claim_record(
            assignment.action,
            execution=assignment.execution,
            now=application.clock(),
            retention=application.settings.record_retention,
        )
    )
    if standing is None:
        application.observer.count(Metric.CLAIMED)
        application.observer.info("claimed the lifecycle action")
        return Claim()
    application.observer.count(Metric.DUPLICATE)
    application.observer.info(f"duplicate: {standing.execution} has this action, which is {standing.status}")
    return Claim(owner=standing.execution, status=standing.status)


def admit(assignment: Assignment, callback: str, state: Admission) -> Admission:
    """Make one try at admitting the action.

    The first heartbeat comes before any work: it proves that the action exists, and wins back the time that
    the event took to arrive. Never raises for what AWS answers.

    Args:
        assignment: the action and who works on it.
        callback: id of the durable callback that is its inbox.
        state: what the earlier tries found.
    """
    now = assignment.application.clock()
    timeouts = state.timeouts if state.timeouts_read else _read_timeouts(assignment)
    known = timeouts or UNREAD
    started = state.started if state.started is not None else min(assignment.action.time, now)
    if now >= bound(started, known):
        waits = _still_waits(assignment)
        if waits is None:
            return msgspec.structs.replace(state, delay=RETRY_SECONDS)
        if not waits:
            pulse = msgspec.structs.replace(state.pulse, over="the event came after the action had ended")
            return msgspec.structs.replace(state, verdict="over", pulse=pulse, delay=None)
        # No wait outlives its global timeout (R4): the event's time is wrong, as in a payload that is used again.
        assignment.application.observer.warning("the event's time cannot be right, the wait counts from now")
        started = now
    state = msgspec.structs.replace(
        state,
        timeouts=known,
        timeouts_read=timeouts is not None,
        started=started,
        deadline=deadline(started, known),
        bound=bound(started, known),
    )
    if now >= state.deadline:
        return msgspec.structs.replace(state, verdict="late", delay=None, decision=plan_for(assignment.action))
    if now >= state.pulse.next_at:
        state = msgspec.structs.replace(state, pulse=beat(assignment, known, state.pulse, now))
    if state.pulse.over is not None:
        return msgspec.structs.replace(state, verdict="over", delay=None)
    # Where heartbeats are not permitted, the work may still be done before the hook's own timeout.
    proved = state.pulse.last_at is not None or state.pulse.denied
    if not proved or not state.timeouts_read:
        return msgspec.structs.replace(state, delay=_soon(state, now))
    return _admitted(assignment, callback, state, now)


def _still_waits(assignment: Assignment) -> bool | None:
    """Return whether the instance is in a wait, None when that has to be asked again."""
    try:
        state = assignment.application.lifecycle_actions.instance_state(assignment.action.instance)
    except CallFailed as failed:
        assignment.application.observer.warning(f"the instance's state could not be read: {failed}")
        return None if failed.failure.consequence is Consequence.PASSING else False
    return state is not None and state.endswith(":Wait")


def _soon(state: Admission, now: float) -> float:
    return max(1.0, min(RETRY_SECONDS, state.pulse.next_at - now))


def _admitted(assignment: Assignment, callback: str, state: Admission, now: float) -> Admission:
    application = assignment.application
    decision = plan_for(assignment.action)
    facts = _read_facts(assignment)
    problem = "; ".join(decision.problems) or None
    changes = {
        "status": Status.WORKING if decision.plan is not None else Status.HELD,
        "callback": callback,
        "heartbeat_timeout": state.timeouts.heartbeat,
        "global_timeout": state.timeouts.overall,
        "deadline": state.deadline,
        "plan_source": decision.source,
        "plan_why": decision.why,
        "plan": [step.kind for step in decision.plan.steps] if decision.plan is not None else [],
        "detail": f"held: {problem}" if problem else "admitted",
        "detail_at": now,
        "problem": problem or state.timeouts.assumed or facts.problem,
    }
    try:
        record = application.records.update(assignment.wait, assignment.execution, changes)
    except CallFailed as failed:
        # The record carries the inbox: without it no operator could reach the action.
        application.observer.warning(f"the record could not be written, trying again: {failed}")
        return msgspec.structs.replace(state, delay=_soon(state, now))
    if record is None:
        taken = msgspec.structs.replace(state.pulse, over=TAKEN_OVER)
        return msgspec.structs.replace(state, verdict="over", pulse=taken, delay=None)
    if problem:
        application.observer.count(Metric.HELD)
        application.observer.error(f"held, the plan cannot be used: {problem}")
    else:
        application.observer.info(f"admitted with the plan from {decision.source}: {decision.why}")
    return msgspec.structs.replace(state, verdict="admitted", facts=facts, decision=decision, delay=None)


def _read_timeouts(assignment: Assignment) -> HookTimeouts | None:
    application, action = assignment.application, assignment.action
    try:
        timeouts = application.lifecycle_actions.timeouts(action.group, action.hook)
    except CallFailed as failed:
        if failed.failure.consequence is Consequence.PASSING:
            application.observer.warning(f"the hook's timeouts could not be read, trying again: {failed}")
            return None
        if failed.failure.consequence is Consequence.DENIED:
            application.observer.count(Metric.PERMISSION_MISSING)
        application.observer.error(f"the hook's timeouts cannot be read, assuming the shortest: {failed}")
        return assume_timeouts(str(failed))
    return timeouts or assume_timeouts(f"the group has no hook {action.hook} any more")


def _read_facts(assignment: Assignment) -> InstanceFacts:
    application = assignment.application
    try:
        return application.instances.facts(assignment.action.instance)
    except CallFailed as failed:
        # Unknown counts as alive: work is done that may not have been needed, never left out.
        application.observer.warning(f"the instance could not be described: {failed}")
        return InstanceFacts(problem=str(failed))
