"""Lifecycle actions and their timers: R2, R4 to R9, R11 to R13."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.autoscaling.model import Action, Result, Timings, Transition, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

    from asg_lifecycle_simulator.region.log import RegionLog
    from asg_lifecycle_simulator.region.timers import RegionTimers
    from asg_lifecycle_simulator.services.autoscaling.model import Hook, Instance, Move


class NoActiveActionError(Exception):
    """There is no such lifecycle action, no longer (R12) or not yet (R13)."""


class LifecycleActions:
    """The lifecycle actions under way.

    Args:
        timers: the region's time.
        log: the region's log.
        random: where tokens come from.
        timings: how long things take.
        announce: tells the world of a new action (R1, R19).
    """

    def __init__(
        self, timers: RegionTimers, log: RegionLog, random: Random, timings: Timings, announce: Callable[[Action], None]
    ) -> None:
        self._timers = timers
        self._log = log
        self._random = random
        self._timings = timings
        self._announce = announce
        self._active: dict[str, tuple[Action, Instance]] = {}

    @property
    def active(self) -> list[Action]:
        """The actions that have not ended, oldest first."""
        return [action for action, _ in self._active.values()]

    def begin(self, instance: Instance, move: Move, hooks: Iterable[Hook], ended: Callable[[Result], None]) -> None:
        """Hold `instance` under `hooks`, one action and token each (R2); call `ended` once, when the wait is over."""
        now = self._timers.now()
        wait = Wait([Action(self._token(), hook, instance.id, move, now) for hook in hooks], ended)
        instance.wait = wait
        for action in wait.actions:
            self._active[action.token] = (action, instance)
            self._arm(action)
            self._write(LogKind.WAIT_STARTED, action, f"{move.origin} to {move.destination}")
        for action in wait.actions:
            self._announce(action)

    def heartbeat(self, group: str, hook: str, token: str | None, instance_id: str | None) -> None:
        """Restart the heartbeat timer from now (R5); the global deadline stays (R4).

        Raises:
            NoActiveActionError: there is no such action.
        """
        action, _ = self._find(group, hook, token, instance_id, LogKind.HEARTBEAT_REFUSED)
        self._arm(action)
        self._write(LogKind.HEARTBEAT, action)

    def complete(self, group: str, hook: str, token: str | None, instance_id: str | None, result: Result) -> None:
        """End the action with `result` (R7).

        Raises:
            NoActiveActionError: there is no such action.
        """
        action, instance = self._find(group, hook, token, instance_id, LogKind.COMPLETION_REFUSED)
        self._end(action, instance, result, "CompleteLifecycleAction")

    def hook_deleted(self, hook: Hook) -> None:
        """Complete the actions under a deleted hook: launches abandon, terminations continue (R24)."""
        result = Result.ABANDON if hook.transition is Transition.LAUNCHING else Result.CONTINUE
        for action, instance in list(self._active.values()):
            if action.hook.group == hook.group and action.hook.name == hook.name and action.result is None:
                self._end(action, instance, result, "DeleteLifecycleHook")

    def forget(self, instance: Instance) -> None:
        """Drop the wait of `instance` without its consequences: the instance has left the group (R25)."""
        if instance.wait is not None:
            wait, instance.wait = instance.wait, None
            for action in wait.actions:
                self._skip(action)

    def _token(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _find(
        self, group: str, hook: str, token: str | None, instance_id: str | None, refusal: LogKind
    ) -> tuple[Action, Instance]:
        # By instance id alone, whichever wait of the hook the instance is in is the one that is meant (R11).
        for action, instance in self._active.values():
            if (
                (action.hook.group, action.hook.name) == (group, hook)
                and token in (None, action.token)
                and instance_id in (None, action.instance)
                and self._timers.now() >= action.started + self._timings.not_yet
            ):
                return action, instance
        self._log.write(refusal, group=group, hook=hook, instance=instance_id or "", token=token or "")
        subject = f"instance ID {instance_id}" if token is None else f"token {token}"
        raise NoActiveActionError(f"No active Lifecycle Action found with {subject}")

    def _arm(self, action: Action) -> None:
        if action.timer is not None:
            action.timer.cancel()
        action.expires = min(self._timers.now() + action.hook.heartbeat_timeout, action.global_deadline)
        action.timer = self._timers.call_at(
            action.expires, lambda: self._expire(action), name=f"lifecycle action {action.token}"
        )

    def _expire(self, action: Action) -> None:
        # A timer that was cancelled or set anew while it waited for the lock is not the action's end.
        if action.result is not None or self._timers.now() < action.expires:
            return
        which = "global timeout" if action.expires >= action.global_deadline else "heartbeat timeout"
        _, instance = self._active[action.token]
        self._end(action, instance, action.hook.default_result, which)

    def _end(self, action: Action, instance: Instance, result: Result, by: str) -> None:
        self._close(action, result)
        self._write(LogKind.COMPLETED, action, f"{result} {by}")
        wait = instance.wait
        if wait is None:
            raise RuntimeError(f"lifecycle action {action.token} belongs to no wait")
        if result is Result.ABANDON:
            for other in wait.actions:
                self._skip(other)
        if all(other.result is not None for other in wait.actions):
            instance.wait = None
            wait.ended(result)

    def _skip(self, action: Action) -> None:
        if action.result is None:
            self._close(action, Result.ABANDON)
            self._write(LogKind.SKIPPED, action)

    def _close(self, action: Action, result: Result) -> None:
        action.result = result
        if action.timer is not None:
            action.timer.cancel()
            action.timer = None
        del self._active[action.token]

    def _write(self, kind: LogKind, action: Action, detail: str = "") -> None:
        self._log.write(
            kind,
            group=action.hook.group,
            hook=action.hook.name,
            instance=action.instance,
            token=action.token,
            detail=detail,
        )
