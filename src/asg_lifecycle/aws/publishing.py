"""Events and messages to EventBridge buses and SNS topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import NOT_FOUND_CODES, TRANSIENT_CODES, calling
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsResponseTypeDef

    from asg_lifecycle.aws.clients import Clients

SUBJECT_LENGTH = 100


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
        raise_refused_entries(answer)

    def publish(self, *, topic: str, subject: str, message: str) -> None:
        """Publish one message to a topic.

        Args:
            topic: ARN of the topic.
            subject: for mail; cut to the length that SNS accepts.
            message: the message.

        Raises:
            CallFailed: no answer, throttled, denied, refused, no such topic.
        """
        with calling("sns:Publish"):
            self._clients.sns.publish(TopicArn=topic, Subject=subject[:SUBJECT_LENGTH], Message=message)


def raise_refused_entries(answer: PutEventsResponseTypeDef) -> None:
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
