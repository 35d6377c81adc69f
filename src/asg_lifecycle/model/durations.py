"""Durations as people write them: `90s`, `15m`, `1h30m`, `2d`."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from msgspec import Meta

from asg_lifecycle.model.bounds import matching

PATTERN = r"^(?=.)([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$"
POSITIVE_PATTERN = PATTERN.replace("(?=.)", "(?=.*[1-9])")
EXPECTED = "a duration such as '90s', '15m', '1h30m' or '2d'"

Duration: TypeAlias = Annotated[
    str,
    matching(PATTERN, EXPECTED),
    Meta(description="Days, hours, minutes and seconds: `90s`, `15m`, `1h30m`, `2d`."),
]
"""A duration in a plan. `seconds` reads it."""

PositiveDuration: TypeAlias = Annotated[
    str,
    matching(POSITIVE_PATTERN, f"{EXPECTED}, a second at least"),
    Meta(description="Days, hours, minutes and seconds, a second at least: `90s`, `15m`, `1h30m`, `2d`."),
]
"""A duration that is not zero."""

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PARTS = re.compile(r"([0-9]+)([dhms])")


def seconds(duration: Duration) -> float:
    """Return a duration in seconds.

    Raises:
        ValueError: the text is no duration.
    """
    if re.fullmatch(PATTERN, duration) is None:
        raise ValueError(f"{duration!r} is not {EXPECTED}")
    return float(sum(int(count) * _UNITS[unit] for count, unit in _PARTS.findall(duration)))


def readable(length: float) -> str:
    """Return a number of seconds as a duration, rounded to whole seconds: `0s`, `1h30m`."""
    left = round(length)
    parts = []
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def roughly(length: float) -> str:
    """Return a number of seconds as a duration without what is small beside it: `59s`, `1h36m`, `1d4h`."""
    left = round(length)
    small = next((small for small, large in ((3_600, 86_400), (60, 3_600)) if left >= large), 1)
    return readable(left - left % small)
