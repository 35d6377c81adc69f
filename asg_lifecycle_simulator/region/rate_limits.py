"""API rate limits: a bucket of tokens for each limit, filled as the region's time passes."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

THROTTLED = Fault(FaultKind.REFUSED, "Throttling", "Rate exceeded", 400)
"""How Auto Scaling and Elastic Load Balancing say it (R15)."""

TOO_MANY_REQUESTS = Fault(FaultKind.REFUSED, "TooManyRequestsException", "Rate exceeded", 429)
"""How Lambda says it."""

START = "StartDurableExecution"
"""What an execution that begins is counted as, however it was asked for: `Invoke` has no quota of this kind."""


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """One bucket.

    Attributes:
        service: boto3's name of the service.
        steady: requests a second that refill the bucket.
        burst: requests that a full bucket takes.
        operations: a pattern; only operations whose names match it draw from the bucket.
        refusal: how a request is answered for which there is no token.
    """

    service: str
    steady: float
    burst: float
    operations: str = "*"
    refusal: Fault = THROTTLED


def _quota(operations: str, rate: float) -> RateLimit:
    return RateLimit(service="lambda", steady=rate, burst=rate, operations=operations, refusal=TOO_MANY_REQUESTS)


LAMBDA_QUOTAS = (
    _quota("GetDurableExecution", 30),
    _quota("GetDurableExecutionHistory", 15),
    _quota("ListDurableExecutionsByFunction", 15),
    _quota(START, 300),
    _quota("SendDurableExecutionCallback*", 3_000),
    _quota("CheckpointDurableExecution", 10_000),
)
"""Requests a second for an account in a Region (AWS Lambda guide, "Lambda quotas", durable functions). Read as buckets
that take the requests of one second."""


@dataclass
class _Bucket:
    limit: RateLimit
    tokens: float
    filled_at: float


class RateLimits:
    """The limits in force: Lambda's quotas and what is set. A throttled request takes no token and has no effect.

    Attributes:
        throttled: requests refused, by service and operation.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._buckets = self._full(LAMBDA_QUOTAS)
        self.throttled: Counter[tuple[str, str]] = Counter()

    def set(self, *limits: RateLimit) -> None:
        """Put `limits` in force besides Lambda's quotas, in place of those before, with full buckets."""
        with self._lock:
            self._buckets = self._full((*LAMBDA_QUOTAS, *limits))

    def take(self, service: str, operation: str) -> Fault | None:
        """Return the refusal of a request for which there is no token, None when it may pass."""
        with self._lock:
            drawn = [
                bucket
                for bucket in self._buckets
                if bucket.limit.service == service and fnmatchcase(operation, bucket.limit.operations)
            ]
            now = self._now()
            for bucket in drawn:
                filled = bucket.tokens + (now - bucket.filled_at) * bucket.limit.steady
                bucket.tokens, bucket.filled_at = min(bucket.limit.burst, filled), now
            empty = next((bucket for bucket in drawn if bucket.tokens < 1), None)
            if empty is not None:
                self.throttled[service, operation] += 1
                return empty.limit.refusal
            for bucket in drawn:
                bucket.tokens -= 1
            return None

    def _full(self, limits: Iterable[RateLimit]) -> list[_Bucket]:
        return [_Bucket(limit, limit.burst, self._now()) for limit in limits]
