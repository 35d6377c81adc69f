"""Starts executions for the lifecycle actions in the queue that hooks notify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.envelopes import Message, messages_in_text
from asg_lifecycle.model.events import Handle, Ignore, Invalid, decide
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.start_requests import event_name
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.model.fields import Problem
    from asg_lifecycle.observer import Observer


class NotificationIntake:
    """Handles the batches of an SQS event source mapping.

    A message that cannot be understood is reported as failed, so that SQS moves it to the dead-letter queue.
    """

    def __init__(self, executions: Executions, observer: Observer, hook_name_prefix: str) -> None:
        self._executions = executions
        self._observer = observer
        self._prefix = hook_name_prefix

    def receive(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the messages to deliver again: `{"batchItemFailures": [{"itemIdentifier": ID}, …]}`."""
        failed = [record.get("messageId", "") for record in event["Records"] if not self._handle_record(record)]
        return {"batchItemFailures": [{"itemIdentifier": identity} for identity in failed]}

    def _handle_record(self, record: dict[str, Any]) -> bool:
        """Return whether everything in an SQS message was handled."""
        handled = [
            self._handle_message(message, record.get("messageId", ""))
            for message in messages_in_text(record.get("body", ""))
        ]
        return all(handled)

    def _handle_message(self, message: Message | Problem, identity: str) -> bool:
        if not isinstance(message, Message):
            return self._invalid(str(message), identity)
        match decide(message.content, hook_name_prefix=self._prefix):
            case Ignore(reason):
                self._observer.count(Metric.IGNORED)
                self._observer.info(f"message {identity} ignored: {reason}")
                return True
            case Invalid(reason):
                return self._invalid(reason, identity)
            case Handle(action):
                try:
                    self._executions.start(message.content, name=event_name("notification", action))
                except CallFailed as failed:
                    self._observer.error(
                        f"group {action.group}, hook {action.hook}, instance {action.instance}: "
                        f"message {identity} is delivered again, no execution could be started: {failed}"
                    )
                    return False
                return True

    def _invalid(self, reason: str, identity: str) -> bool:
        self._observer.count(Metric.INVALID)
        self._observer.error(f"message {identity} cannot be understood, it becomes a dead letter: {reason}")
        return False
