"""The step kind `wait-for-kubernetes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.progress import Done, Failed, Progress
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.cluster_choice import CORDONED, EXCLUDED, EXCLUDED_BY_US, ClusterOptions, NodeFinder

if TYPE_CHECKING:
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
"""Taints that Kubernetes itself removes when a node can be used."""


class WaitForKubernetesOptions(ClusterOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cluster, and what has to be over."""

    startup_taints: Annotated[
        tuple[str, ...], Meta(description="Keys of taints that have to be gone, beside those of Kubernetes itself.")
    ] = ()
    uncordon: Annotated[
        bool,
        Meta(
            description="Uncordon a node that `drain-kubernetes` has cordoned, as one is that comes back "
            "from a warm pool."
        ),
    ] = True


class WaitForKubernetesState(Struct, frozen=True, kw_only=True):
    """Where the node is.

    Attributes:
        cluster: name or endpoint of the cluster.
        node: name of the node, None until it has joined.
    """

    cluster: str
    node: str | None


class WaitForKubernetes(StatefulStep[WaitForKubernetesOptions, WaitForKubernetesState]):
    """Wait until Kubernetes can run pods on the instance.

    Done when the instance is a node, the node is Ready, and its startup taints are gone.

    An instance that never joins is waited for until the step's timeout: give it one.
    """

    kind = "wait-for-kubernetes"
    example: ClassVar[dict[str, object]] = {
        "cluster": "production",
        "startup_taints": ["node.cilium.io/agent-not-ready"],
    }
    permissions = ("eks:DescribeCluster", "ssm:GetParameter")
    template_parameter = "KubernetesSteps"
    needs_instance_alive = True

    def __init__(self, options: WaitForKubernetesOptions, services: Services) -> None:
        super().__init__(options, services)
        self._finder = NodeFinder(options, services.clusters, services.instances)

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
        """Find the cluster and the node."""
        name = self._finder.cluster_name(target)
        if name is None:
            why = f"neither the plan nor a tag of instance {target.action.instance} names a Kubernetes cluster"
            return Failed(f"{why}: give the step a cluster")
        return self._readiness(target, name, None)

    def poll(self, target: Target, state: WaitForKubernetesState) -> Progress:
        """Ask for the node again, by its name once that is known."""
        return self._readiness(target, state.cluster, state.node)

    def _readiness(self, target: Target, name: str, node_name: str | None) -> Progress:
        cluster = self._finder.open(name)
        if isinstance(cluster, Failed):
            return cluster
        node = self._finder.find(cluster, target, node_name)
        if node is None:
            waiting = f"waiting for instance {target.action.instance} to join cluster {name}"
            return self._waiting(waiting, WaitForKubernetesState(cluster=name, node=None))
        if self._options.uncordon:
            _restore(cluster, node)
        if missing := self._missing(node):
            waiting = f"waiting for node {node.name} of cluster {name}: {missing}"
            return self._waiting(waiting, WaitForKubernetesState(cluster=name, node=node.name))
        return Done(f"node {node.name} of cluster {name} is Ready")

    def _missing(self, node: Node) -> str:
        left = sorted({*node.taints} & (STARTUP_TAINTS | {*self._options.startup_taints}))
        missing = [] if node.ready else [node.standing]
        return "; ".join(missing + ([f"taints {', '.join(left)} are left"] if left else []))


def _restore(cluster: Cluster, node: Node) -> None:
    ours = tuple(key for key in (CORDONED, EXCLUDED_BY_US) if key in node.annotations)
    if ours:
        labels = (EXCLUDED,) if EXCLUDED_BY_US in ours else ()
        cluster.restore(node, schedulable=CORDONED in ours, annotations=ours, labels=labels)
