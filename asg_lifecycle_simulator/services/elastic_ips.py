"""Elastic IP addresses that move between instances.

moto lets an address move although that was forbidden, gives an association that is asked for again a new id, lets an
interface have several on one private address, leaves addresses with instances that are terminated, and shows every
change at once.
Source: `AssociateAddress`, `DisassociateAddress` and `DescribeAddresses` in the EC2 API reference; "Error codes for the
Amazon EC2 API"; "Elastic IP addresses" in the EC2 user guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.responses.elastic_ip_addresses import ElasticIPAddresses
from moto.ec2.utils import random_eip_association_id

from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.delayed_views import DelayedViews, matching
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moto.ec2.models import EC2Backend
    from moto.ec2.models.elastic_ip_addresses import ElasticAddress
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Request, Response
    from asg_lifecycle_simulator.services.delayed_views import View

POOL_TAG = "asg-lifecycle:pool"

FILTERS = {
    "allocation-id": lambda view: [view["AllocationId"]],
    "association-id": lambda view: [view.get("AssociationId")],
    "instance-id": lambda view: [view.get("InstanceId")],
    "network-interface-id": lambda view: [view.get("NetworkInterfaceId")],
    "private-ip-address": lambda view: [view.get("PrivateIpAddress")],
    "public-ip": lambda view: [view["PublicIp"]],
}


class ElasticIps(Service):
    """The Elastic IP addresses of a region.

    Attributes:
        views: what is shown of them; `views.delay` is how long a change takes until it is.
        taken_away: the addresses that an instance lost because something else was given them, or it was given another,
            each with that instance.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.views = DelayedViews(lambda: self.now)
        self.taken_away: list[tuple[str, str]] = []

    def install(self) -> None:
        """Take the requests over from moto."""
        operations = {
            "associate_address": self._associate,
            "disassociate_address": self._disassociate,
            "describe_addresses": self._describe,
        }
        self.answer_query(ElasticIPAddresses, operations)

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Free what the instances had."""
        for address in self._addresses:
            if _holder(address) in instance_ids:
                self._free(address)

    def allocate(self, pool: str | None = None) -> str:
        """Allocate an address, as a member of a pool or of none, and return it."""
        tags = {POOL_TAG: pool} if pool is not None else {}
        return str(self._backend.allocate_address("vpc", tags=tags).public_ip)

    def give(self, address: str, instance: str) -> None:
        """Let an instance have an address, whoever had it."""
        found = self._instance(instance)
        self._move(self._of(address), found.nics[0])

    def take(self, address: str) -> None:
        """Take an address from whoever has it."""
        self._free(self._of(address))

    def holders(self) -> dict[str, str | None]:
        """Return the instance that has each address, as it is now."""
        return {str(each.public_ip): _holder(each) for each in self._addresses}

    def of(self, instance: str) -> list[str]:
        """Return the addresses that an instance has now."""
        return [address for address, holder in self.holders().items() if holder == instance]

    @property
    def _backend(self) -> EC2Backend:
        return ec2_backends[self.region.account][self.region.name]

    @property
    def _addresses(self) -> list[ElasticAddress]:
        return list(self._backend.addresses)

    def _of(self, address: str) -> ElasticAddress:
        return next(each for each in self._addresses if each.public_ip == address)

    def _instance(self, identity: str) -> Any:  # noqa: ANN401 - moto types its interfaces loosely
        found = instances_by_id(self._backend).get(identity)
        if found is None:
            raise EC2ClientError("InvalidInstanceID.NotFound", f"The instance ID '{identity}' does not exist")
        return found

    def _describe(self, request: Request) -> Response:
        everything = [self.views.shown(str(each.allocation_id), _view(each)) for each in self._addresses]
        views = [each for each in everything if each is not None]
        for parameter, field in (("AllocationIds", "AllocationId"), ("PublicIps", "PublicIp")):
            wanted = request.get(parameter)
            if wanted and (unknown := set(wanted) - {view[field] for view in views}):
                message = f"The {field} '{min(unknown)}' does not exist"
                raise EC2ClientError("InvalidAllocationID.NotFound", message)
            views = [view for view in views if not wanted or view[field] in wanted]
        return {"Addresses": matching(views, request, FILTERS)}

    def _associate(self, request: Request) -> Response:
        identity = request.get("AllocationId")
        address = next((each for each in self._addresses if each.allocation_id == identity), None)
        if address is None:
            message = f"The allocation ID '{identity}' does not exist"
            raise EC2ClientError("InvalidAllocationID.NotFound", message)
        interface = self._interface(request)
        instance = interface.instance
        if instance is not None and instance.state not in {"running", "stopped", "stopping"}:
            message = f"The {instance.state} instance '{instance.id}' is not in a valid state for this operation."
            raise EC2ClientError("InvalidInstanceID", message)
        if address.eni is interface:
            return {"AssociationId": address.association_id}
        if address.association_id is not None and request.get("AllowReassociation") is False:
            told = f"resource {identity} is already associated with associate-id {address.association_id}"
            raise EC2ClientError("Resource.AlreadyAssociated", told)
        self._move(address, interface)
        return {"AssociationId": address.association_id}

    def _interface(self, request: Request) -> NetworkInterface:
        if "InstanceId" in request:
            nics = self._instance(request["InstanceId"]).nics
            if len(nics) != 1:
                message = f"There are multiple interfaces attached to instance '{request['InstanceId']}'."
                raise EC2ClientError("InvalidInstanceID", message)
            return next(iter(nics.values()))  # type: ignore[no-any-return] # moto types its interfaces loosely
        identity = request.get("NetworkInterfaceId")
        found = self._backend.enis.get(identity or "")
        if found is None:
            message = f"The networkInterface ID '{identity}' does not exist"
            raise EC2ClientError("InvalidNetworkInterfaceID.NotFound", message)
        return found

    def _move(self, address: ElasticAddress, interface: NetworkInterface) -> None:
        for other in self._addresses:
            if other is address or other.eni is interface:
                if (holder := _holder(other)) is not None:
                    self.taken_away.append((str(other.public_ip), holder))
                self._free(other)
        self.views.changes(str(address.allocation_id), _view(address))
        address.eni, address.instance = interface, interface.instance  # type: ignore[assignment] # moto's own are None
        address.association_id = random_eip_association_id()
        interface.public_ip = address.public_ip
        if interface.instance is not None:
            self.log(interface.instance.id, f"ec2 has Elastic IP {address.public_ip}")

    def _disassociate(self, request: Request) -> Response:
        identity = request.get("AssociationId")
        address = next((each for each in self._addresses if identity and each.association_id == identity), None)
        if address is None:
            message = f"The association ID '{identity}' does not exist"
            raise EC2ClientError("InvalidAssociationID.NotFound", message)
        self._free(address)
        return {}

    def _free(self, address: ElasticAddress) -> None:
        if address.association_id is None:
            return
        self.views.changes(str(address.allocation_id), _view(address))
        if (holder := _holder(address)) is not None:
            self.log(holder, f"ec2 has lost Elastic IP {address.public_ip}")
        self._backend.disassociate_address(association_id=address.association_id)


def _holder(address: ElasticAddress) -> str | None:
    return address.instance_id or None


def _view(address: ElasticAddress) -> View:
    known = {
        "AllocationId": address.allocation_id,
        "AssociationId": address.association_id,
        "Domain": "vpc",
        "InstanceId": _holder(address),
        "NetworkInterfaceId": address.network_interface_id or None,
        "NetworkInterfaceOwnerId": address.network_interface_owner_id,
        "PrivateIpAddress": address.private_ip_address,
        "PublicIp": address.public_ip,
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in address.get_tags()],
    }
    return {name: value for name, value in known.items() if value is not None}
