"""Heartbeats: sending one, reading its answer, and the branch of the race that sends them until the deadline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.lifecycle_actions import Answer
from asg_lifecycle.execution import durable
from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.model import lifecycle_states
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.timing import (
    NOT_YET_RETRY,
    NOT_YET_WINDOW,
    HookTimeouts,
    heartbeat_interval,
    heartbeat_retry,
)
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext

    from asg_lifecycle.execution.dependencies import ActionContext, Dependencies
    from asg_lifecycle.execution.durable import BranchGate
    from asg_lifecycle.model.actions import LifecycleAction


class HeartbeatState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the heartbeats of an action stand. Times are seconds since the epoch.

    Attributes:
        next_at: when the next heartbeat is due, or a failed one is tried again.
        last_at: when Auto Scaling last accepted one, None when it has not yet.
        failures: how many tries in a row have failed.
        refused_since: since when Auto Scaling says there is no such action, None while it does not.
        over: how the action ended, as far as it can be known; None while it goes on.
        problem: why heartbeats fail, None while they do not.
        denied: they fail for want of a permission.
        outdated: heartbeats may have been accepted since, of which only a branch knew that has ended.
    """

    next_at: float
    last_at: float | None = None
    failures: int = 0
    refused_since: float | None = None
    over: str | None = None
    problem: str | None = None
    denied: bool = False
    outdated: bool = False


class KeepAlive(Polled, frozen=True, kw_only=True, omit_defaults=True):
    """How the branch that keeps the action alive stands.

    Attributes:
        heartbeat: the heartbeats.
        deadline_reached: the deadline came before the work was done.
        out_of_operations: the execution has used nearly all the operations that it may have.
    """

    heartbeat: HeartbeatState
    deadline_reached: bool = False
    out_of_operations: bool = False


@dataclass(frozen=True, kw_only=True)
class KeepAliveBranch:
    """Sends heartbeats until the action is over or its deadline is reached.

    Attributes:
        action_context: the action and the execution that works on it.
        timeouts: the hook's timers.
        deadline: past this moment no heartbeat is sent (R4), seconds since the epoch.
        longest: the longest time between two attempts, seconds; None for as long as the heartbeats allow.
    """

    action_context: ActionContext
    timeouts: HookTimeouts
    deadline: float
    longest: float | None = None

    def run(
        self, context: DurableContext, number: int, heartbeat: HeartbeatState, gate: BranchGate, at: float | None
    ) -> KeepAlive:
        """Run the branch. A wait until the first heartbeat is due, and then one poll, however long it takes.

        Args:
            context: the durable context of the branch.
            number: of the round.
            heartbeat: the heartbeats so far.
            gate: closed when the race is over.
            at: the time now, seconds since the epoch, where a step has read the clock; None where none has.
        """
        state = KeepAlive(heartbeat=heartbeat)
        if at is not None and (left := self._left(state, at)) >= 1:
            # A wait is one metered operation, a poll that comes too early would be two.
            durable.wait(context, f"until-heartbeat-{number}", int(left))

        def attempt(state: KeepAlive) -> KeepAlive:
            if self.action_context.is_nearly_used_up(context):
                return msgspec.structs.replace(state, out_of_operations=True, delay=None)
            return self.attempt(state)

        return durable.poll(context, f"keep-alive-{number}", state, gate.guarded(attempt))

    def attempt(self, state: KeepAlive) -> KeepAlive:
        """Send a heartbeat if one is due."""
        now = self.action_context.dependencies.clock()
        if now >= self.deadline:
            return msgspec.structs.replace(state, deadline_reached=True, delay=None)
        sent = self.send_if_due(state.heartbeat, now)
        if sent.over is not None:
            return KeepAlive(heartbeat=sent, delay=None)
        state = KeepAlive(heartbeat=sent)
        return msgspec.structs.replace(state, delay=self._left(state, now))

    def ahead(self, state: KeepAlive, seconds: float) -> KeepAlive:
        """Send the next heartbeat already where it would be due within `seconds`, before the work is polled again.

        So it needs no poll of its own, which is metered. Not before half of its time: it must not come at every poll.
        """
        now, heartbeat = self.action_context.dependencies.clock(), state.heartbeat
        left = heartbeat.next_at - now
        waited = now - heartbeat.last_at if heartbeat.last_at is not None else 0.0
        if left > seconds or waited < left or heartbeat.failures or now >= self.deadline:
            return state
        sent = send_heartbeat(self.action_context, self.timeouts, heartbeat, now)
        state = KeepAlive(heartbeat=sent)
        return msgspec.structs.replace(state, delay=self._left(state, now) if sent.over is None else None)

    def send_if_due(self, heartbeat: HeartbeatState, now: float) -> HeartbeatState:
        """Send a heartbeat if one is due at `now`, and return how they stand then."""
        if now < heartbeat.next_at or now >= self.deadline:
            return heartbeat
        return send_heartbeat(self.action_context, self.timeouts, heartbeat, now)

    def _left(self, state: KeepAlive, now: float) -> float:
        left = min(state.heartbeat.next_at, self.deadline) - now
        return left if self.longest is None else min(left, self.longest)


def send_heartbeat(
    action_context: ActionContext, timeouts: HookTimeouts, heartbeat: HeartbeatState, now: float
) -> HeartbeatState:
    """Send one heartbeat and return how they stand then. Never raises for what AWS answers.

    "No active Lifecycle Action" means over, or not yet (R12, R13): the instance's state tells which. While the instance
    still waits, the heartbeat is repeated for a minute; after that it must be waiting under another hook.
    """
    dependencies = action_context.dependencies
    try:
        if dependencies.lifecycle_actions.heartbeat(action_context.action) is Answer.ACCEPTED:
            dependencies.observer.count(Metric.HEARTBEAT)
            if heartbeat.last_at is not None and not heartbeat.outdated:
                margin = heartbeat.last_at + timeouts.heartbeat - now
                dependencies.observer.measure(Metric.HEARTBEAT_MARGIN, margin)
            sweep_interval = dependencies.settings.sweep_interval
            interval = heartbeat_interval(timeouts, dependencies.chance(), sweep_interval=sweep_interval)
            return HeartbeatState(next_at=now + interval, last_at=now)
    except CallFailed as failed:
        if failed.failure.consequence not in {Consequence.REFUSED, Consequence.NOT_FOUND}:
            return _failed(dependencies, timeouts, heartbeat, now, failed)
        # The group or the hook is gone, perhaps with the action: the instance's state tells that too.
        dependencies.observer.warning(f"heartbeat refused: {failed}")
    try:
        return interpret_not_active(action_context, heartbeat, now)
    except CallFailed as failed:
        return _failed(dependencies, timeouts, heartbeat, now, failed)


def interpret_not_active(action_context: ActionContext, heartbeat: HeartbeatState, now: float) -> HeartbeatState:
    """Return what "No active Lifecycle Action" means at `now`.

    Raises:
        CallFailed: the instance's state could not be read.
    """
    action = action_context.action
    since = heartbeat.refused_since if heartbeat.refused_since is not None else now
    state = action_context.dependencies.lifecycle_actions.instance_state(action.instance)
    waits = lifecycle_states.waits(state)
    if waits and now < since + NOT_YET_WINDOW:
        return msgspec.structs.replace(heartbeat, next_at=now + NOT_YET_RETRY, refused_since=since)
    return msgspec.structs.replace(heartbeat, over=_explanation(action, state, waits=waits))


def _failed(
    dependencies: Dependencies, timeouts: HookTimeouts, heartbeat: HeartbeatState, now: float, failed: CallFailed
) -> HeartbeatState:
    denied = failed.failure.consequence is Consequence.DENIED
    dependencies.observer.count(Metric.HEARTBEAT_FAILED)
    if denied:
        dependencies.observer.count(Metric.PERMISSION_MISSING)
        dependencies.observer.error(f"cannot keep the action alive: {failed}")
    else:
        dependencies.observer.warning(f"heartbeat not answered, trying again: {failed}")
    failures = heartbeat.failures + 1
    return msgspec.structs.replace(
        heartbeat,
        next_at=now + heartbeat_retry(timeouts, failures, dependencies.chance()),
        failures=failures,
        denied=denied,
        problem=str(failed),
    )


def _explanation(action: LifecycleAction, state: str | None, *, waits: bool) -> str:
    if state is None:
        return f"the action ended without us: instance {action.instance} is in no Auto Scaling group any more"
    if waits:
        return (
            f"the action ended without us; instance {action.instance} is still {state}, presumably under another hook"
        )
    return (
        f"the action ended without us: instance {action.instance} is {state}, "
        "so somebody completed it, its timeout ran out, or the hook was deleted"
    )
