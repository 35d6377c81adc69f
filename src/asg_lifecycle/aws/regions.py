"""The EC2 call that tells which Regions an account uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients


class Regions:
    """The Regions of this account."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def enabled(self) -> tuple[str, ...]:
        """Return the names of the Regions that are enabled for this account, in order.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("ec2:DescribeRegions"):
            # Without AllRegions it leaves out those that the account has not opted in to.
            regions = self._clients.ec2.describe_regions()["Regions"]
        return tuple(sorted(region["RegionName"] for region in regions if "RegionName" in region))
