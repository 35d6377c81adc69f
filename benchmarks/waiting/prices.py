"""What AWS charges: the one place where prices stand, beside those that the command line tells.

us-east-1, collected second-hand in November 2026. Free tiers are left out, and so is data transfer.
"""

from __future__ import annotations

from dataclasses import dataclass

from asg_lifecycle.model.prices import AS_OF as AS_OF  # noqa: PLC0414 - the date of all prices
from asg_lifecycle.model.prices import (
    DURABLE_GIGABYTE_MONTH,
    DURABLE_GIGABYTE_WRITTEN,
    DURABLE_OPERATION,
    GIGABYTE_SECOND,
    INSTANCE_SECOND,
    INVOCATION,
)


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Dollars.

    Attributes:
        durable_operation: of Lambda, as it meters them.
        durable_gigabyte_written: to the checkpoint log.
        durable_gigabyte_month: kept in it.
        invocation: of a Lambda function.
        gigabyte_second: of a Lambda function on arm64; initialisation is billed, too.
        write_unit: of DynamoDB on demand.
        read_unit: likewise.
        queue_request: of SQS.
        state_transition: of Step Functions Standard.
        instance_second: of the instance that waits, an m5.large.
    """

    durable_operation: float = DURABLE_OPERATION
    durable_gigabyte_written: float = DURABLE_GIGABYTE_WRITTEN
    durable_gigabyte_month: float = DURABLE_GIGABYTE_MONTH
    invocation: float = INVOCATION
    gigabyte_second: float = GIGABYTE_SECOND
    write_unit: float = 0.625e-6
    read_unit: float = 0.125e-6
    queue_request: float = 0.40e-6
    state_transition: float = 25e-6
    instance_second: float = INSTANCE_SECOND
