"""Addresses of instances, IPv6 among them; a terminated instance has none.

moto's terminated instances keep their interfaces.
Source: `DescribeInstances` in the EC2 API reference; "Terminate Amazon EC2 instances" in the EC2 user guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance, InstanceState

from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

ADDRESS_PROPERTIES = (
    "private_dns_name",
    "private_ip",
    "private_ip_address",
    "public_dns_name",
    "public_ip",
    "public_ip_address",
)
"""What moto reads from the first interface; it fails where there is none."""


class Addresses(Service):
    """The addresses of a region's instances."""

    def install(self) -> None:
        """Let an instance without interfaces have no addresses."""
        for name in ADDRESS_PROPERTIES:
            self.region.replace(Instance, name, _none_without_interfaces(vars(Instance)[name]))

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Take the interfaces of the instances away."""
        for instance_id in instance_ids:
            self._instance(instance_id).nics.clear()

    def private(self, instance: str) -> str:
        """Return the private address of an instance."""
        return str(self._instance(instance).nics[0].private_ip_address)

    def public(self, instance: str) -> str:
        """Return the public address of an instance."""
        return str(self._instance(instance).nics[0].public_ip)

    def give(self, instance: str, *ipv6: str) -> None:
        """Give IPv6 addresses to an instance."""
        self._instance(instance).nics[0].ipv6_addresses.extend(ipv6)

    def second_interface(self, instance: str) -> str:
        """Attach a second interface to an instance and return its private address."""
        with self.region.unobserved():
            ec2 = self.region.client("ec2")
            subnet = self._instance(instance).nics[0].subnet.id
            made = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
            ec2.attach_network_interface(
                DeviceIndex=1, InstanceId=instance, NetworkInterfaceId=made["NetworkInterfaceId"]
            )
        return str(made["PrivateIpAddress"])

    def take_public(self, instance: str) -> None:
        """Leave an instance without a public address."""
        self._instance(instance).nics[0].public_ip = None

    def hold_back(self, instance: str) -> None:
        """Leave an instance `pending`, without a public address so far."""
        self.take_public(instance)
        self._instance(instance)._state = InstanceState("pending", 0)  # noqa: SLF001 - moto's only way there

    def bring_up(self, instance: str, public: str) -> None:
        """Let an instance that was held back run, with a public address."""
        self._instance(instance).nics[0].public_ip = public
        self._instance(instance)._state = InstanceState("running", 16)  # noqa: SLF001 - likewise

    def _instance(self, identity: str) -> Instance:
        return instances_by_id(ec2_backends[self.region.account][self.region.name])[identity]


def _none_without_interfaces(told: property) -> property:
    return property(lambda instance: told.__get__(instance) if instance.nics else None)
