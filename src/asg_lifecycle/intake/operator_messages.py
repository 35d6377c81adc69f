"""Puts the message of an operator into the inbox of an action, and waits until it was heard."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.messages import Skip, Unknown, describe, encode
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
    MOVED_ON = "moved on"
    """The step that was to be skipped had ended: nothing was sent."""
    NOT_SENT = "not sent"
    """The action had no inbox that was open: its execution begins, ends a round, or is dead."""


class Delivery(Struct, frozen=True):
    """What became of a message.

    Attributes:
        heard: what became of it.
        record: the action's last record; None where there is none any more, or it could not be read.
        failure: the call that failed last, where that is why no more is known.
    """

    heard: Heard
    record: Record | None
    failure: Failure | None = None


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
        """Send a message once, and wait until the action has heard it; try calls that fail for a while again.

        A wake-up can be noticed late: an action that is held looks at its inbox every five minutes.

        Args:
            record: of the action.
            message: for it.
            patience: seconds to wait at most.

        Raises:
            CallFailed: nothing was sent, because a call was throttled, denied, or had no answer.
            ValueError: no version of the application understands the message.
        """
        if isinstance(message, Unknown):
            raise ValueError(f"{describe(message)}: nothing was sent")  # noqa: TRY004 - its value is wrong
        until = self._clock() + patience
        sent, failure, last = False, None, record
        while True:
            try:
                current = self._records.current([record.wait]).get(record.wait)
                if ended := _end_of(record, current, message, sent=sent):
                    return ended
                last = current or last
                # Never twice: a second message to skip a step would skip another one. One whose answer was lost has
                # closed its inbox, and the record that shows another inbox shows the message, too.
                if not sent and last.inbox is not None:
                    sent = self._executions.send_message(last.inbox, encode(message))
                failure = None
            except CallFailed as failed:
                failure = failed.failure
                over = failure.consequence is not Consequence.TRANSIENT or self._clock() >= until
                if over and not sent and not failure.effect_is_open:
                    raise
                if over:
                    return Delivery(Heard.SENT if sent else Heard.NOT_SENT, None, failure)
            if self._clock() >= until:
                return Delivery(Heard.SENT if sent else Heard.NOT_SENT, last, failure)
            self._pause(LOOKS_EVERY)


def _end_of(before: Record, now: Record | None, message: Message, *, sent: bool) -> Delivery | None:
    """Return what became of a message as the action's record tells it; None where it does not tell yet."""
    if now is None or now.claimed_at != before.claimed_at:
        return Delivery(Heard.ENDED, None)
    if describe(message) in now.messages:
        return Delivery(Heard.HEARD, now)
    if now.in_flight is None:
        return Delivery(Heard.ENDED, now)
    if not sent and isinstance(message, Skip) and now.step_index != before.step_index:
        return Delivery(Heard.MOVED_ON, now)
    return None
