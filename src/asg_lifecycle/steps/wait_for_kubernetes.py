"""Wait until Kubernetes can run pods on the instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.steps.support.cluster_choice import CORDONED, EXCLUDED, EXCLUDED_BY_US, ClusterOptions, NodeFinder

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Node
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

STARTUP_TAINTS = frozenset(
    {
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.kubernetes.io/network-unavailable",
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/uninitialized",
    }
)
"""Taints of Kubernetes itself that go when a node can be used."""


class WaitForKubernetesOptions(ClusterOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cluster, and what has to be over.

    Attributes:
        cluster: name of an EKS cluster; without it and without an endpoint the instance's tags name it.
        endpoint: URL of the API server of a cluster that is not EKS's.
        certificate_authority: of that server's certificate, PEM or PEM in base64.
        token_parameter: the SecureString parameter below `/asg-lifecycle/STACK/kubernetes/` that holds a token for it.
        startup_taints: keys of taints that have to be gone, beside those of Kubernetes itself.
        uncordon: uncordon a node that `drain-kubernetes` has cordoned, as one is that comes back from a warm pool.
    """

    startup_taints: tuple[str, ...] = ()
    uncordon: bool = True


class WaitForKubernetes:
    """`wait-for-kubernetes`: the instance is a node, it is Ready, and its startup taints are gone.

    An instance that never joins is waited for until the step's timeout: give it one.
    """

    kind: ClassVar[str] = "wait-for-kubernetes"
    options: ClassVar[type[Struct]] = WaitForKubernetesOptions
    example: ClassVar[dict[str, Any]] = {"cluster": "production", "startup_taints": ["node.cilium.io/agent-not-ready"]}
    permissions: ClassVar[tuple[str, ...]] = ("eks:DescribeCluster", "ssm:GetParameter")
    template_parameter: ClassVar[str | None] = "KubernetesSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: WaitForKubernetesOptions, finder: NodeFinder) -> None:
        self._chosen = chosen
        self._finder = finder

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        chosen = msgspec.convert(options, WaitForKubernetesOptions, from_attributes=True)
        return cls(chosen, NodeFinder(chosen, services.clusters, services.instances))

    def preview(self, target: Target) -> str:
        """Say how the node is now."""
        name = self._finder.cluster_name(target)
        if name is None:
            return "neither the plan nor a tag of the instance names a Kubernetes cluster"
        cluster = self._finder.open(name)
        if isinstance(cluster, Failed):
            return cluster.reason
        node = self._finder.find(cluster, target, None)
        now = "it has not joined" if node is None else self._missing(node) or "it can be used"
        return f"would wait for the node of instance {target.action.instance} in cluster {name}; now: {now}"

    def begin(self, target: Target) -> Progress:
        """Look whether the node is there."""
        name = self._finder.cluster_name(target)
        if name is None:
            why = f"neither the plan nor a tag of instance {target.action.instance} names a Kubernetes cluster"
            return Failed(f"{why}: give the step a cluster", retryable=True)
        return self._look(target, name, None)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Look again."""
        return self._look(target, last.state["cluster"], last.state["node"])

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """There is nothing to stop."""
        del target, last
        return None

    def _look(self, target: Target, name: str, node_name: str | None) -> Progress:
        cluster = self._finder.open(name)
        if isinstance(cluster, Failed):
            return cluster
        node = self._finder.find(cluster, target, node_name)
        if node is None:
            waiting = f"waiting for instance {target.action.instance} to join cluster {name}"
            return Waiting(waiting, state={"cluster": name, "node": None})
        if self._chosen.uncordon:
            _restore(cluster, node)
        if missing := self._missing(node):
            waiting = f"waiting for node {node.name} of cluster {name}: {missing}"
            return Waiting(waiting, state={"cluster": name, "node": node.name})
        return Done(f"node {node.name} of cluster {name} is Ready")

    def _missing(self, node: Node) -> str:
        left = sorted({*node.taints} & (STARTUP_TAINTS | {*self._chosen.startup_taints}))
        missing = [] if node.ready else [node.standing]
        return "; ".join(missing + ([f"taints {', '.join(left)} are left"] if left else []))


def _restore(cluster: Cluster, node: Node) -> None:
    ours = tuple(key for key in (CORDONED, EXCLUDED_BY_US) if key in node.annotations)
    if ours:
        labels = (EXCLUDED,) if EXCLUDED_BY_US in ours else ()
        cluster.restore(node, schedulable=CORDONED in ours, annotations=ours, labels=labels)
