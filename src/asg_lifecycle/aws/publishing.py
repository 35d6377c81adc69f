"""Events and messages to EventBridge buses and SNS topics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypedDict

from asg_lifecycle.aws.errors import NOT_FOUND_CODES, TRANSIENT_CODES, calling
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_events.type_defs import PutEventsResponseTypeDef

    from asg_lifecycle.aws.clients import Clients

SUBJECT_LENGTH = 100


class _Structure(TypedDict, total=False):
    MessageStructure: str


class Publishing:
    """EventBridge buses and SNS topics."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def put_event(self, *, bus: str, source: str, detail_type: str, detail: str) -> None:
        """Put one event on a bus.

        Args:
            bus: name or ARN of the bus.
            source: the event's source.
            detail_type: the kind of event.
            detail: JSON.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        with calling("events:PutEvents"):
            answer = self._clients.events.put_events(
                Entries=[{"EventBusName": bus, "Source": source, "DetailType": detail_type, "Detail": detail}]
            )
        _raise_refused_entries(answer)

    def publish(
        self,
        *,
        topic: str,
        subject: str,
        message: str,
        by_protocol: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Publish one message to a topic.

        Args:
            topic: ARN of the topic.
            subject: for mail; cut to the length that SNS accepts.
            message: the message.
            by_protocol: what subscribers by a protocol get in its place; None where all get the same.
            attributes: what subscriptions may filter by.

        Raises:
            CallFailed: no answer, throttled, denied, refused, no such topic.
        """
        text = message if by_protocol is None else json.dumps({"default": message, **by_protocol})
        structure: _Structure = {} if by_protocol is None else {"MessageStructure": "json"}
        with calling("sns:Publish"):
            self._clients.sns.publish(
                TopicArn=topic,
                Subject=subject[:SUBJECT_LENGTH],
                Message=text,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()
                },
                **structure,
            )


def _raise_refused_entries(answer: PutEventsResponseTypeDef) -> None:
    """Raise what is wrong with an entry: `PutEvents` can succeed when its entries do not.

    Raises:
        CallFailed: an entry was refused.
    """
    for entry in answer["Entries"]:
        if code := entry.get("ErrorCode"):
            message = entry.get("ErrorMessage", "no message")
            consequence = _consequence(code)
            raise CallFailed(Failure(consequence=consequence, action="events:PutEvents", code=code, message=message))


def _consequence(code: str) -> Consequence:
    if code in NOT_FOUND_CODES:
        return Consequence.NOT_FOUND
    return Consequence.TRANSIENT if code in TRANSIENT_CODES or code.startswith("Internal") else Consequence.REFUSED
