"""Nodes, pods and disruption budgets of a simulated cluster, and how they look on the wire."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

ENDS_AFTER = 30.0
"""Seconds, `terminationGracePeriodSeconds` where a pod does not say."""


@dataclass(kw_only=True)
class Node:
    """One node.

    Attributes:
        name: its name.
        instance: the EC2 instance it is.
        uid: what tells it from another one with its name.
        ready: its condition `Ready`.
        unschedulable: whether it is cordoned.
        taints: as the API has them.
        labels: its labels.
        annotations: its annotations.
    """

    name: str
    instance: str
    uid: str = "00000000-0000-0000-0000-00000000000a"
    ready: bool = True
    unschedulable: bool = False
    taints: list[dict[str, str]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return it as the API shows it."""
        spec: dict[str, Any] = {"providerID": f"aws:///eu-west-1a/{self.instance}", "taints": self.taints}
        if self.unschedulable:
            spec["unschedulable"] = True
        condition = {
            "type": "Ready",
            "status": "True" if self.ready else "False",
            "reason": "KubeletReady" if self.ready else "KubeletNotReady",
            "message": "kubelet is posting ready status" if self.ready else "container runtime network not ready",
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "uid": self.uid, "labels": self.labels, "annotations": self.annotations},
            "spec": spec,
            "status": {"conditions": [condition]},
        }


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
        if self.mirror:
            metadata["annotations"] = {"kubernetes.io/config.mirror": self.uid}
        if self.owner is not None:
            kind, name = self.owner
            owner = {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": f"{kind}-{name}", "controller": True}
            metadata["ownerReferences"] = [owner]
        if self.told_at is not None:
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"nodeName": self.node, "containers": []},
            "status": {"phase": self.phase},
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
