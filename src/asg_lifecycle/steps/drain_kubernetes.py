"""Drain the Kubernetes node that the instance is, and wait until its pods are gone."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.model.durations import Duration, readable, seconds
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.steps.cluster_choice import CORDONED, EXCLUDED, ClusterOptions, NodeFinder

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Node, Pod
    from asg_lifecycle.steps.protocol import Target
    from asg_lifecycle.steps.services import Services

NAMED = 5
"""Pods that are named while they are waited for."""

AT_ONCE = 50
"""Pods that are asked to leave in one look, so that it ends in time."""

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""The taint that lets volumes of a node that is gone be attached elsewhere at once (non-graceful node shutdown)."""


class DrainKubernetesOptions(ClusterOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cluster, and how pods are made to leave.

    Attributes:
        cluster: name of an EKS cluster; without it and without an endpoint the instance's tags name it.
        endpoint: URL of the API server of a cluster that is not EKS's.
        certificate_authority: of that server's certificate, PEM in base64.
        token_parameter: the SecureString parameter below `/STACK/kubernetes/` that holds a token for it.
        grace: how long each pod has to end; without it what the pod itself asks for.
        force_after: how long after the step began pods are deleted, whatever their disruption budgets say; without it
            never.
        exclude_from_load_balancers: label the node, so that external load balancers send it no new connections.
        out_of_service_taint: put the taint on the node of an instance that is already gone: its volumes can be attached
            elsewhere at once. Never while the instance may still write to them.
        delete_node: delete the node object at the end.
    """

    grace: Duration | None = None
    force_after: Duration | None = None
    exclude_from_load_balancers: bool = True
    out_of_service_taint: bool = False
    delete_node: bool = False


class DrainKubernetes:
    """`drain-kubernetes`: cordon, evict as disruption budgets allow, and done when the pods are gone.

    Pods of DaemonSets, mirror pods and finished ones stay. A budget that allows no eviction keeps the instance, and the
    progress names the pod and the budget. The node stays cordoned when the step ends or is given up: its instance is
    about to go; `wait-for-kubernetes` uncordons one that comes back from a warm pool.
    """

    kind: ClassVar[str] = "drain-kubernetes"
    options: ClassVar[type[Struct]] = DrainKubernetesOptions
    example: ClassVar[dict[str, Any]] = {"cluster": "production", "force_after": "6h"}
    permissions: ClassVar[tuple[str, ...]] = ("eks:DescribeCluster", "ssm:GetParameter")
    feature: ClassVar[str | None] = "KubernetesSteps"
    forgets_instance: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    begins_once: ClassVar[bool] = False

    def __init__(self, chosen: DrainKubernetesOptions, finder: NodeFinder) -> None:
        self._chosen = chosen
        self._finder = finder
        self._grace = math.ceil(seconds(chosen.grace)) if chosen.grace is not None else None
        self._force_after = seconds(chosen.force_after) if chosen.force_after is not None else math.inf

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        chosen = msgspec.convert(options, DrainKubernetesOptions, from_attributes=True)
        return cls(chosen, NodeFinder(chosen, services.clusters, services.instances))

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
        return f"would drain node {node.name} of cluster {name}, which has {len(pods)} pods: {_named(pods)}"

    def begin(self, target: Target) -> Progress:
        """Cordon the node and ask its pods to leave."""
        name = self._finder.cluster_name(target)
        if name is None:
            return Failed(_no_cluster(target), retryable=True)
        return self._look(target, name, node_name=None, most=0)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Look which pods are left. A node that somebody has uncordoned is cordoned again."""
        return self._look(target, last.state["cluster"], node_name=last.state["node"], most=int(last.state["most"]))

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave the node cordoned: nothing new belongs on an instance that is about to go."""
        del target, last
        return None

    def _look(self, target: Target, name: str, node_name: str | None, most: int) -> Progress:
        cluster = self._finder.open(name)
        if isinstance(cluster, Failed):
            return cluster
        node = self._finder.find(cluster, target, node_name)
        if node is None:
            gone = f"node {node_name} has left cluster {name}" if node_name else f"is no node of cluster {name}"
            return Done(gone if node_name else f"instance {target.action.instance} {gone}")
        self._cordon(cluster, node)
        if target.facts.gone:
            return self._of_gone_instance(cluster, node, target)
        left = [pod for pod in cluster.pods(node) if pod.has_to_leave]
        if not left:
            return self._end(cluster, node, target, f"node {node.name} of cluster {name} is drained")
        blocked = self._make_leave(cluster, left, forced=target.now >= target.began_at + self._force_after)
        most = max(most, len(left))
        detail = f"waiting for {len(left)} of {most} pods on node {node.name} of cluster {name}: {_named(left)}"
        return Waiting(detail + blocked, state={"cluster": name, "node": node.name, "most": most})

    def _cordon(self, cluster: Cluster, node: Node) -> None:
        labels = {EXCLUDED: "true"} if self._chosen.exclude_from_load_balancers else {}
        if not node.cordoned or not labels.items() <= node.labels.items():
            # Who cordoned it before us may want it to stay so.
            ours = {} if node.cordoned and CORDONED not in node.annotations else {CORDONED: "true"}
            cluster.cordon(node, annotations=ours, labels=labels)

    def _make_leave(self, cluster: Cluster, left: list[Pod], *, forced: bool) -> str:
        staying = [pod for pod in left if not pod.terminating][:AT_ONCE]
        if forced:
            for pod in staying:
                cluster.delete(pod, grace=self._grace)
            return f"; deleted after {readable(self._force_after)}" if staying else ""
        blocked = [(pod, why) for pod in staying if (why := cluster.evict(pod, grace=self._grace)) is not None]
        named = "; ".join(f"{pod.path} is kept: {why}" for pod, why in islice(blocked, NAMED))
        return f"; {named}" + ("; …" if len(blocked) > NAMED else "") if blocked else ""

    def _of_gone_instance(self, cluster: Cluster, node: Node, target: Target) -> Progress:
        """End with the node of an instance that runs no more: nothing on it would answer an eviction."""
        if self._chosen.out_of_service_taint and OUT_OF_SERVICE not in node.taints:
            cluster.taint(node, key=OUT_OF_SERVICE, value="nodeshutdown", effect="NoExecute")
        return self._end(
            cluster, node, target, f"instance {target.action.instance} is gone, node {node.name} runs no pods"
        )

    def _end(self, cluster: Cluster, node: Node, target: Target, how: str) -> Progress:
        if not self._chosen.delete_node or target.action.survives:
            return Done(how)
        cluster.delete_node(node)
        return Done(f"{how} and was deleted")


def _named(pods: list[Pod]) -> str:
    ordered = sorted(pods, key=lambda pod: pod.path)
    named = [f"{pod.path} {'terminating' if pod.terminating else pod.phase}" for pod in ordered[:NAMED]]
    return ", ".join(named) + (", …" if len(pods) > NAMED else "")


def _no_cluster(target: Target) -> str:
    return (
        f"neither the plan nor a tag of instance {target.action.instance} names a Kubernetes cluster: give the step a "
        "cluster, or tag the instance kubernetes.io/cluster/NAME"
    )
