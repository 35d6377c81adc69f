"""Pools of Elastic IP addresses, private addresses and network interfaces, which instances take turns with."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.instances import GONE_STATES

if TYPE_CHECKING:
    from collections.abc import Iterable

POOL_TAG = "asg-lifecycle:pool"
"""The tag whose value names the pool. The template grants its changes on what has this tag and nothing else."""


class PoolMember(Struct, frozen=True, kw_only=True):
    """One member of a pool, as EC2 shows it at the moment.

    Attributes:
        id: what EC2 calls it: an allocation id, the id of a network interface, or a private address.
        name: what people know it by.
        holder: who has it, in words; None when it is free.
        instance: the id of the instance that has it; None when it is free, or something else has it.
        handle: what it is given back by: the id of the association or of the attachment, or of the network interface
            that holds a private address.
        settled: EC2 is done with attaching it.
        primary: it is the instance's own first one, which cannot be given back.
        deleted_with_instance: EC2 deletes it when it terminates the instance.
        elsewhere: why this instance cannot have it, whoever has it now; None when it can.
    """

    id: str
    name: str
    holder: str | None = None
    instance: str | None = None
    handle: str | None = None
    settled: bool = True
    primary: bool = False
    deleted_with_instance: bool = False
    elsewhere: str | None = None

    @property
    def free(self) -> bool:
        """Whether this instance can have it."""
        return self.holder is None and self.elsewhere is None


class PoolContents(Struct, frozen=True, kw_only=True):
    """A pool as EC2 shows it at the moment.

    Attributes:
        members: all that it has, those that this instance cannot have too.
        nothing: what there is not when it has none, without "no".
    """

    members: tuple[PoolMember, ...]
    nothing: str


class InstanceNetwork(Struct, frozen=True, kw_only=True):
    """Where an instance is in the network.

    Attributes:
        instance: its id.
        state: `pending`, `running`, `terminated`, …
        zone: its Availability Zone.
        subnet: of its first network interface.
        address: its first private IPv4 address.
        interfaces: its network interfaces by device index, those on its first network card.
    """

    instance: str
    state: str
    zone: str | None = None
    subnet: str | None = None
    address: str | None = None
    interfaces: dict[int, str] = {}

    @property
    def gone(self) -> bool:
        """Whether EC2 terminates it, or has done so."""
        return self.state in GONE_STATES

    @property
    def first_interface(self) -> str | None:
        """The network interface that it cannot be without; None when it has none any more."""
        return self.interfaces.get(0)


def by_preference(members: Iterable[PoolMember], instance: str) -> list[PoolMember]:
    """Return members in the order in which an instance tries them.

    Each instance has an order of its own, so that many that launch at once do not all try the same one first; and
    always the same order, so that two executions for one instance try the same.
    """
    return sorted(members, key=lambda each: hashlib.sha256(f"{instance}\n{each.id}".encode()).digest())
