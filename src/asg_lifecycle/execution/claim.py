"""Who owns an action: one execution claims it, takes it over from a dead one, or joins the one that began early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.executions import Liveness
from asg_lifecycle.execution.durable import NotSettledError
from asg_lifecycle.model.actions import ActionResult, LifecycleAction
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.messages import Join, encode
from asg_lifecycle.model.plans import PlanDecision
from asg_lifecycle.model.records import Record, Status, action_of, claim_record
from asg_lifecycle.model.replies import HandedCallback
from asg_lifecycle.model.start_requests import StartReason
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.model.start_requests import StartRequest


class PriorState(Struct, frozen=True, kw_only=True):
    """What is known of an action that another execution worked on before.

    Attributes:
        decision: the plan it follows, None when none was chosen yet.
        held: why it is held, None when it is not.
        hold: who has put it on hold, when and why; None where nobody has.
        messages: the messages to it, oldest first.
        completing: the result that was decided, None while none is.
        reason: why that result.
        early: why the work began before the instance waited; None where it waits.
        until: when work that began early has to be over, seconds since the epoch.
        facts: what EC2 told of the instance then.
        callback: the callback of the present step, which that execution goes on holding; None where it does not.
    """

    decision: PlanDecision | None = None
    held: str | None = None
    hold: str | None = None
    messages: tuple[str, ...] = ()
    completing: ActionResult | None = None
    reason: str | None = None
    early: str | None = None
    until: float | None = None
    facts: InstanceFacts = InstanceFacts()
    callback: HandedCallback | None = None


class Claim(Struct, frozen=True, kw_only=True):
    """Whether this execution owns the action; if not, which one does, and how far it is.

    Attributes:
        owner: the execution that owns it instead, None when this one does.
        status: the status of the action in its record.
        joined: that execution was told that the instance waits.
        action: the action as its record has it, where this execution took it over.
        prior: what was known of it then.
    """

    owner: str | None = None
    status: str | None = None
    joined: bool = False
    action: LifecycleAction | None = None
    prior: PriorState = PriorState()

    @property
    def granted(self) -> bool:
        """Whether this execution owns the action."""
        return self.owner is None


def claim(action_context: ActionContext, start: StartRequest | None) -> Claim:
    """Record the action for this execution, unless another execution has it.

    Args:
        action_context: the action and the execution that wants to work on it.
        start: the start request, None for Auto Scaling's own event.

    Raises:
        CallFailed: the table or Lambda did not answer. Repeat it.
        NotSettledError: the owner is changing at this moment. Repeat it.
    """
    dependencies = action_context.dependencies
    if start is not None and start.takes_over is not None:
        return _take_over(action_context, start.takes_over, start)
    early = start is not None and start.early
    standing = dependencies.records.claim(
        claim_record(
            action_context.action,
            execution=action_context.execution,
            now=dependencies.clock(),
            retention=dependencies.settings.record_retention,
            early=start.reason.value if start is not None and early else None,
            until=start.until if start is not None else None,
        )
    )
    if standing is None:
        dependencies.observer.count(Metric.CLAIMED)
        dependencies.observer.info("claimed the lifecycle action")
        return Claim(prior=_prior_of_start(start))
    if not early and standing.early_reason is not None and standing.in_flight is not None:
        return _join(action_context, standing)
    return _duplicate(action_context, standing)


def _prior_of_start(start: StartRequest | None) -> PriorState:
    if start is None or not start.early:
        return PriorState()
    return PriorState(early=start.reason.value, until=start.until)


def _duplicate(action_context: ActionContext, standing: Record) -> Claim:
    dependencies = action_context.dependencies
    dependencies.observer.count(Metric.DUPLICATE)
    dependencies.observer.info(f"duplicate: {standing.execution} has this action, which is {standing.status}")
    return Claim(owner=standing.execution, status=standing.status.value)


def _take_over(action_context: ActionContext, owner: str, start: StartRequest | None = None) -> Claim:
    dependencies = action_context.dependencies
    record = dependencies.records.take_over(action_context.wait, owner, action_context.execution)
    if record is None:
        standing = dependencies.records.current(action_context.wait)
        if standing is None:
            dependencies.observer.warning("there is no record to take over: it has expired, and the action with it")
            return Claim(owner=owner, status="forgotten")
        return _duplicate(action_context, standing)
    prior = _prior(record)
    if start is not None and start.reason is StartReason.HAND_OVER:
        dependencies.observer.info(f"handed over by {owner}, which may have no more operations")
        return Claim(action=action_of(record), prior=msgspec.structs.replace(prior, callback=start.callback))
    dependencies.observer.count(Metric.TAKEN_OVER)
    dependencies.observer.warning(
        f"taken over from {owner}, which was {record.status}: {record.detail or 'just claimed'}"
    )
    return Claim(action=action_of(record), prior=prior)


def _prior(record: Record) -> PriorState:
    completing = record.result if record.status is Status.COMPLETING else None
    # A token in the record means that the hook's event has come, even if no execution has acted on it yet.
    early = record.early_reason is not None and record.token is None
    return PriorState(
        decision=msgspec.json.decode(record.plan_decision, type=PlanDecision)
        if record.plan_decision is not None
        else None,
        # What was held because no takeover could work on it is taken over again because somebody wants it tried again.
        held=record.problem or "held" if record.status is Status.HELD and record.unowned_since is None else None,
        hold=record.hold,
        messages=record.messages,
        completing=ActionResult(completing) if completing is not None else None,
        reason=record.reason if completing is not None else None,
        early=record.early_reason if early else None,
        until=record.early_until if early else None,
        facts=record.instance_facts or InstanceFacts(),
    )


def _join(action_context: ActionContext, standing: Record) -> Claim:
    """Tell the execution that began early that its instance waits now."""
    dependencies, action = action_context.dependencies, action_context.action
    # First the record: if its owner dies before it reads the message, a takeover still knows.
    announced: RecordChanges = {
        "token": action.token,
        "event_time": action.time,
        "origin": action.origin,
        "destination": action.destination,
        "operation": action.operation,
        "metadata": action.metadata,
    }
    record = dependencies.records.update(action_context.wait, standing.execution, announced)
    if record is None:
        raise NotSettledError(f"{standing.execution} does not own the action any more")
    if dependencies.executions.standing(standing.execution).liveness is Liveness.DEAD:
        return _take_over(action_context, standing.execution)
    join = Join(action=msgspec.structs.replace(action, identity=record.identity), by=_announcer(action))
    if record.inbox is None or not dependencies.executions.send_message(record.inbox, encode(join)):
        raise NotSettledError(f"the inbox of {standing.execution} is just changing")
    dependencies.observer.count(Metric.JOINED)
    dependencies.observer.info(f"joined: {standing.execution} began this work before the instance waited")
    return Claim(owner=standing.execution, status=standing.status.value, joined=True)


def _announcer(action: LifecycleAction) -> str:
    return "the hook's event" if action.token is not None else "the sweep"
