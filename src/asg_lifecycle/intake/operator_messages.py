"""Puts the message of an operator into the inbox of an action, and waits until it was heard."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.messages import Unknown, describe, encode
from asg_lifecycle.model.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.executions import Executions
    from asg_lifecycle.model.messages import Message
    from asg_lifecycle.store.record_queries import RecordQueries

LOOKS_EVERY = 2.0
"""Seconds between two looks at the record."""


class Heard(StrEnum):
    """What became of a message."""

    HEARD = "heard"
    """The action's record shows it."""
    SENT = "sent"
    """It lies in the inbox, and the execution has not woken up yet."""
    ENDED = "ended"
    """The action ended before it heard the message."""
    NOT_SENT = "not sent"
    """The action had no inbox that was open: its execution begins, ends a round, or is dead."""


class Delivery(Struct, frozen=True):
    """What became of a message, and the action's last record; None where there is none any more."""

    heard: Heard
    record: Record | None


class OperatorMessages:
    """Delivers messages of operators.

    Args:
        records: reads the records.
        executions: the durable executions.
        clock: seconds since the epoch.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        records: RecordQueries,
        executions: Executions,
        clock: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self._records = records
        self._executions = executions
        self._clock = clock
        self._pause = pause

    def deliver(self, record: Record, message: Message, patience: float) -> Delivery:
        """Send a message once, and wait until the action has heard it.

        A wake-up can be noticed late: an action that is held looks at its inbox every five minutes.

        Args:
            record: of the action.
            message: for it.
            patience: seconds to wait at most.

        Raises:
            CallFailed: no answer, throttled, denied.
            ValueError: no version of the application understands the message.
        """
        if isinstance(message, Unknown):
            raise ValueError(f"{describe(message)}: nothing was sent")  # noqa: TRY004 - its value is wrong
        said, sent, until = describe(message), False, self._clock() + patience
        while True:
            current = self._records.current([record.wait]).get(record.wait)
            if current is None or current.claimed_at != record.claimed_at:
                return Delivery(Heard.ENDED, None)
            if said in current.messages:
                return Delivery(Heard.HEARD, current)
            if current.in_flight is None:
                return Delivery(Heard.ENDED, current)
            # Never twice: a second message to skip a step would skip another one.
            if not sent and current.inbox is not None:
                sent = self._executions.send_message(current.inbox, encode(message))
            if self._clock() >= until:
                return Delivery(Heard.SENT if sent else Heard.NOT_SENT, current)
            self._pause(LOOKS_EVERY)
