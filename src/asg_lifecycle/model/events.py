"""What a payload asks for: EventBridge events, notifications, and the envelopes of SQS and SNS around them.

Every function here is pure and accepts any JSON without raising. Each problem of a payload is reported, not only the
first.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
from msgspec import Struct

from asg_lifecycle.model import start_requests
from asg_lifecycle.model.actions import LifecycleAction, Location, Transition
from asg_lifecycle.model.envelopes import Message, messages_in_text
from asg_lifecycle.model.fields import FieldReader, Problem, shown
from asg_lifecycle.model.hooks import refuse
from asg_lifecycle.model.start_requests import StartRequest

SOURCE = "aws.autoscaling"
"""The `source` of every event we answer (R1). EventBridge lets nobody but AWS send it."""

DETAIL_TYPES = {
    "EC2 Instance-launch Lifecycle Action": Transition.LAUNCHING,
    "EC2 Instance-terminate Lifecycle Action": Transition.TERMINATING,
}
"""The two detail-types we answer and the transition each announces (R1)."""

TEST_NOTIFICATION = "autoscaling:TEST_NOTIFICATION"
"""The `Event` of the message `PutLifecycleHook` sends to a new notification target (R20)."""

TOKEN_LENGTH = 36
"""Characters of a lifecycle action token (R2)."""

LONGEST_NAME = 255
"""Characters of the longest group or hook name (R29)."""

_TRANSITIONS = {transition.value: transition for transition in Transition}
_PLACES = {place.value: place for place in Location}
_EVENT_FIELDS = frozenset({"detail-type", "detail", "source"})
_NOTIFICATION_FIELDS = frozenset({"Event", "LifecycleActionToken", "LifecycleHookName", "LifecycleTransition"})


class Handle(Struct, frozen=True, tag="handle", tag_field="decision"):
    """The payload asks for work on this lifecycle action.

    Attributes:
        action: the lifecycle action.
        start: the start request, None for an event of Auto Scaling.
    """

    action: LifecycleAction
    start: StartRequest | None = None


class Ignore(Struct, frozen=True, tag="ignore", tag_field="decision"):
    """The payload is valid and not for us. `reason` is a sentence an operator understands."""

    reason: str


class Invalid(Struct, frozen=True, tag="broken", tag_field="decision"):
    """The payload cannot be understood, and may be for us.

    Attributes:
        reason: every problem with its field, what was expected and what was found, on one line.
        field: path of the first wrong field, `detail.EC2InstanceId` or `Records[2].body.Message.Time`; None when
            the payload as a whole is not of a kind we know.
    """

    reason: str
    field: str | None


Decision: TypeAlias = Handle | Ignore | Invalid


def decide(payload: object, *, hook_name_prefix: str, with_starts: bool = False) -> Decision:
    """Return what one EventBridge event, one flat notification, or one start request asks for.

    Args:
        payload: the parsed JSON.
        hook_name_prefix: the names of our hooks begin with it; empty for every hook no other system owns.
        with_starts: accept start requests, too. Only for direct invocations, which IAM guards: a sender to a queue must
            not choose the group, the instance and the plan.
    """
    if with_starts and isinstance(payload, dict) and payload.get("source") == start_requests.SOURCE:
        return _decide_start(payload, hook_name_prefix)
    return _decide(Message("", payload), hook_name_prefix)


def decisions_in_text(text: str, *, hook_name_prefix: str) -> tuple[Decision, ...]:
    """Return what a payload asks for: one decision for each action it contains, at least one.

    A payload is an EventBridge event, a notification as the body of an SQS message, an SNS message, the Lambda event
    of an SQS queue or an SNS topic, the output of `aws sqs receive-message`; or one of these inside an SQS or SNS
    message, as in a queue that is subscribed to a topic.

    Args:
        text: the payload's JSON.
        hook_name_prefix: the names of our hooks begin with it; empty for every hook no other system owns.
    """
    return tuple(_decide(message, hook_name_prefix) for message in messages_in_text(text))


def _decide_start(event: dict[str, object], prefix: str) -> Decision:
    try:
        start = start_requests.parse(event)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        # It may repeat half a surrogate pair of the event, which no log line can hold.
        reason = str(error).encode(errors="backslashreplace").decode()
        return Invalid(f"a start that cannot be understood: {reason}", None)
    foreign = refuse(start.action.hook, prefix)
    return Ignore(foreign) if foreign is not None else Handle(start.action, start)


def _decide(message: Message | Problem, prefix: str) -> Decision:
    if isinstance(message, Problem):
        return _broken([message])
    content = message.content
    if isinstance(content, dict):
        fields = FieldReader(content, message.path)
        if content.keys() & _EVENT_FIELDS:
            return _decide_event(fields, prefix)
        if content.keys() & _NOTIFICATION_FIELDS:
            return _decide_notification(fields, prefix)
        if "SubscribeURL" in content:
            return Ignore("an SNS subscription's confirmation is no lifecycle action")
        if "eventSource" in content:
            return Ignore(f"a record of {shown(content['eventSource'])} is no lifecycle action")
    known = "an EventBridge event, an Auto Scaling notification, or an SQS or SNS message with one"
    return _broken([Problem(message.path, known, shown(content))])


def _decide_event(event: FieldReader, prefix: str) -> Decision:
    source = event.text("source", repr(SOURCE))
    if source and source != SOURCE:
        return Ignore(f"source {shown(source)} is not {SOURCE!r}")
    detail_type = event.text("detail-type", "the name of an event")
    if detail_type and detail_type not in DETAIL_TYPES:
        return Ignore(f"detail-type {shown(detail_type)} is no lifecycle action")
    detail = event.inner("detail")
    if detail is None:
        return _broken(event.problems)
    frame = _Frame(
        time=event.moment("time"),
        account=event.optional_text("account"),
        region=event.optional_text("region"),
        detail_type=detail_type,
    )
    return _decide_action(detail, frame, prefix)


def _decide_notification(notification: FieldReader, prefix: str) -> Decision:
    kind = notification.optional_text("Event")
    if kind == TEST_NOTIFICATION:
        return Ignore(f"{TEST_NOTIFICATION}: Auto Scaling tests the hook's notification target, no instance waits")
    if kind is not None and "LifecycleTransition" not in notification.values:
        return Ignore(f"notification {shown(kind)} is no lifecycle action")
    frame = _Frame(time=notification.moment("Time"), account=notification.optional_text("AccountId"))
    return _decide_action(notification, frame, prefix)


class _Frame(Struct, frozen=True, kw_only=True):
    """The fields around those of the action; an event and a notification name them differently."""

    time: float | None
    account: str | None
    region: str | None = None
    detail_type: str = ""


def _decide_action(detail: FieldReader, frame: _Frame, prefix: str) -> Decision:
    hook = _read_name(detail, "LifecycleHookName")
    # Other problems of an action do not matter when its hook is not ours.
    foreign = refuse(hook, prefix) if hook else None
    if foreign is not None:
        return Ignore(foreign)
    group = _read_name(detail, "AutoScalingGroupName")
    instance = detail.instance_id("EC2InstanceId")
    token = _read_token(detail)
    transition = _read_transition(detail, frame.detail_type)
    origin = detail.optional_text("Origin")
    destination = detail.optional_text("Destination")
    metadata = detail.optional_text("NotificationMetadata")
    operation = detail.optional_text("Action")
    if detail.problems or transition is None or frame.time is None:
        return _broken(detail.problems, group=group, hook=hook, instance=instance)
    return Handle(
        LifecycleAction(
            token=token,
            group=group,
            hook=hook,
            instance=instance,
            transition=transition,
            time=frame.time,
            # The action must not be lost when Auto Scaling names a place that was added after this was written.
            origin=_PLACES.get(origin or ""),
            destination=_PLACES.get(destination or ""),
            metadata=metadata,
            operation=operation,
            account=frame.account,
            region=frame.region,
        )
    )


def _read_name(fields: FieldReader, name: str) -> str:
    return fields.text(name, f"a name of 1 to {LONGEST_NAME} characters", lambda text: 0 < len(text) <= LONGEST_NAME)


def _read_token(detail: FieldReader) -> str:
    name = "LifecycleActionToken"
    expected = f"text of exactly {TOKEN_LENGTH} characters"
    token = detail.text(name, expected)
    if token and len(token) != TOKEN_LENGTH:
        detail.problem(name, expected, f"{shown(token)}, {len(token)} characters")
    return token


def _read_transition(detail: FieldReader, detail_type: str) -> Transition | None:
    name = "LifecycleTransition"
    transition = _TRANSITIONS.get(detail.text(name, " or ".join(map(repr, _TRANSITIONS)), _TRANSITIONS.__contains__))
    announced = DETAIL_TYPES.get(detail_type)
    if announced and transition and announced is not transition:
        expected = f"{announced.value!r}, because detail-type is {detail_type!r}"
        detail.problem(name, expected, repr(transition.value))
    return transition


def _broken(problems: list[Problem], **known: str) -> Invalid:
    reason = "; ".join(map(str, problems))
    action = ", ".join(f"{name} {value!r}" for name, value in known.items() if value)
    return Invalid(f"{reason} ({action})" if action else reason, problems[0].field or None)
