from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_durable_execution_sdk_python import CallbackError, DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration
from aws_durable_execution_sdk_python.lambda_service import ErrorObject
from aws_durable_execution_sdk_python_testing.exceptions import (
    CallbackTimeoutException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)

from asg_lifecycle_simulator.region.timeline import VIRTUAL_START, VirtualTimeline
from asg_lifecycle_simulator.services.durable_executions.history import FiredTimer, TimerKind
from asg_lifecycle_simulator.services.durable_executions.service import DurableService

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from aws_durable_execution_sdk_python.types import LambdaContext


class Mailbox:
    """An execution that waits for one message."""

    def __init__(self, *, timeout: int = 0, heartbeat_timeout: int = 0) -> None:
        self.timeline = VirtualTimeline()
        self.callback_id = ""
        self._config = CallbackConfig(
            timeout=Duration(seconds=timeout), heartbeat_timeout=Duration(seconds=heartbeat_timeout)
        )
        self.service = DurableService(self.timeline, durable_execution(self._wait))
        self.execution = self.service.start({})
        self.timeline.run_for(0)

    @property
    def elapsed(self) -> float:
        return self.timeline.now() - VIRTUAL_START

    def _wait(self, _event: object, context: DurableContext) -> str:
        callback = context.create_callback("mailbox", self._config)
        self.callback_id = callback.callback_id
        try:
            return f"message: {callback.result()}"
        except CallbackError as error:
            return f"failed: {error}"


def test_a_message_wakes_the_execution_when_it_comes() -> None:
    mailbox = Mailbox()
    mailbox.timeline.run_for(77.5)

    mailbox.service.callbacks.succeed(mailbox.callback_id, "hello")
    assert mailbox.execution.status == "RUNNING"
    mailbox.timeline.run_for(0)

    assert mailbox.execution.result == "message: hello"
    assert mailbox.execution.invocations[-1] == (VIRTUAL_START + 77.5, "SUCCEEDED")


def test_a_failure_reaches_the_handler() -> None:
    mailbox = Mailbox()

    mailbox.service.callbacks.fail(mailbox.callback_id, "the operator has gone home")
    mailbox.timeline.run_for(0)

    assert mailbox.execution.result == "failed: the operator has gone home"


def test_a_failure_needs_no_error() -> None:
    mailbox = Mailbox()

    mailbox.service.callbacks.fail(mailbox.callback_id)
    mailbox.timeline.run_for(0)

    assert mailbox.execution.operation("mailbox").status == "FAILED"
    assert mailbox.execution.is_complete


def test_a_callback_without_a_timeout_waits_for_ever() -> None:
    mailbox = Mailbox()

    mailbox.timeline.run_for(10_000_000)

    assert mailbox.execution.status == "RUNNING"
    assert len(mailbox.execution.invocations) == 1


def test_a_callback_times_out() -> None:
    mailbox = Mailbox(timeout=90)

    mailbox.timeline.run_until_idle(within=1_000)

    assert mailbox.execution.result == "failed: Callback timed out"
    assert mailbox.execution.timers == [FiredTimer(VIRTUAL_START + 90, TimerKind.CALLBACK_TIMEOUT, "mailbox")]


def test_a_message_in_time_stops_the_timeout() -> None:
    mailbox = Mailbox(timeout=90)
    mailbox.timeline.run_for(89)

    mailbox.service.callbacks.succeed(mailbox.callback_id, "just so")
    mailbox.timeline.run_until_idle(within=1_000)

    assert mailbox.execution.result == "message: just so"
    assert mailbox.execution.timers == []
    assert mailbox.elapsed == 89


def test_a_callback_times_out_for_want_of_heartbeats() -> None:
    mailbox = Mailbox(timeout=90, heartbeat_timeout=30)
    mailbox.timeline.run_for(29)
    mailbox.service.callbacks.beat(mailbox.callback_id)
    mailbox.timeline.run_for(29)
    assert mailbox.execution.status == "RUNNING"

    mailbox.timeline.run_until_idle(within=1_000)

    assert mailbox.execution.result == "failed: Callback timed out on heartbeat"
    assert mailbox.execution.timers == [FiredTimer(VIRTUAL_START + 59, TimerKind.CALLBACK_HEARTBEAT, "mailbox")]


def test_heartbeats_do_not_move_the_timeout() -> None:
    mailbox = Mailbox(timeout=50, heartbeat_timeout=30)
    mailbox.timeline.run_for(29)

    mailbox.service.callbacks.beat(mailbox.callback_id)
    mailbox.timeline.run_until_idle(within=1_000)

    assert mailbox.execution.timers == [FiredTimer(VIRTUAL_START + 50, TimerKind.CALLBACK_TIMEOUT, "mailbox")]


@pytest.mark.parametrize("closed_by", ["message", "failure", "timeout", "stop"])
def test_a_closed_callback_takes_nothing_more(closed_by: str) -> None:
    mailbox = Mailbox(timeout=90)
    match closed_by:
        case "message":
            mailbox.service.callbacks.succeed(mailbox.callback_id, "first")
        case "failure":
            mailbox.service.callbacks.fail(mailbox.callback_id)
        case "timeout":
            mailbox.timeline.run_until_idle(within=1_000)
        case _:
            mailbox.service.stop(mailbox.execution.arn)

    with pytest.raises(CallbackTimeoutException):
        mailbox.service.callbacks.succeed(mailbox.callback_id, "second")
    with pytest.raises(CallbackTimeoutException):
        mailbox.service.callbacks.fail(mailbox.callback_id, ErrorObject.from_message("second"))
    with pytest.raises(CallbackTimeoutException):
        mailbox.service.callbacks.beat(mailbox.callback_id)


def test_an_unknown_callback_is_not_found() -> None:
    mailbox, another = Mailbox(), Mailbox()
    stranger = DurableService(another.timeline, lambda _event, _context: None, function_name="another")

    with pytest.raises(ResourceNotFoundException):
        stranger.callbacks.succeed(mailbox.callback_id, "hello")


@pytest.mark.parametrize("callback_id", ["", "hello", "e30=", "WzFd", "////"])
def test_what_is_no_callback_id_is_refused(callback_id: str) -> None:
    with pytest.raises(InvalidParameterValueException):
        Mailbox().service.callbacks.succeed(callback_id, json.dumps("hello"))


def test_a_message_at_the_last_moment_of_an_invocation_is_not_lost() -> None:
    timeline = VirtualTimeline()

    @durable_execution
    def wait(_event: object, context: DurableContext) -> str:
        return str(context.create_callback("mailbox").result())

    def handler(event: object, context: LambdaContext) -> MutableMapping[str, Any]:
        answer: MutableMapping[str, Any] = wait(event, context)
        if answer["Status"] == "PENDING":
            service.callbacks.succeed(next(iter(execution.callback_deadlines)), "at the last moment")
        return answer

    service = DurableService(timeline, handler)
    execution = service.start({})
    timeline.run_for(0)

    assert execution.result == "at the last moment"
    assert [status for _, status in execution.invocations] == ["PENDING", "SUCCEEDED"]


def test_a_message_during_an_invocation_that_fails_waits_for_its_retry() -> None:
    timeline = VirtualTimeline()

    @durable_execution
    def wait(_event: object, context: DurableContext) -> str:
        return str(context.create_callback("mailbox").result())

    def handler(event: object, context: LambdaContext) -> MutableMapping[str, Any]:
        answer: MutableMapping[str, Any] = wait(event, context)
        if answer["Status"] == "PENDING":
            service.callbacks.succeed(next(iter(execution.callback_deadlines)), "too early")
            raise MemoryError("out of memory")
        return answer

    service = DurableService(timeline, handler)
    execution = service.start({})
    timeline.run_until_idle(within=60)

    assert [(start - VIRTUAL_START, status) for start, status in execution.invocations] == [
        (0.0, "ERROR"),
        (5.0, "SUCCEEDED"),
    ]
