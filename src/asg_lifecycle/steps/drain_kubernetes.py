"""The step kind `drain-kubernetes`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.durations import Duration, PositiveDuration, readable, seconds
from asg_lifecycle.model.instances import GONE_STATES
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.cluster_choice import CORDONED, EXCLUDED, EXCLUDED_BY_US, ClusterOptions, NodeFinder
from asg_lifecycle.steps.support.evictions import count, evict_pods, kept_for, named

if TYPE_CHECKING:
    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Node, Pod
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""The taint that lets volumes of a node that is gone be attached elsewhere at once (non-graceful node shutdown)."""

SOON = 5.0
"""Seconds until the next poll while there are pods that have not been asked yet."""

AT_REST = frozenset({"stopped", "terminated"})
"""States of an instance that writes to no volume. One that is shutting down still may."""


class DrainKubernetesOptions(ClusterOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cluster, and how pods are made to leave."""

    grace: Annotated[
        PositiveDuration | None,
        Meta(
            description="How long each pod has to end; without it what the pod itself asks for. Not zero: "
            "with no time a pod is forgotten while it may still run."
        ),
    ] = None
    force_after: Annotated[
        Duration | None,
        Meta(
            description="How long after the step began pods are deleted, whatever their disruption "
            "budgets say; without it never."
        ),
    ] = None
    exclude_from_load_balancers: Annotated[
        bool, Meta(description="Label the node, so that external load balancers send it no new connections.")
    ] = True
    out_of_service_taint: Annotated[
        bool,
        Meta(
            description="Put the taint on the node of an instance that is gone: its volumes can be "
            "attached elsewhere at once. Waits until EC2 says that it is terminated or "
            "stopped: before, it may write to them."
        ),
    ] = False
    delete_node: Annotated[bool, Meta(description="Delete the node object at the end.")] = False


class DrainKubernetesState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the node is, and how far its pods are.

    Attributes:
        cluster: name or endpoint of the cluster.
        node: name of the node.
        most: the largest number of pods that had to leave so far.
        after: path of the pod that was asked last, empty when all were asked.
    """

    cluster: str
    node: str
    most: int
    after: str = ""


class DrainKubernetes(StatefulStep[DrainKubernetesOptions, DrainKubernetesState]):
    """Drain the Kubernetes node that the instance is, and wait until its pods are gone.

    It cordons the node, evicts pods as their disruption budgets allow, and is done when they are gone. Pods of
    DaemonSets, mirror pods and finished ones stay. A budget that allows no eviction keeps the instance, and the
    progress names the pod and the budget. The node stays cordoned when the step ends or is given up: its instance is
    about to go; `wait-for-kubernetes` uncordons one that comes back from a warm pool. When EC2 has ended the instance,
    before its hook or while it was drained, nothing on it answers an eviction: its pods are not waited for.
    """

    kind = "drain-kubernetes"
    example: ClassVar[dict[str, object]] = {"cluster": "production", "force_after": "6h"}
    permissions = ("eks:DescribeCluster", "ssm:GetParameter")
    template_parameter = "KubernetesSteps"

    def __init__(self, options: DrainKubernetesOptions, services: Services) -> None:
        super().__init__(options, services)
        self._finder = NodeFinder(options, services.clusters, services.instances)
        self._grace = math.ceil(seconds(options.grace)) if options.grace is not None else None
        self._force_after = seconds(options.force_after) if options.force_after is not None else math.inf

    def preview(self, target: Target) -> str:
        """Say which node would be drained of what."""
        name = self._finder.cluster_name(target)
        if name is None:
            return _no_cluster(target)
        cluster = self._finder.open(name)
        if isinstance(cluster, Failed):
            return cluster.reason
        node = self._finder.find(cluster, target, None)
        if node is None:
            return f"instance {target.action.instance} is no node of cluster {name}"
        pods = [pod for pod in cluster.pods(node) if pod.has_to_leave]
        return f"would drain node {node.name} of cluster {name}, which has {count(pods)}"

    def begin(self, target: Target) -> Progress:
        """Cordon the node and ask its pods to leave."""
        name = self._finder.cluster_name(target)
        if name is None:
            return Failed(_no_cluster(target))
        return self._drain(target, name, None)

    def poll(self, target: Target, state: DrainKubernetesState) -> Progress:
        """Ask which pods are left. A node that somebody has uncordoned is cordoned again."""
        return self._drain(target, state.cluster, state)

    def _drain(self, target: Target, name: str, before: DrainKubernetesState | None) -> Progress:
        cluster = self._finder.open(name)
        if isinstance(cluster, Failed):
            return cluster
        known = before.node if before is not None else None
        node = self._finder.find(cluster, target, known)
        if node is None:
            never = f"instance {target.action.instance} is no node of cluster {name}"
            return Done(f"node {known} has left cluster {name}" if known else never)
        self._cordon(cluster, node)
        state = self._state_in_ec2(target, node)
        if state in GONE_STATES | AT_REST:
            return self._of_gone_instance(cluster, node, target, name, str(state))
        left = [pod for pod in cluster.pods(node) if pod.has_to_leave]
        if not left:
            return self._end(cluster, node, target, f"node {node.name} of cluster {name} is drained")
        return self._wait_for(cluster, node, left, target, name, before)

    def _wait_for(  # noqa: PLR0913, PLR0917 - what the sentence names
        self,
        cluster: Cluster,
        node: Node,
        left: list[Pod],
        target: Target,
        name: str,
        before: DrainKubernetesState | None,
    ) -> Waiting:
        forced = target.now >= target.began_at + self._force_after
        after, most = (before.after, before.most) if before is not None else ("", 0)
        evicted = evict_pods(cluster, left, grace=self._grace, forced=forced, after=after)
        most = max(most, len(left))
        note = f"; deleted after {readable(self._force_after)}" if forced and evicted.leaving else kept_for(evicted)
        return self._waiting(
            f"waiting for {len(left)} of {most} pods on node {node.name} of cluster {name}: {named(left)}{note}",
            DrainKubernetesState(cluster=name, node=node.name, most=most, after=evicted.last or ""),
            again_after=SOON if evicted.last is not None and evicted.leaving else None,
            blocked=evicted.api_failed,
        )

    def _cordon(self, cluster: Cluster, node: Node) -> None:
        # What somebody else has put on it stays when we take ours off, so each of ours is annotated.
        labels = {}
        annotations = {} if node.cordoned else {CORDONED: "true"}
        if self._options.exclude_from_load_balancers and EXCLUDED not in node.labels:
            labels[EXCLUDED] = annotations[EXCLUDED_BY_US] = "true"
        if annotations:
            cluster.cordon(node, annotations=annotations, labels=labels)

    def _state_in_ec2(self, target: Target, node: Node) -> str | None:
        """Return the instance's state, asking for it again only where it may have changed."""
        state = target.facts.state
        if state == "terminated" or (node.ready and state not in GONE_STATES | AT_REST):
            return state
        return self._services.instances.facts(target.action.instance).state

    def _of_gone_instance(self, cluster: Cluster, node: Node, target: Target, name: str, state: str) -> Progress:
        """End with the node of an instance that EC2 has ended: nothing on it would answer an eviction."""
        instance, survives = target.action.instance, target.action.survives
        if self._options.out_of_service_taint and not survives:
            if state not in AT_REST:
                why = f"waiting until instance {instance} is terminated: it is {state} and may write to its volumes"
                return self._waiting(why, DrainKubernetesState(cluster=name, node=node.name, most=0))
            if OUT_OF_SERVICE not in node.taints:
                cluster.taint(node, key=OUT_OF_SERVICE, value="nodeshutdown", effect="NoExecute")
            left = [pod for pod in cluster.pods(node) if pod.has_to_leave] if self._options.delete_node else []
            if left:
                # Deleted now, it would take the taint with it.
                why = f"waiting until Kubernetes has cleared node {node.name} of {count(left)}"
                return self._waiting(why, DrainKubernetesState(cluster=name, node=node.name, most=len(left)))
        return self._end(cluster, node, target, f"instance {instance} is {state}, node {node.name} runs no pods")

    def _end(self, cluster: Cluster, node: Node, target: Target, how: str) -> Progress:
        if not self._options.delete_node or target.action.survives:
            return Done(how)
        cluster.delete_node(node)
        return Done(f"{how} and was deleted")


def _no_cluster(target: Target) -> str:
    return (
        f"neither the plan nor a tag of instance {target.action.instance} names a Kubernetes cluster: give the step a "
        "cluster, or tag the instance kubernetes.io/cluster/NAME"
    )
