"""The Auto Scaling groups of this account and Region: their instances, warm pools and hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model import lifecycle_states
from asg_lifecycle.model.actions import Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from asg_lifecycle.aws.clients import Clients

PAGE = 100
"""Groups a page: the most that `DescribeAutoScalingGroups` returns at once."""


RETAIN: Literal["retain"] = "retain"
"""The value of `TerminateHookAbandon` with which abandoned instances stay (R10)."""


class Member(Struct, frozen=True, kw_only=True):
    """An instance of a group: its id, its `LifecycleState` (R17), and its type, None where it is not told."""

    instance: str
    state: str
    instance_type: str | None = None

    @property
    def waits(self) -> bool:
        """Whether a lifecycle hook holds it (R17)."""
        return lifecycle_states.waits(self.state)


class Group(Struct, frozen=True, kw_only=True):
    """An Auto Scaling group.

    Attributes:
        name: of the group.
        members: its instances, without those of its warm pool.
        has_pool: whether there are instances in its warm pool.
        rebalances: whether it replaces Spot instances when EC2 recommends it (Capacity Rebalancing).
        retains: whether an abandoned termination leaves the instance retained (R10).
        tags: of the group.
        arn: of the group.
        desired: desired capacity.
    """

    name: str
    members: tuple[Member, ...]
    has_pool: bool
    rebalances: bool
    retains: bool = False
    tags: dict[str, str] = {}
    arn: str = ""
    desired: int = 0


class Hook(Struct, frozen=True, kw_only=True):
    """A lifecycle hook: its name, what it holds, and its `NotificationMetadata`."""

    name: str
    transition: Transition
    metadata: str | None = None


class Groups:
    """The Auto Scaling groups. There is no call that lists outstanding actions (R16)."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def all(self) -> Iterator[Group]:
        """Yield every group, at the cost of one call for each `PAGE` of them.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:DescribeAutoScalingGroups"):
            for page in self._clients.autoscaling.get_paginator("describe_auto_scaling_groups").paginate(
                PaginationConfig={"PageSize": PAGE}
            ):
                yield from map(_group, page["AutoScalingGroups"])

    def named(self, name: str) -> Group | None:
        """Return one group, None when no group has that name.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:DescribeAutoScalingGroups"):
            found = self._clients.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])[
                "AutoScalingGroups"
            ]
        return _group(found[0]) if found else None

    def pool(self, group: str) -> tuple[Member, ...]:
        """Return the instances in the warm pool of a group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        members: list[Member] = []
        with calling("autoscaling:DescribeWarmPool"):
            page = self._clients.autoscaling.describe_warm_pool(AutoScalingGroupName=group)
            members += _members(page["Instances"])
            while token := page.get("NextToken"):
                page = self._clients.autoscaling.describe_warm_pool(AutoScalingGroupName=group, NextToken=token)
                members += _members(page["Instances"])
        return tuple(members)

    def hooks(self, group: str) -> tuple[Hook, ...]:
        """Return every lifecycle hook of a group, whoever owns it; a group has 50 at most (R2).

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:DescribeLifecycleHooks"):
            hooks = self._clients.autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=group)["LifecycleHooks"]
        return tuple(
            Hook(
                name=hook["LifecycleHookName"],
                transition=Transition(hook["LifecycleTransition"]),
                metadata=hook.get("NotificationMetadata"),
            )
            for hook in hooks
        )

    def retain_abandoned(self, group: str) -> None:
        """Let the abandoned terminations of a group leave their instances retained (R10).

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:UpdateAutoScalingGroup"):
            self._clients.autoscaling.update_auto_scaling_group(
                AutoScalingGroupName=group,
                InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": RETAIN}},
            )

    def of_instance(self, instance: str) -> tuple[str, str] | None:
        """Return the group of an instance and its `LifecycleState`, None when no group has it.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:DescribeAutoScalingInstances"):
            found = self._clients.autoscaling.describe_auto_scaling_instances(InstanceIds=[instance])[
                "AutoScalingInstances"
            ]
        return (found[0]["AutoScalingGroupName"], found[0]["LifecycleState"]) if found else None


def _group(entry: Mapping[str, Any]) -> Group:
    triggers = entry.get("InstanceLifecyclePolicy", {}).get("RetentionTriggers", {})
    return Group(
        name=entry["AutoScalingGroupName"],
        members=_members(entry.get("Instances", ())),
        has_pool=bool(entry.get("WarmPoolSize")),
        rebalances=bool(entry.get("CapacityRebalance")),
        retains=triggers.get("TerminateHookAbandon") == RETAIN,
        tags={tag["Key"]: tag.get("Value", "") for tag in entry.get("Tags", ())},
        arn=entry.get("AutoScalingGroupARN", ""),
        desired=int(entry.get("DesiredCapacity", 0)),
    )


def _members(entries: Iterable[Mapping[str, Any]]) -> tuple[Member, ...]:
    return tuple(
        Member(instance=entry["InstanceId"], state=entry["LifecycleState"], instance_type=entry.get("InstanceType"))
        for entry in entries
    )
