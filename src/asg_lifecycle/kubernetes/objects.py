"""Nodes and pods as steps use them: plain data that needs no Kubernetes library."""

from __future__ import annotations

from msgspec import Struct

FINISHED = frozenset({"Succeeded", "Failed"})
"""Phases of a pod that has ended."""


class Node(Struct, frozen=True, kw_only=True):
    """One node.

    Attributes:
        name: its name.
        uid: differs from that of any other node with its name.
        instance: the EC2 instance that its `providerID` names, None when it names none.
        addresses: its internal addresses.
        cordoned: whether no pod is scheduled to it.
        ready: whether its condition `Ready` is true.
        standing: a sentence about that condition.
        taints: the keys of its taints.
        labels: its labels.
        annotations: its annotations.
    """

    name: str
    uid: str
    instance: str | None
    addresses: tuple[str, ...]
    cordoned: bool
    ready: bool
    standing: str
    taints: tuple[str, ...]
    labels: dict[str, str]
    annotations: dict[str, str]

    def is_instance(self, instance: str, addresses: tuple[str, ...]) -> bool:
        """Return whether it is an EC2 instance with these addresses.

        A cluster without a cloud provider sets no `providerID`; there the address tells.
        """
        return self.instance == instance if self.instance is not None else not {*addresses}.isdisjoint(self.addresses)


class Pod(Struct, frozen=True, kw_only=True):
    """One pod.

    Attributes:
        namespace: its namespace.
        name: its name.
        uid: differs from that of any other pod with its name.
        phase: `Running`, `Pending`, `Succeeded`, …
        terminating: whether it has been told to end.
        of_daemon_set: whether a DaemonSet keeps it on its node.
        is_mirror: whether it mirrors a static pod of the kubelet.
    """

    namespace: str
    name: str
    uid: str
    phase: str
    terminating: bool
    of_daemon_set: bool
    is_mirror: bool

    @property
    def path(self) -> str:
        """Its name for people."""
        return f"{self.namespace}/{self.name}"

    @property
    def has_to_leave(self) -> bool:
        """Whether the drain of its node has to wait for it."""
        return not (self.of_daemon_set or self.is_mirror or self.phase in FINISHED)
