"""Where in its plan the work on an action stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.step_memory import StepMemory, StepOutcome

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record


class Position(Struct, frozen=True, kw_only=True):
    """Where in the plan the work stands.

    Attributes:
        index: the present entry of the plan, from 0.
        outcomes: the outcomes of the steps before it.
        steps: what is remembered of the present entry's steps; empty when it has not begun or nothing is known of it.
        work_began_at: when the work began, seconds since the epoch; None when it has not.
        extended_seconds: by how much operators have moved the plan's timeout.
        lost_ownership: another execution owns the action.
    """

    index: int = 0
    outcomes: tuple[StepOutcome, ...] = ()
    steps: tuple[StepMemory, ...] = ()
    work_began_at: float | None = None
    extended_seconds: float = 0.0
    lost_ownership: bool = False


def position_of(record: Record) -> Position:
    """Return where the record says the work stands."""
    return Position(
        index=record.step_index,
        outcomes=record.step_outcomes,
        steps=record.present_steps,
        work_began_at=record.work_began_at,
        extended_seconds=record.extended_seconds,
    )
