"""Which node an EC2 instance is: decided from what the node says of itself, without a Kubernetes library."""

from __future__ import annotations

import re

from msgspec import Struct

from asg_lifecycle.kubernetes.objects import Node
from asg_lifecycle.model.addresses import normalized

INSTANCE_IN_PROVIDER_ID = re.compile(r"aws://(?:/[^/]*)?/(i-[0-9a-f]{8}(?:[0-9a-f]{9})?)")
NAMED_BY_EC2 = re.compile(r"(?:i-[0-9a-f]{8}(?:[0-9a-f]{9})?|ip-\d+-\d+-\d+-\d+)")
"""The first label of names that EC2 gives: resource names and names of private addresses."""


class Identity(Struct, frozen=True, kw_only=True):
    """What tells an instance from others. A terminated instance has neither addresses nor names any more.

    Attributes:
        instance: EC2 instance id.
        addresses: its private addresses of every family and interface.
        names: the DNS names that EC2 gives it.
    """

    instance: str
    addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def labels(self) -> frozenset[str]:
        """The first labels of names that belong to it alone, whatever domain is behind them."""
        of_addresses = (f"ip-{address.replace('.', '-')}" for address in self.addresses if ":" not in address)
        return frozenset((self.instance, *of_addresses))


class NodeMatches(Struct, frozen=True, kw_only=True):
    """The nodes of a cluster as far as they concern an instance.

    Attributes:
        ours: those that are the instance.
        unknown: those of which neither can be said.
    """

    ours: tuple[Node, ...] = ()
    unknown: tuple[Node, ...] = ()


def instance_in(provider_id: str | None) -> str | None:
    """Return the EC2 instance that a `providerID` names: `aws:///eu-west-1a/i-0123456789abcdef0`, `aws:////i-…`.

    None for any other: `k3s://…` and `rke2://…` name hosts, and say nothing about the instance.
    """
    found = INSTANCE_IN_PROVIDER_ID.fullmatch(provider_id or "")
    return found.group(1) if found is not None else None


def is_instance(node: Node, identity: Identity) -> bool | None:
    """Return whether a node is an instance, None when that cannot be said.

    Only the `providerID` of AWS rules a node in or out by itself. Without it the addresses decide, and without
    addresses the names.
    """
    named = instance_in(node.provider_id)
    if named is not None:
        return named == identity.instance
    addresses = {normalized(each) for each in node.addresses}
    if not addresses.isdisjoint(map(normalized, identity.addresses)):
        return True
    names = {normalized(each) for each in (node.name, *node.names)}
    labels = {name.partition(".")[0] for name in names}
    if identity.instance in labels:
        return True
    if addresses and identity.addresses:
        return False
    if not names.isdisjoint(map(normalized, identity.names)) or not labels.isdisjoint(identity.labels):
        return True
    # A name that EC2 gave to another instance is as good as its address; any other name says nothing.
    known = bool(identity.addresses or identity.names) and any(NAMED_BY_EC2.fullmatch(label) for label in labels)
    return False if known else None


def matches(nodes: tuple[Node, ...], identity: Identity) -> NodeMatches:
    """Return which of the nodes are an instance, and of which that cannot be said.

    A `providerID` that names the instance is worth more than an address, which another host may have had before.
    """
    answers = [(node, is_instance(node, identity)) for node in nodes]
    ours = tuple(node for node, answer in answers if answer)
    certain = tuple(node for node in ours if instance_in(node.provider_id) is not None)
    return NodeMatches(ours=certain or ours, unknown=tuple(node for node, answer in answers if answer is None))
