"""The events of an execution as `GetDurableExecutionHistory` tells them, oldest first.

Members are botocore's. The order and the kinds are those that AWS's own recorded histories show: an attempt of a step
and a poll of a condition each begin with `StepStarted` and end with `StepSucceeded` or `StepFailed`, whose
`NextAttemptDelaySeconds` says that there is another; an invocation is told when it has ended. The testing SDK makes
such events as well, but forgets what polls return and what it knows of invocations.
"""

from __future__ import annotations

import uuid
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

from aws_durable_execution_sdk_python.lambda_service import (
    ErrorObject,
    InvocationStatus,
    Operation,
    OperationAction,
    OperationStatus,
    OperationType,
)
from aws_durable_execution_sdk_python_testing.execution import ExecutionStatus

from asg_lifecycle_simulator.services.durable_executions.history import moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from aws_durable_execution_sdk_python.lambda_service import OperationUpdate

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from asg_lifecycle_simulator.services.durable_executions.history import Invocation

Event: TypeAlias = dict[str, Any]
"""One event, as boto3's model has it."""

REQUESTS = uuid.UUID("b9a1d0d2-5d3f-4a39-9c36-0a1f9c2f7f52")

FAMILIES = {
    OperationType.STEP: "Step",
    OperationType.CONTEXT: "Context",
    OperationType.WAIT: "Wait",
    OperationType.CALLBACK: "Callback",
    OperationType.CHAINED_INVOKE: "ChainedInvoke",
}
ENDS = {
    OperationStatus.SUCCEEDED: "Succeeded",
    OperationStatus.FAILED: "Failed",
    OperationStatus.TIMED_OUT: "TimedOut",
    OperationStatus.STOPPED: "Stopped",
    OperationStatus.CANCELLED: "Cancelled",
}
EXECUTION_ENDS = {
    ExecutionStatus.SUCCEEDED: "Succeeded",
    ExecutionStatus.FAILED: "Failed",
    ExecutionStatus.TIMED_OUT: "TimedOut",
    ExecutionStatus.STOPPED: "Stopped",
}


class _Turn(IntEnum):
    """What comes first of what has the same time: no time passes during an invocation on virtual time."""

    BEGINNING = 0
    OUTSIDE = 1
    """A timer fired, or somebody completed a callback: that caused the invocation."""
    CHECKPOINT = 2
    OUTSIDE_OF_NEW = 3
    """Likewise, of an operation that is as new."""
    INVOCATION = 4
    END = 5


def history_events(execution: SimulatedExecution, *, with_data: bool) -> list[Event]:
    """Return the events of an execution so far, oldest first, numbered from 1.

    Args:
        execution: the execution.
        with_data: with inputs, results and errors; otherwise each says that it was left out.
    """
    drafts = [
        *_beginning(execution),
        *_checkpoints(execution),
        *_ends_from_outside(execution),
        *_invocations(execution),
        *_pauses(execution),
        *_end(execution),
    ]
    events = [event for _, _, event in sorted(drafts, key=lambda draft: draft[:2])]
    if not with_data:
        for event in events:
            _leave_out_data(event)
    return [{"EventId": number, **event} for number, event in enumerate(events, start=1)]


def _event(kind: str, at: datetime, turn: _Turn, /, details: Event, **members: object) -> tuple[datetime, _Turn, Event]:
    told = {name: value for name, value in members.items() if value is not None}
    return at, turn, {"EventType": kind, "EventTimestamp": at, f"{kind}Details": details, **told}


def _beginning(execution: SimulatedExecution) -> Iterator[tuple[datetime, _Turn, Event]]:
    own = execution.record.get_operation_execution_started()
    details = {
        "Input": {"Payload": execution.payload},
        "ExecutionTimeout": execution.record.start_input.execution_timeout_seconds,
    }
    if own.start_timestamp is not None:
        yield _event("ExecutionStarted", own.start_timestamp, _Turn.BEGINNING, details, Id=own.operation_id)


def _checkpoints(execution: SimulatedExecution) -> Iterator[tuple[datetime, _Turn, Event]]:
    operations = {each.operation_id: each for each in execution.record.operations}
    attempts: dict[str, int] = {}
    for update, at in zip(execution.record.updates, execution.record.update_timestamps, strict=True):
        family = FAMILIES.get(update.operation_type)
        if family is None:
            # The execution's own result, where it was too large to be returned: told as its end.
            continue
        known = operations[update.operation_id]
        members = {
            "Id": update.operation_id,
            "Name": known.name,
            "SubType": str(known.sub_type) if known.sub_type is not None else None,
            "ParentId": known.parent_id,
        }
        if update.action is OperationAction.START:
            yield _event(f"{family}Started", at, _Turn.CHECKPOINT, _start_details(known, at), **members)
            continue
        succeeded = update.error is None and update.action is not OperationAction.FAIL
        details: Event = {"Result": _result(update.payload)} if succeeded else {"Error": _error(update.error)}
        if family == "Step":
            attempt = attempts.get(update.operation_id, 0)
            attempts[update.operation_id] = attempt + 1
            details["RetryDetails"] = _retry_details(update, attempt)
        yield _event(f"{family}{'Succeeded' if succeeded else 'Failed'}", at, _Turn.CHECKPOINT, details, **members)


def _start_details(operation: Operation, at: datetime) -> Event:
    match operation.operation_type:
        case OperationType.WAIT if operation.wait_details is not None:
            until = operation.wait_details.scheduled_end_timestamp or at
            return {"Duration": round((until - at).total_seconds()), "ScheduledEndTimestamp": until}
        case OperationType.CALLBACK if operation.callback_details is not None:
            return {"CallbackId": operation.callback_details.callback_id}
        case _:
            return {}


def _retry_details(update: OperationUpdate, attempt: int) -> Event:
    # AWS leaves out what is zero.
    details = {"CurrentAttempt": attempt} if attempt else {}
    if update.action is OperationAction.RETRY and update.step_options is not None:
        details["NextAttemptDelaySeconds"] = update.step_options.next_attempt_delay_seconds
    return details


def _ends_from_outside(execution: SimulatedExecution) -> Iterator[tuple[datetime, _Turn, Event]]:
    """Tell the ends of waits and callbacks, which no checkpoint makes."""
    for operation in execution.record.operations:
        if operation.operation_type not in {OperationType.WAIT, OperationType.CALLBACK}:
            continue
        end, ended = operation.end_timestamp, ENDS.get(operation.status)
        if end is None or ended is None:
            continue
        turn = _Turn.OUTSIDE if operation.start_timestamp != end else _Turn.OUTSIDE_OF_NEW
        yield _event(
            f"{FAMILIES[operation.operation_type]}{ended}",
            end,
            turn,
            _outside_details(operation),
            Id=operation.operation_id,
            Name=operation.name,
            SubType=str(operation.sub_type) if operation.sub_type is not None else None,
            ParentId=operation.parent_id,
        )


def _outside_details(operation: Operation) -> Event:
    details = operation.callback_details
    if details is None:
        return {}
    if operation.status is OperationStatus.SUCCEEDED:
        return {"Result": _result(details.result)}
    return {"Error": _error(details.error)}


def _invocations(execution: SimulatedExecution) -> Iterator[tuple[datetime, _Turn, Event]]:
    for run in execution.runs:
        if run.ended_at is not None:
            end = moment(run.ended_at)
            details = {
                "StartTimestamp": moment(run.started_at),
                "EndTimestamp": end,
                "RequestId": str(uuid.uuid5(REQUESTS, f"{execution.arn} {run.number}")),
                "Error": _error_of(run),
            }
            yield _event("InvocationCompleted", end, _Turn.INVOCATION, details)


def _error_of(run: Invocation) -> Event:
    return {"Payload": {"ErrorMessage": run.error, "ErrorType": str(run.status)}} if run.error else {}


def _pauses(execution: SimulatedExecution) -> Iterator[tuple[datetime, _Turn, Event]]:
    for number, at in enumerate(execution.pauses):
        if number % 2 == 0:
            details = {"PauseRequestTimestamp": at, "ExecutionTimeoutPaused": False}
            yield _event("ExecutionPaused", at, _Turn.OUTSIDE, details)
        else:
            yield _event("ExecutionResumed", at, _Turn.OUTSIDE, {"ResumeRequestTimestamp": at})


def _end(execution: SimulatedExecution) -> Iterator[tuple[datetime, _Turn, Event]]:
    own, output = execution.record.get_operation_execution_started(), execution.record.result
    ended = EXECUTION_ENDS.get(execution.record.current_status())
    if ended is None or own.end_timestamp is None:
        return
    succeeded = output is not None and output.status is InvocationStatus.SUCCEEDED
    details = (
        {"Result": _result(output.result if output is not None else None)}
        if succeeded
        else {"Error": _error(output.error if output is not None else None)}
    )
    yield _event(f"Execution{ended}", own.end_timestamp, _Turn.END, details, Id=own.operation_id)


def _result(payload: str | None) -> Event:
    return {"Payload": payload} if payload is not None else {}


def _error(error: ErrorObject | None) -> Event:
    return {"Payload": dict(error.to_dict())} if error is not None else {}


def _leave_out_data(event: Event) -> None:
    details = event[f"{event['EventType']}Details"]
    for name in ("Input", "Result", "Error"):
        if details.get(name):
            details[name] = {"Truncated": True}
