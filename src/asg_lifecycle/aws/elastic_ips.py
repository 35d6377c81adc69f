"""The EC2 calls about Elastic IP addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.address_pools import POOL_TAG, PoolMember
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_ec2.type_defs import AddressTypeDef, FilterTypeDef

    from asg_lifecycle.aws.clients import Clients

ASSOCIATED = "Resource.AlreadyAssociated"
"""The code with which EC2 refuses an address that something else has, where it must not be taken away from that."""

NO_ADDRESS = "InvalidAllocationID.NotFound"
NO_ASSOCIATION = "InvalidAssociationID.NotFound"


class ElasticIps:
    """The Elastic IP addresses of this account and Region. EC2 lists them whole: the list has no pages."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def of_pool(self, pool: str) -> tuple[PoolMember, ...]:
        """Return the addresses that a pool has.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        # The filter takes * and ? for any letters, so what it lets through is compared.
        found = self._described({f"tag:{POOL_TAG}": [pool]})
        return tuple(_member(each) for each in found if {"Key": POOL_TAG, "Value": pool} in each.get("Tags", []))

    def of_address(self, interface: str, private: str) -> tuple[PoolMember, ...]:
        """Return the address that a private address of a network interface has.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found = self._described({"network-interface-id": [interface], "private-ip-address": [private]})
        return tuple(_member(each) for each in found)

    def associate(self, address: str, interface: str) -> None:
        """Associate an address, by its allocation id, with the first private address of a network interface.

        EC2 refuses what something else has (`ASSOCIATED`), and changes nothing where it is as is asked for. Another
        Elastic IP of that private address is taken away from it.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        with calling("ec2:AssociateAddress"):
            self._clients.ec2.associate_address(
                AllocationId=address, NetworkInterfaceId=interface, AllowReassociation=False
            )

    def disassociate(self, association: str) -> None:
        """End an association. One that has ended is as good: each has an id of its own.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        try:
            with calling("ec2:DisassociateAddress"):
                self._clients.ec2.disassociate_address(AssociationId=association)
        except CallFailed as failed:
            if failed.failure.code != NO_ASSOCIATION:
                raise

    def _described(self, filters: Mapping[str, Sequence[str]]) -> list[AddressTypeDef]:
        wanted: list[FilterTypeDef] = [{"Name": name, "Values": values} for name, values in filters.items()]
        with calling("ec2:DescribeAddresses"):
            return self._clients.ec2.describe_addresses(Filters=wanted)["Addresses"]


def _member(address: AddressTypeDef) -> PoolMember:
    instance, interface = address.get("InstanceId") or None, address.get("NetworkInterfaceId") or None
    association = address.get("AssociationId") or None
    holder = None
    if instance is not None:
        holder = f"instance {instance}"
    elif interface is not None or association is not None:
        holder = f"network interface {interface}" if interface is not None else f"association {association}"
    return PoolMember(
        id=address.get("AllocationId", address["PublicIp"]),
        name=address["PublicIp"],
        holder=holder,
        instance=instance,
        handle=association,
    )
