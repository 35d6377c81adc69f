"""Hooks as requests and answers have them (R3, R19, R29), and pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError

from asg_lifecycle_simulator.services.autoscaling.model import (
    DEFAULT_HEARTBEAT_TIMEOUT,
    HEARTBEAT_TIMEOUTS,
    Hook,
    Result,
    Transition,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asg_lifecycle_simulator.services.autoscaling.model import Group

HOOKS_PER_GROUP = 50
HOOK_NAME = re.compile(r"[A-Za-z0-9\-_/]{1,255}")
METADATA = re.compile(r"[\t\n\r\x20-\x7e]{1,4000}")
FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]+:[^:]+:function:[^:]+(:[^:]+)?")
TARGET = re.compile(r"arn:[^:]+:(sqs|sns):[^:]+:[^:]+:[^:]+")

Item = TypeVar("Item")


def hook_of(group: Group, fields: Mapping[str, Any]) -> Hook:
    """Return the hook that a request makes of `fields`; what it does not name stays as it was.

    Raises:
        AutoscalingClientError: a field has no valid value, or the group has its 50 hooks.
    """
    name = str(fields["LifecycleHookName"])
    before = group.hooks.get(name)
    if before is None and len(group.hooks) >= HOOKS_PER_GROUP:
        raise AutoscalingClientError("LimitExceeded", f"A group can have {HOOKS_PER_GROUP} lifecycle hooks")
    if not HOOK_NAME.fullmatch(name):
        raise ValidationError(f"{name} is not a lifecycle hook name")
    transition = fields.get("LifecycleTransition") or (before and before.transition)
    if transition not in set(Transition):
        raise ValidationError(f"LifecycleTransition must be one of {', '.join(Transition)}")
    timeout = fields.get("HeartbeatTimeout") or (before.heartbeat_timeout if before else DEFAULT_HEARTBEAT_TIMEOUT)
    if int(timeout) not in HEARTBEAT_TIMEOUTS:
        raise ValidationError("HeartbeatTimeout must be between 30 and 7200 seconds")
    default = fields.get("DefaultResult") or (before.default_result if before else Result.ABANDON)
    metadata = fields.get("NotificationMetadata") or (before.metadata if before else None)
    if metadata is not None and not METADATA.fullmatch(metadata):
        raise ValidationError("NotificationMetadata must be 1 to 4000 printable ASCII characters")
    target = fields.get("NotificationTargetARN")
    target = (before.target if before else None) if target is None else target
    role = fields.get("RoleARN") or (before.role if before else None)
    _check_target(target, role)
    return Hook(
        name=name,
        group=group.name,
        transition=Transition(transition),
        heartbeat_timeout=int(timeout),
        default_result=result_of(default),
        metadata=metadata,
        target=target or None,
        role=role,
    )


def hook_fields(hook: Hook) -> dict[str, object]:
    """Return a hook as it is described."""
    return {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": hook.group,
        "LifecycleTransition": str(hook.transition),
        "NotificationTargetARN": hook.target,
        "RoleARN": hook.role,
        "NotificationMetadata": hook.metadata,
        "HeartbeatTimeout": hook.heartbeat_timeout,
        "GlobalTimeout": hook.global_timeout,
        "DefaultResult": str(hook.default_result),
    }


def result_of(value: object) -> Result:
    """Return the result a request names (R7).

    Raises:
        ValidationError: it is neither CONTINUE nor ABANDON.
    """
    if value not in set(Result):
        raise ValidationError(f"{value} is neither CONTINUE nor ABANDON")
    return Result(str(value))


def page_of(items: Sequence[Item], token: str | None, size: int) -> tuple[Sequence[Item], str | None]:
    """Return a page of `items` and the token of the next, None after the last.

    Raises:
        AutoscalingClientError: the token is none that was handed out.
    """
    start = 0
    if token is not None:
        if not token.isdecimal() or int(token) >= len(items):
            raise AutoscalingClientError("InvalidNextToken", f"The token {token} is invalid")
        start = int(token)
    end = start + size
    return items[start:end], str(end) if end < len(items) else None


def _check_target(target: str | None, role: str | None) -> None:
    if not target:
        return
    if FUNCTION.fullmatch(target):
        if role is not None:
            raise ValidationError("RoleARN is not for a Lambda function")
        return
    if not TARGET.fullmatch(target) or target.endswith(".fifo"):
        raise ValidationError(f"{target} is not the ARN of a standard SQS queue, an SNS topic or a Lambda function")
    if role is None:
        raise ValidationError("RoleARN is required with NotificationTargetARN")
