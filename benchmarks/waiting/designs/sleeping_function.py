"""One invocation that sleeps between two looks: the shortest of the sample Lambdas."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benchmarks.waiting.designs.base import GAPS, Hook
from benchmarks.waiting.drain import NOBODY, DrainRegion
from benchmarks.waiting.usage import Failed, Usage

if TYPE_CHECKING:
    from benchmarks.waiting.billed_time import Function
    from benchmarks.waiting.drain import Drain

LONGEST_INVOCATION = 900.0


class SleepingFunction:
    """A function that sleeps."""

    name = "a Lambda that sleeps"
    lacks: ClassVar[tuple[str, ...]] = ("work of more than 15 minutes", "messages", "takeover", "a record")
    gaps: ClassVar[tuple[int | None, ...]] = GAPS

    def __init__(self, function: Function) -> None:
        self._function = function

    def play(self, drain: Drain, gap: int | None) -> Usage | Failed:
        """Carry the drain out."""
        gap = gap or GAPS[0]
        with DrainRegion(drain, NOBODY) as world:
            world.prepare()
            token = world.terminated()
            hook, began = Hook(world, token), world.timeline.now()
            if drain.has_work:
                hook.send_command()
            while not hook.is_done():
                if world.timeline.now() + gap > began + LONGEST_INVOCATION:
                    return Failed("a Lambda function runs for 15 minutes at most")
                hook.beat_if_due(gap)
                world.run(gap)
            hook.complete()
            slept = world.timeline.now() - began
            late = world.late()
            if isinstance(late, str):
                return Failed(late)
            return Usage(
                invocations=1,
                gigabyte_seconds=self._function.gigabyte_seconds([(0.0, hook.calls)])
                + slept * self._function.memory / 1024,
                late=late,
            )
