"""The callback operations of the durable execution API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_durable_execution_sdk_python.lambda_service import ErrorObject, OperationStatus
from aws_durable_execution_sdk_python_testing.exceptions import (
    CallbackTimeoutException,
    IllegalStateException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from aws_durable_execution_sdk_python_testing.token import CallbackToken

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import RLock

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from asg_lifecycle_simulator.services.durable_executions.history import TimelineClock

NO_ERROR = ErrorObject(message=None, type=None, data=None, stack_trace=None)


class Callbacks:
    """Completes, fails and keeps alive the callbacks of a service's executions.

    The errors are those of the API's service model. (The testing SDK's emulator answers `ResourceNotFoundException`
    to everything.)

    Args:
        clock: the service's.
        lock: the service's.
        get: returns the execution with an ARN.
        trigger: has the execution's handler invoked.
    """

    def __init__(
        self,
        clock: TimelineClock,
        lock: RLock,
        get: Callable[[str], SimulatedExecution],
        trigger: Callable[[SimulatedExecution], None],
    ) -> None:
        self._clock = clock
        self._lock = lock
        self._get = get
        self._trigger = trigger

    def succeed(self, callback_id: str, payload: bytes | str = b"") -> None:
        """Complete a callback (SendDurableExecutionCallbackSuccess); the handler is invoked when the timeline goes on.

        Args:
            callback_id: as the handler was given it.
            payload: what the callback's `result()` returns, after the handler's own deserialization.

        Raises:
            InvalidParameterValueException: this is no callback id.
            ResourceNotFoundException: there is no such callback.
            CallbackTimeoutException: it has been completed, has failed or timed out, or its execution has ended.
        """
        result = payload.encode() if isinstance(payload, str) else payload
        with self._lock:
            execution = self._open(callback_id)
            execution.record.complete_callback_success(callback_id, result, now=self._clock.now())
            self._trigger(execution)

    def fail(self, callback_id: str, error: ErrorObject | str | None = None) -> None:
        """Fail a callback (SendDurableExecutionCallbackFailure).

        Args:
            callback_id: as the handler was given it.
            error: what the callback's `result()` raises as a `CallbackError`, or the error's message.

        Raises:
            InvalidParameterValueException: this is no callback id.
            ResourceNotFoundException: there is no such callback.
            CallbackTimeoutException: it is closed.
        """
        told = ErrorObject.from_message(error) if isinstance(error, str) else error
        with self._lock:
            execution = self._open(callback_id)
            execution.record.complete_callback_failure(callback_id, told or NO_ERROR, now=self._clock.now())
            self._trigger(execution)

    def beat(self, callback_id: str) -> None:
        """Restart the heartbeat timeout of a callback (SendDurableExecutionCallbackHeartbeat).

        Raises:
            InvalidParameterValueException: this is no callback id.
            ResourceNotFoundException: there is no such callback.
            CallbackTimeoutException: it is closed.
        """
        with self._lock:
            # The timer set for the old deadline finds nothing due and is set anew.
            self._open(callback_id).beat(callback_id, self._clock.now())

    def _open(self, callback_id: str) -> SimulatedExecution:
        try:
            arn = CallbackToken.from_str(callback_id).execution_arn
        except (ValueError, KeyError, TypeError):
            raise InvalidParameterValueException(f"Invalid callback id: {callback_id}") from None
        execution = self._get(arn)
        try:
            _, operation = execution.record.find_callback_operation(callback_id)
        except IllegalStateException as error:
            raise ResourceNotFoundException(str(error)) from None
        if execution.is_complete or operation.status is not OperationStatus.STARTED:
            raise CallbackTimeoutException(f"Callback {callback_id} is closed: {operation.status.value}")
        return execution
