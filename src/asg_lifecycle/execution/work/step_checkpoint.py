"""One step between two polls: what its durable operation and the record keep of it."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.execution.work.failure_policy import ErrorStreak
from asg_lifecycle.model.progress import Progress, Waiting, lasting
from asg_lifecycle.model.step_memory import StepMemory


class StepCheckpoint(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step between two polls. Times are seconds since the epoch.

    Attributes:
        began_at: when the step began, None before its first poll.
        attempt: how often operators have had it begin again.
        begun: its `begin` has returned.
        progress: its last progress, None before the first.
        streak: the error of a dependency that stops it at present, None when none does.
        blocked_seconds: for how long a dependency has kept it waiting: that counts against no timeout.
        blocked_since: since when a dependency keeps it waiting now, None when none does.
        extended_seconds: by how much operators have moved its timeout.
        ended_at: when it ended, None while it waits.
        slowed_by: seconds from the first failure of a dependency to its last answer, 0 when it answered at once.
    """

    began_at: float | None = None
    attempt: int = 0
    begun: bool = False
    progress: Progress | None = None
    streak: ErrorStreak | None = None
    blocked_seconds: float = 0.0
    blocked_since: float | None = None
    extended_seconds: float = 0.0
    ended_at: float | None = None
    slowed_by: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether the step has ended, done or failed."""
        return self.progress is not None and not isinstance(self.progress, Waiting)

    @classmethod
    def recalled(cls, memory: StepMemory) -> StepCheckpoint:
        """Return the step as the record remembers it."""
        return cls(
            began_at=memory.began_at,
            attempt=memory.attempt,
            begun=memory.begun,
            progress=memory.progress,
            blocked_seconds=memory.blocked_seconds,
            blocked_since=memory.blocked_since,
            extended_seconds=memory.extended_seconds,
        )

    def remembered(self) -> StepMemory:
        """Return what the record remembers of the step, which has begun or is about to."""
        return StepMemory(
            began_at=self.began_at,
            attempt=self.attempt,
            begun=self.begun,
            blocked_seconds=self.blocked_seconds,
            blocked_since=self.blocked_since,
            extended_seconds=self.extended_seconds,
            progress=lasting(self.progress),
        )

    @property
    def last_wait(self) -> Waiting | None:
        """What the step last answered, None when it has not begun."""
        return self.progress if self.begun and isinstance(self.progress, Waiting) else None

    def blocked_until(self, now: float) -> float:
        """Return for how many seconds a dependency has kept it waiting by `now`, seconds since the epoch."""
        return self.blocked_seconds + (now - self.blocked_since if self.blocked_since is not None else 0.0)
