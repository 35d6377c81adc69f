"""Lambda durable executions on a `Timeline`, in process.

The testing SDK's own runner keeps real time, or jumps ahead when a timer is armed and then runs later timers before
earlier ones. Here an invocation is a plain call inside a timer of the timeline, so any number of executions live side
by side in exact order. Operations, checkpoints and tokens are the testing SDK's; what its `Executor` decides is
decided the same way: retries of failed invocations, answers it refuses, and triggers that come during an invocation.
"""

from __future__ import annotations

import json
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python.lambda_service import ErrorObject, InvocationStatus
from aws_durable_execution_sdk_python_testing.exceptions import (
    ExecutionAlreadyStartedException,
    InvalidInvocationOutputError,
    ResourceNotFoundException,
)
from aws_durable_execution_sdk_python_testing.execution import Execution
from aws_durable_execution_sdk_python_testing.executor import Executor
from aws_durable_execution_sdk_python_testing.model import StartDurableExecutionInput

from simulator.durable_callbacks import Callbacks
from simulator.durable_execution import (
    FiredTimer,
    Invocation,
    SimulatedExecution,
    TimelineClock,
    TimerKind,
)
from simulator.durable_execution import InvocationStatus as Ended
from simulator.durable_invocation import (
    Backend,
    CheckpointClient,
    CrashPlan,
    CrashPoint,
    InvocationCrashedError,
    objection,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from aws_durable_execution_sdk_python.lambda_service import DurableExecutionInvocationOutput

    from simulator.timeline import Timeline

__all__ = ["CrashPoint", "DurableService", "SimulatedExecution"]

RETRY_DELAY = float(Executor.RETRY_BACKOFF_SECONDS)
"""Seconds until an invocation that failed is tried again."""
MOST_FAILURES = Executor.MAX_CONSECUTIVE_FAILED_ATTEMPTS
MOST_EMPTY_WAITS = Executor.MAX_CONSECUTIVE_INVALID_PENDING_ATTEMPTS

LONGEST_EXECUTION = 31_622_400.0
"""Seconds: the largest `ExecutionTimeout` a `DurableConfig` takes."""

VERSION = "1"
NAMES = uuid.UUID("6d0bbd0e-0d3c-4f64-9a1e-3a35a1c0b6a1")


class DurableService:
    """One durable function and its executions.

    On a `VirtualTimeline` no time passes while an invocation runs. Use it from the thread that moves the timeline and
    from inside invocations. It never invokes the handler from within a call: the next timer does.

    Attributes:
        executions: every execution, in the order they were started.
        crash_points: where invocations die; may be changed at any time.
    """

    def __init__(  # noqa: PLR0913 - a function is deployed with this much
        self,
        timeline: Timeline,
        handler: Callable[..., Any],
        *,
        function_name: str = "lifecycle-action",
        region: str = "eu-west-1",
        account: str = "123456789012",
        execution_timeout: float = LONGEST_EXECUTION,
    ) -> None:
        """Deploy `handler`.

        Args:
            timeline: the time everything lives by.
            handler: what Lambda would call: a function made by `durable_execution`, or one around it.
            function_name: for the ARNs and the Lambda context.
            region: likewise.
            account: likewise.
            execution_timeout: `ExecutionTimeout` of the `DurableConfig`, seconds.
        """
        self.executions: list[SimulatedExecution] = []
        self._timeline = timeline
        self._clock = TimelineClock(timeline)
        self._function_name = function_name
        self._region = region
        self._account = account
        self._execution_timeout = execution_timeout
        self._lock = threading.RLock()
        self._by_arn: dict[str, SimulatedExecution] = {}
        self._crashes = CrashPlan()
        self._client = CheckpointClient(self._clock, self._lock, self.get, self._crashes)
        self._backend = Backend(handler, self._client, self._lock, region=region, account=account)
        self._callbacks = Callbacks(self._clock, self._lock, self.get, self._call_for_invocation)

    @property
    def crash_points(self) -> list[CrashPoint]:
        """Where invocations die."""
        return self._crashes.points

    @property
    def function_arn(self) -> str:
        """The function's qualified ARN."""
        return f"arn:aws:lambda:{self._region}:{self._account}:function:{self._function_name}:{VERSION}"

    def start(self, event: object, *, name: str | None = None) -> SimulatedExecution:
        """Start an execution, as an asynchronous invocation does; the handler runs when the timeline goes on.

        Args:
            event: JSON values.
            name: `DurableExecutionName`, which makes the start idempotent (AWS Lambda guide, "Idempotency"); None for
                a new one.

        Returns:
            The new execution, or the one that was started by the same name with the same event.

        Raises:
            ExecutionAlreadyStartedException: the name was used for another event.
        """
        payload = json.dumps(event)
        with self._lock:
            for known in self.executions:
                if name is not None and known.name == name:
                    if json.loads(known.payload) != event:
                        raise ExecutionAlreadyStartedException(f"{name} was started with another event", known.arn)
                    return known
            execution = self._create(name, payload)
            self.executions.append(execution)
            self._by_arn[execution.arn] = execution
            self._call_for_invocation(execution)
            return execution

    def get(self, arn: str) -> SimulatedExecution:
        """Return the execution with this ARN.

        Raises:
            ResourceNotFoundException: there is none.
        """
        try:
            return self._by_arn[arn]
        except KeyError:
            raise ResourceNotFoundException(f"Durable execution not found: {arn}") from None

    def stop(self, arn: str, error: ErrorObject | None = None) -> datetime:
        """Stop an execution (StopDurableExecution) and return when it ended. One that has ended stays as it is.

        Raises:
            ResourceNotFoundException: there is none with this ARN.
        """
        with self._lock:
            execution = self.get(arn)
            if not execution.is_complete:
                reason = error or ErrorObject.from_message("Execution stopped by user request")
                execution.record.complete_stopped(error=reason, now=self._clock.now())
                self._arm(execution)
            return execution.record.get_operation_execution_started().end_timestamp or self._clock.now()

    def send_callback_success(self, callback_id: str, payload: bytes | str = b"") -> None:
        """Complete a callback (SendDurableExecutionCallbackSuccess); the handler is invoked when the timeline goes on.

        Args:
            callback_id: as the handler was given it.
            payload: what the callback's `result()` returns, after the handler's own deserialization.

        Raises:
            InvalidParameterValueException: this is no callback id.
            ResourceNotFoundException: there is no such callback.
            CallbackTimeoutException: it has been completed, has failed or timed out, or its execution has ended.
        """
        self._callbacks.succeed(callback_id, payload.encode() if isinstance(payload, str) else payload)

    def send_callback_failure(self, callback_id: str, error: ErrorObject | str | None = None) -> None:
        """Fail a callback (SendDurableExecutionCallbackFailure).

        Args:
            callback_id: as the handler was given it.
            error: what the callback's `result()` raises as a `CallbackError`, or the error's message.

        Raises:
            InvalidParameterValueException: this is no callback id.
            ResourceNotFoundException: there is no such callback.
            CallbackTimeoutException: it is closed.
        """
        self._callbacks.fail(callback_id, ErrorObject.from_message(error) if isinstance(error, str) else error)

    def send_callback_heartbeat(self, callback_id: str) -> None:
        """Restart the heartbeat timeout of a callback (SendDurableExecutionCallbackHeartbeat).

        Raises:
            InvalidParameterValueException: this is no callback id.
            ResourceNotFoundException: there is no such callback.
            CallbackTimeoutException: it is closed.
        """
        self._arm(self._callbacks.beat(callback_id))

    def close(self) -> None:
        """Cancel every timer: no execution goes on."""
        with self._lock:
            for execution in self.executions:
                if execution.wake is not None:
                    execution.wake.cancel()

    def _create(self, name: str | None, payload: str) -> SimulatedExecution:
        # Random names would make two runs of one test differ.
        number = len(self.executions) + 1
        identity = str(uuid.uuid5(NAMES, f"{self._function_name} {number}"))
        name = name or identity
        record = Execution.new(
            StartDurableExecutionInput(
                account_id=self._account,
                function_name=self._function_name,
                function_qualifier=VERSION,
                execution_name=name,
                execution_timeout_seconds=int(self._execution_timeout),
                execution_retention_period_days=14,
                invocation_id=identity,
                input=payload,
            )
        )
        record.durable_execution_arn = f"{self.function_arn}/durable-execution/{name}/{identity}"
        record.region = self._region
        record.start(now=self._clock.now())
        self._client.store.save(record)
        return SimulatedExecution(name=name, record=record, expires_at=self._timeline.now() + self._execution_timeout)

    def _call_for_invocation(self, execution: SimulatedExecution) -> None:
        # A trigger during an invocation is looked at when the invocation has ended.
        if execution.running:
            execution.record.needs_reinvoke = True
        elif not execution.is_complete:
            execution.owe(self._timeline.now())
            self._arm(execution)

    def _arm(self, execution: SimulatedExecution) -> None:
        if execution.wake is not None:
            execution.wake.cancel()
            execution.wake = None
        when = execution.next_wake()
        if when is not None:
            name = f"durable execution {execution.name}"
            execution.wake = self._timeline.call_at(when, partial(self._wake, execution), name=name)

    def _wake(self, execution: SimulatedExecution) -> None:
        with self._lock:
            execution.wake = None
            if execution.is_complete or execution.running:
                return
            if self._timeline.now() >= execution.expires_at:
                self._time_out(execution)
                return
            settled = execution.settle(self._clock.now())
            owed = execution.take_owed(self._timeline.now())
            if not (settled or owed):
                self._arm(execution)
                return
            execution.running = True
            invocation = Invocation(len(execution.runs) + 1, self._timeline.now())
            execution.runs.append(invocation)
        try:
            self._invoke(execution, invocation)
        finally:
            execution.running = False
        with self._lock:
            self._go_on(execution)

    def _time_out(self, execution: SimulatedExecution) -> None:
        error = ErrorObject.from_message(f"Execution timed out after {self._execution_timeout:.0f} seconds.")
        execution.record.complete_timeout(error=error, now=self._clock.now())
        execution.timers.append(FiredTimer(self._timeline.now(), TimerKind.EXECUTION_TIMEOUT))

    def _invoke(self, execution: SimulatedExecution, invocation: Invocation) -> None:
        try:
            output, seen = self._backend.invoke(execution, f"{self._function_name}:{VERSION}")
            # Recorded or not, what a dead invocation answers reaches nobody.
            self._crashes.strike(execution, None)
        except InvalidInvocationOutputError as error:
            self._end(invocation, Ended.INVALID, error)
            with self._lock:
                self._fail(execution, _invalid(str(error)))
        except InvocationCrashedError as error:
            self._end(invocation, Ended.CRASHED, error)
            self._try_again(execution, ErrorObject.from_exception(error), MOST_FAILURES)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever ends an invocation early, Lambda tries again
            ended = Ended.CRASHED if invocation.crashed else Ended.ERROR
            self._end(invocation, ended, error)
            self._try_again(execution, ErrorObject.from_exception(error), MOST_FAILURES)
        else:
            invocation.status = Ended(output.status.value)
            self._accept(execution, invocation, output, seen)

    @staticmethod
    def _end(invocation: Invocation, status: Ended, error: BaseException) -> None:
        invocation.status = status
        invocation.error = f"{type(error).__name__}: {error}"

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
            if record.is_complete:
                return
            record.consecutive_failed_invocation_attempts += 1
            if record.consecutive_failed_invocation_attempts >= most:
                self._fail(execution, error)
            else:
                execution.owe(self._timeline.now() + RETRY_DELAY, retry=True)

    def _fail(self, execution: SimulatedExecution, error: ErrorObject | None) -> None:
        if not execution.is_complete:
            execution.record.complete_fail(error=error, now=self._clock.now())

    def _go_on(self, execution: SimulatedExecution) -> None:
        record = execution.record
        # A callback's end that the invocation has seen through a checkpoint earns no other invocation.
        if (record.needs_reinvoke and record.has_unseen_changes()) or execution.overtaken:
            execution.owe(self._timeline.now())
        record.needs_reinvoke = execution.overtaken = False
        self._arm(execution)


def _invalid(message: str) -> ErrorObject:
    return ErrorObject(message=message, type="InvalidParameterValueException", data=None, stack_trace=None)
