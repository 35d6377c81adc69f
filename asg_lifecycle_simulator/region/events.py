"""The event bus of the region: an event reaches the subscribers a little later, several times or never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from asg_lifecycle_simulator.region.log import RegionLog
    from asg_lifecycle_simulator.region.timeline import Timeline

Event = dict[str, object]


class Events:
    """The event bus of the region.

    Attributes:
        emitted: every event a service emitted, in order, lost ones included.
        deliveries: decides how an event is delivered: one delivery after each of the seconds it returns. None
            means the event is lost, several that it is delivered again; different delays change the order (R18).
    """

    def __init__(self, timeline: Timeline, log: RegionLog, *, delivery_delay: float) -> None:
        self._timeline = timeline
        self._log = log
        self._subscribers: list[Callable[[Event], None]] = []
        self._closed = False
        self.emitted: list[Event] = []
        self.deliveries: Callable[[Event], Sequence[float]] = lambda _: (delivery_delay,)

    def subscribe(self, callback: Callable[[Event], None]) -> None:
        """Call `callback` with every event delivered from now on; it runs without the region's lock."""
        self._subscribers.append(callback)

    def emit(self, event: Event) -> None:
        """Take an event in and deliver it as `deliveries` decides."""
        self.emitted.append(event)
        self._write(LogKind.EVENT, event)
        for delay in self.deliveries(event):
            self._timeline.call_after(delay, lambda: self._deliver(event), name="event delivery")

    def close(self) -> None:
        """Deliver nothing any more."""
        self._closed = True

    def _deliver(self, event: Event) -> None:
        if self._closed:
            return
        self._write(LogKind.DELIVERED, event)
        for subscriber in tuple(self._subscribers):
            subscriber(event)

    def _write(self, kind: LogKind, event: Mapping[str, object]) -> None:
        detail = event.get("detail")
        fields = detail if isinstance(detail, dict) else {}
        self._log.write(
            kind,
            group=str(fields.get("AutoScalingGroupName", "")),
            hook=str(fields.get("LifecycleHookName", "")),
            instance=str(fields.get("EC2InstanceId", "")),
            token=str(fields.get("LifecycleActionToken", "")),
            detail=str(event.get("detail-type", "")),
        )
