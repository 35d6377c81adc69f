"""Faults: requests that are refused, and requests or responses that are lost."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class CallFate(StrEnum):
    """What becomes of an AWS call."""

    SERVED = "served"
    LOST = "lost"
    """It never reaches AWS."""
    SERVED_AND_LOST = "served and lost"
    """It has its effect, and its answer is lost."""


class FaultKind(StrEnum):
    """How a request fails."""

    REFUSED = "refused"
    """The service answers with an error and does nothing."""
    REQUEST_LOST = "request lost"
    """The connection breaks before the service saw the request."""
    RESPONSE_LOST = "response lost"
    """The connection breaks after the request had its effect."""


@dataclass(frozen=True)
class Fault:
    """One fault of one request.

    Attributes:
        kind: how the request fails.
        code: the error code on the wire; empty when the connection breaks.
        message: the error message on the wire.
        status: the HTTP status.
    """

    kind: FaultKind
    code: str = ""
    message: str = ""
    status: int = 400


class Faults:
    """The faults that requests will meet, for each service (by its boto3 name) and operation (by its API name).

    Faults of one operation are met in the order they were set; a denial holds until it is lifted and comes first.
    Safe to use from several threads.

    Attributes:
        met: how many calls failed, by error code or kind.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queued: defaultdict[tuple[str, str], deque[Fault]] = defaultdict(deque)
        self._standing: dict[tuple[str, str], Fault] = {}
        self._shares: dict[str, tuple[float, Random]] = {}
        self.met: Counter[str] = Counter()

    def throttle_share(self, service: str, share: float, *, seed: int = 0) -> None:
        """Let a share of all calls of a service be throttled from now on, at random; 0 for none."""
        with self._lock:
            self._shares[service] = (share, Random(seed))  # noqa: S311 - no secret

    def fail(  # noqa: PLR0913 - an error on the wire has these parts
        self, service: str, operation: str, *, code: str, message: str = "", status: int = 400, times: int = 1
    ) -> None:
        """Let the next `times` calls of `operation` fail with `code`, without effect."""
        self._queue(service, operation, Fault(FaultKind.REFUSED, code, message or code, status), times)

    def throttle(self, service: str, operation: str, *, times: int = 1) -> None:
        """Let the next `times` calls be throttled as Auto Scaling does it (R15)."""
        self.fail(service, operation, code="Throttling", message="Rate exceeded", times=times)

    def contend(self, service: str, operation: str, *, times: int = 1) -> None:
        """Let the next `times` calls fail with the wire form of `ResourceContentionFault` (R14)."""
        message = "You already have a pending update to an Amazon EC2 Auto Scaling resource"
        self.fail(service, operation, code="ResourceContention", message=message, status=500, times=times)

    def lose_response(self, service: str, operation: str, *, times: int = 1) -> None:
        """Let the next `times` calls have their effect and break the connection in place of the answer."""
        self._queue(service, operation, Fault(FaultKind.RESPONSE_LOST), times)

    def lose_request(self, service: str, operation: str, *, times: int = 1) -> None:
        """Break the connection of the next `times` calls before they have any effect."""
        self._queue(service, operation, Fault(FaultKind.REQUEST_LOST), times)

    def deny(self, service: str, operation: str) -> None:
        """Refuse `operation` with `AccessDenied` (HTTP 403) until `allow`."""
        message = f"User is not authorized to perform: {service}:{operation}"
        self.stand(service, operation, Fault(FaultKind.REFUSED, "AccessDenied", message, 403))

    def stand(self, service: str, operation: str, fault: Fault) -> None:
        """Let every call of `operation` meet `fault` until `allow`."""
        with self._lock:
            self._standing[service, operation] = fault

    def allow(self, service: str, operation: str) -> None:
        """Lift what stands against `operation`."""
        with self._lock:
            self._standing.pop((service, operation), None)

    def put(self, service: str, operation: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next `times` calls of `operation` meet `fault`."""
        self._queue(service, operation, fault, times)

    def clear(self) -> None:
        """Forget every fault and denial."""
        with self._lock:
            self._queued.clear()
            self._standing.clear()
            self._shares.clear()

    def take(self, service: str, operation: str) -> Fault | None:
        """Return the fault that meets the next call of `operation` and use it up; None when it meets none."""
        key = (service, operation)
        with self._lock:
            fault = self._standing.get(key)
            if fault is None and self._queued[key]:
                fault = self._queued[key].popleft()
            share, random = self._shares.get(service, (0.0, None))
            if fault is None and random is not None and random.random() < share:
                fault = Fault(FaultKind.REFUSED, "Throttling", "Rate exceeded")
            if fault is not None:
                self.met[fault.code or fault.kind.value] += 1
            return fault

    def _queue(self, service: str, operation: str, fault: Fault, times: int) -> None:
        with self._lock:
            self._queued[service, operation].extend([fault] * times)
