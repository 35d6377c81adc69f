"""How many operations Lambda meters for a durable execution (Lambda guide, "How durable operations are metered").

Of what AWS does not say, the dearer reading is counted: a branch of a flat race is an operation of its own though it
writes nothing, and an operation whose branch lost the race counts on.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING

from aws_durable_execution_sdk_python import DurableContext
from aws_durable_execution_sdk_python.lambda_service import OperationStatus, OperationSubType, OperationType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aws_durable_execution_sdk_python.lambda_service import Operation

MOST_OPERATIONS = 3_000
"""The most metered operations of one execution; no account can have more."""


def metered(operations: Iterable[Operation], *, branches: int, retried_invocations: int) -> int:
    """Return how many operations Lambda meters.

    Args:
        operations: the execution's operations, its own `EXECUTION` operation included.
        branches: how many branches its flat races have had.
        retried_invocations: how many invocations made up for one that failed.
    """
    return branches + retried_invocations + sum(_metered(operation) for operation in operations)


def _metered(operation: Operation) -> int:
    if operation.operation_type is not OperationType.STEP:
        return 1
    ended = operation.step_details.attempt if operation.step_details is not None else 0
    attempts = ended + (operation.status is OperationStatus.STARTED)
    # A step is metered once and once for each retry, a condition once and once for each of its polls.
    polls = operation.sub_type == OperationSubType.WAIT_FOR_CONDITION
    return 1 + attempts if polls else max(1, attempts)


@contextmanager
def noting_branches(branches: set[str]) -> Iterator[None]:
    """Add the ids of the branches of flat races to `branches` that the handler runs inside the block.

    Such a branch writes nothing to the checkpoint log, so nothing but the SDK knows of it.
    """
    before = DurableContext.create_child_context

    @wraps(before)
    def create_child_context(self: DurableContext, operation_id: str, *, is_virtual: bool = False) -> DurableContext:
        if is_virtual:
            branches.add(operation_id)
        return before(self, operation_id, is_virtual=is_virtual)

    DurableContext.create_child_context = create_child_context  # type: ignore[method-assign]  # no hook for it
    try:
        yield
    finally:
        DurableContext.create_child_context = before  # type: ignore[method-assign]  # likewise
