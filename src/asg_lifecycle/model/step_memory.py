"""What the record of an action keeps of its plan's steps: how they ended, and what is remembered of those under way."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.model.progress import Progress


class StepOutcome(Struct, frozen=True, kw_only=True):
    """How one step of the plan ended.

    Attributes:
        kind: the step's kind.
        outcome: `done`, `failed`, `skipped` or `observed`.
        detail: the step's last sentence.
        began_at: when it may first have had an effect, seconds since the epoch; None where it never began.
        ended_at: when a poll found its end; None where it never began, or ended beside another before a takeover.
    """

    kind: str
    outcome: str
    detail: str
    began_at: float | None = None
    ended_at: float | None = None


class StepMemory(Struct, frozen=True, kw_only=True):
    """What the record remembers of a step that is under way, for whoever goes on with it. Times as in `Record`.

    Attributes:
        began_at: when the step may first have had an effect, None where it has still to begin.
        attempt: how often operators have had it begin again.
        begun: its `begin` has answered.
        blocked_seconds: for how long a dependency had kept it waiting: that counts against no timeout.
        blocked_since: since when one keeps it waiting, beyond these seconds; None when none does.
        extended_seconds: by how much operators have moved its timeout.
        progress: what it last answered, None before it did.
    """

    began_at: float | None = None
    attempt: int = 0
    begun: bool = False
    blocked_seconds: float = 0.0
    blocked_since: float | None = None
    extended_seconds: float = 0.0
    progress: Progress | None = None
