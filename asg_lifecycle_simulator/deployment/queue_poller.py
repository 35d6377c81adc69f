"""An event source mapping: messages of a queue are handed to a handler in batches, on the region's time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.region.region import Region

BATCH = 10
POLL_DELAY = 0.5


class QueuePoller:
    """Reads a queue each time `sent` is called.

    moto counts a message's visibility in real time, so the poller leaves every message visible and keeps the region's
    time itself.

    Args:
        region: where the queue is.
        queue: its URL.
        dead_letters: URL of the queue that takes what was received too often.
        handler: what Lambda would call; its answer names the messages that failed.
        visibility: seconds until a message that failed is received again.
        most_receives: how often a message is received before it is dead.
    """

    def __init__(  # noqa: PLR0913 - the settings of an event source mapping and its queue
        self,
        region: Region,
        *,
        queue: str,
        dead_letters: str,
        handler: Callable[[dict[str, Any], None], dict[str, Any]],
        visibility: float = 180.0,
        most_receives: int = 5,
    ) -> None:
        self._region = region
        self._queue = queue
        self._dead_letters = dead_letters
        self._handler = handler
        self._visibility = visibility
        self._most_receives = most_receives
        self._received: Counter[str] = Counter()
        self._hidden: set[str] = set()

    def sent(self) -> None:
        """Poll in a moment."""
        self._region.timeline.call_after(POLL_DELAY, self.poll, name="queue poll")

    def poll(self) -> None:
        """Hand what is visible to the handler."""
        messages = [message for message in self._receive() if message["MessageId"] not in self._hidden]
        for start in range(0, len(messages), BATCH):
            self._deliver(messages[start : start + BATCH])

    def _receive(self) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        with self._region.unobserved():
            sqs = self._region.client("sqs")
            while True:
                page = sqs.receive_message(
                    QueueUrl=self._queue, MaxNumberOfMessages=BATCH, VisibilityTimeout=30, MessageAttributeNames=["All"]
                ).get("Messages", [])
                found |= {message["MessageId"]: message for message in page}
                if not page:
                    break
            for message in found.values():
                sqs.change_message_visibility(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
        return list(found.values())

    def _deliver(self, messages: list[dict[str, Any]]) -> None:
        self._received.update(message["MessageId"] for message in messages)
        records = [
            {"messageId": message["MessageId"], "body": message["Body"], "eventSource": "aws:sqs"}
            for message in messages
        ]
        try:
            answer = self._handler({"Records": records}, None)
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        except Exception:  # noqa: BLE001 - a handler that raises fails its whole batch
            failed = {message["MessageId"] for message in messages}
        with self._region.unobserved():
            for message in messages:
                self._settle(message, failed=message["MessageId"] in failed)

    def _settle(self, message: dict[str, Any], *, failed: bool) -> None:
        sqs, identity = self._region.client("sqs"), message["MessageId"]
        if failed and self._received[identity] < self._most_receives:
            self._hidden.add(identity)
            self._region.timeline.call_after(self._visibility, lambda: self._show(identity), name="visibility timeout")
            return
        if failed:
            sqs.send_message(QueueUrl=self._dead_letters, MessageBody=message["Body"])
        sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])

    def _show(self, identity: str) -> None:
        self._hidden.discard(identity)
        self.poll()
