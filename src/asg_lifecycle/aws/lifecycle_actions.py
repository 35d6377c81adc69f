"""The Auto Scaling calls: heartbeat, completion, the hook's timers, the instance's state."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.timing import HookTimeouts

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.actions import ActionResult, LifecycleAction


class _Address(TypedDict, total=False):
    LifecycleActionToken: str
    InstanceId: str


SETTINGS_KEPT = 60.0
"""Seconds that the settings of hooks and groups are kept."""

NO_ACTIVE_ACTION = "No active Lifecycle Action found"


class Answer(StrEnum):
    """Auto Scaling's answer to a heartbeat or a completion."""

    ACCEPTED = "accepted"
    NOT_ACTIVE = "not active"
    """No such action: it is over, or it is not there yet (R12, R13)."""


class LifecycleActions:
    """The lifecycle actions of this account and Region.

    A call names the token wherever it is known: by instance id it could hit another wait of the same hook (R11).
    """

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._timeouts: TtlCache[HookTimeouts] = TtlCache(clock, SETTINGS_KEPT)

    def heartbeat(self, action: LifecycleAction) -> Answer:
        """Restart the heartbeat timer of `action` from now (R5).

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("autoscaling:RecordLifecycleActionHeartbeat"):
                self._clients.autoscaling.record_lifecycle_action_heartbeat(
                    AutoScalingGroupName=action.group, LifecycleHookName=action.hook, **_address(action)
                )
        except CallFailed as failed:
            return _not_active(failed)
        return Answer.ACCEPTED

    def complete(self, action: LifecycleAction, result: ActionResult) -> Answer:
        """End the wait of `action` with `result` (R7 to R9).

        Raises:
            CallFailed: no answer, throttled, denied. The call may have had its effect all the same.
        """
        try:
            with calling("autoscaling:CompleteLifecycleAction"):
                self._clients.autoscaling.complete_lifecycle_action(
                    AutoScalingGroupName=action.group,
                    LifecycleHookName=action.hook,
                    **_address(action),
                    LifecycleActionResult=result.value,
                )
        except CallFailed as failed:
            return _not_active(failed)
        return Answer.ACCEPTED

    def timeouts(self, group: str, hook: str) -> HookTimeouts | None:
        """Return the hook's timers in seconds (R3, R4), None when there is no such hook.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._timeouts.get((group, hook), lambda: self._read_timeouts(group, hook))

    def _read_timeouts(self, group: str, hook: str) -> HookTimeouts | None:
        with calling("autoscaling:DescribeLifecycleHooks"):
            hooks = self._clients.autoscaling.describe_lifecycle_hooks(
                AutoScalingGroupName=group, LifecycleHookNames=[hook]
            )["LifecycleHooks"]
        if not hooks:
            return None
        heartbeat = float(hooks[0].get("HeartbeatTimeout", 3600))
        return HookTimeouts(heartbeat=heartbeat, overall=float(hooks[0].get("GlobalTimeout", 100 * heartbeat)))

    def instance_state(self, instance: str) -> str | None:
        """Return the instance's `LifecycleState` (R17), None when no group knows it.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:DescribeAutoScalingInstances"):
            found = self._clients.autoscaling.describe_auto_scaling_instances(InstanceIds=[instance])[
                "AutoScalingInstances"
            ]
        return found[0]["LifecycleState"] if found else None


def _address(action: LifecycleAction) -> _Address:
    if action.token is None:
        return {"InstanceId": action.instance}
    return {"LifecycleActionToken": action.token}


def _not_active(failed: CallFailed) -> Answer:
    # It has no error code of its own: only the message tells it from other validation errors (R12).
    if failed.failure.code == "ValidationError" and NO_ACTIVE_ACTION in failed.failure.message:
        return Answer.NOT_ACTIVE
    raise failed
