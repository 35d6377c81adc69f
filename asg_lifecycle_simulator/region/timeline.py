"""Time in the simulated region: one ordered list of timers, in virtual or in scaled time.

Everything in the simulator that happens later is a timer on a `Timeline`. Times are seconds since
the epoch, durations are seconds. Two timers due at the same moment fire in the order they were set.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

VIRTUAL_START = 4_102_444_800.0
"""2100-01-01T00:00:00Z. Virtual time starts ahead of the real clock because the durable execution SDK
compares timestamps from the service with the real clock and resumes what looks overdue at once."""


@dataclass(order=True)
class Timer:
    """One callback due at `when` (seconds since the epoch). `cancel` keeps it from firing."""

    when: float
    sequence: int
    callback: Callable[[], None] = field(compare=False)
    name: str = field(compare=False, default="")
    cancelled: bool = field(compare=False, default=False)

    def cancel(self) -> None:
        """Keep the timer from firing. Harmless once it has fired."""
        self.cancelled = True


class Timeline(Protocol):
    """What the parts of the simulator may ask of time."""

    def now(self) -> float:
        """Return the simulated time in seconds since the epoch."""
        ...

    def call_at(self, when: float, callback: Callable[[], None], *, name: str = "") -> Timer:
        """Run `callback` at `when` (seconds since the epoch); a moment in the past means now."""
        ...

    def call_after(self, delay: float, callback: Callable[[], None], *, name: str = "") -> Timer:
        """Run `callback` after `delay` seconds."""
        ...


class VirtualTimeline:
    """Exact virtual time: it stands still until a timer is fired, then it is exactly that timer's time.

    Single-threaded. Nothing but `advance`, `run_until` and `run_until_idle` moves it, so while a Lambda
    invocation runs inside a timer's callback, no time passes.
    """

    def __init__(self, start: float = VIRTUAL_START) -> None:
        self._now = start
        self._timers: list[Timer] = []
        self._sequence = itertools.count()

    def now(self) -> float:
        """Return the virtual time in seconds since the epoch."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], None], *, name: str = "") -> Timer:
        """Set a timer; see `Timeline.call_at`."""
        timer = Timer(max(when, self._now), next(self._sequence), callback, name)
        heapq.heappush(self._timers, timer)
        return timer

    def call_after(self, delay: float, callback: Callable[[], None], *, name: str = "") -> Timer:
        """Set a timer; see `Timeline.call_after`."""
        return self.call_at(self._now + delay, callback, name=name)

    def next_due(self) -> float | None:
        """Return the time of the earliest timer (seconds since the epoch), or None when there is none."""
        while self._timers and self._timers[0].cancelled:
            heapq.heappop(self._timers)
        return self._timers[0].when if self._timers else None

    def advance(self) -> bool:
        """Jump to the earliest timer and fire it. Return False when there is none."""
        if self.next_due() is None:
            return False
        timer = heapq.heappop(self._timers)
        self._now = timer.when
        timer.callback()
        return True

    def run_until(self, when: float) -> None:
        """Fire everything due up to and including `when` (seconds since the epoch) and stop there."""
        while (due := self.next_due()) is not None and due <= when:
            self.advance()
        self._now = max(self._now, when)

    def run_for(self, seconds: float) -> None:
        """Fire everything due within the next `seconds`."""
        self.run_until(self._now + seconds)

    def run_until_idle(self, *, within: float) -> None:
        """Fire timers until none is left.

        Raises:
            TimeoutError: timers are still set `within` seconds from now.
        """
        limit = self._now + within
        while (due := self.next_due()) is not None:
            if due > limit:
                names = sorted({timer.name for timer in self._timers if not timer.cancelled})
                raise TimeoutError(f"timers still set after {within} s of virtual time: {', '.join(names)}")
            self.advance()


class ScaledTimeline:
    """Time that passes `scale` times as fast as the real clock, from the real time at the start.

    Timers fire one at a time on one background thread. `scale=1` is real time.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if scale < 1:
            raise ValueError(f"scale must be at least 1, got {scale}")
        self._scale = scale
        self._start = time.time()
        self._origin = time.monotonic()
        self._timers: list[Timer] = []
        self._sequence = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="simulated-time", daemon=True)
        self._thread.start()

    def now(self) -> float:
        """Return the scaled time in seconds since the epoch."""
        return self._start + (time.monotonic() - self._origin) * self._scale

    def real_seconds(self, seconds: float) -> float:
        """Return how many real seconds `seconds` of this timeline take."""
        return seconds / self._scale

    def call_at(self, when: float, callback: Callable[[], None], *, name: str = "") -> Timer:
        """Set a timer; see `Timeline.call_at`."""
        with self._changed:
            timer = Timer(when, next(self._sequence), callback, name)
            heapq.heappush(self._timers, timer)
            self._changed.notify()
        return timer

    def call_after(self, delay: float, callback: Callable[[], None], *, name: str = "") -> Timer:
        """Set a timer; see `Timeline.call_after`."""
        return self.call_at(self.now() + delay, callback, name=name)

    def close(self) -> None:
        """Stop firing timers and wait for the one that is running."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while (timer := self._next()) is not None:
            if not timer.cancelled:
                timer.callback()

    def _next(self) -> Timer | None:
        with self._changed:
            while not self._closed:
                if not self._timers:
                    self._changed.wait()
                    continue
                remaining = self.real_seconds(self._timers[0].when - self.now())
                if remaining <= 0:
                    return heapq.heappop(self._timers)
                self._changed.wait(remaining)
        return None
