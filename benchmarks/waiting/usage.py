"""What one drain used, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.model.execution_history import KEPT_DAYS

if TYPE_CHECKING:
    from benchmarks.waiting.prices import Prices

RETENTION_MONTHS = KEPT_DAYS / 30
"""For which Lambda keeps the checkpoint log of an execution that has ended."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one drain used, counted at the edge of the simulated Region; billed seconds are modelled.

    Attributes:
        durable_operations: as Lambda meters them, at the dearer reading.
        durable_bytes: written to the checkpoint log.
        invocations: of Lambda functions.
        gigabyte_seconds: billed.
        write_units: of DynamoDB, those of indexes included.
        read_units: likewise.
        queue_requests: of SQS.
        state_transitions: of Step Functions.
        late: seconds between the end of the work and the completion: the instance waits for nothing.
    """

    durable_operations: int = 0
    durable_bytes: int = 0
    invocations: int = 0
    gigabyte_seconds: float = 0.0
    write_units: float = 0.0
    read_units: float = 0.0
    queue_requests: int = 0
    state_transitions: int = 0
    late: float = 0.0

    def costs(self, prices: Prices) -> dict[str, float]:
        """Return the dollars for a thousand such drains, by what they are for."""
        gigabytes = self.durable_bytes / 1e9
        kept = prices.durable_gigabyte_written + prices.durable_gigabyte_month * RETENTION_MONTHS
        return {
            "operations": 1000 * self.durable_operations * prices.durable_operation,
            "checkpoints": 1000 * gigabytes * kept,
            "Lambda": 1000 * (self.invocations * prices.invocation + self.gigabyte_seconds * prices.gigabyte_second),
            "DynamoDB": 1000 * (self.write_units * prices.write_unit + self.read_units * prices.read_unit),
            "SQS": 1000 * self.queue_requests * prices.queue_request,
            "Step Functions": 1000 * self.state_transitions * prices.state_transition,
            "waiting instance": 1000 * self.late * prices.instance_second,
        }

    def total(self, prices: Prices) -> float:
        """Return the dollars for a thousand such drains."""
        return sum(self.costs(prices).values())


@dataclass(frozen=True)
class Failed:
    """A design that does not carry a drain through, and why."""

    why: str
