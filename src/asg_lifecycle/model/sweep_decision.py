"""Whether the sweep starts an execution for an instance that waits: pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model import lifecycle_states
from asg_lifecycle.model.actions import REPLACE_ROOT_VOLUME, LifecycleAction, Location, Transition
from asg_lifecycle.model.records import Status, Takeovers, standing
from asg_lifecycle.model.timing import SETTLED

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record

CAUSES = {
    "Pending:Wait": frozenset({Transition.LAUNCHING}),
    "Terminating:Wait": frozenset({Transition.TERMINATING}),
    "Warmed:Terminating:Wait": frozenset({Transition.TERMINATING}),
    # Into the pool from EC2 is a launch, from the group a termination (R22).
    "Warmed:Pending:Wait": frozenset({Transition.LAUNCHING, Transition.TERMINATING}),
    "ReplacingRootVolume:Wait": frozenset({Transition.TERMINATING}),
}
"""Which hooks can be the reason for a state (R17, R22, R23)."""

FINAL = frozenset({"Terminating:Wait", "Warmed:Terminating:Wait"})
"""States that an instance is in only once: when its action there is completed, no other follows."""


MOST_TAKEOVERS = 3
"""After as many takeovers that met the same failure the action is held."""


class SweepDecision(Struct, frozen=True, kw_only=True):
    """Whether a wait needs an execution, and why."""

    probe: bool
    reason: str


def causes(state: str) -> frozenset[Transition]:
    """Return the transitions whose hooks can hold an instance in `state`; both for a state that is not known."""
    return CAUSES.get(state, frozenset(Transition)) if lifecycle_states.waits(state) else frozenset()


def found_action(  # noqa: PLR0913 - what is known of it
    *, group: str, hook: str, instance: str, transition: Transition, state: str, metadata: str | None, now: float
) -> LifecycleAction:
    """Return the action of a wait that no event announced: it has no token, and its time is when the sweep found it."""
    pooled = state.startswith("Warmed:Pending") and transition is Transition.TERMINATING
    return LifecycleAction(
        token=None,
        group=group,
        hook=hook,
        instance=instance,
        transition=transition,
        time=now,
        destination=Location.WARM_POOL if pooled else None,
        metadata=metadata,
        operation=REPLACE_ROOT_VOLUME if state.startswith("ReplacingRootVolume") else None,
    )


def decide_probe(  # noqa: PLR0911 - one line a case
    record: Record | None, *, owner_is_alive: bool, state: str, now: float
) -> SweepDecision:
    """Return whether a wait under one of our hooks needs an execution.

    Args:
        record: the current record of the wait, None when there is none.
        owner_is_alive: whether the execution that owns it can still work; ignored without a live record.
        state: the instance's `LifecycleState`.
        now: seconds since the epoch.
    """
    if record is None:
        return SweepDecision(probe=True, reason="it waits and there is no record of it")
    if record.in_flight is not None:
        if not owner_is_alive:
            return SweepDecision(probe=False, reason=f"{record.execution} is dead and is taken over")
        if record.early_reason is not None:
            return SweepDecision(
                probe=True, reason="its work began early, and its execution was not told that it waits"
            )
        return SweepDecision(probe=False, reason=f"{record.execution} works on it")
    if record.status is Status.OBSERVED:
        return SweepDecision(probe=False, reason="its plan only observes")
    ended_at = record.ended_at if record.ended_at is not None else record.claimed_at
    if now < ended_at + SETTLED:
        return SweepDecision(probe=False, reason=f"its action ended {now - ended_at:.0f} s ago")
    if state in FINAL and record.status is Status.COMPLETED:
        return SweepDecision(probe=False, reason="its action is completed, another hook holds it")
    return SweepDecision(probe=True, reason=f"it waits though its last action is {record.status}")


def count_takeover(record: Record, *, failed: bool, attempt: str) -> Takeovers:
    """Return the takeovers of an action with one more, which is about to begin.

    Args:
        record: the action, whose execution is dead.
        failed: that execution failed; one that was stopped or timed out says nothing about the next.
        attempt: names this takeover: the same again is not counted again.
    """
    before, here = record.takeovers, standing(record)
    if before is None or before.position != here:
        return Takeovers(count=int(failed), position=here, attempt=attempt)
    again = failed and before.attempt != attempt
    return Takeovers(count=before.count + again, position=here, attempt=attempt)
