"""How many operations an execution has used, and when it hands over to a fresh one before it may have no more.

Lambda lets an execution have 3,000 operations, counted as it meters them, and fails it at the next (Lambda guide, "How
durable operations are metered"). So the count is read from the checkpoint log itself, which a replay has whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_durable_execution_sdk_python.lambda_service import OperationSubType, OperationType

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.lambda_service import Operation

HAND_OVER_AT = 2_500
"""Operations: what is left is enough to start the successor through hours of throttling, with the heartbeats."""

MOST_BRANCHES = 4
"""Of one race. A flat branch leaves no trace in the log, and whether it is metered is not known: it is counted."""


def operations_used(context: DurableContext) -> int:
    """Return how many operations the execution has used, or a few more: never fewer than Lambda meters."""
    return sum(_metered(operation) for operation in context.state.operations.values())


def _metered(operation: Operation) -> int:
    if operation.operation_type is OperationType.STEP:
        # Each attempt of a step, and of a condition one for itself besides. The attempt under way is counted, too.
        attempts = operation.step_details.attempt if operation.step_details is not None else 0
        return attempts + 2
    return 1 + (MOST_BRANCHES if operation.sub_type == OperationSubType.PARALLEL else 0)
