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
        provider_id: its `providerID`, None when it has none.
        addresses: its internal and external IP addresses.
        names: the host and DNS names among its addresses.
        cordoned: whether no pod is scheduled to it.
        ready: whether its condition `Ready` is true.
        standing: a sentence about that condition, with the time since when it is so.
        taints: the keys of its taints.
        labels: its labels.
        annotations: its annotations.
    """

    name: str
    uid: str
    provider_id: str | None
    addresses: tuple[str, ...]
    names: tuple[str, ...]
    cordoned: bool
    ready: bool
    standing: str
    taints: tuple[str, ...]
    labels: dict[str, str]
    annotations: dict[str, str]


class Pod(Struct, frozen=True, kw_only=True):
    """One pod.

    Attributes:
        namespace: its namespace.
        name: its name.
        uid: differs from that of any other pod with its name.
        phase: `Running`, `Pending`, `Succeeded`, …
        terminating: whether it has been told to end.
        end_due_at: by when it has to end because it was told to, seconds since the epoch; None when it was not.
        end_grace: the seconds that it was given for that, None when it was not.
        created_at: seconds since the epoch.
        owner: kind and name of its controller, `ReplicaSet web-5d`; None when it has none.
        toleration: the toleration with which it runs on a cordoned node, None when it has none.
        of_daemon_set: whether a DaemonSet keeps it on its node.
        is_mirror: whether it mirrors a static pod of the kubelet.
        ready: whether its condition `Ready` is true.
    """

    namespace: str
    name: str
    uid: str
    phase: str
    terminating: bool
    end_due_at: float | None = None
    end_grace: int | None = None
    created_at: float = 0.0
    owner: str | None = None
    toleration: str | None = None
    of_daemon_set: bool
    is_mirror: bool
    ready: bool = False

    @property
    def path(self) -> str:
        """Its name for people."""
        return f"{self.namespace}/{self.name}"

    @property
    def has_to_leave(self) -> bool:
        """Whether the drain of its node has to wait for it."""
        return not (self.of_daemon_set or self.is_mirror or self.phase in FINISHED)


class LabelRequirement(Struct, frozen=True, kw_only=True):
    """One requirement of a label selector: a key, `In`, `NotIn`, `Exists` or `DoesNotExist`, and the values."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class DeploymentState(Struct, frozen=True, kw_only=True):
    """How a deployment stands.

    Attributes:
        desired: how many pods it is to have.
        available: how many of its pods are available.
        observed: whether its controller has seen its latest change: until then `available` is of another one.
        selector: the labels of its pods: all of these hold.
    """

    desired: int
    available: int
    observed: bool
    selector: tuple[LabelRequirement, ...]


class Obstacle(Struct, frozen=True, kw_only=True):
    """What prevents that a pod leaves.

    Attributes:
        reason: a sentence.
        of_budget: whether PodDisruptionBudgets do.
        budget: name of the one that does, in the namespace of the pod; None where the answer names none.
    """

    reason: str
    of_budget: bool = False
    budget: str | None = None
