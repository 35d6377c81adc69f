"""How long an invocation is billed: a model, because a machine like this one says nothing of Lambda's.

Lambda gives a function of N megabytes N ÷ 1,769 of a processor. So seconds of work are CPU seconds ÷ that share, at
least, and each call of AWS is waited for. Whatever has not been invoked for some minutes starts cold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL_PROCESSOR = 1_769
"""Megabytes for which Lambda gives a whole one (Lambda guide, "Configure Lambda function memory")."""

CALL_SECONDS = 0.02
KEPT_WARM = 300.0
"""Seconds for which an environment is taken to be kept."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """A Lambda function.

    Attributes:
        memory: megabytes.
        first_cpu: CPU seconds of the first initialisation for a drain, which makes more clients.
        cold_cpu: CPU seconds of a later one.
        warm_cpu: CPU seconds of an invocation.
    """

    memory: int
    first_cpu: float
    cold_cpu: float
    warm_cpu: float

    def gigabyte_seconds(self, invocations: Sequence[tuple[float, int]]) -> float:
        """Return what is billed for invocations in order: when each began, in seconds, and the AWS calls it made."""
        share = min(1.0, self.memory / FULL_PROCESSOR)
        seconds = 0.0
        last: float | None = None
        for began, calls in invocations:
            cold = self.first_cpu if last is None else self.cold_cpu if began - last > KEPT_WARM else 0.0
            seconds += (cold + self.warm_cpu) / share + calls * CALL_SECONDS
            last = began
        return seconds * self.memory / 1024
