"""A Step Functions Standard state machine that waits, looks and chooses, without a Lambda function."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from benchmarks.waiting.designs.base import GAPS, Hook
from benchmarks.waiting.drain import NOBODY, DrainRegion
from benchmarks.waiting.usage import Failed, Usage

if TYPE_CHECKING:
    from benchmarks.waiting.drain import Drain

MOST_EVENTS = 25_000
"""In the history of one execution (Step Functions guide, "Quotas")."""

EVENTS_OF_A_LOOK = 9
"""Wait and Choice are entered and left, a task is also scheduled, started and succeeded."""


class StateMachine:
    """A wait loop, counted."""

    name = "a Step Functions loop"
    lacks: ClassVar[tuple[str, ...]] = ("messages", "takeover", "steps decided by a plan")
    gaps: ClassVar[tuple[int | None, ...]] = GAPS

    def play(self, drain: Drain, gap: int | None) -> Usage | Failed:
        """Carry the drain out."""
        gap = gap or GAPS[0]
        with DrainRegion(drain, NOBODY) as world:
            world.prepare()
            hook = Hook(world, world.terminated())
            transitions, events = 0, 0
            if drain.has_work:
                hook.send_command()
                transitions += 1
            while True:
                # The look, and the choice after it.
                transitions, events = transitions + 2, events + EVENTS_OF_A_LOOK
                if hook.is_done():
                    break
                before = hook.calls
                hook.beat_if_due(gap)
                transitions += hook.calls - before
                transitions += 1
                world.run(gap)
                if events > MOST_EVENTS:
                    return Failed("an execution keeps 25,000 events at most")
            hook.complete()
            transitions += 1
            late = world.late()
            if isinstance(late, str):
                return Failed(late)
            return Usage(state_transitions=transitions, late=late)
