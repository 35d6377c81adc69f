"""The checkpoint API as an invocation meets it, and where invocations die."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from aws_durable_execution_sdk_python.exceptions import CheckpointError
from aws_durable_execution_sdk_python.lambda_service import DurableServiceClient, ErrorObject, OperationStatus
from aws_durable_execution_sdk_python_testing.checkpoint.processor import CheckpointProcessor
from aws_durable_execution_sdk_python_testing.observer import ExecutionObserver
from aws_durable_execution_sdk_python_testing.stores.memory import InMemoryExecutionStore
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.faults import CallFate
from asg_lifecycle_simulator.region.rate_limits import TOO_MANY_REQUESTS
from asg_lifecycle_simulator.services.durable_executions.execution import CallbackDeadlines
from asg_lifecycle_simulator.services.durable_executions.metering import MOST_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import RLock

    from aws_durable_execution_sdk_python.lambda_service import (
        CallbackOptions,
        CheckpointOutput,
        OperationUpdate,
        StateOutput,
    )
    from aws_durable_execution_sdk_python_testing.execution import Execution
    from aws_durable_execution_sdk_python_testing.scheduler import Scheduler
    from aws_durable_execution_sdk_python_testing.token import CallbackToken
    from botocore.exceptions import _ClientErrorResponseTypeDef

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from asg_lifecycle_simulator.services.durable_executions.history import TimelineClock


class InvocationCrashedError(Exception):
    """The invocation died at a `CrashPoint`.

    An ordinary exception on purpose. The SDK's checkpoint thread hands one on to every waiting thread as its
    `BackgroundThreadError`, a `BaseException` that no handler catches by accident; a `BaseException` from the
    client would kill the checkpoint thread alone and leave the others waiting for it for ever.
    """


@dataclass(frozen=True, kw_only=True)
class CrashPoint:
    """Where an invocation dies.

    Attributes:
        invocation: which invocation of the execution, from 1; retries count.
        checkpoint: at which of its checkpoint calls, from 1. None: after its last, and its answer is lost.
        after: die after the service has recorded the checkpoint; otherwise before it has.
        execution: the execution's name; None for every execution.
    """

    invocation: int
    checkpoint: int | None
    after: bool = False
    execution: str | None = None


@dataclass(frozen=True, kw_only=True)
class CallCrash:
    """An AWS call at which an invocation dies.

    Attributes:
        invocation: which invocation of the execution, from 1; retries count.
        call: at which of the AWS calls that it makes, from 1, whatever the service.
        after: die after the call had its effect; otherwise before.
        execution: the execution's name; None for every execution.
    """

    invocation: int
    call: int
    after: bool = False
    execution: str | None = None


class CrashPlan:
    """The crash points of a service and whether an invocation has come to one."""

    def __init__(self) -> None:
        self.points: list[CrashPoint] = []
        self.calls: list[CallCrash] = []

    def meet_call(self, execution: SimulatedExecution) -> CallFate:
        """Return what becomes of an AWS call that the execution's running invocation makes.

        The invocation that dies here goes on for a moment, as a process does whose network is gone: no call of its
        reaches AWS any more, and its next checkpoint is its end.
        """
        invocation = execution.runs[-1]
        invocation.calls += 1
        if invocation.crashed:
            return CallFate.LOST
        for crash in self.calls:
            here = crash.invocation == invocation.number and crash.call == invocation.calls
            if here and crash.execution in (None, execution.name):
                invocation.crashed = True
                return CallFate.SERVED_AND_LOST if crash.after else CallFate.LOST
        return CallFate.SERVED

    def strike(self, execution: SimulatedExecution, checkpoint: int | None, *, after: bool = False) -> None:
        """Kill the execution's running invocation if it is at a crash point.

        Raises:
            InvocationCrashedError: it is, or it was before.
        """
        invocation = execution.runs[-1]
        if invocation.crashed or any(
            point.invocation == invocation.number
            and point.checkpoint == checkpoint
            and point.after == after
            and point.execution in (None, execution.name)
            for point in self.points
        ):
            invocation.crashed = True
            place = "its answer" if checkpoint is None else f"checkpoint {checkpoint}"
            side = "after" if after else "before"
            raise InvocationCrashedError(f"invocation {invocation.number} of {execution.name} died {side} {place}")


class CheckpointClient(DurableServiceClient):
    """The checkpoint API as the SDK calls it, from any of an invocation's threads.

    Args:
        clock: the service's.
        lock: the service's.
        get: returns the execution with an ARN.
        crashes: see below.

    Attributes:
        store: where executions have to be saved before they are invoked.
        crashes: where invocations die.
        admits: whether there is room for one more checkpoint now.
    """

    def __init__(
        self,
        clock: TimelineClock,
        lock: RLock,
        get: Callable[[str], SimulatedExecution],
        crashes: CrashPlan,
    ) -> None:
        self.store = InMemoryExecutionStore()
        # The processor asks for a scheduler for compatibility's sake and drops it.
        self._processor = CheckpointProcessor(self.store, cast("Scheduler", None), clock)
        self._processor.add_execution_observer(EffectObserver(clock, get))
        self._processor.set_chained_invoke_preflight(_no_such_function)
        self._clock = clock
        self._lock = lock
        self._get = get
        self.crashes = crashes
        self.admits: Callable[[], bool] = lambda: True

    def checkpoint(
        self,
        durable_execution_arn: str,
        checkpoint_token: str,
        updates: list[OperationUpdate],
        client_token: str | None,
    ) -> CheckpointOutput:
        """Record `updates` and return what else has changed since the invocation last asked.

        Raises:
            InvocationCrashedError: the invocation dies here.
            InvalidParameterValueException: the token is not the running invocation's last, or an update is invalid.
            CheckpointError: the account makes too many checkpoints.
        """
        if not self.admits():
            raise CheckpointError.from_exception(_too_many_requests())
        with self._lock:
            execution = self._get(durable_execution_arn)
            invocation = execution.runs[-1]
            invocation.checkpoints += 1
            self.crashes.strike(execution, invocation.checkpoints)
            execution.settle(self._clock.now())
            execution.written_bytes += sum(len(update.payload or "") for update in updates)
            polled = _polled_states(execution.record)
            output = self._processor.process_checkpoint(checkpoint_token, updates, client_token)
            _keep_polled_states(execution.record, polled)
            self.crashes.strike(execution, invocation.checkpoints, after=True)
            if execution.metered_operations > MOST_OPERATIONS and not execution.is_complete:
                # As the SDK has it (`state.py`): the execution fails, and the invocation is given no other token.
                execution.record.complete_fail(error=_too_many_operations(), now=self._clock.now())
                return replace(output, checkpoint_token=None)
            return output

    def get_execution_state(
        self,
        durable_execution_arn: str,  # noqa: ARG002 - the token names the execution, too
        checkpoint_token: str,
        next_marker: str,
        max_items: int = 1000,
    ) -> StateOutput:
        """Return the operations that did not fit into the invocation's input."""
        with self._lock:
            return self._processor.get_execution_state(checkpoint_token, next_marker, max_items)


class EffectObserver(ExecutionObserver):
    """Carries out what a checkpoint implies beyond the operations it records."""

    def __init__(self, clock: TimelineClock, get: Callable[[str], SimulatedExecution]) -> None:
        self._clock = clock
        self._get = get

    def on_completed(self, execution_arn: str, result: str | None = None) -> None:
        """End the execution with a result too large to be returned."""
        self._get(execution_arn).record.complete_success(result=result, now=self._clock.now())

    def on_failed(self, execution_arn: str, error: ErrorObject | None) -> None:
        """End the execution with an error too large to be returned."""
        self._get(execution_arn).record.complete_fail(error=error, now=self._clock.now())

    def on_timed_out(self, execution_arn: str, error: ErrorObject) -> None:
        """End the execution for having taken too long."""
        self._get(execution_arn).record.complete_timeout(error=error, now=self._clock.now())

    def on_stopped(self, execution_arn: str, error: ErrorObject) -> None:
        """End the execution because somebody stopped it."""
        self._get(execution_arn).record.complete_stopped(error=error, now=self._clock.now())

    def on_callback_created(
        self,
        execution_arn: str,
        operation_id: str,  # noqa: ARG002 - the token names the operation
        callback_options: CallbackOptions | None,
        callback_token: CallbackToken,
    ) -> None:
        """Remember when the callback fails by itself. The timer is set when the invocation has ended."""
        deadlines = CallbackDeadlines.of(callback_options, self._clock.now())
        self._get(execution_arn).callback_deadlines[callback_token.to_str()] = deadlines

    def on_chained_invoke_started(
        self,
        execution_arn: str,
        operation_id: str,  # noqa: ARG002 - the shape of ExecutionObserver
        function_name: str,
        tenant_id: str | None,  # noqa: ARG002 - the overridden signature
        payload: str | None,  # noqa: ARG002 - the overridden signature
    ) -> None:
        """Refuse: the checkpoint has failed every chained invoke before it comes to this."""
        raise RuntimeError(f"{execution_arn} invoked {function_name}, and there is no other function")


def _polled_states(record: Execution) -> dict[str, str]:
    """Return the state that each `wait_for_condition` has come to, by the id of its operation."""
    return {
        operation.operation_id: operation.step_details.result
        for operation in record.operations
        if operation.step_details is not None and operation.step_details.result is not None
    }


def _keep_polled_states(record: Execution, polled: dict[str, str]) -> None:
    """Keep the state when the next poll starts, so that a poll that dies begins where the one before it ended.

    The testing SDK's processor drops it then. The SDK reads it back from an operation that has started
    (`wait_for_condition.py`: "Resuming: restore the state checkpointed by the previous poll"), so Lambda keeps it.
    """
    for index, operation in enumerate(record.operations):
        details = operation.step_details
        if operation.status is OperationStatus.STARTED and details is not None and details.result is None:
            kept = replace(details, result=polled.get(operation.operation_id))
            record.operations[index] = replace(operation, step_details=kept)


def _too_many_operations() -> ErrorObject:
    return ErrorObject(
        message=f"The execution has more than {MOST_OPERATIONS} operations",
        type="DurableExecutionOperationLimitExceeded",
        data=None,
        stack_trace=None,
    )


def _too_many_requests() -> ClientError:
    refused = {"Code": TOO_MANY_REQUESTS.code, "Message": TOO_MANY_REQUESTS.message}
    answer = {"Error": refused, "ResponseMetadata": {"HTTPStatusCode": TOO_MANY_REQUESTS.status}}
    return ClientError(cast("_ClientErrorResponseTypeDef", answer), "CheckpointDurableExecution")


def _no_such_function(function_name: str) -> ErrorObject:
    return ErrorObject(
        message=f"Function not found: {function_name}", type="ResourceNotFoundException", data=None, stack_trace=None
    )
