"""The SQS calls: the dead-letter queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.aws.clients import Clients

BATCH = 10
HIDDEN = 60
"""Seconds a message is hidden from others while it is read: SQS has no call that only reads."""


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One message of a dead-letter queue.

    Attributes:
        queue: URL of the queue.
        id: the message's id, the same whenever it is received.
        receipt: the handle that deletes it or gives it back.
        body: its text.
        attributes: its attributes: which service could not deliver it, and why.
        sent_at: when it came into the queue, seconds since the epoch.
    """

    queue: str
    id: str
    receipt: str
    body: str
    attributes: dict[str, str]
    sent_at: float


class Queues:
    """The queues of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def receive(self, queue: str) -> tuple[DeadLetter, ...]:
        """Receive every message of a dead-letter queue that nobody else holds, oldest first.

        Nobody else can receive them for `HIDDEN` seconds: give back those that are not deleted, with `give_back`.

        Raises:
            CallFailed: no answer, throttled, denied, no such queue.
        """
        found: dict[str, DeadLetter] = {}
        while True:
            with calling("sqs:ReceiveMessage"):
                page = self._clients.sqs.receive_message(
                    QueueUrl=queue,
                    MaxNumberOfMessages=BATCH,
                    VisibilityTimeout=HIDDEN,
                    WaitTimeSeconds=1,
                    MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["SentTimestamp"],
                ).get("Messages", [])
            if not page:
                return tuple(sorted(found.values(), key=lambda dead_letter: dead_letter.sent_at))
            for message in page:
                attributes = message.get("MessageAttributes", {})
                found[message["MessageId"]] = DeadLetter(
                    queue=queue,
                    id=message["MessageId"],
                    receipt=message["ReceiptHandle"],
                    body=message["Body"],
                    attributes={name: value.get("StringValue", "") for name, value in attributes.items()},
                    sent_at=float(message.get("Attributes", {}).get("SentTimestamp", 0)) / 1000,
                )

    def count(self, queue: str) -> int:
        """Return about how many messages a queue holds, those that somebody has received included.

        Raises:
            CallFailed: no answer, throttled, denied, no such queue.
        """
        with calling("sqs:GetQueueAttributes"):
            found = self._clients.sqs.get_queue_attributes(
                QueueUrl=queue,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return sum(int(number) for number in found.values())

    def give_back(self, dead_letters: Iterable[DeadLetter]) -> None:
        """Let others receive the messages again.

        Raises:
            CallFailed: no answer, throttled, denied. SQS gives them back by itself after `HIDDEN` seconds.
        """
        for dead_letter in dead_letters:
            with calling("sqs:ChangeMessageVisibility"):
                self._clients.sqs.change_message_visibility(
                    QueueUrl=dead_letter.queue, ReceiptHandle=dead_letter.receipt, VisibilityTimeout=0
                )

    def delete(self, dead_letter: DeadLetter) -> None:
        """Delete a message for good.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("sqs:DeleteMessage"):
            self._clients.sqs.delete_message(QueueUrl=dead_letter.queue, ReceiptHandle=dead_letter.receipt)
