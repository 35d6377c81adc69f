"""Where the events about actions are published: the default bus of EventBridge, and a topic of SNS for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.model.action_event_messages import chat, subject, text
from asg_lifecycle.model.action_events import NAMES, SOURCE
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.aws.publishing import Publishing
    from asg_lifecycle.model.action_events import ActionEvent, EventKind

BUS = "default"
CHAT = "https"
"""The protocol by which Amazon Q Developer in chat applications subscribes."""


class ActionEventChannels:
    """The bus and the topic.

    Args:
        publishing: makes the calls. Each is made once and given up soon, with clients for what must not delay a drain.
        bus: whether events are put on the default bus.
        topic: ARN of the topic, empty for none.
    """

    def __init__(self, publishing: Publishing, *, bus: bool, topic: str) -> None:
        self._publishing = publishing
        self._bus = bus
        self._topic = topic

    def tell(self, kind: EventKind, event: ActionEvent, now: float) -> Iterator[CallFailed]:
        """Publish an event on both, as far as they are used, and yield what has failed.

        Args:
            kind: of the event.
            event: what it tells.
            now: seconds since the epoch.
        """
        if self._bus:
            try:
                self._publishing.put_event(
                    bus=BUS, source=SOURCE, detail_type=kind.value, detail=msgspec.json.encode(event).decode()
                )
            except CallFailed as failed:
                yield failed
        if self._topic:
            try:
                self._publishing.publish(
                    topic=self._topic,
                    subject=subject(kind, event),
                    message=text(kind, event, now),
                    by_protocol={CHAT: chat(kind, event, now)},
                    attributes={"kind": NAMES[kind], "group": event.group, "status": event.status.value},
                )
            except CallFailed as failed:
                yield failed
