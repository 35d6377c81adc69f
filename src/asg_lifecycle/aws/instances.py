"""What EC2 knows of an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients

GONE_STATES = frozenset({"shutting-down", "terminated"})


class InstanceFacts(Struct, frozen=True, kw_only=True):
    """An instance as EC2 sees it.

    Attributes:
        state: `running`, `stopped`, `terminated`, …; None when it could not be read.
        addresses: its private IP addresses, in the order EC2 gives them.
        problem: why the state could not be read, None when it was.
    """

    state: str | None = None
    addresses: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def gone(self) -> bool:
        """Whether the instance was terminated before its hook fired (R28)."""
        return self.state in GONE_STATES


class StatusChecks(Struct, frozen=True, kw_only=True):
    """EC2's status checks of an instance: `ok`, `impaired`, `initializing`, `insufficient-data` or `not-applicable`.

    Attributes:
        system: of what the instance runs on.
        instance: of the instance itself.
        state: of the instance, `running`.
    """

    system: str
    instance: str
    state: str


class Instances:
    """The instances of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def facts(self, instance: str) -> InstanceFacts:
        """Return what EC2 knows of `instance`; one it has forgotten counts as terminated (R28).

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ec2:DescribeInstances"):
                reservations = self._clients.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.MISSING:
                return InstanceFacts(state="terminated")
            raise
        found = [entry for reservation in reservations for entry in reservation.get("Instances", [])]
        if not found:
            return InstanceFacts(state="terminated")
        addresses = dict.fromkeys(
            address["PrivateIpAddress"]
            for interface in found[0].get("NetworkInterfaces", [])
            for address in interface.get("PrivateIpAddresses", [])
            if "PrivateIpAddress" in address
        )
        return InstanceFacts(state=found[0]["State"]["Name"], addresses=tuple(addresses))

    def tags(self, instance: str) -> dict[str, str]:
        """Return the tags of `instance`; none when EC2 has forgotten it.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ec2:DescribeInstances"):
                reservations = self._clients.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.MISSING:
                return {}
            raise
        found = [entry for reservation in reservations for entry in reservation.get("Instances", [])]
        return {tag["Key"]: tag["Value"] for entry in found for tag in entry.get("Tags", [])}

    def status_checks(self, instance: str) -> StatusChecks | None:
        """Return the status checks of `instance`, None while there are none.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ec2:DescribeInstanceStatus"):
                found = self._clients.ec2.describe_instance_status(InstanceIds=[instance], IncludeAllInstances=True)[
                    "InstanceStatuses"
                ]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.MISSING:
                return None
            raise
        if not found:
            return None
        return StatusChecks(
            system=found[0].get("SystemStatus", {}).get("Status", "insufficient-data"),
            instance=found[0].get("InstanceStatus", {}).get("Status", "insufficient-data"),
            state=found[0].get("InstanceState", {}).get("Name", "unknown"),
        )
