"""Secondary private addresses that move between network interfaces.

moto gives an address to several interfaces, also one that is not of their subnet, and an interface any number.
Source: `AssignPrivateIpAddresses` and `UnassignPrivateIpAddresses` in the EC2 API reference; "Secondary IP addresses
for your EC2 instances" in the EC2 user guide.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Request, Response
    from asg_lifecycle_simulator.services.network_interfaces import NetworkInterfaces

MOST_ADDRESSES = 15
"""Private addresses of an interface, as of an instance of middling size."""


class PrivateAddresses(Service):
    """The private addresses on the network interfaces of a region.

    Args:
        region: the region.
        interfaces: its network interfaces.
    """

    def __init__(self, region: Region, interfaces: NetworkInterfaces) -> None:
        super().__init__(region)
        self._interfaces = interfaces

    def install(self) -> None:
        """Take the requests over from moto."""
        operations = {"assign_private_ip_addresses": self._assign, "unassign_private_ip_addresses": self._unassign}
        self.answer_query(ElasticNetworkInterfaces, operations)

    def assign(self, address: str, instance: str) -> None:
        """Give an instance a secondary private address."""
        nic = instances_by_id(self._backend)[instance].nics[0]
        self._changes(nic)
        nic.private_ip_addresses.append({"Primary": False, "PrivateIpAddress": address})

    def holders(self) -> dict[str, list[str]]:
        """Return the instances that have each secondary private address, as it is now."""
        found: dict[str, list[str]] = {}
        for each in self._interfaces.by_id.values():
            for address in each.private_ip_addresses:
                if not address.get("Primary") and each.instance is not None:
                    found.setdefault(address["PrivateIpAddress"], []).append(each.instance.id)
        return found

    @property
    def _backend(self) -> EC2Backend:
        return ec2_backends[self.region.account][self.region.name]

    def _changes(self, interface: NetworkInterface) -> None:
        self._interfaces.views.changes(interface.id, self._interfaces.view(interface))

    def _assign(self, request: Request) -> Response:
        interface = self._interfaces.found(request)
        asked = request.get("PrivateIpAddresses")
        if not asked:
            self._backend.assign_private_ip_addresses(
                interface.id, None, int(request.get("SecondaryPrivateIpAddressCount") or 1)
            )
            return {"NetworkInterfaceId": interface.id}
        for address in asked:
            self._refuse(interface, address, may_move=bool(request.get("AllowReassignment")))
        self._changes(interface)
        for each in self._in_subnet_of(interface):
            each.private_ip_addresses = [it for it in each.private_ip_addresses if it["PrivateIpAddress"] not in asked]
        interface.private_ip_addresses += [{"Primary": False, "PrivateIpAddress": each} for each in asked]
        if interface.instance is not None:
            self.log(interface.instance.id, f"ec2 has private address {', '.join(asked)}")
        return {"NetworkInterfaceId": interface.id}

    def _refuse(self, interface: NetworkInterface, address: str, *, may_move: bool) -> None:
        """Refuse an address that is outside, that something else has, or that is one too many."""
        if ip_address(address) not in ip_network(interface.subnet.cidr_block):
            raise EC2ClientError("InvalidParameterValue", "Address does not fall within the subnet's address range")
        holders = [each for each in self._in_subnet_of(interface) if address in _addresses(each)]
        if any(each is not interface for each in holders) and not may_move:
            raise EC2ClientError("InvalidParameterValue", f"[{address}] assigned, but move is not allowed.")
        if not holders and len(interface.private_ip_addresses) >= MOST_ADDRESSES:
            raise EC2ClientError("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.")

    def _in_subnet_of(self, interface: NetworkInterface) -> list[NetworkInterface]:
        return [each for each in self._interfaces.by_id.values() if each.subnet.id == interface.subnet.id]

    def _unassign(self, request: Request) -> Response:
        interface = self._interfaces.found(request)
        secondary = {it["PrivateIpAddress"] for it in interface.private_ip_addresses if not it.get("Primary")}
        if unknown := set(request["PrivateIpAddresses"]) - secondary:
            told = f"Some of {sorted(unknown)} are not assigned to interface {interface.id}"
            raise EC2ClientError("InvalidParameterValue", told)
        self._changes(interface)
        self._backend.unassign_private_ip_addresses(interface.id, request["PrivateIpAddresses"])
        if interface.instance is not None:
            self.log(interface.instance.id, f"ec2 has lost private address {', '.join(request['PrivateIpAddresses'])}")
        return {}


def _addresses(interface: NetworkInterface) -> list[str]:
    return [each["PrivateIpAddress"] for each in interface.private_ip_addresses]
