"""How many operations an execution has used.

Lambda lets an execution have 3,000 operations, counted as it meters them, and fails it at the next (Lambda guide, "How
durable operations are metered"). Long before, it hands its action over. The count is read from the checkpoint log,
which a replay has whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_durable_execution_sdk_python.lambda_service import OperationSubType, OperationType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.lambda_service import Operation

MOST_BRANCHES = 4
"""Of one race. A flat branch leaves no trace in the log, and whether it is metered is not known: it is counted."""


def operations_used(context: DurableContext) -> int:
    """Return how many operations the execution has used, or a few more: never fewer than Lambda meters."""
    return counted(context.state.operations.values())


def counted(operations: Iterable[Operation]) -> int:
    """Return how many operations of the checkpoint log are metered, or a few more."""
    return sum(_counted(operation) for operation in operations)


def _counted(operation: Operation) -> int:
    if operation.operation_type is OperationType.STEP:
        # Each attempt of a step, and of a condition one for itself besides. The attempt under way is counted, too.
        attempts = operation.step_details.attempt if operation.step_details is not None else 0
        return attempts + 2
    return 1 + (MOST_BRANCHES if operation.sub_type == OperationSubType.PARALLEL else 0)
