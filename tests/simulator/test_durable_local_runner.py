from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    CompletionConfig,
    Duration,
    NestingType,
    ParallelBranch,
    ParallelConfig,
)
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision
from aws_durable_execution_sdk_python_testing import runner as testing_runner

from asg_lifecycle_simulator.region.timeline import ScaledTimeline
from asg_lifecycle_simulator.services.durable_executions.history import TimelineClock
from asg_lifecycle_simulator.services.durable_executions.scaled_runner import local_runner
from asg_lifecycle_simulator.services.durable_executions.service import DurableService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_durable_execution_sdk_python.types import LambdaContext
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
        return str(context.create_callback("mailbox", CallbackConfig(timeout=Duration(seconds=60))).result())

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

    def frail(event: object, context: LambdaContext) -> object:
        for failure in failures:
            raise failure
        return handler(event, context)

    really_started = time.monotonic()
    assert run(frail, timeline, execution_timeout=600).result == '"done"'
    assert time.monotonic() - really_started < 5


class Overtaking:
    """A race in which the quick branch falls due, 50 s after the start, while the slow one works until 70 s.

    Args:
        timeline: scaled time.
        later: the slow branch works so long in its second look, 30 s after the start, and not in its first.
    """

    def __init__(self, timeline: ScaledTimeline, *, later: bool) -> None:
        self.second_look: float | None = None
        self.over = threading.Event()
        self.handler = durable_execution(self._race)
        self._later = later
        self._timeline = timeline
        self._started = timeline.now()

    @property
    def elapsed(self) -> float:
        return self._timeline.now() - self._started

    def _race(self, _event: object, context: DurableContext) -> None:
        branches: list[ParallelBranch[None]] = [
            ParallelBranch(self._looking("slow", self._slow, 30 if self._later else 3_000, 3_000)),
            ParallelBranch(self._looking("quick", self._quick, 50)),
        ]
        first = CompletionConfig(min_successful=1)
        config = ParallelConfig(completion_config=first, nesting_type=NestingType.FLAT)
        context.parallel(branches, config=config).throw_if_error()
        self.over.set()

    def _slow(self, looked: int, _context: object) -> int:
        while looked == int(self._later) and self.elapsed < 70:
            pass
        return looked + 1

    def _quick(self, looked: int, _context: object) -> int:
        if looked == 1:
            self.second_look = self.elapsed
        return looked + 1

    @staticmethod
    def _looking(name: str, look: Callable[[int, Any], int], *waits: int) -> Callable[[DurableContext], None]:
        def decide(looked: int, _attempts: int) -> WaitForConditionDecision:
            if looked > len(waits):
                return WaitForConditionDecision.stop_polling()
            return WaitForConditionDecision.continue_waiting(Duration(seconds=waits[looked - 1]))

        def branch(context: DurableContext) -> None:
            config = WaitForConditionConfig(wait_strategy=decide, initial_state=0)
            context.wait_for_condition(look, config, name=name)

        return branch


@pytest.mark.parametrize("later", [False, True])
def test_a_branch_that_falls_due_while_another_one_works_is_looked_at_next(
    timeline: ScaledTimeline, *, later: bool
) -> None:
    overtaking = Overtaking(timeline, later=later)

    run(overtaking.handler, timeline, execution_timeout=600)

    assert overtaking.second_look is not None
    assert 50 <= overtaking.second_look < 200


@pytest.mark.parametrize("later", [False, True])
def test_so_it_is_in_a_durable_service_on_scaled_time(timeline: ScaledTimeline, *, later: bool) -> None:
    overtaking = Overtaking(timeline, later=later)
    execution = DurableService(timeline, overtaking.handler).start({})

    assert overtaking.over.wait(REAL_SECONDS)
    timeline.close()

    assert overtaking.second_look is not None
    assert 50 <= overtaking.second_look < 200
    assert execution.status == "SUCCEEDED"
    assert [timer.name for timer in execution.timers] == (["slow", "quick"] if later else ["quick"])


def test_the_testing_sdk_is_left_as_it_was(timeline: ScaledTimeline) -> None:
    before = dict(vars(testing_runner))

    with local_runner(lambda _event, _context: None, timeline, execution_timeout=60):
        assert vars(testing_runner) == before


def test_a_clock_tells_the_time_of_its_timeline(timeline: ScaledTimeline) -> None:
    clock = TimelineClock(timeline)

    assert clock.now().timestamp() == pytest.approx(timeline.now(), abs=SCALE)
    assert clock.arm(clock.now()) == 0.0
