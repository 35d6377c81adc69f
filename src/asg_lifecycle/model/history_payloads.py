"""What the function's checkpoints hold, as far as a history is told from it.

The structs that are written belong to the execution. These know a part of their fields, so what another version wrote
can be read as long as that part means the same; anything else is a value that is not understood. Times are seconds
since the epoch.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

StructT = TypeVar("StructT", bound=Struct)


class Heartbeat(Struct, frozen=True, kw_only=True):
    """How the heartbeats stand, see `HeartbeatState`."""

    last_at: float | None = None
    failures: int = 0
    over: str | None = None
    problem: str | None = None


class StepProgress(Struct, frozen=True, kw_only=True):
    """What a step answered: `waiting`, `done` or `failed`, and a sentence."""

    type: str
    detail: str | None = None
    reason: str | None = None


class StepPoll(Struct, frozen=True, kw_only=True):
    """A step between two polls, see `StepCheckpoint`."""

    progress: StepProgress | None = None


class EntryPoll(Struct, frozen=True, kw_only=True):
    """The present entry of the plan, see `EntryCheckpoint`."""

    steps: tuple[StepPoll, ...] = ()
    due: tuple[float, ...] = ()


class StepEnd(Struct, frozen=True, kw_only=True):
    """How a step ended, see `StepOutcome`."""

    kind: str
    outcome: str
    detail: str = ""


class WorkEnd(Struct, frozen=True, kw_only=True):
    """How the work ended, see `PlanResult`."""

    how: str
    reason: str = ""
    outcomes: tuple[StepEnd, ...] = ()


class Slot(Struct, frozen=True, kw_only=True):
    """The wait for a drain slot, see `SlotWaitState`. Its delay is 0 before the work is first polled in a round."""

    delay: float | None = 0.0
    said: str | None = None


class Work(Struct, frozen=True, kw_only=True):
    """Where the work stands, see `WorkState`."""

    index: int = 0
    outcomes: tuple[StepEnd, ...] = ()
    slot: Slot = Slot()
    entry: EntryPoll | None = None
    result: WorkEnd | None = None

    @property
    def was_polled(self) -> bool:
        """Whether it was polled in this round, or has ended."""
        return self.slot.delay != 0.0 or self.result is not None

    @property
    def ended_steps(self) -> tuple[StepEnd, ...]:
        """How the steps ended so far."""
        return self.result.outcomes if self.result is not None else self.outcomes


class KeepAlivePoll(Struct, frozen=True, kw_only=True):
    """A poll of `keep-alive-N` or `await-event-N`, see `KeepAlive`."""

    heartbeat: Heartbeat
    deadline_reached: bool = False
    out_of_operations: bool = False


class WorkPoll(Struct, frozen=True, kw_only=True):
    """A poll of `work-N`, see `WorkBranchState`."""

    work: Work
    keep_alive: KeepAlivePoll | None = None


class RoundPoll(Struct, frozen=True, kw_only=True):
    """The opening of a round, see `Opening`."""

    heartbeat: Heartbeat
    entered: bool = False
    work: Work = Work()
    tries: int = 0


class ClaimResult(Struct, frozen=True, kw_only=True):
    """What `claim` found, see `Claim`."""

    owner: str | None
    status: str | None = None
    joined: bool = False


class ChosenPlan(Struct, frozen=True, kw_only=True):
    """Which plan was chosen, see `PlanDecision`."""

    source: str
    why: str
    problems: tuple[str, ...] = ()


class SetupPoll(Struct, frozen=True, kw_only=True):
    """A try at the set-up, see `Setup`."""

    readiness: str
    heartbeat: Heartbeat
    decision: ChosenPlan | None = None
    held: str | None = None


class ObservationPoll(Struct, frozen=True, kw_only=True):
    """A try at noting what a plan that only observes would do, see `Observed`."""

    reason: str = ""


class FinishPoll(Struct, frozen=True, kw_only=True):
    """A try at the end, see `Completion`."""

    sends: int = 0
    status: str | None = None
    reason: str | None = None
    heartbeat: Heartbeat
    lost_ownership: bool = False


class HandOverPoll(Struct, frozen=True, kw_only=True):
    """A try at handing over, see `Succession`."""

    how: str | None = None
    tries: int = 0
    heartbeat: Heartbeat


class ForwardingPoll(Struct, frozen=True, kw_only=True):
    """A try at handing something on, see `Forwarding` and `StepWatch`."""

    delay: float | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """What the execution returned, see `orchestrator.Outcome`."""

    outcome: str
    reason: str = ""
    result: str | None = None


class Start(Struct, frozen=True, kw_only=True):
    """Why an execution was started, see `StartRequest`."""

    reason: str
    takes_over: str | None = None


class _StartEvent(Struct, frozen=True, kw_only=True):
    start: Start


def decoded(payload: str | None, kind: type[StructT]) -> StructT | None:
    """Return what a checkpoint holds; None where it is missing or is something else."""
    if payload is None:
        return None
    try:
        return msgspec.json.decode(payload.encode(errors="replace"), type=kind)
    except (msgspec.MsgspecError, RecursionError):
        return None


def start_in(payload: str | None) -> Start | None:
    """Return why an execution was started; None where an event of AWS started it, or that is not known."""
    event = decoded(payload, _StartEvent)
    return event.start if event is not None else None
