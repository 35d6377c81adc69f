"""The testing SDK's runner on scaled time: the real local runner, some sixty times as fast."""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python_testing import runner as testing_runner
from aws_durable_execution_sdk_python_testing.checkpoint.processor import CheckpointProcessor
from aws_durable_execution_sdk_python_testing.scheduler import Scheduler
from aws_durable_execution_sdk_python_testing.token import CheckpointToken

from asg_lifecycle_simulator.services.durable_executions.backend import prompt_end
from asg_lifecycle_simulator.services.durable_executions.execution import overtaken
from asg_lifecycle_simulator.services.durable_executions.history import TimelineClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from aws_durable_execution_sdk_python.lambda_service import CheckpointOutput, OperationUpdate
    from aws_durable_execution_sdk_python_testing.clock import Clock
    from aws_durable_execution_sdk_python_testing.scheduler import Event
    from aws_durable_execution_sdk_python_testing.stores.base import ExecutionStore

    from asg_lifecycle_simulator.region.timeline import ScaledTimeline

_replacing = threading.Lock()


class ScaledScheduler(Scheduler):
    """The runner's scheduler, counting in seconds of a timeline.

    The runner takes some delays from its clock and some as they are modelled: the timeouts of callbacks and of the
    execution, the pause before a failed invocation is tried again. Scaling here covers them all.
    """

    def __init__(self, timeline: ScaledTimeline) -> None:
        super().__init__()
        self._timeline = timeline

    def call_later(
        self,
        func: Callable[[], Any],
        delay: float = 0,
        count: int | None = 1,
        completion_event: Event | None = None,
    ) -> Future[Any]:
        """Call `func` after `delay` seconds of the timeline; see `Scheduler.call_later`."""
        return super().call_later(func, self._timeline.real_seconds(delay), count, completion_event)

    def stop(self) -> None:
        """Stop the scheduler and close its event loop, which the SDK leaves to the garbage collector."""
        super().stop()  # type: ignore[no-untyped-call]  # the SDK's method has no annotations
        self._loop.close()


class ScaledCheckpointProcessor(CheckpointProcessor):
    """The runner's checkpoints, for a handler whose SDK does not know the scaled time.

    Of an operation that falls due during an invocation the handler hears with its next checkpoint. The runner takes
    that for enough, but the SDK has the branch sleep until the same moment of the *real* clock, which on scaled time
    lies ahead: nobody would go on with it before something else wakes the execution. Here such an operation stays
    news, which has the handler invoked once more.
    """

    def __init__(self, store: ExecutionStore, scheduler: Scheduler, clock: Clock) -> None:
        super().__init__(store, scheduler, clock)
        self._executions = store

    def process_checkpoint(
        self, checkpoint_token: str, updates: list[OperationUpdate], client_token: str | None
    ) -> CheckpointOutput:
        """Apply `updates`; see `CheckpointProcessor.process_checkpoint`."""
        output = super().process_checkpoint(checkpoint_token, updates, client_token)
        record = self._executions.load(CheckpointToken.from_str(checkpoint_token).execution_arn)
        for operation_id in overtaken(record):
            record.touch_operation(operation_id)
            record.needs_reinvoke = True
        return output


@contextmanager
def local_runner(
    handler: Callable[..., Any], timeline: ScaledTimeline, *, execution_timeout: float
) -> Iterator[testing_runner.DurableFunctionTestRunner]:
    """Run `handler` through the testing SDK's `DurableFunctionTestRunner` on scaled time, until the block is left.

    Give the executions the runner starts a timeout in seconds of the timeline too: `run_async(execution_timeout=…)`.
    Only what waits for a result waits in real seconds: `wait_for_result(timeout=…)`, and with it `run`.

    Args:
        handler: what Lambda would call.
        timeline: the time waits, retries and timeouts are measured in.
        execution_timeout: how long an execution may take that is started without a timeout, seconds of the timeline.
    """
    with _replacing:
        # The runner makes its parts itself and takes no others.
        names = vars(testing_runner)
        before = {name: names[name] for name in ("SkipClock", "Scheduler", "CheckpointProcessor")}
        names |= {
            "SkipClock": partial(TimelineClock, timeline),
            "Scheduler": partial(ScaledScheduler, timeline),
            "CheckpointProcessor": ScaledCheckpointProcessor,
        }
        try:
            runner = testing_runner.DurableFunctionTestRunner(
                handler, skip_time=True, execution_timeout=math.ceil(execution_timeout)
            )
        finally:
            names |= before
    with prompt_end(), runner:
        yield runner
