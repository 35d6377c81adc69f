"""The Auto Scaling calls that make, change and remove lifecycle hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.actions import ActionResult, Transition
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.lifecycle_hooks import HookSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_autoscaling.type_defs import LifecycleHookTypeDef

    from asg_lifecycle.aws.clients import Clients

LOOKS = 3
"""How often a hook is read until it is as it was put."""

BETWEEN_LOOKS = 1.0
"""Seconds."""

DEFAULT_HEARTBEAT = 3600
"""Seconds, of a hook that names none (R3)."""


class _Metadata(TypedDict, total=False):
    NotificationMetadata: str


class LifecycleHooks:
    """The lifecycle hooks of the groups of this account and Region.

    Args:
        clients: the AWS clients.
        pause: waits so many seconds.
    """

    def __init__(self, clients: Clients, pause: Callable[[float], None]) -> None:
        self._clients = clients
        self._pause = pause

    def of_group(self, group: str) -> tuple[HookSettings, ...]:
        """Return every hook of a group, whoever owns it; a group has 50 at most (R2).

        Raises:
            CallFailed: no answer, throttled, denied, no such group.
        """
        with calling("autoscaling:DescribeLifecycleHooks"):
            hooks = self._clients.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group)["LifecycleHooks"]
        return tuple(map(_settings, hooks))

    def put(self, group: str, hook: HookSettings) -> HookSettings | None:
        """Make or change a hook, and return it as the group then has it; None when it has none of this name.

        Its notification target is not named, and so stays as it is: whoever names it has a test message sent (R20).

        Raises:
            CallFailed: no answer, throttled, denied, and the hook is not as it was put.
        """
        failed: CallFailed | None = None
        metadata = _Metadata() if hook.metadata is None else _Metadata(NotificationMetadata=hook.metadata)
        try:
            with calling("autoscaling:PutLifecycleHook"):
                self._clients.autoscaling.put_lifecycle_hook(
                    AutoScalingGroupName=group,
                    LifecycleHookName=hook.name,
                    LifecycleTransition=hook.transition.value,
                    HeartbeatTimeout=hook.heartbeat,
                    DefaultResult=hook.default_result.value,
                    **metadata,
                )
        except CallFailed as it:
            if not it.failure.effect_is_open:
                raise
            failed = it
        found = self._read_back(group, hook.name, hook)
        if failed is not None and found != hook:
            raise failed
        return found

    def delete(self, group: str, hook: str) -> bool:
        """Remove a hook, and return whether the group then has none of this name.

        Instances that wait at it go on (R24): those that launch are abandoned, those that terminate continue.

        Raises:
            CallFailed: no answer, throttled, denied, and the hook is still there.
        """
        try:
            with calling("autoscaling:DeleteLifecycleHook"):
                self._clients.autoscaling.delete_lifecycle_hook(AutoScalingGroupName=group, LifecycleHookName=hook)
        except CallFailed:
            # A try whose answer was lost has removed it: the next one does not find it.
            if self._named(group, hook) is not None:
                raise
            return True
        return self._read_back(group, hook, None) is None

    def _read_back(self, group: str, name: str, expected: HookSettings | None) -> HookSettings | None:
        found = self._named(group, name)
        for _ in range(LOOKS - 1):
            if found == expected:
                break
            self._pause(BETWEEN_LOOKS)
            found = self._named(group, name)
        return found

    def _named(self, group: str, name: str) -> HookSettings | None:
        return next((hook for hook in self.of_group(group) if hook.name == name), None)


def _settings(entry: LifecycleHookTypeDef) -> HookSettings:
    return HookSettings(
        name=entry["LifecycleHookName"],
        transition=Transition(entry["LifecycleTransition"]),
        heartbeat=entry.get("HeartbeatTimeout", DEFAULT_HEARTBEAT),
        default_result=ActionResult(entry.get("DefaultResult", ActionResult.ABANDON)),
        metadata=entry.get("NotificationMetadata"),
        target=entry.get("NotificationTargetARN"),
        role=entry.get("RoleARN"),
    )
