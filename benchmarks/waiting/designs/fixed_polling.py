"""A durable function as its guide shows it: one condition that looks at a fixed gap, with the heartbeats in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig, WaitForConditionDecision

from asg_lifecycle_simulator.services.durable_executions.service import DurableService
from benchmarks.waiting.designs.base import GAPS, Hook
from benchmarks.waiting.drain import LONGEST, NOBODY, DrainRegion
from benchmarks.waiting.usage import Failed, Usage

if TYPE_CHECKING:
    from benchmarks.waiting.billed_time import Function
    from benchmarks.waiting.drain import Drain


class FixedPolling:
    """Durable polling at a fixed gap."""

    name = "durable polling at a fixed gap"
    lacks: ClassVar[tuple[str, ...]] = ("events", "messages", "takeover", "a record")
    gaps: ClassVar[tuple[int | None, ...]] = GAPS

    def __init__(self, function: Function) -> None:
        self._function = function

    def play(self, drain: Drain, gap: int | None) -> Usage | Failed:
        """Carry the drain out."""
        gap = gap or GAPS[0]
        with DrainRegion(drain, NOBODY) as world:
            world.prepare()
            hook = Hook(world, world.terminated())
            service = DurableService(world.timeline, polling(hook, gap, has_work=drain.has_work))
            execution = service.start({})
            limit = world.timeline.now() + LONGEST
            while not execution.is_complete and (world.timeline.next_due() or limit) < limit:
                world.timeline.advance()
            if execution.status != "SUCCEEDED":
                return Failed(execution.error or execution.status)
            late = world.late()
            if isinstance(late, str):
                return Failed(late)
            calls = hook.calls / len(execution.runs)
            runs = [(run.started_at, round(calls)) for run in execution.runs]
            return Usage(
                durable_operations=execution.metered_operations,
                durable_bytes=execution.written_bytes,
                invocations=len(runs),
                gigabyte_seconds=self._function.gigabyte_seconds(runs),
                late=late,
            )


def polling(hook: Hook, gap: int, *, has_work: bool) -> Any:  # noqa: ANN401 - what the SDK makes of a handler
    """Return a durable function that runs the command of `hook` and looks every `gap` seconds."""

    def look(done: bool, _: object) -> bool:  # noqa: FBT001 - the state of the condition
        if done or hook.is_done():
            return True
        hook.beat_if_due(gap)
        return False

    def strategy(done: bool, _: int) -> WaitForConditionDecision:  # noqa: FBT001 - likewise
        if done:
            return WaitForConditionDecision.stop_polling()
        return WaitForConditionDecision.continue_waiting(Duration(gap))

    @durable_execution
    def handler(event: object, context: DurableContext) -> None:
        del event
        if has_work:
            context.step(lambda _: hook.send_command(), name="send")
        context.wait_for_condition(
            look, WaitForConditionConfig(wait_strategy=strategy, initial_state=False), name="look"
        )
        context.step(lambda _: hook.complete(), name="complete")

    return handler
