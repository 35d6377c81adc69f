"""Where a time stands in the drawing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TICKS = (1, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400)
"""Seconds between two lines of the grid."""

MOST_TICKS = 9
LEAST_SPAN = 10.0
"""Seconds that a drawing shows at least."""


@dataclass(frozen=True)
class Scale:
    """A straight line of time.

    Attributes:
        start: its beginning, seconds since the epoch.
        end: its end, later than `start`.
        left: where it begins, in units of the drawing.
        right: where it ends.
    """

    start: float
    end: float
    left: float
    right: float

    def x(self, at: float) -> float:
        """Return where a time stands; what lies outside stands at the nearer end."""
        share = (at - self.start) / (self.end - self.start)
        return self.left + (self.right - self.left) * min(1.0, max(0.0, share))

    def ticks(self) -> Iterator[float]:
        """Yield the times of the grid, seconds after the start."""
        span = self.end - self.start
        step = next((each for each in TICKS if span / each <= MOST_TICKS), None) or _days(span)
        count = 0
        while count * step <= span:
            yield float(count * step)
            count += 1


def scale_of(start: float, until: float, limits: list[float], *, left: float, right: float) -> Scale:
    """Return a scale that holds a wait, and those of its limits that are not far beyond its end.

    Args:
        start: the beginning of the wait.
        until: its end.
        limits: the times of its limits.
        left: where the scale begins.
        right: where it ends.
    """
    span = max(LEAST_SPAN, until - start)
    near = [limit for limit in limits if start <= limit <= start + 1.6 * span]
    end = max(start + span, *near) if near else start + span
    return Scale(start=start, end=end + 0.02 * (end - start), left=left, right=right)


def _days(span: float) -> int:
    return 86_400 * (int(span / 86_400 / MOST_TICKS) + 1)
