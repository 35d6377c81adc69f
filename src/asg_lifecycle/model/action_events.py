"""The events that the application publishes about an action: started, held, a step failed, ended.

The fields are an interface. A field may be added within a version; one that changes or goes away makes another version.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.blockers import Blocker
from asg_lifecycle.model.console_links import function_link, group_link, instance_link
from asg_lifecycle.model.plans import PlanDecision
from asg_lifecycle.model.records import Status, blockers_of
from asg_lifecycle.model.redaction import redacted

if TYPE_CHECKING:
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.records import Record

SOURCE = "asg-lifecycle.action"
"""The `source` of the events. Nothing of ours listens to it. What a plan publishes has `asg-lifecycle`."""

VERSION = "1"

LONGEST_REASON = 1_000
"""Characters of a sentence that are published: an event may have 256 KB, and a person reads the beginning."""

EXECUTION_DIGEST_BYTES = 4


class EventKind(StrEnum):
    """What an event says. The values are its `detail-type`."""

    STARTED = "Lifecycle Action Started"
    HELD = "Lifecycle Action Held"
    STEP_FAILED = "Lifecycle Action Step Failed"
    ENDED = "Lifecycle Action Ended"


NAMES = {
    EventKind.STARTED: "started",
    EventKind.HELD: "held",
    EventKind.STEP_FAILED: "step-failed",
    EventKind.ENDED: "ended",
}
"""What each kind is called in ids, and in the attribute `kind` of a message."""


class EventStep(Struct, frozen=True, kw_only=True):
    """One step of the plan."""

    number: Annotated[int, Meta(description="Its place in the plan, from 1.")]
    of: Annotated[int, Meta(description="How many steps the plan has.")]
    kind: Annotated[str, Meta(description="Its kind; of several side by side, joined by a plus sign.")]


class EventLinks(Struct, frozen=True, kw_only=True):
    """Pages of the AWS console."""

    group: Annotated[str, Meta(description="The Auto Scaling group.")]
    instance: Annotated[str, Meta(description="The instance.")]
    function: Annotated[str, Meta(description="The durable function, which leads to its executions.")]


class ActionEvent(Struct, frozen=True, kw_only=True):
    """The `detail` of an event. Times are seconds since the epoch. Every field is always there, perhaps as `null`."""

    version: Annotated[str, Meta(description="Of this layout.")] = VERSION
    id: Annotated[
        str, Meta(description="The same when the same event is published again: who must not act twice remembers it.")
    ]
    action: Annotated[
        str,
        Meta(description="The permanent name of the action, the same in all of its events: its token, if it has one."),
    ]
    stack: Annotated[str, Meta(description="The CloudFormation stack of the application.")]
    group: Annotated[str, Meta(description="Auto Scaling group.")]
    hook: Annotated[str, Meta(description="Lifecycle hook.")]
    instance: Annotated[str, Meta(description="EC2 instance id.")]
    transition: Annotated[
        str, Meta(description="`autoscaling:EC2_INSTANCE_LAUNCHING` or `autoscaling:EC2_INSTANCE_TERMINATING`.")
    ]
    token: Annotated[str | None, Meta(description="Lifecycle action token; `null` where it is not known.")]
    plan_source: Annotated[
        str | None,
        Meta(description="Where the plan is from: `hook metadata`, `group tag`, `group name`, `default`, `built-in`."),
    ]
    plan_name: Annotated[str | None, Meta(description="Its name in the plan store; `null` for one from elsewhere.")]
    status: Annotated[
        Status,
        Meta(description="Where the action stands: `working`, `held`; at the end `completed`, `over` or `lost`."),
    ]
    step: Annotated[EventStep | None, Meta(description="The step it is about; `null` where none is under way.")]
    reason: Annotated[str, Meta(description="A sentence: why.")]
    blockers: Annotated[
        tuple[Blocker, ...],
        Meta(description="What keeps the instance, by name: `kind`, `name`, `reason` and, where known, `since`."),
    ]
    result: Annotated[
        ActionResult | None,
        Meta(description="What the action was completed with: `CONTINUE` or `ABANDON`; `null` where it was not by us."),
    ]
    waiting_since: Annotated[float, Meta(description="When the wait began.")]
    deadline: Annotated[
        float | None, Meta(description="When the plan's `on_timeout` decides; `null` where that is not known.")
    ]
    execution: Annotated[str, Meta(description="ARN of the durable execution.")]
    links: Annotated[EventLinks, Meta(description="Pages of the AWS console.")]


class Told(Struct, frozen=True, kw_only=True):
    """What one event says beyond the action.

    Attributes:
        kind: of the event.
        number: what tells it from others of its kind: the same when it is published again.
        status: where the action stands.
        reason: why, a sentence.
        step: the step it is about; None for the one that the record has under way.
        blockers: what keeps the instance; None for what the record has.
        result: what the action was completed with, None where it was not, or not by us.
    """

    kind: EventKind
    number: str
    status: Status
    reason: str
    step: EventStep | None = None
    blockers: tuple[Blocker, ...] | None = None
    result: ActionResult | None = None


def event_number(execution: str, *numbers: int) -> str:
    """Return what tells an event from others of its kind that the executions of one action may publish.

    Args:
        execution: ARN of the durable execution: each counts its rounds from 1.
        numbers: the round, and the place of the step.
    """
    digest = hashlib.blake2s(execution.encode(), digest_size=EXECUTION_DIGEST_BYTES).hexdigest()
    return "-".join([digest, *map(str, numbers)])


def action_event(  # noqa: PLR0913 - an action, and what is known of it
    action: LifecycleAction,
    execution: str,
    told: Told,
    *,
    stack: str,
    record: Record | None,
    decision: PlanDecision | None = None,
) -> ActionEvent:
    """Return the event.

    Args:
        action: the action.
        execution: ARN of the durable execution.
        told: what it says.
        stack: name of the CloudFormation stack.
        record: the record of the action, None where the table did not answer.
        decision: the plan and why, used where there is no record.
    """
    if record is not None and record.plan_decision is not None:
        decision = msgspec.json.decode(record.plan_decision, type=PlanDecision)
    blockers = told.blockers if told.blockers is not None else (blockers_of(record) if record is not None else ())
    return ActionEvent(
        id=f"{action.reference}-{NAMES[told.kind]}-{told.number}",
        action=action.reference,
        stack=stack,
        group=action.group,
        hook=action.hook,
        instance=action.instance,
        transition=action.transition.value,
        token=action.token,
        plan_source=decision.source if decision is not None else None,
        plan_name=decision.name if decision is not None else None,
        status=told.status,
        step=told.step or (_step_under_way(record, told.kind) if record is not None else None),
        reason=shortened(redacted(told.reason)),
        blockers=tuple(msgspec.structs.replace(each, reason=shortened(redacted(each.reason))) for each in blockers),
        result=told.result,
        waiting_since=action.time,
        deadline=record.deadline if record is not None else None,
        execution=execution,
        links=_links(action, execution),
    )


def shortened(sentence: str, length: int = LONGEST_REASON) -> str:
    """Return the sentence, cut where it is longer than `length` characters."""
    return sentence if len(sentence) <= length else f"{sentence[: length - 1]}…"


def _step_under_way(record: Record, kind: EventKind) -> EventStep | None:
    ended, steps = len(record.step_outcomes), record.plan_kinds
    if ended >= len(steps) or (kind is EventKind.ENDED and not record.present_steps):
        return None
    present = steps[ended : ended + max(1, len(record.present_steps))]
    return EventStep(number=ended + 1, of=len(steps), kind="+".join(present))


def _links(action: LifecycleAction, execution: str) -> EventLinks:
    # arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:VERSION/durable-execution/…
    _, partition, _, region, _, _, function, *_ = [*execution.split(":"), "", "", "", "", "", "", ""]
    return EventLinks(
        group=group_link(region, action.group, partition),
        instance=instance_link(region, action.instance, partition),
        function=function_link(region, function, partition),
    )
