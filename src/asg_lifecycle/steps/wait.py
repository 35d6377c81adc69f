"""Wait a fixed time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.model.durations import Duration, readable, seconds
from asg_lifecycle.model.progress import Done, Progress, Waiting

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services


class WaitOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long.

    Attributes:
        duration: from when the step begins, `90s`, `15m` or `1h30m`.
    """

    duration: Duration


class Wait:
    """`wait`: a fixed time, which costs one wake-up at its end."""

    kind: ClassVar[str] = "wait"
    options: ClassVar[type[Struct]] = WaitOptions
    example: ClassVar[dict[str, Any]] = {"duration": "90s"}
    permissions: ClassVar[tuple[str, ...]] = ()
    template_parameter: ClassVar[str | None] = None
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: WaitOptions) -> None:
        self._length = seconds(chosen.duration)

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        del services
        return cls(msgspec.convert(options, WaitOptions, from_attributes=True))

    def preview(self, target: Target) -> str:
        """Say how long."""
        del target
        return f"would wait {readable(self._length)}"

    def begin(self, target: Target) -> Progress:
        """Begin to wait."""
        return self._until(target.began_at + self._length, target.now)

    def check(self, target: Target, last: Waiting) -> Progress:
        """See whether the time has passed."""
        return self._until(float(last.state["until"]), target.now)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """There is nothing to stop."""
        del target, last
        return None

    def _until(self, until: float, now: float) -> Progress:
        if now >= until:
            return Done(f"waited {readable(self._length)}")
        at = datetime.fromtimestamp(until, UTC).strftime("%H:%M:%S UTC")
        return Waiting(f"waiting until {at}", again_after=until - now, state={"until": until})
