from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python import DurableContext, complete_batch, continue_batch, durable_execution
from aws_durable_execution_sdk_python.config import (
    CompletionConfig,
    Duration,
    NestingType,
    ParallelBranch,
    ParallelConfig,
)
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision

from asg_lifecycle_simulator.region.timeline import VIRTUAL_START, VirtualTimeline
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CrashPoint
from asg_lifecycle_simulator.services.durable_executions.history import FiredTimer, TimerKind
from asg_lifecycle_simulator.services.durable_executions.service import DurableService

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import CompletionDecision, CompletionStatus

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

NEVER = float("inf")


class Track:
    """A race of a poll, a beat and an inbox, as the application runs one, and when each branch looked."""

    def __init__(
        self, *, poll: int, beat: int, done_after: float, beside: Track | None = None, work: str = "work"
    ) -> None:
        self.timeline: VirtualTimeline = beside.timeline if beside is not None else VirtualTimeline()
        self.looks: list[tuple[float, str]] = beside.looks if beside is not None else []
        self._work = work
        self._callback_ids: dict[str, str] = {}
        self._poll = poll
        self._beat = beat
        self._done_after = done_after
        self.service = DurableService(self.timeline, durable_execution(self._race))

    @property
    def elapsed(self) -> float:
        return self.timeline.now() - VIRTUAL_START

    def send_message(self, execution: SimulatedExecution, message: bytes) -> None:
        self.service.callbacks.succeed(self._callback_ids[execution.arn], message)

    def times(self, branch: str) -> list[float]:
        return [time for time, name in self.looks if name == branch]

    def _race(self, _event: object, context: DurableContext) -> list[Any]:
        callback = context.create_callback("inbox")
        self._callback_ids[context.execution_context.durable_execution_arn] = callback.callback_id
        branches: list[ParallelBranch[Any]] = [
            ParallelBranch(self._looking(self._work, self._poll, self._done_after), "work"),
            ParallelBranch(self._looking("keep-alive", self._beat, NEVER), "keep-alive"),
            ParallelBranch(lambda _: callback.result(), "inbox"),
        ]
        config = ParallelConfig(
            completion_config=CompletionConfig(should_complete=_first_finisher), nesting_type=NestingType.FLAT
        )
        batch = context.parallel(branches, name="race", config=config)
        return [item.result for item in batch.succeeded()]

    def _looking(self, name: str, every: int, until: float) -> Callable[[DurableContext], str]:
        def decide(waited: float, _attempts: int) -> WaitForConditionDecision:
            if waited >= until:
                return WaitForConditionDecision.stop_polling()
            return WaitForConditionDecision.continue_waiting(Duration(seconds=every))

        def look(_state: float, _context: object) -> float:
            self.looks.append((self.elapsed, name))
            return self.elapsed

        def branch(context: DurableContext) -> str:
            context.wait_for_condition(look, WaitForConditionConfig(wait_strategy=decide, initial_state=0.0), name=name)
            return f"{name} finished"

        return branch


def _first_finisher(status: CompletionStatus) -> CompletionDecision:
    return complete_batch() if status.completed_count > 0 else continue_batch()


def test_two_timers_of_one_race_fire_in_order_and_on_time() -> None:
    track = Track(poll=5, beat=150, done_after=295)
    execution = track.service.start({})

    track.timeline.run_until_idle(within=1_000)

    assert execution.result == ["work finished"]
    assert track.times("work") == [float(time) for time in range(0, 300, 5)]
    assert track.times("keep-alive") == [0.0, 150.0]
    assert [time for time, _ in track.looks] == sorted(time for time, _ in track.looks)
    assert track.elapsed == 295.0


def test_what_falls_due_together_is_done_in_one_invocation() -> None:
    track = Track(poll=5, beat=150, done_after=300)
    execution = track.service.start({})

    track.timeline.run_until_idle(within=1_000)

    assert execution.result[0] == "work finished"
    assert [start - VIRTUAL_START for start, _ in execution.invocations] == [float(time) for time in range(0, 305, 5)]
    assert [(timer.time - VIRTUAL_START, timer.name) for timer in execution.timers[-2:]] == [
        (300.0, "work"),
        (300.0, "keep-alive"),
    ]


def test_a_message_ends_the_race_at_once() -> None:
    track = Track(poll=5, beat=150, done_after=NEVER)
    execution = track.service.start({})
    track.timeline.call_after(152.5, lambda: track.send_message(execution, b"now"))

    track.timeline.run_until_idle(within=1_000)

    assert execution.result == ["now"]
    assert track.elapsed == 152.5
    assert track.times("work")[-1] == 150.0


def test_the_history_tells_every_timer_in_order() -> None:
    track = Track(poll=60, beat=90, done_after=180)
    execution = track.service.start({})

    track.timeline.run_until_idle(within=1_000)

    assert execution.timers == [
        FiredTimer(VIRTUAL_START + time, TimerKind.RETRY, name)
        for time, name in [(60, "work"), (90, "keep-alive"), (120, "work"), (180, "work"), (180, "keep-alive")]
    ]


def test_a_race_is_few_operations_and_each_poll_is_metered() -> None:
    track = Track(poll=5, beat=150, done_after=295)
    execution = track.service.start({})

    track.timeline.run_until_idle(within=1_000)

    assert [(operation.name, operation.type) for operation in execution.operations] == [
        ("inbox", "CALLBACK"),
        ("race", "CONTEXT"),
        ("work", "STEP"),
        ("keep-alive", "STEP"),
    ]
    assert execution.operation("work").attempts == 60
    assert execution.operation("keep-alive").status == "PENDING"
    assert execution.operation_count == 4
    # The start, the inbox, the race with its branches, 60 polls and 2 heartbeats.
    assert execution.metered_operations == 1 + 1 + (1 + 3) + (1 + 60) + (1 + 2)


def test_many_executions_live_side_by_side_in_exact_order() -> None:
    first = Track(poll=7, beat=150, done_after=28, work="every 7")
    tracks = [
        first,
        Track(poll=11, beat=150, done_after=44, beside=first, work="every 11"),
        Track(poll=13, beat=150, done_after=52, beside=first, work="every 13"),
    ]
    executions = [track.service.start({}) for track in tracks]

    first.timeline.run_until_idle(within=1_000)

    assert [execution.status for execution in executions] == ["SUCCEEDED"] * 3
    assert [look for look in first.looks if look[0] > 0] == [
        (7.0, "every 7"),
        (11.0, "every 11"),
        (13.0, "every 13"),
        (14.0, "every 7"),
        (21.0, "every 7"),
        (22.0, "every 11"),
        (26.0, "every 13"),
        (28.0, "every 7"),
        (33.0, "every 11"),
        (39.0, "every 13"),
        (44.0, "every 11"),
        (52.0, "every 13"),
    ]
    assert first.elapsed == 52.0


def test_executions_of_one_service_do_not_see_each_other() -> None:
    track = Track(poll=5, beat=150, done_after=NEVER)
    first = track.service.start({"number": 1})
    track.timeline.run_for(12)
    second = track.service.start({"number": 2})
    track.timeline.run_for(3)

    track.send_message(second, b"for the second")
    track.timeline.run_for(0)

    assert (first.status, first.operation("inbox").status) == ("RUNNING", "STARTED")
    assert (second.status, second.result) == ("SUCCEEDED", ["for the second"])


def test_no_thread_outlives_its_invocation() -> None:
    track = Track(poll=5, beat=150, done_after=NEVER)
    track.service.start({})
    before = threading.active_count()

    for _ in range(20):
        track.timeline.advance()
        assert threading.active_count() == before


def test_a_race_survives_a_crash_at_any_checkpoint() -> None:
    undisturbed = Track(poll=5, beat=7, done_after=15)
    runs = undisturbed.service.start({}).runs
    undisturbed.timeline.run_until_idle(within=1_000)
    before = threading.active_count()

    for crash in [
        CrashPoint(invocation=run.number, checkpoint=checkpoint, after=after)
        for run in runs
        for checkpoint in range(1, run.checkpoints + 1)
        for after in (False, True)
    ]:
        track = Track(poll=5, beat=7, done_after=15)
        track.service.crash_points.append(crash)
        execution = track.service.start({})
        track.timeline.run_until_idle(within=1_000)

        assert execution.result == ["work finished"], crash
        assert [time for time, _ in track.looks] == sorted(time for time, _ in track.looks), crash
        assert threading.active_count() == before, crash


def test_two_days_of_polls_and_beats_keep_every_timer_in_order() -> None:
    two_days = 48 * 3600
    track = Track(poll=300, beat=900, done_after=two_days - 300)
    execution = track.service.start({})

    track.timeline.run_until_idle(within=two_days)

    assert execution.result == ["work finished"]
    assert track.times("work") == [float(time) for time in range(0, two_days, 300)]
    assert track.times("keep-alive") == [float(time) for time in range(0, two_days - 300, 900)]
    assert execution.operation_count == 4
