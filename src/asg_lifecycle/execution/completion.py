"""How far the end of an action is, between two tries."""

from __future__ import annotations

from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.execution.heartbeat import HeartbeatState
from asg_lifecycle.model.plan_position import Position
from asg_lifecycle.model.records import Status


class Completion(Polled, frozen=True, kw_only=True):
    """How far the end of the action is.

    Attributes:
        noted: the record says which result is sent, or the table did not accept that.
        sends: how many tries to complete it are over; each is noted in the record before it is sent.
        stopping: where the work stood that has still to be stopped, None when there is none.
        sent: an earlier `CompleteLifecycleAction` may have had its effect.
        status: how the action ended, None while that is open.
        reason: what happened at the end, added to the reason of the outcome.
        heartbeat: the heartbeats while the action cannot be completed.
        tries: how often the present part was tried.
        failing_since: since when it cannot be completed, seconds since the epoch; None while nothing failed.
        lost_ownership: another execution owns the action.
        left: the drain slot was given back, or is left to lapse.
    """

    noted: bool = False
    sends: int = 0
    stopping: Position | None = None
    sent: bool = False
    status: Status | None = None
    reason: str | None = None
    heartbeat: HeartbeatState = HeartbeatState(next_at=0.0)
    tries: int = 0
    failing_since: float | None = None
    lost_ownership: bool = False
    left: bool = False
