"""The Auto Scaling groups with all that `asg-lifecycle doctor` looks at: sizes, tags, hooks with their timers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.groups import PAGE
from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.doctor.facts import GroupFacts, HookFacts
from asg_lifecycle.model.timing import HookTimeouts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.aws.groups import Member


class DescribedGroups:
    """The Auto Scaling groups of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def all(self) -> tuple[GroupFacts, ...]:
        """Return every group without its hooks and its warm pool, at the cost of one call for each `PAGE` of them.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: list[GroupFacts] = []
        with calling("autoscaling:DescribeAutoScalingGroups"):
            for page in self._clients.autoscaling.get_paginator("describe_auto_scaling_groups").paginate(
                PaginationConfig={"PageSize": PAGE}
            ):
                found += map(_group, page["AutoScalingGroups"])
        return tuple(found)

    def named(self, name: str) -> tuple[GroupFacts, ...]:
        """Return the one group of a name, without its hooks and its warm pool; empty where there is none.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:DescribeAutoScalingGroups"):
            answer = self._clients.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        return tuple(map(_group, answer["AutoScalingGroups"]))

    def hooks(self, group: str) -> tuple[HookFacts, ...]:
        """Return every lifecycle hook of a group, whoever owns it; a group has 50 at most (R2).

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:DescribeLifecycleHooks"):
            answer = self._clients.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group)
        return tuple(map(_hook, answer["LifecycleHooks"]))


def with_pool(group: GroupFacts, pool: tuple[Member, ...]) -> GroupFacts:
    """Return a group with the instances of its warm pool."""
    return msgspec.structs.replace(group, states={**group.states, **{member.instance: member.state for member in pool}})


def _group(entry: Mapping[str, Any]) -> GroupFacts:
    return GroupFacts(
        name=entry["AutoScalingGroupName"],
        arn=entry.get("AutoScalingGroupARN", ""),
        desired=int(entry.get("DesiredCapacity", 0)),
        states={each["InstanceId"]: each["LifecycleState"] for each in entry.get("Instances", ())},
        has_pool=bool(entry.get("WarmPoolSize")),
        tags={tag["Key"]: tag["Value"] for tag in entry.get("Tags", ())},
    )


def _hook(entry: Mapping[str, Any]) -> HookFacts:
    return HookFacts(
        name=entry["LifecycleHookName"],
        transition=Transition(entry["LifecycleTransition"]),
        timeouts=HookTimeouts(heartbeat=float(entry["HeartbeatTimeout"]), overall=float(entry["GlobalTimeout"])),
        default_result=entry["DefaultResult"],
        metadata=entry.get("NotificationMetadata"),
        target=entry.get("NotificationTargetARN"),
    )
