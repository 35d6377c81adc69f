"""One entry of a plan between two polls, and as the record remembers it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.execution.work.step_checkpoint import StepCheckpoint
from asg_lifecycle.model.progress import Failed

if TYPE_CHECKING:
    from asg_lifecycle.model.step_memory import StepMemory

DIGEST_BYTES = 12
MINUTE = 60.0


class EntryCheckpoint(Polled, frozen=True, kw_only=True, omit_defaults=True):
    """One entry between two polls. Times are seconds since the epoch.

    Attributes:
        began_at: when it began in this round of the race, None before the first poll.
        steps: its steps.
        due: when each of them is polled again.
        noted: the record says that several steps begin.
        recorded: digest of what the record remembers of the steps, None when that is not known.
        blocked_before: seconds for which dependencies had kept them waiting before this round: the time at which the
            work began has been moved on by these already.
        lost_ownership: another execution owns the action.
        timed_out: the plan's time is over.
    """

    began_at: float | None = None
    steps: tuple[StepCheckpoint, ...]
    due: tuple[float, ...]
    noted: bool = False
    recorded: str | None = None
    blocked_before: float = 0.0
    lost_ownership: bool = False
    timed_out: bool = False


def first_checkpoint(memories: tuple[StepMemory, ...], count: int, *, restarts: bool) -> EntryCheckpoint:
    """Return an entry of `count` steps as the record remembers it.

    Args:
        memories: what the record remembers of its steps.
        count: how many it has.
        restarts: whether those that failed begin again.
    """
    checkpoints = remembered_checkpoints(memories, count)
    steps = tuple(
        StepCheckpoint(attempt=step.attempt) if restarts and isinstance(step.progress, Failed) else step
        for step in checkpoints
    )
    return EntryCheckpoint(
        steps=steps,
        due=(0.0,) * count,
        recorded=digest_of(memories) if steps == checkpoints and memories else None,
        blocked_before=max(step.blocked_seconds for step in steps),
    )


def digest_of(memories: tuple[StepMemory, ...]) -> str:
    """Return a digest that is the same for memories that differ only in the time for which dependencies kept steps.

    Moments without an answer make a difference when they have added up to one more minute: whoever takes over must not
    count them against a timeout.

    It stands in the checkpoint of every poll, which is paid by its size.
    """
    # As JSON: what was read back from a checkpoint has lists where a step may have put tuples.
    steady = [
        msgspec.structs.replace(
            memory,
            blocked_seconds=memory.blocked_seconds // MINUTE if memory.blocked_since is None else 0.0,
            blocked_since=None,
        )
        for memory in memories
    ]
    return hashlib.blake2s(msgspec.json.encode(steady), digest_size=DIGEST_BYTES).hexdigest()


def remembered_checkpoints(memories: tuple[StepMemory, ...], count: int) -> tuple[StepCheckpoint, ...]:
    """Return the steps as the record remembers them, those that failed included."""
    if len(memories) != count:
        return (StepCheckpoint(),) * count
    return tuple(StepCheckpoint.recalled(memory) for memory in memories)
