"""The SNS call that reads who is subscribed to a topic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.doctor.facts import TopicFacts

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients

PENDING = "PendingConfirmation"
"""In place of the ARN of a subscription that nobody has confirmed yet."""

DELETED = "Deleted"


class Topics:
    """The topics of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def subscriptions(self, topic: str) -> TopicFacts:
        """Return how many subscriptions a topic has.

        Raises:
            CallFailed: no answer, throttled, denied, no such topic.
        """
        found: list[str] = []
        with calling("sns:ListSubscriptionsByTopic"):
            for page in self._clients.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic):
                found += [each.get("SubscriptionArn", PENDING) for each in page["Subscriptions"]]
        pending = found.count(PENDING)
        return TopicFacts(arn=topic, confirmed=len(found) - pending - found.count(DELETED), pending=pending)
