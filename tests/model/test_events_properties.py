"""What holds for every payload, and not only for the ones somebody thought of."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asg_lifecycle.model.actions import LifecycleAction, Location, Transition
from asg_lifecycle.model.events import (
    DETAIL_TYPES,
    Decision,
    Handle,
    Ignore,
    Invalid,
    decide,
    decisions_in_text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "asg-lifecycle"
EVENT = json.loads((Path(__file__).parents[2] / "events" / "terminate.json").read_text())

# The machine that runs this may be busy: time says nothing about the code.
any_text = st.text(st.characters(exclude_categories=()), max_size=40)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | any_text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4), max_leaves=12
)

known_names = st.sampled_from(
    [
        *("Records", "Messages", "Sns", "Message", "TopicArn", "Type", "body", "Body", "messageId", "MessageId"),
        *("source", "detail-type", "detail", "time", "account", "region", "Event", "Time", "AccountId", "eventSource"),
        *EVENT["detail"],
    ]
)
known_values = st.sampled_from(
    [
        *EVENT["detail"].values(),
        *EVENT.values(),
        json.dumps(EVENT),
        json.dumps(EVENT["detail"]),
        "{",
        "[]",
        "[" * 99_999,
    ]
)
near_payloads = st.recursive(
    known_values | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known_names, inner, max_size=8),
    max_leaves=20,
)

actions = st.builds(
    LifecycleAction,
    token=st.text(min_size=36, max_size=36),
    group=st.text(min_size=1, max_size=255),
    hook=st.text(max_size=255 - len(PREFIX)).map(PREFIX.__add__),
    instance=st.from_regex(r"i-([0-9a-f]{8}|[0-9a-f]{17})", fullmatch=True),
    transition=st.sampled_from(Transition),
    time=st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000),
    origin=st.none() | st.sampled_from(Location),
    destination=st.none() | st.sampled_from(Location),
    metadata=st.none() | st.text(max_size=200),
    operation=st.none() | st.just("ReplaceRootVolume"),
    account=st.none() | st.from_regex(r"[0-9]{12}", fullmatch=True),
    region=st.none(),
)


def is_one_printable_line(decision: Decision) -> bool:
    return isinstance(decision, Handle) or decision.reason.isprintable()


@given(values | near_payloads, st.sampled_from(["", PREFIX]))
def test_any_json_is_decided_and_every_reason_is_one_printable_line(payload: object, prefix: str) -> None:
    found = (decide(payload, hook_name_prefix=prefix), *decisions_in_text(json.dumps(payload), hook_name_prefix=prefix))

    assert len(found) > 1
    assert all(map(is_one_printable_line, found))


@given(any_text | near_payloads.map(json.dumps))
def test_any_text_is_decided_and_every_reason_is_one_printable_line(text: str) -> None:
    found = decisions_in_text(text, hook_name_prefix="")

    assert found
    assert all(map(is_one_printable_line, found))


def paths_of(payload: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(name,) for name in payload] + [("detail", name) for name in payload["detail"]]


@example(path=("detail",), value={}, remove=False)
@example(path=("detail-type",), value="EC2 Instance-launch Lifecycle Action", remove=False)
@given(st.sampled_from(paths_of(EVENT)), values | known_values | st.sampled_from(list(DETAIL_TYPES)), st.booleans())
def test_an_event_wrong_in_one_field_names_it_or_is_handled(
    path: tuple[str, ...],
    value: object,
    remove: bool,  # noqa: FBT001 - hypothesis passes by position
) -> None:
    event = copy.deepcopy(EVENT)
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    if remove:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value

    decision = decide(event, hook_name_prefix=PREFIX)

    if isinstance(decision, Invalid):
        assert decision.field is not None
        assert path[-1] in decision.reason
        assert f"{decision.field}.".startswith(f"{'.'.join(path)}.") or path == ("detail-type",)
    elif isinstance(decision, Ignore):
        assert path[-1] in {"source", "detail-type", "detail", "LifecycleHookName"}
    else:
        assert isinstance(decision.action, LifecycleAction)


def event_of(action: LifecycleAction) -> dict[str, Any]:
    moment = datetime.fromtimestamp(action.time, UTC).isoformat(timespec="milliseconds")
    detail_type = next(name for name, transition in DETAIL_TYPES.items() if transition is action.transition)
    detail = {
        "LifecycleActionToken": action.token,
        "AutoScalingGroupName": action.group,
        "LifecycleHookName": action.hook,
        "EC2InstanceId": action.instance,
        "LifecycleTransition": action.transition,
        "NotificationMetadata": action.metadata,
        "Origin": action.origin,
        "Destination": action.destination,
        "Action": action.operation,
    }
    event = {
        "source": "aws.autoscaling",
        "detail-type": detail_type,
        "time": moment.replace("+00:00", "Z"),
        "account": action.account,
        "detail": {name: value for name, value in detail.items() if value is not None},
    }
    return {name: value for name, value in event.items() if value is not None}


def notification_of(action: LifecycleAction) -> dict[str, Any]:
    event = event_of(action)
    return {
        **event["detail"],
        "Service": "AWS Auto Scaling",
        "Time": event["time"],
        **({"AccountId": event["account"]} if "account" in event else {}),
    }


def in_sns(message: object) -> dict[str, Any]:
    return {"Type": "Notification", "TopicArn": "arn:aws:sns:us-west-2:1:t", "Message": json.dumps(message)}


def in_sqs(*messages: object) -> dict[str, Any]:
    return {"Records": [{"messageId": "1", "body": json.dumps(message)} for message in messages]}


ENVELOPES: dict[str, Callable[[object], dict[str, Any]]] = {
    "sns message": in_sns,
    "sns event": lambda message: {"Records": [{"Sns": in_sns(message)}]},
    "sqs event": in_sqs,
    "sns in sqs event": lambda message: in_sqs(in_sns(message)),
    "receive-message": lambda message: {"Messages": [{"MessageId": "1", "Body": json.dumps(message)}]},
    "sqs in sns in sqs": lambda message: in_sqs(in_sns(in_sqs(message))),
}


@given(actions)
@pytest.mark.parametrize("payload_of", [event_of, notification_of])
def test_an_action_comes_back_from_its_payload(
    payload_of: Callable[[LifecycleAction], dict[str, Any]], action: LifecycleAction
) -> None:
    assert decide(payload_of(action), hook_name_prefix=PREFIX) == Handle(action)


@given(actions, st.sampled_from([event_of, notification_of]))
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_an_action_comes_back_from_every_envelope(
    envelope: str, action: LifecycleAction, payload_of: Callable[[LifecycleAction], dict[str, Any]]
) -> None:
    payload = ENVELOPES[envelope](payload_of(action))

    assert decisions_in_text(json.dumps(payload), hook_name_prefix=PREFIX) == (Handle(action),)


@given(st.lists(actions, min_size=1, max_size=10))
def test_a_batch_gives_its_actions_in_order(batch: list[LifecycleAction]) -> None:
    payload = in_sqs(*map(notification_of, batch))

    assert decisions_in_text(json.dumps(payload), hook_name_prefix=PREFIX) == tuple(map(Handle, batch))
