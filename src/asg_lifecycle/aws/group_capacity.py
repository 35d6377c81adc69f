"""The capacity of an Auto Scaling group, and taking instances out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.group_states import GroupStates
from asg_lifecycle.model.drain_progress import Termination
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.group_state import GroupState

REFRESHING = frozenset({"Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"})
"""The states of an instance refresh that replaces instances, or is about to."""

CONTENTION = frozenset({"ResourceContention", "ScalingActivityInProgress"})
"""Codes with which Auto Scaling says that the group is busy, and nothing was done (R14)."""


class GroupCapacity:
    """The capacity of Auto Scaling groups.

    Args:
        reading: the clients for what may be asked again.
        acting: the clients for terminations, which ask once: a repeated call may lower the desired capacity twice.
    """

    def __init__(self, reading: Clients, acting: Clients) -> None:
        self._clients = reading
        self._states = GroupStates(reading)
        self._acting = _Terminations(acting)

    def of(self, group: str) -> GroupState | None:
        """Return the capacity and the instances of a group, without its warm pool; None when there is no such group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._states.of(group)

    def refresh_under_way(self, group: str) -> str | None:
        """Return the id and state of the group's instance refresh, None when none is under way.

        Raises:
            CallFailed: no answer, throttled, denied, no such group.
        """
        token: str | None = None
        while True:
            more = {"NextToken": token} if token is not None else {}
            with calling("autoscaling:DescribeInstanceRefreshes"):
                page = self._clients.autoscaling.describe_instance_refreshes(
                    AutoScalingGroupName=group,
                    **more,  # type: ignore[arg-type]  # a token, or nothing
                )
            for refresh in page["InstanceRefreshes"]:
                if (status := refresh.get("Status")) in REFRESHING:
                    return f"{refresh.get('InstanceRefreshId', 'of unknown id')}, {status}"
            token = page.get("NextToken")
            if not token:
                return None

    def terminate(self, instance: str, *, shrink: bool) -> Termination:
        """Terminate an instance of a group; its terminate hooks fire. Called once, whatever comes of it.

        Args:
            instance: EC2 instance id; not one in a warm pool.
            shrink: lower the desired capacity by one, so that it is not replaced.

        Raises:
            CallFailed: denied, or refused: no group has it, or the minimum size forbids it.
        """
        return self._acting.terminate(instance, shrink=shrink)


class _Terminations:
    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def terminate(self, instance: str, *, shrink: bool) -> Termination:
        try:
            with calling("autoscaling:TerminateInstanceInAutoScalingGroup"):
                self._clients.autoscaling.terminate_instance_in_auto_scaling_group(
                    InstanceId=instance, ShouldDecrementDesiredCapacity=shrink
                )
        except CallFailed as failed:
            if failed.failure.code in CONTENTION:
                return Termination.NOT_DONE
            if failed.failure.consequence is not Consequence.TRANSIENT:
                raise
            return Termination.UNKNOWN if failed.failure.effect_is_open else Termination.NOT_DONE
        return Termination.ACCEPTED
