"""By what instances are reached: IPv6 for those that have it, and nothing once an instance is terminated.

In place of moto, whose terminated instances keep their interfaces.
Source: `DescribeInstances` in the EC2 API reference; "Terminate Amazon EC2 instances" in the EC2 user guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState

from asg_lifecycle_simulator.services.ec2_instances import instances_by_id

if TYPE_CHECKING:
    from moto.ec2.models import EC2Backend

    from asg_lifecycle_simulator.region.region import Region

ADDRESS_PROPERTIES = (
    "private_dns_name",
    "private_ip",
    "private_ip_address",
    "public_dns_name",
    "public_ip",
    "public_ip_address",
)
"""What moto takes from the first interface, and cannot do without one."""


class Addresses:
    """The addresses of a region's instances, as a `SimulatedService`."""

    def __init__(self) -> None:
        self._region: Region | None = None

    def install(self, region: Region) -> None:
        """Let instances lose their interfaces when they are terminated."""
        self._region = region
        terminate = InstanceBackend.terminate_instances

        def terminate_instances(backend: EC2Backend, instance_ids: list[str]) -> object:
            terminated = terminate(backend, instance_ids)
            known = instances_by_id(backend)
            for instance in instance_ids:
                known[instance].nics.clear()
            return terminated

        region.replace(InstanceBackend, "terminate_instances", terminate_instances)
        for name in ADDRESS_PROPERTIES:
            region.replace(Instance, name, _none_without_interfaces(vars(Instance)[name]))

    def uninstall(self) -> None:
        """Forget everything."""
        self._region = None

    def private(self, instance: str) -> str:
        """Return the private address of an instance."""
        return str(self._instance(instance).nics[0].private_ip_address)

    def public(self, instance: str) -> str:
        """Return the public address of an instance."""
        return str(self._instance(instance).nics[0].public_ip)

    def give(self, instance: str, *ipv6: str) -> None:
        """Give IPv6 addresses to an instance."""
        self._instance(instance).nics[0].ipv6_addresses.extend(ipv6)

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
        if self._region is None:
            raise RuntimeError("the region has not been entered")
        return instances_by_id(ec2_backends[self._region.account][self._region.name])[identity]


def _none_without_interfaces(told: property) -> property:
    return property(lambda instance: told.__get__(instance) if instance.nics else None)
