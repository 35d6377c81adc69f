"""Puts together what publishes the events about actions. It is loaded only where they are published."""

from __future__ import annotations

from asg_lifecycle.aws.action_events import ActionEventChannels
from asg_lifecycle.aws.clients import PROMPT, Clients
from asg_lifecycle.aws.publishing import Publishing


def compose_channels(*, bus: bool, topic: str) -> ActionEventChannels:
    """Return the channels. Nothing is called yet.

    Args:
        bus: whether events are put on the default bus.
        topic: ARN of the topic, empty for none.
    """
    return ActionEventChannels(Publishing(Clients(publishing=PROMPT)), bus=bus, topic=topic)
