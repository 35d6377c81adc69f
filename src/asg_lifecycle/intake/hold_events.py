"""Tells others that the sweep has put an action on hold, as its execution would have told it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.action_events import EventKind, Told, action_event, event_number
from asg_lifecycle.model.records import Record, Status, action_of
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.action_events import ActionEventChannels
    from asg_lifecycle.observer import Observer


class HoldEvents:
    """Publishes the event, once for each execution after which an action is held.

    Args:
        channels: where to.
        observer: logs and metrics.
        clock: seconds since the epoch.
        stack: name of the CloudFormation stack.
    """

    def __init__(
        self, channels: ActionEventChannels, observer: Observer, clock: Callable[[], float], stack: str
    ) -> None:
        self._channels = channels
        self._observer = observer
        self._clock = clock
        self._stack = stack

    def held(self, record: Record, reason: str) -> None:
        """Tell it. What cannot be published is counted and logged; nothing is raised.

        Args:
            record: of the action, as it is held.
            reason: why, a sentence.
        """
        told = Told(kind=EventKind.HELD, number=event_number(record.execution), status=Status.HELD, reason=reason)
        try:
            event = action_event(action_of(record), record.execution, told, stack=self._stack, record=record)
            for failed in self._channels.tell(told.kind, event, self._clock()):
                self._observer.unpublished(failed.failure)
        except Exception as error:  # noqa: BLE001 - a fault of ours here must not keep the sweep from what is left
            self._observer.count(Metric.INTERNAL_ERROR)
            self._observer.error(f"internal error: {error!r}", with_traceback=True)
