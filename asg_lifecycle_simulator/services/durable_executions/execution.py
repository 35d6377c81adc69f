"""One durable execution as its service keeps it: operations, invocations, and what falls due when.

The operations themselves live in the `Execution` of the durable execution testing SDK; this module adds the timers
and the account of what happened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python.lambda_service import (
    CallbackTimeoutType,
    ErrorObject,
    Operation,
    OperationStatus,
    OperationType,
)

from asg_lifecycle_simulator.services.durable_executions.history import FiredTimer, OperationSummary, TimerKind
from asg_lifecycle_simulator.services.durable_executions.metering import metered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from aws_durable_execution_sdk_python.lambda_service import CallbackOptions
    from aws_durable_execution_sdk_python_testing.execution import Execution

    from asg_lifecycle_simulator.region.timeline import Timer
    from asg_lifecycle_simulator.services.durable_executions.history import Invocation


@dataclass(frozen=True)
class CallbackDeadlines:
    """When an open callback fails by itself; None for never.

    Attributes:
        timeout: counted from its creation.
        heartbeat: counted from its last heartbeat.
        heartbeat_timeout: seconds between heartbeats, 0 when none are asked for.
    """

    timeout: datetime | None
    heartbeat: datetime | None
    heartbeat_timeout: int

    @classmethod
    def of(cls, options: CallbackOptions | None, now: datetime) -> CallbackDeadlines:
        """Return the deadlines of a callback created `now`."""
        timeout = options.timeout_seconds if options is not None else 0
        heartbeat = options.heartbeat_timeout_seconds if options is not None else 0
        return cls(
            timeout=now + timedelta(seconds=timeout) if timeout else None,
            heartbeat=now + timedelta(seconds=heartbeat) if heartbeat else None,
            heartbeat_timeout=heartbeat,
        )


@dataclass(frozen=True)
class Due:
    """An operation and the moment at which something happens to it by itself."""

    when: datetime
    kind: TimerKind
    operation: Operation


@dataclass(eq=False)
class SimulatedExecution:
    """One durable execution of a `DurableService`.

    Attributes:
        name: its name, unique in the service.
        record: the testing SDK's own record of it.
        expires_at: when the execution times out, seconds since the epoch.
        version: of the function that it runs on, from 1.
        runs: the handler's invocations, oldest first.
        branches: ids of the branches of its flat races.
        written_bytes: written to the checkpoint log.
        timers: what fell due, in the order in which it fired.
        callback_deadlines: by callback id.
        owed_at: when the handler is to be invoked whatever falls due, seconds since the epoch; None for not at all.
        retrying: whether that invocation makes up for one that failed.
        running: whether an invocation is under way.
        pauses: when somebody paused it, when it was resumed, when it was paused again, and so on.
        wake: the timer that is set.
    """

    name: str
    record: Execution
    expires_at: float
    version: int = 1
    runs: list[Invocation] = field(default_factory=list)
    branches: set[str] = field(default_factory=set, repr=False)
    written_bytes: int = 0
    timers: list[FiredTimer] = field(default_factory=list)
    callback_deadlines: dict[str, CallbackDeadlines] = field(default_factory=dict, repr=False)
    owed_at: float | None = None
    retrying: bool = False
    running: bool = False
    pauses: list[datetime] = field(default_factory=list, repr=False)
    wake: Timer | None = field(default=None, repr=False)

    @property
    def arn(self) -> str:
        """The durable execution's ARN."""
        return self.record.durable_execution_arn

    @property
    def payload(self) -> str:
        """The event, as JSON."""
        return self.record.start_input.input or ""

    @property
    def status(self) -> str:
        """`RUNNING`, `PAUSED`, `SUCCEEDED`, `FAILED`, `STOPPED` or `TIMED_OUT`."""
        return "PAUSED" if self.paused and not self.is_complete else str(self.record.current_status().value)

    @property
    def paused(self) -> bool:
        """Whether somebody has paused it: the handler is not invoked."""
        return len(self.pauses) % 2 == 1

    @property
    def is_complete(self) -> bool:
        """Whether it has ended, however it did."""
        return self.record.is_complete

    @property
    def result(self) -> Any:  # noqa: ANN401 - whatever JSON the handler returned
        """What the handler returned, parsed; None unless the execution succeeded."""
        result = self.record.result
        return None if result is None or not result.result else json.loads(result.result)

    @property
    def error(self) -> str | None:
        """Why the execution did not succeed, None unless it has ended that way and said why."""
        result = self.record.result
        return None if result is None or result.error is None else result.error.message

    @property
    def invocations(self) -> list[tuple[float, str]]:
        """When each invocation began (seconds since the epoch) and how it ended, see `InvocationStatus`."""
        return [(run.started_at, str(run.status)) for run in self.runs]

    @property
    def operations(self) -> list[OperationSummary]:
        """The durable operations in the order they were begun, without the execution's own."""
        return [
            OperationSummary(
                name=operation.name or "",
                type=str(operation.operation_type.value),
                sub_type=str(operation.sub_type) if operation.sub_type is not None else "",
                status=str(operation.status.value),
                attempts=operation.step_details.attempt if operation.step_details is not None else 0,
            )
            for operation in self.record.get_assertable_operations()
        ]

    def operation(self, name: str) -> OperationSummary:
        """Return the first operation called `name`.

        Raises:
            KeyError: there is none.
        """
        for operation in self.operations:
            if operation.name == name:
                return operation
        raise KeyError(name)

    @property
    def operation_count(self) -> int:
        """How many durable operations the handler has begun."""
        return len(self.record.get_assertable_operations())

    @property
    def metered_operations(self) -> int:
        """How many operations Lambda meters for it."""
        retried = sum(timer.kind is TimerKind.INVOCATION_RETRY for timer in self.timers)
        return metered(self.record.operations, branches=len(self.branches), retried_invocations=retried)

    def next_wake(self) -> float | None:
        """Return when the service must look at the execution again, seconds since the epoch; None for never.

        While a failed invocation waits for its retry nothing but a callback's deadline comes before it.
        """
        if self.is_complete or self.running:
            return None
        if self.paused:
            return self.expires_at
        waiting_kinds = {TimerKind.WAIT, TimerKind.RETRY}
        moments = [self.expires_at]
        moments += [
            due.when.timestamp() for due in self._pending() if not (self.retrying and due.kind in waiting_kinds)
        ]
        if self.owed_at is not None:
            moments.append(self.owed_at)
        return min(moments)

    def owe(self, when: float, *, retry: bool = False) -> None:
        """Have the handler invoked at `when` (seconds since the epoch) and not at another moment that was set before.

        Args:
            when: the moment.
            retry: it makes up for an invocation that failed.
        """
        self.owed_at = when
        self.retrying = retry

    def take_owed(self, now: float) -> bool:
        """Return whether the handler is to be invoked by `now`, seconds since the epoch, and if so forget it."""
        if self.owed_at is None or self.owed_at > now:
            return False
        if self.retrying:
            self.timers.append(FiredTimer(now, TimerKind.INVOCATION_RETRY))
        self.owed_at = None
        self.retrying = False
        return True

    def settle(self, now: datetime) -> bool:
        """Carry out everything due by `now`, in order of time. Return whether there was anything."""
        due_by_now = sorted((due for due in self._pending() if due.when <= now), key=lambda due: due.when)
        for due in due_by_now:
            self._fire(due, now)
        return bool(due_by_now)

    def beat(self, callback_id: str, now: datetime) -> None:
        """Restart the heartbeat timeout of an open callback."""
        deadlines = self.callback_deadlines[callback_id]
        if deadlines.heartbeat is not None:
            self.callback_deadlines[callback_id] = CallbackDeadlines(
                timeout=deadlines.timeout,
                heartbeat=now + timedelta(seconds=deadlines.heartbeat_timeout),
                heartbeat_timeout=deadlines.heartbeat_timeout,
            )

    def _pending(self) -> Iterator[Due]:
        for operation in self.record.get_assertable_operations():
            match operation:
                case Operation(operation_type=OperationType.WAIT, status=OperationStatus.STARTED, wait_details=details):
                    if details is not None and details.scheduled_end_timestamp is not None:
                        yield Due(details.scheduled_end_timestamp, TimerKind.WAIT, operation)
                case Operation(operation_type=OperationType.STEP, status=OperationStatus.PENDING, step_details=step):
                    if step is not None and step.next_attempt_timestamp is not None:
                        yield Due(step.next_attempt_timestamp, TimerKind.RETRY, operation)
                case Operation(operation_type=OperationType.CALLBACK, status=OperationStatus.STARTED):
                    yield from self._callback_pending(operation)
                case _:
                    pass

    def _callback_pending(self, operation: Operation) -> Iterator[Due]:
        deadlines = self.callback_deadlines[callback_of(operation)]
        moments = [
            (deadlines.timeout, TimerKind.CALLBACK_TIMEOUT),
            (deadlines.heartbeat, TimerKind.CALLBACK_HEARTBEAT),
        ]
        due = [Due(when, kind, operation) for when, kind in moments if when is not None]
        # Whichever comes first closes the callback, and the other with it.
        yield from sorted(due, key=lambda each: each.when)[:1]

    def _fire(self, due: Due, now: datetime) -> None:
        identity = due.operation.operation_id
        match due.kind:
            case TimerKind.WAIT:
                self.record.complete_wait(identity, now=now)
            case TimerKind.RETRY:
                self.record.complete_retry(identity)
            case TimerKind.CALLBACK_TIMEOUT:
                self._time_out(due.operation, "Callback timed out", CallbackTimeoutType.TIMEOUT, now)
            case _:
                self._time_out(due.operation, "Callback timed out on heartbeat", CallbackTimeoutType.HEARTBEAT, now)
        self.timers.append(FiredTimer(now.timestamp(), due.kind, due.operation.name or ""))

    def _time_out(self, operation: Operation, message: str, kind: CallbackTimeoutType, now: datetime) -> None:
        error = ErrorObject(message=message, type=kind.value, data=None, stack_trace=None)
        self.record.complete_callback_timeout(callback_of(operation), error, now=now)


def overtaken(record: Execution) -> list[str]:
    """Return the ids of the waits and retries that have fallen due since the last invocation began.

    That takes a timeline on which time passes during an invocation. The SDK lets their branches sleep until the same
    moment of the real clock, so another invocation has to go on with them.
    """
    return record.updated_operation_ids


def callback_of(operation: Operation) -> str:
    """Return the callback id of a `CALLBACK` operation."""
    if operation.callback_details is None:
        raise ValueError(f"{operation.name} is not a callback")
    return operation.callback_details.callback_id
