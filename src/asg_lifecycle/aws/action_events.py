"""Where the events about actions are published: the default bus of EventBridge, and a topic of SNS for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.publishing import raise_refused_entries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.aws.clients import Clients

BUS = "default"


class ActionEventChannels:
    """The bus and the topic. Each call is made once, and given up after three seconds.

    Args:
        clients: the AWS clients.
        bus: whether events are put on the default bus.
        topic: ARN of the topic, empty for none.

    Attributes:
        bus: whether events are put on the default bus.
        topic: ARN of the topic, empty for none.
    """

    def __init__(self, clients: Clients, *, bus: bool, topic: str) -> None:
        self._clients = clients
        self.bus = bus
        self.topic = topic

    def put_event(self, *, source: str, detail_type: str, detail: str) -> None:
        """Put one event on the default bus.

        Args:
            source: the event's source.
            detail_type: the kind of event.
            detail: JSON.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        with calling("events:PutEvents"):
            answer = self._clients.prompt_events.put_events(
                Entries=[{"EventBusName": BUS, "Source": source, "DetailType": detail_type, "Detail": detail}]
            )
        raise_refused_entries(answer)

    def publish(self, *, subject: str, text: str, chat: str, attributes: Mapping[str, str]) -> None:
        """Publish one message to the topic.

        Args:
            subject: for mail.
            text: what every subscriber gets but those by HTTPS.
            chat: what subscribers by HTTPS get: that is how Amazon Q Developer in chat applications subscribes.
            attributes: what subscriptions may filter by.

        Raises:
            CallFailed: no answer, throttled, denied, refused, no such topic.
        """
        with calling("sns:Publish"):
            self._clients.prompt_sns.publish(
                TopicArn=self.topic,
                Subject=subject,
                MessageStructure="json",
                Message=json.dumps({"default": text, "https": chat}),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
