"""API rate limits: a bucket of tokens for each limit, filled as the region's time passes."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

THROTTLED = Fault(FaultKind.REFUSED, "Throttling", "Rate exceeded", 400)
"""How Auto Scaling and Elastic Load Balancing say it (R15)."""


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """One bucket.

    Attributes:
        service: boto3's name of the service.
        steady: requests a second that refill the bucket.
        burst: requests that a full bucket takes.
        prefix: only operations whose names begin so draw from it.
    """

    service: str
    steady: float
    burst: float
    prefix: str = ""


@dataclass
class _Bucket:
    limit: RateLimit
    tokens: float
    filled_at: float


class RateLimits:
    """The limits in force; none to begin with. A request that is throttled takes no token and has no effect.

    Attributes:
        throttled: requests refused, by service and operation.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._buckets: list[_Bucket] = []
        self.throttled: Counter[tuple[str, str]] = Counter()

    def set(self, *limits: RateLimit) -> None:
        """Put `limits` in force, in place of those before, with full buckets."""
        with self._lock:
            self._buckets = [_Bucket(limit, limit.burst, self._now()) for limit in limits]

    def take(self, service: str, operation: str) -> Fault | None:
        """Return the refusal of a request for which there is no token, None when it may pass."""
        with self._lock:
            drawn = [
                bucket
                for bucket in self._buckets
                if bucket.limit.service == service and operation.startswith(bucket.limit.prefix)
            ]
            now = self._now()
            for bucket in drawn:
                filled = bucket.tokens + (now - bucket.filled_at) * bucket.limit.steady
                bucket.tokens, bucket.filled_at = min(bucket.limit.burst, filled), now
            if any(bucket.tokens < 1 for bucket in drawn):
                self.throttled[service, operation] += 1
                return THROTTLED
            for bucket in drawn:
                bucket.tokens -= 1
            return None
