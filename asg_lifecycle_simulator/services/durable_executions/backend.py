"""One invocation of a durable function: the handler is run, and its answer judged as Lambda judges it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from aws_durable_execution_sdk_python import state
from aws_durable_execution_sdk_python.lambda_service import ErrorObject, InvocationStatus
from aws_durable_execution_sdk_python_testing.exceptions import InvalidInvocationOutputError
from aws_durable_execution_sdk_python_testing.executor import Executor
from aws_durable_execution_sdk_python_testing.invoker import InProcessInvoker

from asg_lifecycle_simulator.services.durable_executions.history import Invocation, TimelineClock
from asg_lifecycle_simulator.services.durable_executions.history import InvocationStatus as Ended
from asg_lifecycle_simulator.services.durable_executions.metering import noting_branches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import RLock

    from aws_durable_execution_sdk_python.lambda_service import DurableExecutionInvocationOutput
    from aws_durable_execution_sdk_python_testing.client import InMemoryServiceClient
    from aws_durable_execution_sdk_python_testing.execution import Execution

    from asg_lifecycle_simulator.region.timeline import Timeline
    from asg_lifecycle_simulator.services.durable_executions.checkpoints import CheckpointClient
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

RETRY_DELAY = float(Executor.RETRY_BACKOFF_SECONDS)
"""Seconds until an invocation that failed is tried again."""
MOST_FAILURES = Executor.MAX_CONSECUTIVE_FAILED_ATTEMPTS
MOST_EMPTY_WAITS = Executor.MAX_CONSECUTIVE_INVALID_PENDING_ATTEMPTS

END_NOTICED_WITHIN = 0.0005
"""Real seconds."""


class Backend:
    """Invokes a function's handler for its executions.

    Args:
        timeline: the service's time.
        handler: what Lambda would call.
        client: the checkpoint API.
        lock: the service's.
        region: for the Lambda context.
        account: likewise.
    """

    def __init__(  # noqa: PLR0913 - the parts of the service
        self,
        *,
        timeline: Timeline,
        handler: Callable[..., Any],
        client: CheckpointClient,
        lock: RLock,
        region: str,
        account: str,
    ) -> None:
        self._timeline = timeline
        self._clock = TimelineClock(timeline)
        self._client = client
        self._lock = lock
        self._account = account
        # The invoker only hands the client on to the SDK, which asks for no more than a DurableServiceClient.
        self._invoker = InProcessInvoker(handler, cast("InMemoryServiceClient", client), region=region)

    def run(self, execution: SimulatedExecution, function: str) -> None:
        """Invoke the handler once, in this thread, and carry out what follows from its answer but set no timer.

        Args:
            execution: whose invocation it is; nothing else may run for it.
            function: the function's name and qualifier, joined by a colon.
        """
        with self._lock:
            invocation = Invocation(len(execution.runs) + 1, self._timeline.now())
            execution.runs.append(invocation)
        try:
            try:
                output, seen = self._invoke(execution, function)
            finally:
                invocation.ended_at = self._timeline.now()
            self._client.crashes.strike(execution, None)
        except InvalidInvocationOutputError as error:
            _end(invocation, Ended.INVALID, error)
            self._fail(execution, _invalid(str(error)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever ends an invocation early, Lambda tries again
            _end(invocation, Ended.CRASHED if invocation.crashed else Ended.ERROR, error)
            self._try_again(execution, ErrorObject.from_exception(error), MOST_FAILURES)
        else:
            invocation.status = Ended(output.status.value)
            self._accept(execution, invocation, output, seen)

    def _invoke(self, execution: SimulatedExecution, function: str) -> tuple[DurableExecutionInvocationOutput, int]:
        record = execution.record
        with self._lock:
            record.begin_new_invocation()
            invocation_input = self._invoker.create_invocation_input(record)
            record.mark_state_delivered()
            seen = record.seq_counter
        with prompt_end(), noting_branches(execution.branches):
            response = self._invoker.invoke(function, invocation_input, account_id=self._account)
        return response.invocation_output, seen

    def _accept(
        self, execution: SimulatedExecution, invocation: Invocation, output: DurableExecutionInvocationOutput, seen: int
    ) -> None:
        with self._lock:
            record = execution.record
            # Stopped meanwhile, or the handler checkpointed a result too large to return.
            if record.is_complete:
                return
            if refusal := objection(output, record, seen):
                invocation.status, invocation.error = Ended.INVALID, refusal
                if output.status is InvocationStatus.PENDING:
                    self._try_again(execution, _invalid(refusal), MOST_EMPTY_WAITS)
                else:
                    self._fail(execution, _invalid(refusal))
                return
            record.consecutive_failed_invocation_attempts = 0
            if output.status is InvocationStatus.SUCCEEDED:
                record.complete_success(result=output.result, now=self._clock.now())
            elif output.status is InvocationStatus.FAILED:
                self._fail(execution, output.error)

    def _try_again(self, execution: SimulatedExecution, error: ErrorObject, most: int) -> None:
        with self._lock:
            record = execution.record
            record.consecutive_failed_invocation_attempts += 1
            if record.consecutive_failed_invocation_attempts >= most:
                self._fail(execution, error)
            else:
                execution.owe(self._timeline.now() + RETRY_DELAY, retry=True)

    def _fail(self, execution: SimulatedExecution, error: ErrorObject | None) -> None:
        with self._lock:
            if not execution.is_complete:
                execution.record.complete_fail(error=error, now=self._clock.now())


def objection(output: DurableExecutionInvocationOutput, execution: Execution, seen: int) -> str:
    """Return why the service cannot accept the answer of an invocation, empty when it can.

    Args:
        output: what the handler returned.
        execution: the execution as it stands.
        seen: the execution's `seq_counter` when the invocation's input was made.
    """
    match output.status:
        case InvocationStatus.FAILED if output.result is not None:
            return "Cannot provide a Result for FAILED status."
        case InvocationStatus.SUCCEEDED if output.error is not None:
            return "Cannot provide an Error for SUCCEEDED status."
        case InvocationStatus.PENDING if not (
            execution.has_pending_operations(execution)
            or execution.has_changes_after(max(seen, execution.handler_seen_seq))
        ):
            return "Cannot return PENDING status with no pending operations."
        case InvocationStatus.FAILED | InvocationStatus.SUCCEEDED | InvocationStatus.PENDING:
            return ""
        case status:
            return f"Unexpected invocation status: {status}"


@contextmanager
def prompt_end() -> Iterator[None]:
    """Let invocations inside the block end as soon as their handler has.

    The SDK's checkpoint thread notices the end only at its next poll, every tenth of a real second: nearly all of
    the time a simulated invocation takes.
    """
    # There is no setting for it.
    before = state._STOP_SIGNAL_POLL_SECONDS  # noqa: SLF001 - the SDK has no setting for it
    state._STOP_SIGNAL_POLL_SECONDS = END_NOTICED_WITHIN  # noqa: SLF001 - likewise
    try:
        yield
    finally:
        state._STOP_SIGNAL_POLL_SECONDS = before  # noqa: SLF001 - likewise


def _end(invocation: Invocation, status: Ended, error: BaseException) -> None:
    invocation.status = status
    invocation.error = f"{type(error).__name__}: {error}"


def _invalid(message: str) -> ErrorObject:
    return ErrorObject(message=message, type="InvalidParameterValueException", data=None, stack_trace=None)
