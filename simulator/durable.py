"""Lambda durable executions in simulated time, many side by side, in exact order.

The testing SDK's runner jumps its clock when a timer is armed, so that of two armed timers the later one can pull
the earlier one's time along. Here nothing jumps: every invocation, retry and timeout is a timer of the timeline, and
virtual time stands still while an invocation runs. What an update does to an execution is the testing SDK's own code.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from aws_durable_execution_sdk_python import state as durable_state
from aws_durable_execution_sdk_python.execution import (
    DurableExecutionInvocationInputWithClient,
    DurableExecutionInvocationOutput,
    InitialExecutionState,
    InvocationStatus,
)
from aws_durable_execution_sdk_python.lambda_service import (
    CheckpointOutput,
    DurableServiceClient,
    ErrorObject,
    Operation,
    OperationStatus,
    OperationType,
    OperationUpdate,
    StateOutput,
)
from aws_durable_execution_sdk_python_testing.checkpoint.processor import CheckpointProcessor
from aws_durable_execution_sdk_python_testing.execution import Execution
from aws_durable_execution_sdk_python_testing.invoker import create_test_lambda_context
from aws_durable_execution_sdk_python_testing.model import StartDurableExecutionInput
from aws_durable_execution_sdk_python_testing.stores.memory import InMemoryExecutionStore

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python_testing.scheduler import Scheduler

    from simulator.timeline import Timeline, Timer

Handler: TypeAlias = Callable[[Any, Any], Any]

STOP_POLL_SECONDS = 0.002
"""How often the SDK's checkpoint thread looks whether the invocation has ended. It sleeps a tenth of a real second
between looks, which is nearly all the time that a simulated invocation takes."""

RETRY_SECONDS = 5.0
"""How long the service waits before it repeats an invocation that died."""

INVOCATION_TRIES = 5
EXECUTION_TIMEOUT = 180_000.0
"""Seconds, as in `template.yaml`."""

FINAL_STATUSES = frozenset(
    {OperationStatus.SUCCEEDED, OperationStatus.FAILED, OperationStatus.TIMED_OUT, OperationStatus.STOPPED}
)


class CallbackNotFoundError(Exception):
    """There is no such callback, or it has been completed: the API answers the same to both."""


class CrashError(BaseException):
    """The Lambda environment dies. No code of the handler may catch it."""


@dataclass(frozen=True)
class Crash:
    """Where an invocation shall die.

    Attributes:
        invocation: which one, from 1.
        checkpoint: at which of its checkpoint calls, from 1.
        after: after the checkpoint was taken instead of before.
    """

    invocation: int
    checkpoint: int
    after: bool = False


@dataclass
class SimulatedExecution:
    """One durable execution.

    Attributes:
        arn: its ARN.
        name: its name.
        invocations: start of each invocation (seconds since the epoch) and how it ended: `PENDING`, `SUCCEEDED`,
            `FAILED` or `CRASHED`.
        crashes: where it shall die.
        timed_out: it took longer than its timeout.
    """

    arn: str
    name: str
    execution: Execution
    invocations: list[tuple[float, str]] = field(default_factory=list)
    crashes: list[Crash] = field(default_factory=list)
    timed_out: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether it has ended."""
        return self.execution.is_complete

    @property
    def status(self) -> str:
        """`RUNNING`, `SUCCEEDED`, `FAILED` or `TIMED_OUT`."""
        return self.execution.current_status().value

    @property
    def result(self) -> Any:  # noqa: ANN401 - whatever the handler returned
        """What the handler returned, None while it runs or when it failed."""
        output = self.execution.result
        return json.loads(output.result) if output is not None and output.result else None

    @property
    def error(self) -> str | None:
        """Why it failed, None when it has not."""
        output = self.execution.result
        return output.error.message if output is not None and output.error is not None else None

    @property
    def operations(self) -> list[Operation]:
        """Its durable operations, in the order they were started, without the one for the execution itself."""
        return self.execution.get_assertable_operations()

    def operation(self, name: str) -> Operation:
        """Return the operation called `name`.

        Raises:
            KeyError: there is none.
        """
        for operation in self.operations:
            if operation.name == name:
                return operation
        raise KeyError(name)


class DurableService:
    """The durable executions of one function on one timeline.

    Attributes:
        executions: all that were started, in order.
    """

    def __init__(
        self,
        timeline: Timeline,
        handler: Handler,
        *,
        function_name: str = "lifecycle-action",
        region: str = "eu-west-1",
        account: str = "123456789012",
    ) -> None:
        durable_state._STOP_SIGNAL_POLL_SECONDS = STOP_POLL_SECONDS  # noqa: SLF001 - there is no setting for it
        self.executions: list[SimulatedExecution] = []
        self._timeline = timeline
        self._handler = handler
        self._function_name = function_name
        self._region = region
        self._account = account
        self._store = InMemoryExecutionStore()
        self._processor = CheckpointProcessor(self._store, cast("Scheduler", None), _TimelineClock(timeline))
        self._lock = threading.RLock()
        self._wakes: dict[str, Timer] = {}
        self._running: set[str] = set()
        self._again: set[str] = set()

    def start(self, event: object, *, name: str | None = None) -> SimulatedExecution:
        """Start an execution, as an asynchronous invocation does; a name that was used starts nothing.

        Args:
            event: its input, JSON values.
            name: of the execution; a new one when None.

        Returns:
            The execution, or the one that has the name already.
        """
        for known in self.executions:
            if name is not None and known.name == name:
                return known
        number = len(self.executions) + 1
        name = name or f"execution-{number:06d}"
        execution = Execution.new(
            StartDurableExecutionInput(
                account_id=self._account,
                function_name=self._function_name,
                function_qualifier="live",
                execution_name=name,
                execution_timeout_seconds=int(EXECUTION_TIMEOUT),
                execution_retention_period_days=14,
                invocation_id=f"invocation-{number:06d}",
                input=json.dumps(event),
            )
        )
        execution.durable_execution_arn = (
            f"arn:aws:lambda:{self._region}:{self._account}:function:{self._function_name}:live"
            f"/durable-execution/{name}/invocation-{number:06d}"
        )
        execution.start(now=self._now())
        self._store.save(execution)
        started = SimulatedExecution(arn=execution.durable_execution_arn, name=name, execution=execution)
        self.executions.append(started)
        self._timeline.call_after(0, lambda: self._invoke(started), name=f"start {name}")
        self._timeline.call_after(EXECUTION_TIMEOUT, lambda: self._time_out(started), name=f"timeout {name}")
        return started

    def send_callback_success(self, callback_id: str, result: str | bytes) -> None:
        """Complete a callback (SendDurableExecutionCallbackSuccess).

        Raises:
            CallbackNotFoundError: there is no such callback waiting.
        """
        data = result if isinstance(result, bytes) else result.encode()
        self._complete_callback(
            callback_id, lambda execution: execution.complete_callback_success(callback_id, data, now=self._now())
        )

    def send_callback_failure(self, callback_id: str, message: str) -> None:
        """Fail a callback (SendDurableExecutionCallbackFailure).

        Raises:
            CallbackNotFoundError: there is no such callback waiting.
        """
        error = ErrorObject.from_message(message)
        self._complete_callback(
            callback_id, lambda execution: execution.complete_callback_failure(callback_id, error, now=self._now())
        )

    def _complete_callback(self, callback_id: str, complete: Callable[[Execution], object]) -> None:
        for started in self.executions:
            with self._lock:
                if not self._is_waiting(started.execution, callback_id):
                    continue
                complete(started.execution)
                self._store.update(started.execution)
            self._timeline.call_after(0, lambda found=started: self._invoke(found), name=f"callback of {started.name}")
            return
        raise CallbackNotFoundError(f"no callback {callback_id} is waiting")

    @staticmethod
    def _is_waiting(execution: Execution, callback_id: str) -> bool:
        return not execution.is_complete and any(
            operation.callback_details is not None
            and operation.callback_details.callback_id == callback_id
            and operation.status not in FINAL_STATUSES
            for operation in execution.operations
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._timeline.now(), UTC)

    def _time_out(self, started: SimulatedExecution) -> None:
        if not started.is_complete:
            started.timed_out = True
            started.execution.complete_timeout(ErrorObject.from_message("execution timed out"), now=self._now())

    def _invoke(self, started: SimulatedExecution) -> None:
        if started.is_complete:
            return
        if started.arn in self._running:
            # One invocation of an execution at a time; what came meanwhile is seen by the next one.
            self._again.add(started.arn)
            return
        self._running.add(started.arn)
        try:
            self._invoke_once(started)
        finally:
            self._running.discard(started.arn)
        if started.arn in self._again:
            self._again.discard(started.arn)
            self._timeline.call_after(0, lambda: self._invoke(started), name=f"invoke {started.name}")

    def _invoke_once(self, started: SimulatedExecution) -> None:
        execution = started.execution
        at = self._timeline.now()
        number = len(started.invocations) + 1
        with self._lock:
            execution.begin_new_invocation()
            client = _Client(self._processor, self._lock, [c for c in started.crashes if c.invocation == number])
            event = DurableExecutionInvocationInputWithClient(
                durable_execution_arn=execution.durable_execution_arn,
                checkpoint_token=execution.get_new_checkpoint_token(),
                initial_execution_state=InitialExecutionState(
                    operations=execution.get_navigable_operations(), next_marker=""
                ),
                updated_operation_ids=list(execution.updated_operation_ids),
                service_client=client,
            )
            execution.mark_state_delivered()
            execution.handler_seen_seq = execution.seq_counter
        context = create_test_lambda_context(
            region=self._region, account_id=self._account, function_name=f"{self._function_name}:live", tenant_id=None
        )
        try:
            output = DurableExecutionInvocationOutput.from_dict(self._handler(event, context))
        except (Exception, CrashError) as error:  # noqa: BLE001 - whatever kills an invocation, the service repeats it
            started.invocations.append((at, "CRASHED"))
            self._repeat(started, error)
            return
        started.invocations.append((at, output.status.value))
        execution.consecutive_failed_invocation_attempts = 0
        match output.status:
            case InvocationStatus.SUCCEEDED:
                execution.complete_success(result=output.result, now=self._now())
            case InvocationStatus.FAILED:
                execution.complete_fail(error=output.error or ErrorObject.from_message("failed"), now=self._now())
            case _:
                self._arm(started)

    def _repeat(self, started: SimulatedExecution, error: BaseException) -> None:
        execution = started.execution
        execution.consecutive_failed_invocation_attempts += 1
        if execution.consecutive_failed_invocation_attempts >= INVOCATION_TRIES:
            execution.complete_fail(error=ErrorObject.from_message(f"invocation failed: {error!r}"), now=self._now())
            return
        self._timeline.call_after(RETRY_SECONDS, lambda: self._invoke(started), name=f"repeat {started.name}")

    def _arm(self, started: SimulatedExecution) -> None:
        if (armed := self._wakes.pop(started.arn, None)) is not None:
            armed.cancel()
        if (due := _earliest(started.execution)) is not None:
            wake = self._timeline.call_at(due.timestamp(), lambda: self._wake(started), name=f"wake {started.name}")
            self._wakes[started.arn] = wake

    def _wake(self, started: SimulatedExecution) -> None:
        if started.is_complete:
            return
        with self._lock:
            changed = started.execution.complete_due_operations(self._now())
            self._store.update(started.execution)
        if changed:
            self._invoke(started)
        else:
            self._arm(started)


class _TimelineClock:
    """The timeline as the testing SDK's clock."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def now(self) -> datetime:
        """Return the simulated time."""
        return datetime.fromtimestamp(self._timeline.now(), UTC)

    def arm(self, wake: datetime) -> float:
        """Refuse: nothing but the timeline sets timers here."""
        raise NotImplementedError(f"no timer is set on this clock, not even for {wake}")


class _Client(DurableServiceClient):
    """What the SDK's checkpoint thread talks to."""

    def __init__(self, processor: CheckpointProcessor, lock: threading.RLock, crashes: list[Crash]) -> None:  # type: ignore[valid-type]
        self._processor = processor
        self._lock = lock
        self._crashes = crashes
        self._calls = 0

    def checkpoint(
        self,
        durable_execution_arn: str,
        checkpoint_token: str,
        updates: list[OperationUpdate],
        client_token: str | None,
    ) -> CheckpointOutput:
        """Take the updates, unless the invocation dies here."""
        del durable_execution_arn
        with self._lock:
            self._calls += 1
            self._die_at(Crash(0, self._calls))
            output = self._processor.process_checkpoint(checkpoint_token, updates, client_token)
            self._die_at(Crash(0, self._calls, after=True))
            return output

    def get_execution_state(
        self, durable_execution_arn: str, checkpoint_token: str, next_marker: str, max_items: int = 1000
    ) -> StateOutput:
        """Return the execution's operations."""
        del durable_execution_arn
        with self._lock:
            return self._processor.get_execution_state(checkpoint_token, next_marker, max_items)

    def stop(self, execution_arn: str, payload: bytes | None) -> datetime:
        """Refuse: no execution is stopped from within."""
        raise NotImplementedError(f"{execution_arn} cannot be stopped from within with {payload!r}")

    def _die_at(self, here: Crash) -> None:
        if any((crash.checkpoint, crash.after) == (here.checkpoint, here.after) for crash in self._crashes):
            raise CrashError(f"died at checkpoint {here.checkpoint}")


def _earliest(execution: Execution) -> datetime | None:
    due = []
    for operation in execution.operations:
        if operation.operation_type is OperationType.WAIT and operation.status is OperationStatus.STARTED:
            due.append(operation.wait_details and operation.wait_details.scheduled_end_timestamp)
        elif operation.operation_type is OperationType.STEP and operation.status is OperationStatus.PENDING:
            due.append(operation.step_details and operation.step_details.next_attempt_timestamp)
    return min((moment for moment in due if moment is not None), default=None)
