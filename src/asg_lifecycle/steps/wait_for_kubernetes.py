"""The step kind `wait-for-kubernetes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Failed, Missing
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.cluster_choice import (
    CORDONED,
    EXCLUDED,
    EXCLUDED_BY_US,
    ClusterOptions,
    NodeFinder,
    no_cluster,
    several_nodes,
    unknown_to_eks,
)
from asg_lifecycle.steps.support.missing_things import there_is_no

if TYPE_CHECKING:
    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Node
    from asg_lifecycle.model.progress import StepAnswer
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
        clusters: names or endpoints of the clusters that it may join, one once it has.
    """

    clusters: tuple[str, ...]


class WaitForKubernetes(StatefulStep[WaitForKubernetesOptions, WaitForKubernetesState]):
    """Wait until Kubernetes can run pods on the instance.

    Done when the instance is a node, the node is Ready, and its startup taints are gone.

    An instance that never joins is waited for until the step's timeout: give it one.
    """

    kind = "wait-for-kubernetes"
    transition = PlanTransition.LAUNCH
    example: ClassVar[dict[str, object]] = {
        "cluster": "production",
        "startup_taints": ["node.cilium.io/agent-not-ready"],
    }
    permissions = ("eks:DescribeCluster", "ssm:GetParameter")
    template_parameter = "KubernetesSteps"
    needs_instance_alive = True
    may_be_missing = "EKS clusters"

    def __init__(self, options: WaitForKubernetesOptions, services: Services) -> None:
        super().__init__(options, services)
        self._finder = NodeFinder(options, services.clusters, services.instances)

    def preview(self, target: Target) -> str:
        """Say how the node is now."""
        names = self._finder.cluster_names(target)
        return "; ".join(self._previewed(target, name) for name in names) or no_cluster(target)

    def _previewed(self, target: Target, name: str) -> str:
        cluster = self._finder.open(name)
        if cluster is None:
            return f"there is no {unknown_to_eks(name)}"
        found = self._finder.find(cluster, target)
        now = "it has not joined" if not found.ours else self._missing(found.ours[0]) or "it can be used"
        return f"would wait for the node of instance {target.action.instance} in cluster {name}; now: {now}"

    def begin(self, target: Target) -> StepAnswer:
        """Find the cluster and the node."""
        names = self._finder.cluster_names(target)
        if not names:
            return Failed(no_cluster(target))
        return self._readiness(target, WaitForKubernetesState(clusters=names))

    def poll(self, target: Target, state: WaitForKubernetesState) -> StepAnswer:
        """Ask for the node again, in its cluster alone once that is known."""
        return self._readiness(target, state)

    def _readiness(self, target: Target, state: WaitForKubernetesState) -> StepAnswer:
        missing, waits = [], []
        for name in state.clusters:
            cluster = self._finder.open(name)
            if cluster is None:
                missing.append(unknown_to_eks(name))
                continue
            found = self._finder.find(cluster, target)
            if len(found.ours) > 1:
                return Failed(several_nodes(target, name, found))
            if found.ours:
                # A kubelet joins one cluster only.
                return self._of_node(cluster, found.ours[0], name)
            waits.append(name)
        if missing:
            return Missing(there_is_no(missing).removeprefix("; "))
        reason = f"it has not joined cluster {' or '.join(waits)}"
        waiting = f"waiting for instance {target.action.instance} to join cluster {' or '.join(waits)}"
        blocker = Blocker(kind=BlockerKind.INSTANCE, name=target.action.instance, reason=reason)
        return self._waiting(waiting, state, blockers=[blocker])

    def _of_node(self, cluster: Cluster, node: Node, name: str) -> StepAnswer:
        if self._options.uncordon:
            _restore(cluster, node)
        if missing := self._missing(node):
            waiting = f"waiting for node {node.name} of cluster {name}: {missing}"
            blocker = Blocker(kind=BlockerKind.NODE, name=node.name, reason=missing)
            return self._waiting(waiting, WaitForKubernetesState(clusters=(name,)), blockers=[blocker])
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
