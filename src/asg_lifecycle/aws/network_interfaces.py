"""The EC2 calls about network interfaces and the private addresses on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.address_pools import POOL_TAG, PoolMember
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_ec2.type_defs import FilterTypeDef, NetworkInterfaceTypeDef

    from asg_lifecycle.aws.clients import Clients

IN_USE = frozenset({"InvalidIPAddress.InUse", "InvalidNetworkInterface.InUse", "InvalidParameterValue"})
"""The codes with which EC2 refuses what something else has. The last one has other meanings, too.

Source: "Error codes for the Amazon EC2 API", where a network interface in use may answer with either; a private address
that is assigned answers `InvalidParameterValue`, "assigned, but move is not allowed".
"""

NO_INTERFACE = "InvalidNetworkInterfaceID.NotFound"
NO_ATTACHMENT = "InvalidAttachmentID.NotFound"


class NetworkInterfaces:
    """The network interfaces of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def of_pool(self, pool: str) -> tuple[tuple[PoolMember, str], ...]:
        """Return the network interfaces that a pool has, each with its Availability Zone.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        # The filter takes * and ? for any letters, so what it lets through is compared.
        found = self._described({"Name": f"tag:{POOL_TAG}", "Values": [pool]})
        wanted = {"Key": POOL_TAG, "Value": pool}
        return tuple(
            (_interface(each), each.get("AvailabilityZone", "")) for each in found if wanted in each.get("TagSet", [])
        )

    def addresses_in(self, subnet: str, addresses: Sequence[str]) -> tuple[PoolMember, ...]:
        """Return those of some private addresses that a network interface of a subnet has.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._holding(
            addresses,
            {"Name": "subnet-id", "Values": [subnet]},
            {"Name": "addresses.private-ip-address", "Values": list(addresses)},
        )

    def addresses_of(self, instance: str, addresses: Sequence[str]) -> tuple[PoolMember, ...]:
        """Return those of some private addresses that an instance has, on any of its network interfaces.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._holding(addresses, {"Name": "attachment.instance-id", "Values": [instance]})

    def address_range(self, subnet: str) -> str | None:
        """Return the IPv4 addresses of a subnet, `10.0.0.0/24`; None when there is no such subnet.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("ec2:DescribeSubnets"):
            found = self._clients.ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["Subnets"]
        return next((each["CidrBlock"] for each in found), None)

    def attach(self, interface: str, instance: str, index: int) -> None:
        """Attach a network interface to an instance. EC2 refuses one that is attached (`IN_USE`).

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        with calling("ec2:AttachNetworkInterface"):
            # On instances with several network cards EC2 has looked at all of them where none was named.
            self._clients.ec2.attach_network_interface(
                NetworkInterfaceId=interface, InstanceId=instance, DeviceIndex=index, NetworkCardIndex=0
            )

    def keep(self, interface: str, attachment: str) -> None:
        """Let a network interface outlive the instance that it is attached to.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        with calling("ec2:ModifyNetworkInterfaceAttribute"):
            self._clients.ec2.modify_network_interface_attribute(
                NetworkInterfaceId=interface, Attachment={"AttachmentId": attachment, "DeleteOnTermination": False}
            )

    def detach(self, attachment: str, *, force: bool) -> None:
        """Detach a network interface. An attachment that has ended is as good: each has an id of its own.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        try:
            with calling("ec2:DetachNetworkInterface"):
                self._clients.ec2.detach_network_interface(AttachmentId=attachment, Force=force)
        except CallFailed as failed:
            if failed.failure.code != NO_ATTACHMENT:
                raise

    def assign(self, interface: str, address: str) -> None:
        """Give a network interface a private address. EC2 refuses one that something else has (`IN_USE`).

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        with calling("ec2:AssignPrivateIpAddresses"):
            self._clients.ec2.assign_private_ip_addresses(
                NetworkInterfaceId=interface, PrivateIpAddresses=[address], AllowReassignment=False
            )

    def unassign(self, interface: str, address: str) -> None:
        """Take a private address from a network interface.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        with calling("ec2:UnassignPrivateIpAddresses"):
            self._clients.ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface, PrivateIpAddresses=[address])

    def _holding(self, addresses: Sequence[str], *filters: FilterTypeDef) -> tuple[PoolMember, ...]:
        return tuple(
            PoolMember(
                id=address["PrivateIpAddress"],
                name=address["PrivateIpAddress"],
                holder=_owner(each),
                instance=each.get("Attachment", {}).get("InstanceId"),
                handle=each["NetworkInterfaceId"],
                primary=address.get("Primary", False),
            )
            for each in self._described(*filters)
            for address in each.get("PrivateIpAddresses", [])
            if address["PrivateIpAddress"] in addresses
        )

    def _described(self, *filters: FilterTypeDef) -> list[NetworkInterfaceTypeDef]:
        found: list[NetworkInterfaceTypeDef] = []
        with calling("ec2:DescribeNetworkInterfaces"):
            for page in self._clients.ec2.get_paginator("describe_network_interfaces").paginate(Filters=list(filters)):
                found += page["NetworkInterfaces"]
        return found


def _owner(interface: NetworkInterfaceTypeDef) -> str:
    instance = interface.get("Attachment", {}).get("InstanceId")
    return f"instance {instance}" if instance else f"network interface {interface['NetworkInterfaceId']}"


def _interface(interface: NetworkInterfaceTypeDef) -> PoolMember:
    attachment = interface.get("Attachment", {})
    status, instance = interface.get("Status", "unknown"), attachment.get("InstanceId")
    holder = None
    if status != "available":
        holder = f"instance {instance}" if instance else f"what EC2 does not name ({status})"
    return PoolMember(
        id=interface["NetworkInterfaceId"],
        name=interface["NetworkInterfaceId"],
        holder=holder,
        instance=instance if holder is not None else None,
        handle=attachment.get("AttachmentId"),
        settled=attachment.get("Status") == "attached",
        primary=attachment.get("DeviceIndex") == 0 and attachment.get("NetworkCardIndex", 0) == 0,
        deleted_with_instance=attachment.get("DeleteOnTermination", False),
    )
