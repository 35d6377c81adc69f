"""Where the work on an action stands between two polls, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
from msgspec import Struct

from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.execution.work.entry_checkpoint import EntryCheckpoint
from asg_lifecycle.execution.work.slot_wait import SlotWaitState
from asg_lifecycle.model.step_memory import StepMemory, StepOutcome

if TYPE_CHECKING:
    from asg_lifecycle.model.plan_position import Position


HowWorkEnds: TypeAlias = Literal[
    "done", "abandon", "held", "on_hold", "timed_out", "lost_ownership", "needs_callback", "out_of_operations"
]


class PlanResult(Struct, frozen=True, kw_only=True):
    """How the work ended.

    Attributes:
        how: `done`: every step has ended; `abandon`: a step failed and the plan abandons; `held`: a step failed and the
            plan holds; `on_hold`: an operator's hold lets nothing begin; `timed_out`: the plan's time is over;
            `lost_ownership`: another execution owns the action; `needs_callback`: the step at `index` needs a callback
            before it begins; `out_of_operations`: the execution has to hand over.
        reason: why, a sentence.
        index: the entry of the plan it ended at.
        outcomes: the outcomes of the steps.
    """

    how: HowWorkEnds
    reason: str = ""
    index: int
    outcomes: tuple[StepOutcome, ...] = ()


class WorkState(Polled, frozen=True, kw_only=True, omit_defaults=True):
    """Where the work stands. Times are seconds since the epoch.

    Attributes:
        index: the present entry of the plan, from 0.
        outcomes: how the steps before it ended.
        memories: what the record remembers of the steps of the entry that this round began with.
        work_began_at: when the work began, None when it has not.
        extended_seconds: by how much operators have moved the plan's timeout.
        slot: the wait for a drain slot.
        entry: the present entry, None when it has not been polled in this round.
        result: how the work ended, None while it goes on.
    """

    index: int = 0
    outcomes: tuple[StepOutcome, ...] = ()
    memories: tuple[StepMemory, ...] = ()
    work_began_at: float | None = None
    extended_seconds: float = 0.0
    slot: SlotWaitState = SlotWaitState()
    entry: EntryCheckpoint | None = None
    result: PlanResult | None = None


def work_at(position: Position) -> WorkState:
    """Return the work as a round begins with it, where `position` says."""
    result = PlanResult(how="lost_ownership", index=position.index) if position.lost_ownership else None
    return WorkState(
        index=position.index,
        outcomes=position.outcomes,
        memories=position.steps,
        work_began_at=position.work_began_at,
        extended_seconds=position.extended_seconds,
        result=result,
        delay=None if result is not None else 0.0,
    )


def out_of_operations(state: WorkState) -> WorkState:
    """Return the work where it stands, for a fresh execution: this one may not have many more operations."""
    result = PlanResult(how="out_of_operations", index=state.index, outcomes=state.outcomes)
    return msgspec.structs.replace(state, result=result, delay=None)


def is_under_way(state: WorkState) -> bool:
    """Return whether the present entry has begun."""
    return state.entry is not None or any(memory.began_at is not None for memory in state.memories)


def at_next_entry(state: WorkState, outcomes: tuple[StepOutcome, ...], work_began_at: float | None = None) -> WorkState:
    """Return the work at its next entry.

    Args:
        state: the work.
        outcomes: of the entry that has ended.
        work_began_at: when the work began, seconds since the epoch; None where that is as it was.
    """
    return msgspec.structs.replace(
        state,
        index=state.index + 1,
        outcomes=state.outcomes + outcomes,
        memories=(),
        entry=None,
        work_began_at=work_began_at if work_began_at is not None else state.work_began_at,
    )


def ended(state: WorkState, how: HowWorkEnds, reason: str = "", *, index: int | None = None) -> WorkState:
    """Return the work ended: how, why, and at which entry, the present one unless it is told."""
    at = index if index is not None else state.index
    result = PlanResult(how=how, reason=reason, index=at, outcomes=state.outcomes)
    return msgspec.structs.replace(state, result=result, delay=None)
