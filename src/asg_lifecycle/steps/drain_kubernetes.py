"""Drain the Kubernetes node that the instance is, and wait until its pods are gone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Struct

from asg_lifecycle.aws.instances import GONE_STATES
from asg_lifecycle.model.durations import Duration, readable, seconds
from asg_lifecycle.model.progress import Done, Failed, Progress, StepState, Waiting
from asg_lifecycle.steps.support.cluster_choice import CORDONED, EXCLUDED, EXCLUDED_BY_US, ClusterOptions, NodeFinder
from asg_lifecycle.steps.support.evictions import count, evict_pods, kept_for, named

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Node, Pod
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""The taint that lets volumes of a node that is gone be attached elsewhere at once (non-graceful node shutdown)."""

SOON = 5.0
"""Seconds until the next look while there are pods that have not been asked yet."""

AT_REST = frozenset({"stopped", "terminated"})
"""States of an instance that writes to no volume. One that is shutting down still may."""


class DrainKubernetesOptions(ClusterOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cluster, and how pods are made to leave.

    Attributes:
        cluster: name of an EKS cluster; without it and without an endpoint the instance's tags name it.
        endpoint: URL of the API server of a cluster that is not EKS's.
        certificate_authority: of that server's certificate, PEM or PEM in base64.
        token_parameter: the SecureString parameter below `/asg-lifecycle/STACK/kubernetes/` that holds a token for it.
        grace: how long each pod has to end, a second or more; without it what the pod itself asks for.
        force_after: how long after the step began pods are deleted, whatever their disruption budgets say; without it
            never.
        exclude_from_load_balancers: label the node, so that external load balancers send it no new connections.
        out_of_service_taint: put the taint on the node of an instance that is gone: its volumes can be attached
            elsewhere at once. Waits until EC2 says that it is terminated or stopped: before, it may write to them.
        delete_node: delete the node object at the end.
    """

    grace: Duration | None = None
    force_after: Duration | None = None
    exclude_from_load_balancers: bool = True
    out_of_service_taint: bool = False
    delete_node: bool = False

    def __post_init__(self) -> None:
        """Refuse half an address, and a grace that is none.

        Raises:
            ValueError: no time to end means that a pod is forgotten while it may still run.
        """
        super().__post_init__()
        if self.grace is not None and not seconds(self.grace):
            raise ValueError(
                f"grace is {self.grace!r}; expected 1s or more: with none a pod is forgotten while it may still run"
            )


class DrainKubernetes:
    """`drain-kubernetes`: cordon, evict as disruption budgets allow, and done when the pods are gone.

    Pods of DaemonSets, mirror pods and finished ones stay. A budget that allows no eviction keeps the instance, and the
    progress names the pod and the budget. The node stays cordoned when the step ends or is given up: its instance is
    about to go; `wait-for-kubernetes` uncordons one that comes back from a warm pool. When EC2 has ended the instance,
    before its hook or while it was drained, nothing on it answers an eviction: its pods are not waited for.
    """

    kind: ClassVar[str] = "drain-kubernetes"
    options: ClassVar[type[Struct]] = DrainKubernetesOptions
    example: ClassVar[dict[str, Any]] = {"cluster": "production", "force_after": "6h"}
    permissions: ClassVar[tuple[str, ...]] = ("eks:DescribeCluster", "ssm:GetParameter")
    template_parameter: ClassVar[str | None] = "KubernetesSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: DrainKubernetesOptions, finder: NodeFinder, instances: Instances) -> None:
        self._chosen = chosen
        self._finder = finder
        self._instances = instances
        self._grace = math.ceil(seconds(chosen.grace)) if chosen.grace is not None else None
        self._force_after = seconds(chosen.force_after) if chosen.force_after is not None else math.inf

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        chosen = msgspec.convert(options, DrainKubernetesOptions, from_attributes=True)
        return cls(chosen, NodeFinder(chosen, services.clusters, services.instances), services.instances)

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
            return Failed(_no_cluster(target), retryable=True)
        return self._look(target, name, {})

    def check(self, target: Target, last: Waiting) -> Progress:
        """Look which pods are left. A node that somebody has uncordoned is cordoned again."""
        return self._look(target, last.state["cluster"], last.state)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave the node cordoned: nothing new belongs on an instance that is about to go."""
        del target, last
        return None

    def _look(self, target: Target, name: str, before: StepState) -> Progress:
        cluster = self._finder.open(name)
        if isinstance(cluster, Failed):
            return cluster
        known = before.get("node")
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
        self, cluster: Cluster, node: Node, left: list[Pod], target: Target, name: str, before: StepState
    ) -> Waiting:
        forced = target.now >= target.began_at + self._force_after
        asked = evict_pods(cluster, left, grace=self._grace, forced=forced, after=before.get("after", ""))
        most = max(int(before.get("most", 0)), len(left))
        note = f"; deleted after {readable(self._force_after)}" if forced and asked.leaving else kept_for(asked)
        return Waiting(
            f"waiting for {len(left)} of {most} pods on node {node.name} of cluster {name}: {named(left)}{note}",
            again_after=SOON if asked.last is not None and asked.leaving else None,
            state=_state(name, node, most) | ({"after": asked.last} if asked.last is not None else {}),
            blocked=asked.troubled,
        )

    def _cordon(self, cluster: Cluster, node: Node) -> None:
        # What somebody else has put on it stays when we take ours off, so each of ours is annotated.
        labels = {}
        annotations = {} if node.cordoned else {CORDONED: "true"}
        if self._chosen.exclude_from_load_balancers and EXCLUDED not in node.labels:
            labels[EXCLUDED] = annotations[EXCLUDED_BY_US] = "true"
        if annotations:
            cluster.cordon(node, annotations=annotations, labels=labels)

    def _state_in_ec2(self, target: Target, node: Node) -> str | None:
        """Return the instance's state, asking for it again only where it may have changed."""
        state = target.facts.state
        if state == "terminated" or (node.ready and state not in GONE_STATES | AT_REST):
            return state
        return self._instances.facts(target.action.instance).state

    def _of_gone_instance(self, cluster: Cluster, node: Node, target: Target, name: str, state: str) -> Progress:
        """End with the node of an instance that EC2 has ended: nothing on it would answer an eviction."""
        instance, survives = target.action.instance, target.action.survives
        if self._chosen.out_of_service_taint and not survives:
            if state not in AT_REST:
                why = f"waiting until instance {instance} is terminated: it is {state} and may write to its volumes"
                return Waiting(why, state=_state(name, node, 0))
            if OUT_OF_SERVICE not in node.taints:
                cluster.taint(node, key=OUT_OF_SERVICE, value="nodeshutdown", effect="NoExecute")
            left = [pod for pod in cluster.pods(node) if pod.has_to_leave] if self._chosen.delete_node else []
            if left:
                # Deleted now, it would take the taint with it.
                why = f"waiting until Kubernetes has cleared node {node.name} of {count(left)}"
                return Waiting(why, state=_state(name, node, len(left)))
        return self._end(cluster, node, target, f"instance {instance} is {state}, node {node.name} runs no pods")

    def _end(self, cluster: Cluster, node: Node, target: Target, how: str) -> Progress:
        if not self._chosen.delete_node or target.action.survives:
            return Done(how)
        cluster.delete_node(node)
        return Done(f"{how} and was deleted")


def _state(cluster: str, node: Node, most: int) -> StepState:
    return {"cluster": cluster, "node": node.name, "most": most}


def _no_cluster(target: Target) -> str:
    return (
        f"neither the plan nor a tag of instance {target.action.instance} names a Kubernetes cluster: give the step a "
        "cluster, or tag the instance kubernetes.io/cluster/NAME"
    )
