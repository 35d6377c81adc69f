"""Timers of a region: they hold its lock while they run and stop with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import RLock

    from asg_lifecycle_simulator.region.timeline import Timeline, Timer


class RegionTimers:
    """A `Timeline` whose callbacks run under the region's lock, and not at all once the region is left."""

    def __init__(self, timeline: Timeline, lock: RLock) -> None:
        self._timeline = timeline
        self._lock = lock
        self._stopped = False

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        return self._timeline.now()

    def call_at(self, when: float, callback: Callable[[], None], *, name: str = "") -> Timer:
        """Run `callback` at `when` (seconds since the epoch) under the lock."""

        def guarded() -> None:
            with self._lock:
                # Cancelled or stopped while it waited for the lock.
                if not self._stopped and not timer.cancelled:
                    callback()

        timer = self._timeline.call_at(when, guarded, name=name)
        return timer

    def call_after(self, delay: float, callback: Callable[[], None], *, name: str = "") -> Timer:
        """Run `callback` after `delay` seconds under the lock."""
        return self.call_at(self.now() + delay, callback, name=name)

    def stop(self) -> None:
        """Let no callback run any more."""
        self._stopped = True
