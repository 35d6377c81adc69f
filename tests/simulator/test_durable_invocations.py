from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import (
    Duration,
    NestingType,
    ParallelBranch,
    ParallelConfig,
    StepConfig,
)
from aws_durable_execution_sdk_python.lambda_service import ErrorObject
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy
from aws_durable_execution_sdk_python_testing.exceptions import (
    ExecutionAlreadyStartedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)

from asg_lifecycle_simulator.region.timeline import VIRTUAL_START, VirtualTimeline
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CrashPoint
from asg_lifecycle_simulator.services.durable_executions.history import TimerKind
from asg_lifecycle_simulator.services.durable_executions.service import DurableService

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python.execution import DurableExecutionInvocationInputWithClient

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution


class Diary:
    """A handler of two steps with a minute between them, and what it did when."""

    def __init__(self) -> None:
        self.timeline = VirtualTimeline()
        self.done: list[tuple[float, str]] = []
        self.service = DurableService(self.timeline, durable_execution(self._two_steps))

    @property
    def elapsed(self) -> float:
        return self.timeline.now() - VIRTUAL_START

    def run(self, *crash_points: CrashPoint) -> SimulatedExecution:
        self.service.crash_points.extend(crash_points)
        execution = self.service.start({"instance": "i-0123456789abcdef0"})
        self.timeline.run_until_idle(within=3_600)
        return execution

    def _two_steps(self, event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
        first = context.step(lambda _: self._do("first"), name="first")
        context.wait(Duration(seconds=60), name="minute")
        second = context.step(lambda _: self._do("second"), name="second")
        return {"instance": event["instance"], "steps": [first, second]}

    def _do(self, what: str) -> str:
        self.done.append((self.elapsed, what))
        return what


def run(handler: Callable[..., Any], *, within: float = 3_600) -> SimulatedExecution:
    """Return the finished execution of a plain Lambda handler."""
    timeline = VirtualTimeline()
    execution = DurableService(timeline, handler).start({})
    timeline.run_until_idle(within=within)
    return execution


def test_an_execution_returns_what_its_handler_returned() -> None:
    diary = Diary()

    execution = diary.run()

    assert execution.status == "SUCCEEDED"
    assert execution.result == {"instance": "i-0123456789abcdef0", "steps": ["first", "second"]}
    assert execution.error is None
    assert execution.invocations == [(VIRTUAL_START, "PENDING"), (VIRTUAL_START + 60, "SUCCEEDED")]
    assert diary.done == [(0.0, "first"), (60.0, "second")]
    assert [(timer.time, timer.kind, timer.name) for timer in execution.timers] == [
        (VIRTUAL_START + 60, TimerKind.WAIT, "minute")
    ]


def test_nothing_runs_before_time_goes_on() -> None:
    diary = Diary()

    execution = diary.service.start({"instance": "i-0123456789abcdef0"})

    assert (execution.status, execution.invocations) == ("RUNNING", [])


def test_an_arn_is_one_that_lambda_could_have_made() -> None:
    diary = Diary()

    execution = diary.service.start({}, name="drain-1")

    function = "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle-action:1"
    assert execution.arn.startswith(f"{function}/durable-execution/drain-1/")
    assert diary.service.get(execution.arn) is execution


def test_a_repeated_name_starts_nothing() -> None:
    diary = Diary()
    first = diary.service.start({"instance": "i-1"}, name="drain-i-1")
    diary.timeline.run_until_idle(within=3_600)

    assert diary.service.start({"instance": "i-1"}, name="drain-i-1") is first
    assert diary.service.start({"instance": "i-1"}) is not first
    assert len(diary.service.executions) == 2


def test_a_name_used_for_another_event_is_refused() -> None:
    diary = Diary()
    diary.service.start({"instance": "i-1"}, name="drain")

    with pytest.raises(ExecutionAlreadyStartedException):
        diary.service.start({"instance": "i-2"}, name="drain")


def test_names_and_arns_are_the_same_in_every_run() -> None:
    assert [Diary().run().arn for _ in range(2)] == [Diary().run().arn] * 2


def test_a_failed_handler_fails_the_execution_at_once() -> None:
    @durable_execution
    def handler(_event: object, _context: DurableContext) -> None:
        raise ValueError("no such plan")

    execution = run(handler)

    assert (execution.status, execution.error, execution.result) == ("FAILED", "no such plan", None)
    assert [status for _, status in execution.invocations] == ["FAILED"]


def test_a_step_is_retried_after_its_own_delay() -> None:
    attempts: list[int] = []

    def sometimes(_: object) -> str:
        attempts.append(len(attempts))
        if len(attempts) < 3:
            raise ConnectionError("throttled")
        return "done"

    @durable_execution
    def handler(_event: object, context: DurableContext) -> str:
        strategy = create_retry_strategy(
            RetryStrategyConfig(max_attempts=5, initial_delay=Duration(seconds=10), backoff_rate=1.0)
        )
        return str(context.step(sometimes, name="call", config=StepConfig(retry_strategy=strategy)))

    execution = run(handler)

    assert execution.result == "done"
    assert execution.operation("call").attempts == 3
    assert [timer.kind for timer in execution.timers] == [TimerKind.RETRY] * 2


def test_an_invocation_that_raises_is_tried_again_five_seconds_later_and_five_times_in_all() -> None:
    def handler(_event: object, _context: object) -> object:
        raise MemoryError("out of memory")

    execution = run(handler)

    assert [(start - VIRTUAL_START, status) for start, status in execution.invocations] == [
        (time, "ERROR") for time in (0.0, 5.0, 10.0, 15.0, 20.0)
    ]
    assert (execution.status, execution.error) == ("FAILED", "out of memory")


def test_an_invocation_that_exits_is_tried_again() -> None:
    def handler(_event: object, _context: object) -> object:
        raise SystemExit(1)

    assert len(run(handler).invocations) == 5


def test_one_good_invocation_forgives_the_failures_before_it() -> None:
    diary = Diary()
    crashes = [CrashPoint(invocation=number, checkpoint=1) for number in (1, 2, 3, 4, 6, 7, 8, 9)]

    execution = diary.run(*crashes)

    assert execution.status == "SUCCEEDED"
    assert [status for _, status in execution.invocations] == (["CRASHED"] * 4 + ["PENDING"]) + (
        ["CRASHED"] * 4 + ["SUCCEEDED"]
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"Status": "SUCCEEDED", "Error": {}}, "Cannot provide an Error for SUCCEEDED status."),
        ({"Status": "FAILED", "Result": "1"}, "Cannot provide a Result for FAILED status."),
        ({"Status": "DONE"}, "'DONE' is not a valid InvocationStatus"),
        ("done", "Invalid invocation output"),
        (None, "Invalid invocation output"),
    ],
)
def test_an_answer_that_is_none_fails_the_execution_at_once(answer: object, reason: str) -> None:
    execution = run(lambda _event, _context: answer)

    assert execution.status == "FAILED"
    assert reason in (execution.error or "")
    assert [status for _, status in execution.invocations] == ["INVALID"]


def test_waiting_for_nothing_is_tried_three_times() -> None:
    execution = run(lambda _event, _context: {"Status": "PENDING"})

    assert [start - VIRTUAL_START for start, _ in execution.invocations] == [0.0, 5.0, 10.0]
    assert execution.error == "Cannot return PENDING status with no pending operations."


def test_an_execution_times_out() -> None:
    timeline = VirtualTimeline()
    diary = Diary()

    @durable_execution
    def handler(_event: object, context: DurableContext) -> None:
        context.wait(Duration(seconds=600))
        diary.done.append((0.0, "too late"))

    execution = DurableService(timeline, handler, execution_timeout=100).start({})
    timeline.run_until_idle(within=1_000)

    assert (execution.status, execution.error) == ("TIMED_OUT", "Execution timed out after 100 seconds.")
    assert timeline.now() == VIRTUAL_START + 100
    assert diary.done == []


def test_a_stopped_execution_does_nothing_more() -> None:
    diary = Diary()
    execution = diary.service.start({"instance": "i-1"})
    diary.timeline.run_for(30)

    diary.service.stop(execution.arn)

    assert execution.status == "STOPPED"
    assert diary.timeline.next_due() is None


def test_an_execution_stops_once() -> None:
    diary = Diary()
    execution = diary.service.start({"instance": "i-1"})
    diary.timeline.run_for(30)
    diary.service.stop(execution.arn, ErrorObject.from_message("first"))
    diary.timeline.run_for(30)

    stopped_at = diary.service.stop(execution.arn, ErrorObject.from_message("second"))

    assert stopped_at.timestamp() == VIRTUAL_START + 30
    assert execution.error == "first"


def test_an_execution_that_has_succeeded_cannot_be_stopped() -> None:
    diary = Diary()
    execution = diary.run()

    diary.service.stop(execution.arn)

    assert execution.status == "SUCCEEDED"


def test_an_unknown_execution_cannot_be_stopped() -> None:
    with pytest.raises(ResourceNotFoundException):
        Diary().service.stop("arn:aws:lambda:eu-west-1:123456789012:function:lifecycle-action:1/durable-execution/a/b")


def test_a_crash_before_a_checkpoint_does_the_step_again() -> None:
    diary = Diary()
    second_is_about_to_be_recorded = CrashPoint(invocation=2, checkpoint=last_checkpoint(2))

    execution = diary.run(second_is_about_to_be_recorded)

    assert execution.status == "SUCCEEDED"
    assert [status for _, status in execution.invocations] == ["PENDING", "CRASHED", "SUCCEEDED"]
    assert diary.done == [(0.0, "first"), (60.0, "second"), (65.0, "second")]
    assert execution.timers[-1].kind is TimerKind.INVOCATION_RETRY


def test_a_crash_after_a_checkpoint_keeps_what_was_recorded() -> None:
    diary = Diary()
    second_has_been_recorded = CrashPoint(invocation=2, checkpoint=last_checkpoint(2), after=True)

    execution = diary.run(second_has_been_recorded)

    assert [status for _, status in execution.invocations] == ["PENDING", "CRASHED", "SUCCEEDED"]
    assert diary.done == [(0.0, "first"), (60.0, "second")]


def test_an_answer_can_be_lost() -> None:
    diary = Diary()

    execution = diary.run(CrashPoint(invocation=2, checkpoint=None))

    assert [(start - VIRTUAL_START, status) for start, status in execution.invocations] == [
        (0.0, "PENDING"),
        (60.0, "CRASHED"),
        (65.0, "SUCCEEDED"),
    ]
    assert diary.done == [(0.0, "first"), (60.0, "second")]


def test_a_lost_pending_answer_does_not_hurry_the_wait() -> None:
    diary = Diary()

    execution = diary.run(CrashPoint(invocation=1, checkpoint=None))

    assert [(start - VIRTUAL_START, status) for start, status in execution.invocations] == [
        (0.0, "CRASHED"),
        (5.0, "PENDING"),
        (60.0, "SUCCEEDED"),
    ]


def test_what_falls_due_before_a_retry_waits_for_it_and_fires_in_order() -> None:
    @durable_execution
    def handler(_event: object, context: DurableContext) -> None:
        three: ParallelBranch[None] = ParallelBranch(lambda inner: inner.wait(Duration(seconds=3), name="three"))
        two: ParallelBranch[None] = ParallelBranch(lambda inner: inner.wait(Duration(seconds=2), name="two"))
        context.parallel([three, two], config=ParallelConfig(max_concurrency=2, nesting_type=NestingType.FLAT))

    timeline = VirtualTimeline()
    service = DurableService(timeline, handler)
    service.crash_points.append(CrashPoint(invocation=1, checkpoint=None))
    execution = service.start({})
    timeline.run_until_idle(within=3_600)

    assert [(start - VIRTUAL_START, status) for start, status in execution.invocations] == [
        (0.0, "CRASHED"),
        (5.0, "SUCCEEDED"),
    ]
    assert [(timer.kind, timer.name) for timer in execution.timers] == [
        (TimerKind.WAIT, "two"),
        (TimerKind.WAIT, "three"),
        (TimerKind.INVOCATION_RETRY, ""),
    ]


def test_a_message_does_not_wait_for_a_retry() -> None:
    @durable_execution
    def handler(_event: object, context: DurableContext) -> str:
        return str(context.create_callback("mailbox").result())

    timeline = VirtualTimeline()
    service = DurableService(timeline, handler)
    service.crash_points.append(CrashPoint(invocation=1, checkpoint=None))
    execution = service.start({})
    timeline.run_for(2)
    service.callbacks.succeed(next(iter(execution.callback_deadlines)), "hello")
    timeline.run_until_idle(within=3_600)

    assert [(start - VIRTUAL_START, status) for start, status in execution.invocations] == [
        (0.0, "CRASHED"),
        (2.0, "SUCCEEDED"),
    ]


def test_a_dead_invocation_cannot_checkpoint() -> None:
    calls: list[DurableExecutionInvocationInputWithClient] = []

    def handler(event: DurableExecutionInvocationInputWithClient, _context: object) -> object:
        calls.append(event)
        if len(calls) == 1:
            raise MemoryError("out of memory")
        dead = calls[0]
        with pytest.raises(InvalidParameterValueException):
            event.service_client.checkpoint(dead.durable_execution_arn, dead.checkpoint_token, [], None)
        return {"Status": "SUCCEEDED", "Result": "null"}

    assert run(handler).status == "SUCCEEDED"


def test_a_crash_can_be_meant_for_one_execution() -> None:
    diary = Diary()
    diary.service.crash_points.append(CrashPoint(invocation=1, checkpoint=1, execution="unlucky"))

    executions = [diary.service.start({"instance": "i-1"}, name=name) for name in ("lucky", "unlucky")]
    diary.timeline.run_until_idle(within=3_600)

    assert [len(execution.invocations) for execution in executions] == [2, 3]


def test_the_handler_cannot_survive_its_crash() -> None:
    survived: list[str] = []

    @durable_execution
    def handler(_event: object, context: DurableContext) -> None:
        try:
            context.step(lambda _: None, name="first")
        except Exception:  # noqa: BLE001 - that is the point
            survived.append("first")

    timeline = VirtualTimeline()
    service = DurableService(timeline, handler)
    service.crash_points.append(CrashPoint(invocation=1, checkpoint=1))
    execution = service.start({})
    timeline.run_until_idle(within=3_600)

    assert survived == []
    assert execution.status == "SUCCEEDED"


def test_every_crash_leaves_no_thread_and_the_same_result() -> None:
    undisturbed = Diary().run()
    before = threading.active_count()

    for invocation in undisturbed.runs:
        for checkpoint in [*range(1, invocation.checkpoints + 1), None]:
            for after in (False, True):
                diary = Diary()
                crash = CrashPoint(invocation=invocation.number, checkpoint=checkpoint, after=after)
                assert diary.run(crash).result == undisturbed.result
                assert threading.active_count() == before


def test_a_handler_that_stops_its_own_execution_has_no_say() -> None:
    timeline = VirtualTimeline()

    @durable_execution
    def handler(_event: object, context: DurableContext) -> str:
        service.stop(context.execution_context.durable_execution_arn)
        return "finished"

    service = DurableService(timeline, handler)
    execution = service.start({})
    timeline.run_until_idle(within=3_600)

    assert (execution.status, execution.result) == ("STOPPED", None)


def test_a_result_too_large_to_return_is_kept() -> None:
    large = "x" * (6 * 1024 * 1024)

    @durable_execution
    def handler(_event: object, _context: DurableContext) -> str:
        return large

    execution = run(handler)

    assert execution.status == "SUCCEEDED"
    assert execution.result == large


def test_there_is_no_other_function_to_invoke() -> None:
    @durable_execution
    def handler(_event: object, context: DurableContext) -> object:
        return context.invoke("somebody-else", {}, name="call")

    execution = run(handler)

    assert execution.status == "FAILED"
    assert "Function not found: somebody-else" in (execution.error or "")


def test_a_closed_service_goes_no_further() -> None:
    diary = Diary()
    diary.service.start({"instance": "i-1"})
    diary.timeline.run_for(30)

    diary.service.close()
    diary.timeline.run_until_idle(within=3_600)

    assert diary.done == [(0.0, "first")]


def last_checkpoint(invocation: int) -> int:
    """Return how many checkpoints that invocation makes when nothing goes wrong."""
    return Diary().run().runs[invocation - 1].checkpoints
