from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    Duration,
    NestingType,
    ParallelBranch,
    ParallelConfig,
)
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision
from aws_durable_execution_sdk_python_testing import runner as testing_runner

from simulator.durable_executions.history import TimelineClock
from simulator.durable_executions.scaled_runner import local_runner
from simulator.timeline import ScaledTimeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestResult

SCALE = 120
REAL_SECONDS = 20
"""What a test may take before it counts as hanging."""


@pytest.fixture
def timeline() -> Iterator[ScaledTimeline]:
    timeline = ScaledTimeline(SCALE)
    yield timeline
    timeline.close()


def run(handler: Callable[..., Any], timeline: ScaledTimeline, *, execution_timeout: int) -> DurableFunctionTestResult:
    with local_runner(handler, timeline, execution_timeout=execution_timeout) as runner:
        return runner.wait_for_result(runner.run_async(input="{}"), timeout=REAL_SECONDS)


def test_waits_take_scaled_time(timeline: ScaledTimeline) -> None:
    @durable_execution
    def handler(_event: object, context: DurableContext) -> str:
        context.wait(Duration(seconds=60))
        return "done"

    started, really_started = timeline.now(), time.monotonic()
    result = run(handler, timeline, execution_timeout=600)

    assert result.result == '"done"'
    assert timeline.now() - started >= 60
    assert time.monotonic() - really_started < REAL_SECONDS


def test_a_callback_times_out_in_scaled_time(timeline: ScaledTimeline) -> None:
    @durable_execution
    def handler(_event: object, context: DurableContext) -> str:
        return context.create_callback("mailbox", CallbackConfig(timeout=Duration(seconds=60))).result()

    started = timeline.now()
    result = run(handler, timeline, execution_timeout=6_000)

    assert result.error is not None
    assert result.error.message == "Callback timed out"
    assert 60 <= timeline.now() - started < 600


def test_an_execution_times_out_in_scaled_time(timeline: ScaledTimeline) -> None:
    @durable_execution
    def handler(_event: object, context: DurableContext) -> None:
        context.wait(Duration(seconds=6_000))

    result = run(handler, timeline, execution_timeout=60)

    assert result.error is not None
    assert result.error.message == "Execution timed out after 60 seconds."


def test_a_failed_invocation_is_tried_again_in_scaled_time(timeline: ScaledTimeline) -> None:
    failures = iter([MemoryError("out of memory")])

    @durable_execution
    def handler(_event: object, _context: DurableContext) -> str:
        return "done"

    def frail(event: object, context: Any) -> object:
        for failure in failures:
            raise failure
        return handler(event, context)

    really_started = time.monotonic()
    assert run(frail, timeline, execution_timeout=600).result == '"done"'
    assert time.monotonic() - really_started < 5


def test_a_branch_that_falls_due_while_another_one_runs_is_looked_at_at_once(timeline: ScaledTimeline) -> None:
    looks: list[tuple[str, float]] = []
    started = timeline.now()

    def looking(name: str, waits: list[int], busy: float) -> Callable[[DurableContext], None]:
        def look(looked: int, _context: object) -> int:
            looks.append((name, timeline.now() - started))
            if looked == 1:
                # The other branch falls due while this one still works.
                end = timeline.now() + busy
                while timeline.now() < end:
                    pass
            return looked + 1

        def decide(looked: int, _attempts: int) -> WaitForConditionDecision:
            if looked > len(waits):
                return WaitForConditionDecision.stop_polling()
            return WaitForConditionDecision.continue_waiting(Duration(seconds=waits[looked - 1]))

        def branch(context: DurableContext) -> None:
            config = WaitForConditionConfig(wait_strategy=decide, initial_state=0)
            context.wait_for_condition(look, config, name=name)

        return branch

    @durable_execution
    def handler(_event: object, context: DurableContext) -> None:
        branches = [
            ParallelBranch(looking("slow", [30, 3_000], busy=40.0), "slow"),
            ParallelBranch(looking("quick", [50], busy=0.0), "quick"),
        ]
        context.parallel(branches, config=ParallelConfig(nesting_type=NestingType.FLAT)).throw_if_error()

    run(handler, timeline, execution_timeout=600)

    second_look = [when for name, when in looks if name == "quick"][1]
    assert 50 <= second_look < 200


def test_the_testing_sdk_is_left_as_it_was(timeline: ScaledTimeline) -> None:
    before = dict(vars(testing_runner))

    with local_runner(lambda _event, _context: None, timeline, execution_timeout=60):
        assert vars(testing_runner) == before


def test_a_clock_tells_the_time_of_its_timeline(timeline: ScaledTimeline) -> None:
    clock = TimelineClock(timeline)

    assert clock.now().timestamp() == pytest.approx(timeline.now(), abs=SCALE)
    assert clock.arm(clock.now()) == 0.0
