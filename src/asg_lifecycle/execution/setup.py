"""Set-up: prove that the action still exists, learn its timers, choose its plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.execution.heartbeat import HeartbeatState, send_heartbeat
from asg_lifecycle.execution.instance_description import describe_instance, may_be_known_soon, with_cause
from asg_lifecycle.model import lifecycle_states
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.plan_position import Position, position_of
from asg_lifecycle.model.plans import PlanDecision
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.timing import HookTimeouts, assume_timeouts, bound, deadline, retry_delay
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.execution.claim import PriorState
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.record_changes import RecordChanges

Readiness = Literal["waiting", "ready", "observed", "over", "late"]

QUICK_TRIES = 20
PATIENT_DELAY = 60.0
"""Seconds between two tries after `QUICK_TRIES`, where the heartbeat timer leaves as much."""

TRIES_FOR_TIMEOUTS = 60
"""After so many, some eight minutes, the work begins without the hook's timeouts: an outage may last for days."""

UNREAD = assume_timeouts("not read yet")
TAKEN_OVER = "another execution has taken this action over"


class Setup(Polled, frozen=True, kw_only=True):
    """What is known of an action before its work begins. Times are seconds since the epoch.

    Attributes:
        readiness: `ready`: work may begin; `observed`: the plan only observes; `over`: the action no longer exists;
            `late`: its deadline has passed already; `waiting`: not known yet.
        timeouts: the hook's timers, or what is assumed of them.
        timeouts_read: whether these are final.
        started: when the wait began: the event's time, unless that cannot be right. None before the first try.
        heartbeat: the heartbeats so far.
        deadline: past this moment no heartbeat is sent.
        bound: when Auto Scaling ends the wait by itself.
        facts: what EC2 knows of the instance.
        decision: the plan and why; None while the plans cannot be read.
        held: why the work is not begun, None when it is.
        position: where in the plan the work stands.
        tries: how many tries found it waiting.
    """

    readiness: Readiness = "waiting"
    timeouts: HookTimeouts = UNREAD
    timeouts_read: bool = False
    started: float | None = None
    heartbeat: HeartbeatState = HeartbeatState(next_at=0.0)
    deadline: float = 0.0
    bound: float = 0.0
    facts: InstanceFacts = InstanceFacts()
    decision: PlanDecision | None = None
    held: str | None = None
    position: Position = Position()
    tries: int = 0


def set_up(action_context: ActionContext, inbox: str, prior: PriorState, state: Setup) -> Setup:
    """Make one try at setting up the work on the action.

    The plan is chosen before the first heartbeat, because one that only observes sends none. The heartbeat comes before
    any work, also while the plans cannot be read: it proves that the action exists, and makes up for the time that the
    event took to arrive. Never raises for what AWS answers.

    Args:
        action_context: the action and the execution that works on it.
        inbox: id of the durable callback through which messages reach the action.
        prior: what is known of an action that another execution worked on before.
        state: what the earlier tries found.
    """
    state = with_plan(action_context, prior, state)
    return state if state.readiness == "observed" else _set_up_work(action_context, inbox, prior, state)


def _set_up_work(action_context: ActionContext, inbox: str, prior: PriorState, state: Setup) -> Setup:
    now = action_context.dependencies.clock()
    timed = _with_timers(action_context, state, now)
    if timed is None:
        return _again(action_context, state)
    state = timed
    if state.readiness == "over":
        return state
    if now >= state.deadline:
        return _late(action_context, state)
    if now >= state.heartbeat.next_at:
        heartbeat = send_heartbeat(action_context, state.timeouts, state.heartbeat, now)
        state = msgspec.structs.replace(state, heartbeat=heartbeat)
    if state.heartbeat.over is not None:
        return msgspec.structs.replace(state, readiness="over", delay=None)
    # Where heartbeats are not permitted, the work may still be done before the hook's own timeout.
    proved = state.heartbeat.last_at is not None or state.heartbeat.denied
    if not proved or not state.timeouts_read:
        return _again(action_context, state)
    changes: RecordChanges = {
        "early_reason": None,
        "early_until": None,
        "heartbeat_timeout": state.timeouts.heartbeat,
        "global_timeout": state.timeouts.overall,
    }
    return begin_work(action_context, prior, state, InitialRecord(inbox=inbox, how="set up", changes=changes))


def _with_timers(action_context: ActionContext, state: Setup, now: float) -> Setup | None:
    """Return what is known, with the hook's timers and what follows from them; None to try again."""
    timeouts = state.timeouts if state.timeouts_read else _read_timeouts(action_context, state.tries)
    known = timeouts or UNREAD
    started = state.started if state.started is not None else _started(action_context.action, known, now)
    if now >= bound(started, known):
        waits = _still_waits(action_context)
        if waits is None:
            return None
        if not waits:
            heartbeat = msgspec.structs.replace(state.heartbeat, over="the event came after the action had ended")
            return msgspec.structs.replace(state, readiness="over", heartbeat=heartbeat, delay=None)
        # No wait outlives its global timeout (R4), so the event's time is wrong, as in a sample payload.
        action_context.dependencies.observer.warning("the event's time cannot be right, the wait counts from now")
        started = now
    return msgspec.structs.replace(
        state,
        timeouts=known,
        timeouts_read=timeouts is not None,
        started=started,
        deadline=deadline(started, known),
        bound=bound(started, known),
    )


def _late(action_context: ActionContext, state: Setup) -> Setup:
    if state.decision is None:
        return _again(action_context, state)
    return msgspec.structs.replace(state, readiness="late", delay=None)


def with_plan(action_context: ActionContext, prior: PriorState, state: Setup) -> Setup:
    """Return what is known with the plan, which stays unknown while the plans cannot be read.

    With a plan that only observes nothing else has to be found out: the set-up ends there.
    """
    decision = state.decision if state.decision is not None else _choose_plan(action_context, prior)
    if decision is None or not decision.observe:
        return msgspec.structs.replace(state, decision=decision)
    facts = describe_instance(action_context, prior)
    return msgspec.structs.replace(state, decision=decision, facts=facts, readiness="observed", delay=None)


def _started(action: LifecycleAction, timeouts: HookTimeouts, now: float) -> float:
    """Return when the wait began, or the earliest moment at which it can have begun."""
    found = action.token is None
    # A wait that no event announced has had no heartbeat, so it is younger than its heartbeat timeout.
    return min(action.time, now) - (timeouts.heartbeat if found else 0.0)


def _still_waits(action_context: ActionContext) -> bool | None:
    """Return whether the instance is in a wait, None when its state has to be read again."""
    try:
        state = action_context.dependencies.lifecycle_actions.instance_state(action_context.action.instance)
    except CallFailed as failed:
        action_context.dependencies.observer.warning(f"the instance's state could not be read: {failed}")
        return None if failed.failure.consequence is Consequence.TRANSIENT else False
    return lifecycle_states.waits(state)


def _again(action_context: ActionContext, state: Setup) -> Setup:
    dependencies = action_context.dependencies
    tries = state.tries + 1
    # A tenth of the timer leaves time for many tries before it lapses. With a short timer, what lasts is tried less
    # often: a try is a metered operation, of which an execution may have only so many.
    longest = state.timeouts.heartbeat / 10
    if tries > QUICK_TRIES:
        longest = max(longest, min(state.timeouts.heartbeat / 2, PATIENT_DELAY))
    delay = retry_delay(tries, dependencies.chance(), longest)
    until_heartbeat = state.heartbeat.next_at - dependencies.clock()
    delay = max(1.0, min(delay, until_heartbeat)) if until_heartbeat > 0 else delay
    return msgspec.structs.replace(state, tries=tries, delay=delay)


@dataclass(frozen=True, kw_only=True)
class InitialRecord:
    """What the record says when the work begins.

    Attributes:
        inbox: id of the durable callback through which messages reach the action.
        how: a sentence, used when the action is not held.
        changes: the other changes.
    """

    inbox: str
    how: str
    changes: RecordChanges


def begin_work(action_context: ActionContext, prior: PriorState, state: Setup, initial: InitialRecord) -> Setup:
    """Describe the instance and open the record for the work.

    Args:
        action_context: the action and the execution that works on it.
        prior: what is known of an action that another execution worked on before.
        state: what is known of it now; returned with a readiness, or with a delay when the record could not be written.
        initial: what the record says.
    """
    dependencies = action_context.dependencies
    decision = state.decision
    if decision is None:
        return _again(action_context, state)
    facts = describe_instance(action_context, prior)
    began = state.started if state.started is not None else action_context.action.time
    if may_be_known_soon(action_context, facts, began):
        return _again(action_context, state)
    facts = with_cause(action_context, facts, decision.plan)
    held = prior.held or "; ".join(decision.problems) or None
    changes: RecordChanges = {
        "status": Status.HELD if held else Status.WORKING,
        "inbox": initial.inbox,
        **plan_fields(decision),
        "instance_facts": facts,
        "deadline": state.deadline,
        "detail": f"held: {held}" if held else initial.how,
        "detail_at": dependencies.clock(),
        "unowned_since": None,
        "problem": held or (state.timeouts.assumed if state.timeouts_read else None) or facts.problem,
        **initial.changes,
    }
    try:
        record = dependencies.records.update(action_context.wait, action_context.execution, changes)
    except CallFailed as failed:
        # The record carries the inbox: without it no operator could reach the action.
        dependencies.observer.warning(f"the record could not be written, trying again: {failed}")
        return _again(action_context, state)
    if record is None:
        heartbeat = msgspec.structs.replace(state.heartbeat, over=TAKEN_OVER)
        return msgspec.structs.replace(state, readiness="over", heartbeat=heartbeat, delay=None)
    events = dependencies.action_events
    if events is not None and prior.decision is None:
        events.started(action_context, record)
    if events is not None and held and not prior.held:
        events.held(action_context, record, held, action_context.round_number)
    if held and not prior.held:
        dependencies.observer.count(Metric.HELD)
        dependencies.observer.error(f"held, the plan cannot be used: {held}")
    else:
        dependencies.observer.info(f"{initial.how}, with the plan from {decision.source}: {decision.why}")
    return msgspec.structs.replace(
        state,
        readiness="ready",
        facts=facts,
        decision=decision,
        held=held,
        position=position_of(record),
        delay=None,
    )


def plan_fields(decision: PlanDecision) -> RecordChanges:
    """Return what the record says of a plan decision."""
    return {
        "plan_decision": msgspec.json.encode(decision).decode(),
        "plan_source": decision.source,
        "plan_why": decision.why,
        "plan_kinds": tuple(step.kind for step in decision.plan.leaves()) if decision.plan is not None else (),
    }


def _choose_plan(action_context: ActionContext, prior: PriorState) -> PlanDecision | None:
    """Return the plan decision, None when the plans cannot be read just now."""
    if prior.decision is not None:
        return prior.decision
    try:
        return action_context.dependencies.planning.plan_for(action_context.action)
    except CallFailed as failed:
        action_context.dependencies.observer.warning(f"the plans could not be read, trying again: {failed}")
        return None
    except Exception as error:  # noqa: BLE001 - a fault of ours must hold the instance, not end the execution
        action_context.dependencies.observer.count(Metric.INTERNAL_ERROR)
        action_context.dependencies.observer.error(f"internal error: {error!r}", with_traceback=True)
        why = "the plan could not be chosen"
        return PlanDecision(
            source="internal error", why=why, problems=(f"{why}: internal error, see the log: {error!r}",)
        )


def _read_timeouts(action_context: ActionContext, tries: int) -> HookTimeouts | None:
    dependencies, action = action_context.dependencies, action_context.action
    try:
        timeouts = dependencies.lifecycle_actions.timeouts(action.group, action.hook)
    except CallFailed as failed:
        if failed.failure.consequence is Consequence.TRANSIENT and tries < TRIES_FOR_TIMEOUTS:
            dependencies.observer.warning(f"the hook's timeouts could not be read, trying again: {failed}")
            return None
        if failed.failure.consequence is Consequence.DENIED:
            dependencies.observer.count(Metric.PERMISSION_MISSING)
        dependencies.observer.error(f"the hook's timeouts cannot be read, assuming the shortest: {failed}")
        return assume_timeouts(str(failed))
    return timeouts or assume_timeouts(f"the group has no hook {action.hook} any more")
