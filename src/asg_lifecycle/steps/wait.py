"""The step kind `wait`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.clock_times import clock_time
from asg_lifecycle.model.durations import Duration, readable, seconds
from asg_lifecycle.model.progress import Done, Progress
from asg_lifecycle.steps.base import StatefulStep

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target


class WaitOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long."""

    duration: Annotated[Duration, Meta(description="From when the step begins, `90s`, `15m` or `1h30m`.")]


class WaitState(Struct, frozen=True, kw_only=True):
    """When the wait ends, seconds since the epoch."""

    until: float


class Wait(StatefulStep[WaitOptions, WaitState]):
    """Wait a fixed time.

    It costs one wake-up, at its end.
    """

    kind = "wait"
    example: ClassVar[dict[str, object]] = {"duration": "90s"}

    def preview(self, target: Target) -> str:
        """Say how long."""
        del target
        return f"would wait {readable(self._length)}"

    def begin(self, target: Target) -> Progress:
        """Begin to wait."""
        return self._until(target.began_at + self._length, target.now)

    def poll(self, target: Target, state: WaitState) -> Progress:
        """Wait on until the time that was fixed at the beginning."""
        return self._until(state.until, target.now)

    @property
    def _length(self) -> float:
        return seconds(self._options.duration)

    def _until(self, until: float, now: float) -> Progress:
        if now >= until:
            return Done(f"waited {readable(self._length)}")
        return self._waiting(f"waiting until {clock_time(until)}", WaitState(until=until), again_after=until - now)
