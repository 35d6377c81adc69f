"""Lambda durable executions on a `Timeline`, in process.

The testing SDK's own runner keeps real time, or jumps ahead when a timer is armed and then runs later timers before
earlier ones. Here an invocation is a plain call inside a timer of the timeline, so any number of executions live side
by side in exact order. Operations, checkpoints and tokens are the testing SDK's; what its `Executor` decides is
decided the same way: retries of failed invocations, answers it refuses, and triggers that come during an invocation.
"""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python.lambda_service import ErrorObject
from aws_durable_execution_sdk_python_testing.exceptions import (
    ExecutionAlreadyStartedException,
    ResourceNotFoundException,
)

from asg_lifecycle_simulator.region.faults import CallFate
from asg_lifecycle_simulator.services.durable_executions.backend import Backend
from asg_lifecycle_simulator.services.durable_executions.callbacks import Callbacks
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CheckpointClient, CrashPlan
from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution, overtaken
from asg_lifecycle_simulator.services.durable_executions.function import LONGEST_EXECUTION, DurableFunction
from asg_lifecycle_simulator.services.durable_executions.history import FiredTimer, TimelineClock, TimerKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from asg_lifecycle_simulator.region.timeline import Timeline
    from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash, CrashPoint

FAILURES = frozenset({"FAILED", "STOPPED", "TIMED_OUT"})


class DurableService:
    """One durable function and its executions.

    On a `VirtualTimeline` no time passes while an invocation runs. Use it from the thread that moves the timeline and
    from inside invocations. It never invokes the handler from within a call: the next timer does.

    Attributes:
        executions: every execution, in the order they were started.
        crash_points: where invocations die; may be changed at any time.
        call_crashes: the AWS calls at which they die; likewise.
        notices_late: a callback's end invokes no handler, which hears of it when a timer resumes it: so it can go where
            it comes during an invocation (aws-durable-execution-sdk-js#510).
        callbacks: completes, fails and keeps alive what executions wait for.
        on_failure: called with each execution that ends FAILED, STOPPED or TIMED_OUT.
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
        self._function = DurableFunction(function_name, region, account, execution_timeout)
        self._lock = threading.RLock()
        self._running: SimulatedExecution | None = None
        self._by_arn: dict[str, SimulatedExecution] = {}
        self._crashes = CrashPlan()
        self._client = CheckpointClient(self._clock, self._lock, self.get, self._crashes)
        self._versions: list[Backend] = []
        self.redeploy(handler)
        self.on_failure: Callable[[SimulatedExecution], None] = lambda _: None
        self.notices_late = False
        self.callbacks = Callbacks(self._clock, self._lock, self.get, self._notice)

    def limit_checkpoints(self, admits: Callable[[], bool]) -> None:
        """Refuse checkpoints when `admits` says that there is no room for one."""
        self._client.admits = admits

    @property
    def crash_points(self) -> list[CrashPoint]:
        """Where invocations die."""
        return self._crashes.points

    @property
    def call_crashes(self) -> list[CallCrash]:
        """The AWS calls at which invocations die."""
        return self._crashes.calls

    @property
    def version(self) -> int:
        """The version that new executions run on, from 1."""
        return len(self._versions)

    @property
    def function_arn(self) -> str:
        """The function's ARN, qualified by its newest version."""
        return self._function.version_arn(self.version)

    @property
    def alias_arn(self) -> str:
        """The function's ARN, qualified by the alias that leads to the newest version."""
        return self._function.alias_arn

    def serves(self, function: str, qualifier: str | None = None) -> bool:
        """Return whether a name or an ARN, with a qualifier, is that of the alias or of the newest version."""
        return self._function.is_named(function, qualifier, version=self.version)

    def is_named(self, function: str) -> bool:
        """Return whether a name or an ARN without a qualifier is that of the function."""
        return function in {self._function.name, self._function.arn}

    def redeploy(self, handler: Callable[..., Any]) -> None:
        """Publish a new version of the function. Executions under way stay on theirs."""
        self._versions.append(
            Backend(
                timeline=self._timeline,
                handler=handler,
                client=self._client,
                lock=self._lock,
                region=self._function.region,
                account=self._function.account,
            )
        )

    def call_fate(self) -> CallFate:
        """Return what becomes of an AWS call made now: the running invocation's, if there is one."""
        with self._lock:
            running = self._running
            return CallFate.SERVED if running is None else self._crashes.meet_call(running)

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
            execution = self._function.new_execution(
                len(self.executions) + 1, name, payload, version=self.version, now=self._timeline.now()
            )
            self._client.store.save(execution.record)
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
                # A running invocation ends by itself and reports the failure then.
                if not execution.running:
                    self._tell_failure(execution)
            return execution.record.get_operation_execution_started().end_timestamp or self._clock.now()

    def pause(self, arn: str) -> None:
        """Pause an execution: its handler is not invoked until it is resumed. botocore knows no such operation yet.

        Raises:
            ResourceNotFoundException: there is none with this ARN.
        """
        with self._lock:
            execution = self.get(arn)
            if not execution.paused:
                execution.pauses.append(self._clock.now())
            self._arm(execution)

    def resume_paused(self, arn: str) -> None:
        """Have a paused execution go on.

        Raises:
            ResourceNotFoundException: there is none with this ARN.
        """
        with self._lock:
            execution = self.get(arn)
            if execution.paused:
                execution.pauses.append(self._clock.now())
            self._call_for_invocation(execution)

    def close(self) -> None:
        """Cancel every timer: no execution goes on."""
        with self._lock:
            for execution in self.executions:
                if execution.wake is not None:
                    execution.wake.cancel()

    def _notice(self, execution: SimulatedExecution) -> None:
        if not self.notices_late:
            self._call_for_invocation(execution)

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
            self._running = execution
        try:
            self._versions[execution.version - 1].run(execution, f"{self._function.name}:{execution.version}")
        finally:
            execution.running = False
            self._running = None
        with self._lock:
            self._go_on(execution)
        self._tell_failure(execution)

    def _tell_failure(self, execution: SimulatedExecution) -> None:
        if execution.status in FAILURES:
            self.on_failure(execution)

    def _time_out(self, execution: SimulatedExecution) -> None:
        error = ErrorObject.from_message(f"Execution timed out after {self._function.execution_timeout:.0f} seconds.")
        execution.record.complete_timeout(error=error, now=self._clock.now())
        execution.timers.append(FiredTimer(self._timeline.now(), TimerKind.EXECUTION_TIMEOUT))
        self._tell_failure(execution)

    def _go_on(self, execution: SimulatedExecution) -> None:
        record = execution.record
        # A callback's end that the invocation has seen through a checkpoint earns no other invocation.
        news = (record.needs_reinvoke and record.has_unseen_changes()) or bool(overtaken(record))
        if news and not execution.retrying:
            execution.owe(self._timeline.now())
        record.needs_reinvoke = False
        self._arm(execution)
