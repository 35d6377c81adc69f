"""Where in its plan the work on an action stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.progress import Waiting
from asg_lifecycle.model.records import StepOutcome

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record


class Position(Struct, frozen=True, kw_only=True):
    """Where in the plan the work stands.

    Attributes:
        index: position of the present step, from 0.
        outcomes: how the steps before it ended.
        last: what the present step last answered, None when it has not begun or nothing is known of it.
        began_at: when the present step began, seconds since the epoch; None likewise.
        work_began_at: when the first step began, seconds since the epoch; None likewise.
        lost_ownership: another execution owns the action.
    """

    index: int = 0
    outcomes: tuple[StepOutcome, ...] = ()
    last: Waiting | None = None
    began_at: float | None = None
    work_began_at: float | None = None
    lost_ownership: bool = False


def position_of(record: Record) -> Position:
    """Return where the record says the work stands."""
    last = None
    if record.step_state is not None:
        # `detail` is the step's sentence behind its kind.
        last = Waiting((record.detail or "").partition(": ")[2], state=record.step_state)
    return Position(
        index=record.step_index,
        outcomes=record.step_outcomes,
        last=last,
        began_at=record.step_began_at,
        work_began_at=record.work_began_at,
    )
