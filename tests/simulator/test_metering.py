"""What Lambda meters (Lambda guide, "How durable operations are metered"), and the cap of 3,000."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python.config import Duration, NestingType, ParallelBranch, ParallelConfig, StepConfig
from aws_durable_execution_sdk_python.retries import RetryDecision
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision

from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.durable_executions import checkpoints
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CrashPoint
from asg_lifecycle_simulator.services.durable_executions.metering import MOST_OPERATIONS
from asg_lifecycle_simulator.services.durable_executions.service import DurableService

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

TWO_DAYS = 172_800


def executed(work: Callable[[DurableContext], object], *crashes: CrashPoint) -> SimulatedExecution:
    """Return the execution of a function that does `work`, when nothing is left to do."""

    @durable_execution
    def handler(_: Any, context: DurableContext) -> None:
        work(context)

    timeline = VirtualTimeline()
    service = DurableService(timeline, handler)
    service.crash_points.extend(crashes)
    execution = service.start({})
    timeline.run_until_idle(within=TWO_DAYS)
    return execution


def polls(count: int) -> Callable[[DurableContext], object]:
    """Return work that polls `count` times, once a second."""

    def decide(state: int, _: int) -> WaitForConditionDecision:
        return (
            WaitForConditionDecision.continue_waiting(Duration(1))
            if state < count
            else WaitForConditionDecision.stop_polling()
        )

    config = WaitForConditionConfig(wait_strategy=decide, initial_state=0)
    return lambda context: context.wait_for_condition(lambda state, _: state + 1, config, name="poll")


def fails(times: int) -> Callable[[DurableContext], object]:
    """Return work whose step fails so often before it succeeds."""
    failures = [ValueError()] * times

    def attempt(_: object) -> None:
        if failures:
            raise failures.pop()

    config = StepConfig(retry_strategy=lambda *_: RetryDecision.retry(Duration(1)))
    return lambda context: context.step(attempt, name="step", config=config)


def raced(nesting: NestingType) -> Callable[[DurableContext], object]:
    """Return work that runs three branches, each of which waits."""
    branches: list[ParallelBranch[None]] = [
        ParallelBranch(lambda inner: inner.wait(Duration(5)), f"branch-{number}") for number in range(3)
    ]
    return lambda context: context.parallel(branches, name="race", config=ParallelConfig(nesting_type=nesting))


@pytest.mark.parametrize(
    ("work", "metered"),
    [
        pytest.param(lambda _: None, 1, id="the start"),
        pytest.param(lambda context: context.step(lambda _: 1, name="step"), 2, id="a step"),
        pytest.param(lambda context: context.wait(Duration(60)), 2, id="a wait"),
        pytest.param(lambda context: context.create_callback("inbox"), 2, id="a callback"),
        pytest.param(polls(1), 1 + 1 + 1, id="a condition with one poll"),
        pytest.param(polls(7), 1 + 1 + 7, id="a condition with seven polls"),
        pytest.param(lambda context: context.run_in_child_context(lambda _: None, "child"), 2, id="a child context"),
        pytest.param(raced(NestingType.FLAT), 1 + 1 + 3 + 3, id="flat branches"),
        pytest.param(raced(NestingType.NESTED), 1 + 1 + 3 + 3, id="nested branches"),
    ],
)
def test_each_kind_of_operation(work: Callable[[DurableContext], object], metered: int) -> None:
    assert executed(work).metered_operations == metered


def test_each_retry_of_a_step() -> None:
    assert executed(fails(2)).metered_operations == 1 + 1 + 2


def test_each_invocation_that_makes_up_for_a_failed_one() -> None:
    execution = executed(lambda context: context.wait(Duration(60)), CrashPoint(invocation=2, checkpoint=None))

    assert execution.metered_operations == 1 + 1 + 1


def test_an_execution_fails_beyond_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_OPERATIONS == 3_000
    monkeypatch.setattr(checkpoints, "MOST_OPERATIONS", 10)
    assert executed(polls(8)).status == "SUCCEEDED"

    execution = executed(polls(9))

    assert execution.status == "FAILED"
    assert execution.error == "The execution has more than 10 operations"
