"""The EC2 calls about instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.address_pools import InstanceNetwork
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.instances import InstanceAddresses, InstanceFacts, StatusChecks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mypy_boto3_ec2.type_defs import InstanceTypeDef

    from asg_lifecycle.aws.clients import Clients


NOT_FOUND = "InvalidInstanceID.NotFound"
MOST_FILTERED = 200
"""Values that a filter takes."""


class Instances:
    """The instances of this account and Region.

    EC2 does not know an instance at once that was launched a moment ago (R32): where `launching` is true, an instance
    that EC2 does not know is a `CallFailed` that passes. Else EC2 has forgotten it, and it counts as terminated (R28).
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def facts(self, instance: str, *, launching: bool = False) -> InstanceFacts:
        """Return what EC2 knows of `instance`.

        Raises:
            CallFailed: no answer, throttled, denied, launching and not known yet.
        """
        found = self._describe(instance, launching=launching)
        if found is None:
            return InstanceFacts(state="terminated")
        return InstanceFacts(
            state=found["State"]["Name"],
            addresses=_addresses(found).of_interfaces,
            private_name=found.get("PrivateDnsName") or None,
            availability_zone=found.get("Placement", {}).get("AvailabilityZone"),
            tags=_tags(found),
            purchase=found.get("InstanceLifecycle"),
        )

    def is_known(self, instance: str) -> bool:
        """Return whether EC2 knows `instance`, a terminated one within the hour, too.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._find(instance) is not None

    def addresses(self, instance: str, *, launching: bool = False) -> InstanceAddresses:
        """Return the addresses and names of `instance`; a terminated one has none.

        Raises:
            CallFailed: no answer, throttled, denied, launching and not known yet.
        """
        found = self._describe(instance, launching=launching)
        return _addresses(found) if found is not None else InstanceAddresses(state="terminated")

    def network(self, instance: str, *, launching: bool = False) -> InstanceNetwork:
        """Return where `instance` is in the network; a terminated one has no network interfaces.

        Raises:
            CallFailed: no answer, throttled, denied, launching and not known yet.
        """
        found = self._describe(instance, launching=launching)
        if found is None:
            return InstanceNetwork(instance=instance, state="terminated")
        attached = [(each.get("Attachment", {}), each) for each in found.get("NetworkInterfaces", [])]
        return InstanceNetwork(
            instance=instance,
            state=found["State"]["Name"],
            zone=found.get("Placement", {}).get("AvailabilityZone"),
            subnet=found.get("SubnetId"),
            address=found.get("PrivateIpAddress"),
            interfaces={
                attachment.get("DeviceIndex", 0): each["NetworkInterfaceId"]
                for attachment, each in attached
                if attachment.get("NetworkCardIndex", 0) == 0
            },
        )

    def reached_by(self, instance: str, facts: InstanceFacts) -> tuple[str, ...]:
        """Return all addresses and DNS names of `instance`: those that EC2 tells now, and those in `facts`.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return tuple(dict.fromkeys((*facts.addresses, *self.addresses(instance).all)))

    def _describe(self, instance: str, *, launching: bool) -> InstanceTypeDef | None:
        found = self._find(instance)
        if found is None and launching:
            message = f"EC2 does not know instance {instance} yet"
            raise CallFailed(
                Failure(
                    consequence=Consequence.TRANSIENT,
                    action="ec2:DescribeInstances",
                    code=NOT_FOUND,
                    message=message,
                )
            )
        return found

    def _find(self, instance: str) -> InstanceTypeDef | None:
        try:
            with calling("ec2:DescribeInstances"):
                reservations = self._clients.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        return next((entry for reservation in reservations for entry in reservation.get("Instances", [])), None)

    def tags(self, instance: str, *, launching: bool = False) -> dict[str, str]:
        """Return the tags of `instance`; none when EC2 has forgotten it.

        Raises:
            CallFailed: no answer, throttled, denied, launching and not known yet.
        """
        found = self._describe(instance, launching=launching)
        return _tags(found) if found is not None else {}

    def tags_of(self, instances: Sequence[str]) -> dict[str, dict[str, str]]:
        """Return the tags of many instances, by instance; those that EC2 does not know are left out.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return {each["InstanceId"]: _tags(each) for each in self._describe_many(instances)}

    def addresses_of(self, instances: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the addresses of the interfaces of many instances, by instance; unknown ones are left out.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return {each["InstanceId"]: _addresses(each).of_interfaces for each in self._describe_many(instances)}

    def _describe_many(self, instances: Sequence[str]) -> list[InstanceTypeDef]:
        found: list[InstanceTypeDef] = []
        for first in range(0, len(instances), MOST_FILTERED):
            with calling("ec2:DescribeInstances"):
                for page in self._clients.ec2.get_paginator("describe_instances").paginate(
                    Filters=[{"Name": "instance-id", "Values": list(instances[first : first + MOST_FILTERED])}]
                ):
                    found += (each for reservation in page["Reservations"] for each in reservation.get("Instances", []))
        return found

    def status_checks(self, instance: str) -> StatusChecks | None:
        """Return the status checks of `instance`, None while it has none.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ec2:DescribeInstanceStatus"):
                found = self._clients.ec2.describe_instance_status(InstanceIds=[instance], IncludeAllInstances=True)[
                    "InstanceStatuses"
                ]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        if not found:
            return None
        return StatusChecks(
            system=found[0].get("SystemStatus", {}).get("Status", "insufficient-data"),
            instance=found[0].get("InstanceStatus", {}).get("Status", "insufficient-data"),
            state=found[0].get("InstanceState", {}).get("Name", "unknown"),
        )


def _addresses(instance: InstanceTypeDef) -> InstanceAddresses:
    interfaces = sorted(
        instance.get("NetworkInterfaces", []), key=lambda each: each.get("Attachment", {}).get("DeviceIndex", 0)
    )
    private = [address for each in interfaces for address in each.get("PrivateIpAddresses", [])]
    return InstanceAddresses(
        state=instance["State"]["Name"],
        private=_told(address.get("PrivateIpAddress") for address in private),
        public=_told(address.get("Association", {}).get("PublicIp") for address in private),
        ipv6=_told(address.get("Ipv6Address") for each in interfaces for address in each.get("Ipv6Addresses", [])),
        names=_told((instance.get("PrivateDnsName"), instance.get("PublicDnsName"))),
    )


def _tags(instance: InstanceTypeDef) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}


def _told(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
