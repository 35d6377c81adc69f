"""The scaling activities of Auto Scaling groups: why an instance terminates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients

PAGE = 100
MOST_PAGES = 5
"""Pages that are read: the activities of an instance that waits now are among the latest of its group."""


class ScalingActivities:
    """The scaling activities of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def cause_of_termination(self, group: str, instance: str) -> str | None:
        """Return what Auto Scaling says why it terminates an instance, None when no late activity is about that.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        about = re.compile(rf"Terminating EC2 instance: {re.escape(instance)}\b")
        with calling("autoscaling:DescribeScalingActivities"):
            pages = self._clients.autoscaling.get_paginator("describe_scaling_activities").paginate(
                AutoScalingGroupName=group, PaginationConfig={"PageSize": PAGE, "MaxItems": PAGE * MOST_PAGES}
            )
            for page in pages:
                # The latest come first.
                for activity in page["Activities"]:
                    if about.match(activity.get("Description", "")):
                        return activity.get("Cause")
        return None
