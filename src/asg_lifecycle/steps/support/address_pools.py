"""What `move-address` moves: each kind of pool finds its members, gives one to an instance, and takes it back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, ClassVar

import msgspec

from asg_lifecycle.aws.elastic_ips import ASSOCIATED, NO_ADDRESS
from asg_lifecycle.aws.network_interfaces import IN_USE, NO_INTERFACE
from asg_lifecycle.model.address_pools import POOL_TAG, InstanceNetwork, PoolContents, PoolMember
from asg_lifecycle.model.blockers import BlockerKind
from asg_lifecycle.model.fields import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from asg_lifecycle.aws.elastic_ips import ElasticIps
    from asg_lifecycle.aws.network_interfaces import NetworkInterfaces


class AddressPool(ABC):
    """A pool. Each of its calls may raise `CallFailed`."""

    noun: ClassVar[str]
    """What its members are."""

    blocker: ClassVar[BlockerKind]
    """What they are as something that is waited for."""

    refused_when_taken: ClassVar[frozenset[str]]
    """The codes with which EC2 refuses a member that something else has, or that is no more."""

    attached: ClassVar[str]
    """What a member is, before the instance that has it."""

    name: str
    """Of the pool, as a part of sentences."""

    @abstractmethod
    def contents(self, network: InstanceNetwork) -> PoolContents:
        """Return all members. Those that this instance cannot have say why."""

    @abstractmethod
    def held_by(self, instance: str, members: Sequence[PoolMember]) -> tuple[PoolMember, ...]:
        """Return what of the pool an instance has, which may be gone."""

    @abstractmethod
    def obstacle(self, network: InstanceNetwork, members: Sequence[PoolMember]) -> str | None:
        """Return what is in the way of giving the instance one of `members`, None when nothing is."""

    @abstractmethod
    def give(self, member: PoolMember, network: InstanceNetwork) -> None:
        """Give a member to an instance, unless something else has it: EC2 refuses that."""

    def finish(self, member: PoolMember) -> str | None:
        """Do what is left when an instance has a member; return what is waited for, None when nothing is."""
        del member
        return None

    @abstractmethod
    def take_back(self, member: PoolMember, *, force: bool) -> None:
        """Begin to take a member from the instance that has it."""


class _TaggedPool(AddressPool):
    """A pool whose members have the tag."""

    def __init__(self, pool: str) -> None:
        self._pool = pool
        self.name = f"pool {pool}"

    def _contents(self, members: Iterable[PoolMember]) -> PoolContents:
        return PoolContents(
            members=tuple(members), nothing=f"{self.noun} with the tag {POOL_TAG} = {shown(self._pool)}"
        )

    def held_by(self, instance: str, members: Sequence[PoolMember]) -> tuple[PoolMember, ...]:
        """Return those of the members."""
        return tuple(each for each in members if each.instance == instance)


class ElasticIpPool(_TaggedPool):
    """Elastic IP addresses. An instance has one on the first private address of its first network interface."""

    noun = "Elastic IP"
    blocker = BlockerKind.ADDRESS
    refused_when_taken = frozenset({ASSOCIATED, NO_ADDRESS})
    attached = "associated with"

    def __init__(self, elastic_ips: ElasticIps, pool: str) -> None:
        super().__init__(pool)
        self._elastic_ips = elastic_ips

    def contents(self, network: InstanceNetwork) -> PoolContents:
        """Return all: an address can go to any zone."""
        del network
        return self._contents(self._elastic_ips.of_pool(self._pool))

    def obstacle(self, network: InstanceNetwork, members: Sequence[PoolMember]) -> str | None:
        """Return an Elastic IP of another pool, which EC2 would take away from the instance."""
        if network.first_interface is None or network.address is None:
            return "it has no private IPv4 address on its first network interface"
        own = {each.id for each in members}
        found = self._elastic_ips.of_address(network.first_interface, network.address)
        others = [each for each in found if each.id not in own]
        return f"it has the Elastic IP {others[0].name}, which is not of {self.name}" if others else None

    def give(self, member: PoolMember, network: InstanceNetwork) -> None:
        """Associate it with the first network interface."""
        if network.first_interface is not None:
            self._elastic_ips.associate(member.id, network.first_interface)

    def take_back(self, member: PoolMember, *, force: bool) -> None:
        """Disassociate it."""
        del force
        if member.handle is not None:
            self._elastic_ips.disassociate(member.handle)


class NetworkInterfacePool(_TaggedPool):
    """Network interfaces, which stay in their Availability Zone."""

    noun = "network interface"
    blocker = BlockerKind.NETWORK_INTERFACE
    refused_when_taken = IN_USE | {NO_INTERFACE}
    attached = "attached to"

    def __init__(self, interfaces: NetworkInterfaces, pool: str, index: int) -> None:
        super().__init__(pool)
        self._interfaces, self._index = interfaces, index

    def contents(self, network: InstanceNetwork) -> PoolContents:
        """Return all, those of other zones too."""
        return self._contents(
            member
            if zone == network.zone
            else msgspec.structs.replace(member, elsewhere=f"it is in {zone or 'no zone'}")
            for member, zone in self._interfaces.of_pool(self._pool)
        )

    def obstacle(self, network: InstanceNetwork, members: Sequence[PoolMember]) -> str | None:
        """Return what is attached at the device index."""
        there = network.interfaces.get(self._index)
        if there is None or there in {each.id for each in members}:
            return None
        return f"it has {there} at device index {self._index}, which is not of {self.name}"

    def give(self, member: PoolMember, network: InstanceNetwork) -> None:
        """Attach it."""
        self._interfaces.attach(member.id, network.instance, self._index)

    def finish(self, member: PoolMember) -> str | None:
        """Wait until it is attached, and see that EC2 does not delete it with the instance."""
        if not member.settled or member.handle is None:
            return "it is being attached"
        if member.deleted_with_instance and not member.primary:
            self._interfaces.keep(member.id, member.handle)
            return "EC2 would delete it with the instance, which is being changed"
        return None

    def take_back(self, member: PoolMember, *, force: bool) -> None:
        """Detach it."""
        if member.handle is not None:
            self._interfaces.detach(member.handle, force=force)


class PrivateAddressPool(AddressPool):
    """Private addresses that the plan names. An instance has one on its first network interface, beside its first."""

    noun = "private address"
    blocker = BlockerKind.ADDRESS
    refused_when_taken = IN_USE
    attached = "assigned to"

    def __init__(self, interfaces: NetworkInterfaces, addresses: Sequence[str]) -> None:
        self._interfaces = interfaces
        self._addresses = tuple(dict.fromkeys(addresses))
        self.name = "the addresses of the plan"

    def contents(self, network: InstanceNetwork) -> PoolContents:
        """Return those that are in the subnet of the instance."""
        subnet = network.subnet
        told = self._interfaces.address_range(subnet) if subnet is not None else None
        if subnet is None or told is None:
            return PoolContents(members=(), nothing=f"subnet that instance {network.instance} is in")
        inside = ip_network(told)
        here = [each for each in self._addresses if ip_address(each) in inside]
        taken = {each.id: each for each in self._interfaces.addresses_in(subnet, here)} if here else {}
        return PoolContents(
            members=tuple(taken.get(each, PoolMember(id=each, name=each)) for each in here),
            nothing=f"address among those of the plan that is in {subnet}, {told}",
        )

    def held_by(self, instance: str, members: Sequence[PoolMember]) -> tuple[PoolMember, ...]:
        """Return those on the network interfaces that the instance has: in other networks others may have the same."""
        del members
        return self._interfaces.addresses_of(instance, self._addresses)

    def obstacle(self, network: InstanceNetwork, members: Sequence[PoolMember]) -> str | None:
        """Return that there is nothing to hold it."""
        del members
        return "it has no network interface" if network.first_interface is None else None

    def give(self, member: PoolMember, network: InstanceNetwork) -> None:
        """Assign it to the first network interface."""
        if network.first_interface is not None:
            self._interfaces.assign(network.first_interface, member.id)

    def take_back(self, member: PoolMember, *, force: bool) -> None:
        """Unassign it."""
        del force
        if member.handle is not None:
            self._interfaces.unassign(member.handle, member.id)
