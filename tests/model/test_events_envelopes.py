from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asg_lifecycle.model.events import Handle, Ignore, Invalid, decide, decisions_in_text

EVENTS = Path(__file__).parents[2] / "events"
EVENT = json.loads((EVENTS / "terminate.json").read_text())
NOTIFICATION = json.loads((EVENTS / "notification.json").read_text())
PREFIX = "asg-lifecycle"
TOPIC = "arn:aws:sns:us-west-2:123456789012:hooks"


def sqs(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": str(number), "body": body, "eventSource": "aws:sqs"} for number, body in enumerate(bodies)
        ]
    }


def sns(message: str) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "1", "TopicArn": TOPIC, "Message": message}


def sns_event(*messages: str) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "Sns": sns(message)} for message in messages]}


MESSAGE = json.dumps(NOTIFICATION)
DOORS = {
    "flat": NOTIFICATION,
    "queue": sqs(MESSAGE),
    "topic": sns_event(MESSAGE),
    "message of a topic": sns(MESSAGE),
    "topic in a queue": sqs(json.dumps(sns(MESSAGE))),
    "one record of a queue": sqs(MESSAGE)["Records"][0],
    "one record of a topic": sns_event(MESSAGE)["Records"][0],
    "queue, written by hand": {"Records": [{"body": MESSAGE}]},
    "receive-message, written by hand": {"Messages": [{"Body": MESSAGE}]},
    "receive-message": {"Messages": [{"MessageId": "1", "ReceiptHandle": "AQEB", "Body": MESSAGE}]},
    "topic in receive-message": {"Messages": [{"MessageId": "1", "Body": json.dumps(sns(MESSAGE))}]},
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_leads_to_the_same_action(door: str) -> None:
    assert decisions_in_text(json.dumps(DOORS[door]), hook_name_prefix=PREFIX) == (
        decide(NOTIFICATION, hook_name_prefix=PREFIX),
    )


@pytest.mark.parametrize("payload", [sqs(json.dumps(EVENT)), sns_event(json.dumps(EVENT))])
def test_an_event_may_come_through_a_queue_or_a_topic(payload: object) -> None:
    assert decisions_in_text(json.dumps(payload), hook_name_prefix=PREFIX) == (decide(EVENT, hook_name_prefix=PREFIX),)


def test_each_action_of_a_batch_is_decided_for_itself_and_in_order() -> None:
    batch = sqs(
        MESSAGE,
        "ALARM: disk full",
        json.dumps({**NOTIFICATION, "LifecycleHookName": "theirs"}),
        json.dumps({**NOTIFICATION, "EC2InstanceId": "i-1"}),
        json.dumps(sns(MESSAGE)),
    )

    found = decisions_in_text(json.dumps(batch), hook_name_prefix=PREFIX)

    assert [type(decision) for decision in found] == [Handle, Invalid, Ignore, Invalid, Handle]


BROKEN: list[tuple[object, str, str]] = [
    (sqs(""), "Records[0].body", "expected JSON, found ''"),
    (sqs("ALARM: disk full"), "Records[0].body", "found 'ALARM: disk full'"),
    (sqs('{"a": NaN}'), "Records[0].body", "NaN is no JSON value"),
    (sqs("[" * 200_000), "Records[0].body", "nested too deeply"),
    (sqs("5"), "Records[0].body", "found the number 5"),
    (sqs(MESSAGE.replace("i-1234567890abcdef0", "i-1")), "Records[0].body.EC2InstanceId", "'i-1'"),
    (sqs(json.dumps(sns("{"))), "Records[0].body.Message", "expected JSON"),
    (sns_event(json.dumps({**EVENT, "time": 5})), "Records[0].Sns.Message.time", "the number 5"),
    ({"Records": [{"messageId": "1", "body": NOTIFICATION}]}, "Records[0].body", "a message as text"),
    ({"Records": [{"messageId": "1", "body": None}]}, "Records[0].body", "found null"),
    ({"Records": [{"messageId": "1"}]}, "Records[0].body", "expected a message as text, found nothing"),
    ({"Records": [{"eventSource": "aws:sqs", "Body": 5}]}, "Records[0].Body", "found the number 5"),
    ({"Records": [{"eventSource": "aws:sqs"}]}, "Records[0].body", "expected a message as text, found nothing"),
    ({"Messages": [{"MessageId": "1"}]}, "Messages[0].Body", "expected a message as text, found nothing"),
    ({"Records": [{"EventSource": "aws:sns", "Sns": MESSAGE}]}, "Records[0].Sns", "expected an object"),
    ({"Records": [5]}, "Records[0]", "found the number 5"),
    ({"Records": []}, "Records", "found an empty list"),
    ({"Records": {"0": EVENT}}, "Records", "a list with at least one message"),
    ({"Messages": "none"}, "Messages", "found 'none'"),
]


@pytest.mark.parametrize(("payload", "field", "words"), BROKEN)
def test_an_envelope_that_cannot_be_opened_is_broken_where_it_is(payload: object, field: str, words: str) -> None:
    (decision,) = decisions_in_text(json.dumps(payload), hook_name_prefix=PREFIX)

    assert isinstance(decision, Invalid)
    assert decision.field == field
    assert words in decision.reason


IGNORED = [
    ({"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"name": "b"}}}]}, "'aws:s3'"),
    (
        sqs(
            json.dumps(
                {
                    "Type": "SubscriptionConfirmation",
                    "MessageId": "1",
                    "TopicArn": TOPIC,
                    "Message": "You have chosen to subscribe",
                    "SubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription",
                }
            )
        ),
        "confirmation",
    ),
    (sqs(json.dumps({"Service": "AWS Auto Scaling", "Event": "autoscaling:TEST_NOTIFICATION"})), "no instance waits"),
]


@pytest.mark.parametrize(("payload", "words"), IGNORED)
def test_other_messages_are_ignored_with_the_reason(payload: object, words: str) -> None:
    (decision,) = decisions_in_text(json.dumps(payload), hook_name_prefix=PREFIX)

    assert isinstance(decision, Ignore)
    assert words in decision.reason


def test_text_is_parsed_as_the_lambda_runtime_does_a_repeated_name_counts_by_its_last() -> None:
    text = '{"source": "aws.ec2", ' + json.dumps(EVENT)[1:]

    assert decisions_in_text(text, hook_name_prefix=PREFIX) == (decide(EVENT, hook_name_prefix=PREFIX),)


def test_text_that_is_not_json_is_broken_as_a_whole() -> None:
    (decision,) = decisions_in_text("{", hook_name_prefix=PREFIX)

    assert isinstance(decision, Invalid)
    assert decision.field is None
    assert decision.reason.startswith("expected JSON, found '{' (")
