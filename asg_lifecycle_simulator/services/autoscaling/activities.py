"""The scaling activities that terminate instances, with causes as Auto Scaling words them.

The texts are those of the Auto Scaling user guide and of activities that users have published.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

EC2_HEALTH_CHECK = "an EC2 health check indicating it has been terminated or stopped"
USER_REQUEST = "a user request"
INSTANCE_REFRESH = "an instance refresh"
REBALANCE_RECOMMENDATION = "an EC2 instance rebalance recommendation"


@dataclass(frozen=True)
class Activity:
    """One activity.

    Attributes:
        group: Auto Scaling group name.
        instance: EC2 instance id.
        why: what comes after "taken out of service in response to".
        at: seconds since the epoch.
        before: what is said before that, a sentence.
    """

    group: str
    instance: str
    why: str
    at: float
    before: str = ""

    def plain(self, number: int) -> dict[str, Any]:
        """Return it as `DescribeScalingActivities` has it."""
        moment = datetime.fromtimestamp(self.at, UTC)
        at = f"At {moment:%Y-%m-%dT%H:%M:%SZ}"
        before = f"{at} {self.before}.  " if self.before else ""
        return {
            "ActivityId": f"00000000-0000-0000-0000-{number:012d}",
            "AutoScalingGroupName": self.group,
            "Description": f"Terminating EC2 instance: {self.instance}",
            "Cause": (
                f"{before}{at} an instance was taken out of service in response to {self.why}.  {at} instance "
                f"{self.instance} was selected for termination."
            ),
            "StartTime": moment,
            "StatusCode": "InProgress",
            "Progress": 0,
        }


def difference(counted: int) -> str:
    """Return the cause with which a group goes down to one instance less."""
    shrinking = f"shrinking the capacity from {counted} to {counted - 1}"
    return f"a difference between desired and actual capacity, {shrinking}"
