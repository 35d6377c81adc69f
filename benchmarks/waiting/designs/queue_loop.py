"""A function that puts its own message back into an SQS queue, with a delay, and keeps its state in DynamoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benchmarks.waiting.designs.base import GAPS, Hook
from benchmarks.waiting.drain import NOBODY, DrainRegion
from benchmarks.waiting.usage import Failed, Usage

if TYPE_CHECKING:
    from benchmarks.waiting.billed_time import Function
    from benchmarks.waiting.drain import Drain

RECEIVE_AND_DELETE = 2


class QueueLoop:
    """An SQS loop. The empty receives of its event source mapping are left out, they are shared by all drains."""

    name = "an SQS loop"
    lacks: ClassVar[tuple[str, ...]] = ("events", "messages", "takeover", "steps")
    gaps: ClassVar[tuple[int | None, ...]] = GAPS

    def __init__(self, function: Function) -> None:
        self._function = function

    def play(self, drain: Drain, gap: int | None) -> Usage | Failed:
        """Carry the drain out."""
        gap = gap or GAPS[0]
        with DrainRegion(drain, NOBODY) as world:
            world.prepare()
            hook = Hook(world, world.terminated())
            runs: list[tuple[float, int]] = []
            requests = 0
            before = 0
            if drain.has_work:
                hook.send_command()
            # The state is written and the first message sent; a look reads the state, and writes it again.
            reads, writes = 0, 1
            while not hook.is_done():
                hook.beat_if_due(gap)
                runs.append((world.timeline.now(), hook.calls - before))
                before, requests, writes = hook.calls, requests + 1, writes + 1
                world.run(gap)
                requests, reads = requests + RECEIVE_AND_DELETE, reads + 1
            hook.complete()
            runs.append((world.timeline.now(), hook.calls - before))
            late = world.late()
            if isinstance(late, str):
                return Failed(late)
            return Usage(
                invocations=len(runs),
                gigabyte_seconds=self._function.gigabyte_seconds(runs),
                write_units=writes,
                read_units=reads,
                queue_requests=requests,
                late=late,
            )
