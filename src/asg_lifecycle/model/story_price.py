"""What the wait of an action has cost, as far as its record says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.durations import roughly
from asg_lifecycle.model.prices import AS_OF, DURABLE_OPERATION, INSTANCE_SECOND
from asg_lifecycle.model.progress import Waiting
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.story_parts import StoryPrice

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record

CLAIMED = 2
"""The start of the execution, and its claim: one operation each (docs/designs/006-what-an-execution-costs.md)."""

SET_UP = 1
INBOX = 1
LOOK = 1
"""At the work: the opening of a round, or a poll of the work in its race."""

RACE = 1
"""Begun where the work waits. Its branches are flat: whether Lambda meters them is not established."""

COMPLETION = 1


def price_of(record: Record, until: float) -> StoryPrice:
    """Return the least that the wait can have cost.

    Args:
        record: the action's.
        until: its end, or the present time; seconds since the epoch.
    """
    beats = _later_beats(record, until)
    operations = _fewest_operations(record) + beats
    waited = max(0.0, until - record.event_time)
    beaten = f", {beats} of them for later heartbeats" if beats else ""
    return StoryPrice(
        dollars=operations * DURABLE_OPERATION,
        operations=operations,
        at_least=True,
        instance_dollars=waited * INSTANCE_SECOND,
        basis=(
            f"From the record alone: {operations} metered operations{beaten}, the fewest that there can have been, at "
            f"${DURABLE_OPERATION * 1e6:g} a million. Later looks, messages, checkpoint data, Lambda's seconds and "
            f"DynamoDB come on top. An m5.large costs ${INSTANCE_SECOND * 3600:g} an hour, here for "
            f"{roughly(waited)}. Prices of us-east-1, {AS_OF}."
        ),
    )


def _fewest_operations(record: Record) -> int:
    if record.status is Status.CLAIMED:
        # Nothing else is certain.
        return CLAIMED
    looked = bool(record.step_outcomes or record.present_steps)
    waits = any(isinstance(memory.progress, Waiting) for memory in record.present_steps)
    return (
        CLAIMED
        + SET_UP
        + (INBOX if record.inbox is not None or record.messages else 0)
        + (LOOK if looked else 0)
        + (RACE if waits else 0)
        + (COMPLETION if record.status is Status.COMPLETED else 0)
    )


def _later_beats(record: Record, until: float) -> int:
    """Return how many heartbeats there were at least after the first: each had a poll of its own.

    No two are further apart than the hook's timeout, or the wait had ended. None is counted where somebody else may
    have sent them: the sweep does when an execution is dead or paused. None is sent, either, before the instance waits
    or past the deadline.
    """
    if record.heartbeat_timeout is None or record.early_reason is not None:
        return 0
    if record.takeovers is not None or record.unowned_since is not None or record.paused_since is not None:
        return 0
    end = min(until, record.deadline) if record.deadline is not None else until
    return max(0, int((end - record.claimed_at) / record.heartbeat_timeout) - 1)
