"""The history of a durable execution: its invocations, its operations and the timers that fired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.timeline import Timeline


def moment(seconds: float) -> datetime:
    """Return a time in seconds since the epoch as the SDK wants it: aware, to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC)


class TimelineClock:
    """A timeline as the testing SDK wants its clock."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def now(self) -> datetime:
        """Return the timeline's time."""
        return moment(self._timeline.now())

    def arm(self, wake: datetime) -> float:
        """Return how long it is until `wake`, in seconds of the timeline."""
        return max(wake.timestamp() - self._timeline.now(), 0.0)


class InvocationStatus(StrEnum):
    """How an invocation ended."""

    RUNNING = "RUNNING"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    """The handler raised: the invocation is tried again."""
    INVALID = "INVALID"
    """The service cannot accept what the handler returned."""
    CRASHED = "CRASHED"
    """It died at a `CrashPoint`: the invocation is tried again."""


@dataclass(eq=False)
class Invocation:
    """One run of the handler.

    Attributes:
        number: from 1, in this execution.
        started_at: when, seconds since the epoch. On virtual time this is when it ended, too.
        ended_at: when it ended, likewise; None while it runs.
        status: how it ended.
        error: why, where it went wrong.
        checkpoints: how many times it called the checkpoint API.
        calls: how many AWS calls it made.
        crashed: whether it came to a `CrashPoint` or a `CallCrash`; nothing it does from then on is recorded.
    """

    number: int
    started_at: float
    status: InvocationStatus = InvocationStatus.RUNNING
    error: str = ""
    checkpoints: int = 0
    calls: int = 0
    crashed: bool = False
    ended_at: float | None = None


class TimerKind(StrEnum):
    """What fell due."""

    WAIT = "wait"
    RETRY = "retry"
    """The next attempt of a step or the next poll of a `wait_for_condition`."""
    CALLBACK_TIMEOUT = "callback timeout"
    CALLBACK_HEARTBEAT = "callback heartbeat timeout"
    INVOCATION_RETRY = "invocation retry"
    EXECUTION_TIMEOUT = "execution timeout"


@dataclass(frozen=True)
class FiredTimer:
    """Something that fell due.

    Attributes:
        time: when it fired, seconds since the epoch.
        kind: what it was.
        name: the operation's name, empty for the kinds that are the execution's own.
    """

    time: float
    kind: TimerKind
    name: str = ""


@dataclass(frozen=True)
class OperationSummary:
    """One durable operation.

    Attributes:
        name: as the handler named it.
        type: `STEP`, `WAIT`, `CALLBACK`, `CONTEXT` or `CHAINED_INVOKE`; a `wait_for_condition` is a `STEP`.
        sub_type: what the SDK calls it: `Step`, `WaitForCondition`, `Parallel`…
        status: as the API shows it.
        attempts: how many attempts of a step, or polls of a `wait_for_condition`, have ended.
    """

    name: str
    type: str
    sub_type: str
    status: str
    attempts: int
