"""The Auto Scaling operations about the capacity of a group: suspended processes, and instance refreshes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.core.responses import ActionResult, EmptyResult

from asg_lifecycle_simulator.services.autoscaling.attachments import AttachmentResponse
from asg_lifecycle_simulator.services.autoscaling.model import Refresh

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.services.autoscaling.engine import Engine
    from asg_lifecycle_simulator.services.autoscaling.model import Instance

REFRESHES_A_PAGE = 100
ACTIVITIES_A_PAGE = 100
UNDER_WAY = frozenset({"Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress"})


class CapacityResponse(AttachmentResponse):
    """Answers one request about the capacity of a group."""

    def __init__(self, engine: Engine, new_id: Callable[[], str]) -> None:
        super().__init__(engine)
        self._new_id = new_id

    def resume_processes(self) -> ActionResult:
        """Resume processes, and launch what could not be launched."""
        super().resume_processes()
        self._engine.reconcile(self._group().name)
        return EmptyResult()

    def describe_scaling_activities(self) -> ActionResult:
        """Describe the activities that terminate instances of a group, the last one first, page by page."""
        name = self._group().name
        numbered = [(number, each) for number, each in enumerate(self._engine.activities) if each.group == name]
        page, token = self._page(numbered[::-1], ACTIVITIES_A_PAGE)
        return ActionResult({"Activities": [each.plain(number) for number, each in page], "NextToken": token})

    def start_instance_refresh(self) -> ActionResult:
        """Start an instance refresh. It replaces nothing: it is there to be listed, until somebody cancels it."""
        group = self._group()
        if any(refresh.status in UNDER_WAY for refresh in group.refreshes):
            message = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
            raise AutoscalingClientError("InstanceRefreshInProgress", message)
        group.refreshes.insert(0, Refresh(self._new_id(), "InProgress"))
        return ActionResult({"InstanceRefreshId": group.refreshes[0].id})

    def cancel_instance_refresh(self) -> ActionResult:
        """Cancel the instance refresh that is under way."""
        group = self._group()
        for refresh in group.refreshes:
            if refresh.status in UNDER_WAY:
                refresh.status = "Cancelled"
                return ActionResult({"InstanceRefreshId": refresh.id})
        message = f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}"
        raise AutoscalingClientError("ActiveInstanceRefreshNotFound", message)

    def describe_instance_refreshes(self) -> ActionResult:
        """Describe the instance refreshes of a group, the last one first, page by page."""
        group = self._group()
        page, token = self._page(group.refreshes, REFRESHES_A_PAGE)
        shown = [
            {"InstanceRefreshId": each.id, "AutoScalingGroupName": group.name, "Status": each.status} for each in page
        ]
        return ActionResult({"InstanceRefreshes": shown, "NextToken": token})

    def _decrement(self, instance: Instance) -> None:
        """Take an instance off the desired capacity, unless the minimum forbids it; one that is retained is not in it.

        Raises:
            ValidationError: the minimum forbids it.
        """
        group, shown = self._engine.groups[instance.group], self._engine.fleet.group(instance.group)
        least = shown.min_size or 0
        if group.desired > least:
            group.desired -= 1
            shown.desired_capacity = group.desired
        elif instance.counts:
            message = (
                f"Currently, desiredSize equals minSize ({least}). Terminating instance without replacement will "
                "violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower "
                "group's min size."
            )
            raise ValidationError(message)
