"""How an Auto Scaling group stands: its capacity, and how each of its instances does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.group_state import GroupState, MemberState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.aws.clients import Clients


class GroupStates:
    """The states of the groups of this account and Region. Only reads."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def of(self, group: str) -> GroupState | None:
        """Return the capacity and the instances of a group, without its warm pool; None when there is no such group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("autoscaling:DescribeAutoScalingGroups"):
            found = self._clients.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[group])[
                "AutoScalingGroups"
            ]
        return _state(found[0]) if found else None


def _state(entry: Mapping[str, Any]) -> GroupState:
    return GroupState(
        name=entry["AutoScalingGroupName"],
        desired=entry["DesiredCapacity"],
        minimum=entry["MinSize"],
        maximum=entry.get("MaxSize"),
        suspended=tuple(sorted(process["ProcessName"] for process in entry.get("SuspendedProcesses", ()))),
        members=tuple(
            MemberState(
                instance=member["InstanceId"],
                state=member["LifecycleState"],
                healthy=member.get("HealthStatus", "").lower() == "healthy",
                protected=bool(member.get("ProtectedFromScaleIn")),
            )
            for member in entry.get("Instances", ())
        ),
    )
