"""Nodes, pods and disruption budgets of a simulated cluster, and how they look on the wire."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

ENDS_AFTER = 30.0
"""Seconds, `terminationGracePeriodSeconds` where a pod does not say."""


def timestamp(moment: float) -> str:
    """Return a time as the API writes it, in whole seconds."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(kw_only=True)
class Node:
    """One node.

    Attributes:
        name: its name.
        instance: the EC2 instance it is.
        uid: what tells it from another one with its name.
        provider_id: its `providerID`, empty for none; None for that of AWS.
        addresses: type and address, as its status has them.
        ready: its condition `Ready`.
        posting: whether its kubelet posts its status; that of a host that died does not.
        changed_at: when that condition changed last, seconds since the epoch.
        unschedulable: whether it is cordoned.
        taints: as the API has them.
        labels: its labels.
        annotations: its annotations.
    """

    name: str
    instance: str
    uid: str = "00000000-0000-0000-0000-00000000000a"
    provider_id: str | None = None
    addresses: list[tuple[str, str]] = field(default_factory=list)
    ready: bool = True
    posting: bool = True
    changed_at: float = 0.0
    unschedulable: bool = False
    taints: list[dict[str, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        provider_id = f"aws:///eu-west-1a/{self.instance}" if self.provider_id is None else self.provider_id
        spec: dict[str, Any] = {"taints": self.taints} | ({"providerID": provider_id} if provider_id else {})
        if self.unschedulable:
            spec["unschedulable"] = True
        condition = {"type": "Ready", "lastTransitionTime": timestamp(self.changed_at), **self._condition()}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "uid": self.uid, "labels": self.labels, "annotations": self.annotations},
            "spec": spec,
            "status": {
                "conditions": [condition],
                "addresses": [{"type": kind, "address": address} for kind, address in self.addresses],
            },
        }

    def _condition(self) -> dict[str, str]:
        if not self.posting:
            message = "Kubelet stopped posting node status."
            return {"status": "Unknown", "reason": "NodeStatusUnknown", "message": message}
        if not self.ready:
            return {"status": "False", "reason": "KubeletNotReady", "message": "container runtime network not ready"}
        return {"status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}


@dataclass(kw_only=True)
class Pod:
    """One pod. Times are seconds since the epoch, lengths seconds.

    Attributes:
        namespace: its namespace.
        name: its name.
        uid: its uid.
        node: the name of its node.
        labels: its labels.
        owner: kind and name of its controller, None for a pod that stands alone.
        takes: from when it is told to end until it is gone; no longer than its grace period, but infinite for one that
            a finalizer keeps.
        replaced_after: from when it is gone, or told to go by a ReplicaSet, until another one runs; None for never.
        phase: `Running`, `Succeeded`, …
        mirror: whether it mirrors a static pod.
        told_at: when it was told to end.
        grace: seconds that it was given for that.
        created_at: when it was made.
        tolerations: as the API has them. One that tolerates a cordoned node is made again on the same node.
        ready: its condition `Ready`.
    """

    namespace: str
    name: str
    uid: str
    node: str
    labels: dict[str, str]
    owner: tuple[str, str] | None = None
    takes: float = 5.0
    replaced_after: float | None = None
    phase: str = "Running"
    mirror: bool = False
    told_at: float | None = None
    grace: float = ENDS_AFTER
    created_at: float = 0.0
    tolerations: list[dict[str, str]] = field(default_factory=list)
    ready: bool = True

    @property
    def healthy(self) -> bool:
        """Whether a budget counts it."""
        return self.phase == "Running" and self.told_at is None

    def ends_after(self, grace: float | None) -> float:
        """Return how long it takes to end when it is given `grace` seconds."""
        return self.takes if math.isinf(self.takes) else min(self.takes, ENDS_AFTER if grace is None else grace)

    def plain(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        metadata: dict[str, Any] = {"namespace": self.namespace, "name": self.name, "uid": self.uid}
        metadata["labels"] = self.labels
        metadata["creationTimestamp"] = timestamp(self.created_at)
        if self.mirror:
            metadata["annotations"] = {"kubernetes.io/config.mirror": self.uid}
        if self.owner is not None:
            kind, name = self.owner
            owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"{kind}-{name}", "controller": True}
            metadata["ownerReferences"] = [owner]
        if self.told_at is not None:
            metadata["deletionTimestamp"] = timestamp(self.told_at + self.grace)
            metadata["deletionGracePeriodSeconds"] = int(self.grace)
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"nodeName": self.node, "containers": [], "tolerations": self.tolerations},
            "status": {
                "phase": self.phase,
                "conditions": [{"type": "Ready", "status": str(self.ready and self.phase == "Running")}],
            },
        }


@dataclass(kw_only=True)
class Deployment:
    """A deployment. Its pods are those with its labels; nothing here makes them.

    Attributes:
        namespace: its namespace.
        name: its name.
        replicas: how many pods it is to have; None where its specification does not say it.
        labels: those of its pods.
        expressions: further requirements of its selector, as the API has them.
        observed: whether its controller has seen its latest change.
    """

    namespace: str
    name: str
    replicas: int | None
    labels: dict[str, str]
    expressions: list[dict[str, Any]] = field(default_factory=list)
    observed: bool = True

    def plain(self, available: int) -> dict[str, Any]:
        """Return it as the API shows it, with so many of its pods available."""
        replicas = {"replicas": self.replicas} if self.replicas is not None else {}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"namespace": self.namespace, "name": self.name, "generation": 2},
            "spec": {"selector": {"matchLabels": self.labels, "matchExpressions": self.expressions}, **replicas},
            # The API leaves out a count of none.
            "status": {"observedGeneration": 2 if self.observed else 1}
            | ({"availableReplicas": available} if available else {}),
        }


@dataclass(kw_only=True)
class DisruptionBudget:
    """How many pods of a kind may be away at once.

    Attributes:
        namespace: its namespace.
        name: its name.
        labels: whose pods it is for.
        min_available: how many have to be there.
    """

    namespace: str
    name: str
    labels: dict[str, str]
    min_available: int

    def is_for(self, pod: Pod) -> bool:
        """Return whether it is for a pod."""
        return pod.namespace == self.namespace and self.labels.items() <= pod.labels.items()
