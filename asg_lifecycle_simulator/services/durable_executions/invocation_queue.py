"""Lambda's queue of asynchronous invocations: each begins an execution, and an account may begin so many a second."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.region.rate_limits import START

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.durable_executions.service import DurableService

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds until Lambda tries again to invoke a function that had no room: from the one, doubled, to the other (AWS
Lambda guide, "How Lambda handles errors and retries with asynchronous invocation")."""


class InvocationQueue:
    """Begins an execution for each event, at once or when there is room for it."""

    def __init__(self, region: Region, service: DurableService) -> None:
        self._region = region
        self._service = service

    def put(self, event: Mapping[str, Any]) -> None:
        """Begin an execution with `event`, now or later."""
        self._try(event, FIRST_PAUSE)

    def _try(self, event: Mapping[str, Any], pause: float) -> None:
        if self._region.limits.take("lambda", START) is None:
            self._service.start(event)
            return
        again = partial(self._try, event, min(2 * pause, LONGEST_PAUSE))
        self._region.timeline.call_after(pause, again, name="asynchronous invocation")
