"""A simulated cluster: pods that end in their time, controllers that replace them, budgets that forbid evictions.

Sources: "API-initiated Eviction", "Pod Lifecycle" and "Specifying a Disruption Budget" in the Kubernetes documentation.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.services.kubernetes.objects import ENDS_AFTER, Deployment, DisruptionBudget, Node, Pod

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asg_lifecycle_simulator.region.timers import RegionTimers

ELSEWHERE = "ip-10-0-0-99.ec2.internal"
"""The node on which pods are made again."""


class EvictionForbiddenError(Exception):
    """A budget does not allow it."""

    def __init__(self, budget: DisruptionBudget, healthy: int) -> None:
        super().__init__(
            f"The disruption budget {budget.name} needs {budget.min_available} healthy pods and has {healthy} currently"
        )


class SeveralBudgetsError(Exception):
    """Several budgets are for one pod."""


class Cluster:
    """The nodes and pods of one cluster.

    Attributes:
        nodes: by name.
        pods: by namespace and name.
        budgets: the disruption budgets.
        deployments: by namespace and name.
        forbidden: verbs and resources that RBAC forbids, `create pods/eviction`.
        down: the API server answers 503 to everything.
        tokens: static tokens that it takes, beside those of EKS.
        refused_tokens: tokens that it takes no longer.
        errors: by verb and resource, the code, reason and message that it answers with.
    """

    def __init__(self, name: str, timers: RegionTimers) -> None:
        self.name = name
        self._timers = timers
        self._made = 0
        self.nodes: dict[str, Node] = {}
        self.pods: dict[tuple[str, str], Pod] = {}
        self.budgets: list[DisruptionBudget] = []
        self.deployments: dict[tuple[str, str], Deployment] = {}
        self.forbidden: set[str] = set()
        self.down = False
        self.tokens: set[str] = set()
        self.refused_tokens: set[str] = set()
        self.errors: dict[str, tuple[int, str, str]] = {}

    def join(self, instance: str, *, ready: bool = True, taints: tuple[str, ...] = ()) -> Node:
        """Let an EC2 instance join as a node."""
        name = f"ip-10-0-0-{len(self.nodes) + 1}.ec2.internal"
        effects = [{"key": key, "effect": "NoSchedule"} for key in taints]
        self.nodes[name] = Node(
            name=name, instance=instance, ready=ready, taints=effects, changed_at=self._timers.now()
        )
        return self.nodes[name]

    def die(self, node: Node) -> None:
        """Let the host of a node die: its kubelet posts nothing any more, and pods that are told to end stay."""
        node.ready, node.posting, node.changed_at = False, False, self._timers.now()

    def run(  # noqa: PLR0913 - what a pod is
        self,
        on: Node,
        name: str,
        *,
        count: int = 1,
        namespace: str = "default",
        owner: str | None = "ReplicaSet",
        takes: float = 5.0,
        replaced_after: float | None = 10.0,
        phase: str = "Running",
        mirror: bool = False,
        tolerations: Sequence[Mapping[str, str]] = (),
    ) -> list[Pod]:
        """Run pods on a node.

        Args:
            on: the node.
            name: of what they belong to; each has a number behind it, and the label `app`.
            count: how many.
            namespace: where.
            owner: kind of their controller, None for pods that stand alone.
            takes: seconds from when one is told to end until it is gone, infinite for never.
            replaced_after: seconds until another runs elsewhere: for a ReplicaSet from when one is told to end, for a
                StatefulSet, under the same name, from when it is gone. None for never.
            phase: `Running`, `Succeeded`, …
            mirror: whether they mirror static pods.
            tolerations: as the API has them; with one for a cordoned node they are made again on their own node.
        """
        made = []
        for _ in range(count):
            self._made += 1
            pod = Pod(
                namespace=namespace,
                name=f"{name}-{self._made}",
                uid=f"00000000-0000-0000-0000-{self._made:012d}",
                node=on.name,
                labels={"app": name},
                owner=(owner, name) if owner is not None else None,
                takes=takes,
                replaced_after=replaced_after if owner in {"ReplicaSet", "StatefulSet"} else None,
                phase=phase,
                mirror=mirror,
                created_at=self._timers.now(),
                tolerations=[dict(each) for each in tolerations],
            )
            self.pods[namespace, pod.name] = pod
            made.append(pod)
        return made

    def budget(self, name: str, app: str, *, min_available: int, namespace: str = "default") -> DisruptionBudget:
        """Make a disruption budget for the pods with a label `app`."""
        made = DisruptionBudget(namespace=namespace, name=name, labels={"app": app}, min_available=min_available)
        self.budgets.append(made)
        return made

    def deployment(self, name: str, *, replicas: int | None, namespace: str = "default") -> Deployment:
        """Make a deployment of the pods with its name as their label `app`."""
        made = Deployment(namespace=namespace, name=name, replicas=replicas, labels={"app": name})
        self.deployments[namespace, name] = made
        return made

    def available(self, deployment: Deployment) -> int:
        """Return how many pods of a deployment are available, wherever they are."""
        return sum(
            pod.namespace == deployment.namespace
            and deployment.labels.items() <= pod.labels.items()
            and pod.healthy
            and pod.ready
            for pod in self.pods.values()
        )

    def on(self, node: Node) -> list[Pod]:
        """Return the pods on a node."""
        return [pod for pod in self.pods.values() if pod.node == node.name]

    def evict(self, pod: Pod, grace: float | None) -> None:
        """Evict a pod.

        Raises:
            EvictionForbiddenError: a budget does not allow it.
            SeveralBudgetsError: several budgets are for it.
        """
        budgets = [budget for budget in self.budgets if budget.is_for(pod)]
        if len(budgets) > 1:
            raise SeveralBudgetsError
        # What is unhealthy or on its way out already takes nothing from the budget.
        if budgets and pod.healthy:
            (budget,) = budgets
            healthy = sum(budget.is_for(each) and each.healthy for each in self.pods.values())
            if healthy - 1 < budget.min_available:
                raise EvictionForbiddenError(budget, healthy)
        self.delete(pod, grace)

    def delete(self, pod: Pod, grace: float | None) -> None:
        """Tell a pod to end. Told again, it gets the shorter time of the two."""
        if pod.told_at is not None:
            self._shorten(pod, grace)
            return
        pod.told_at = self._timers.now()
        pod.grace = ENDS_AFTER if grace is None else grace
        takes = pod.ends_after(grace)
        if pod.replaced_after is not None and pod.owner is not None and pod.owner[0] == "ReplicaSet":
            self._timers.call_after(pod.replaced_after, lambda: self._replace(pod), name="pod is replaced")
        if takes < math.inf:
            self._timers.call_after(takes, lambda: self._end(pod), name="pod ends")

    def _shorten(self, pod: Pod, grace: float | None) -> None:
        if grace is None or grace >= pod.grace:
            return
        # The time runs from now on: the API counts a new grace period from the moment of the request.
        pod.grace = self._timers.now() - (pod.told_at or 0.0) + grace
        if pod.takes < math.inf:
            self._timers.call_after(pod.ends_after(grace), lambda: self._end(pod), name="pod ends")

    def _end(self, pod: Pod) -> None:
        node = self.nodes.get(pod.node)
        if node is not None and not node.posting:
            # Nobody tells the API server that it has ended.
            return
        if self.pods.get((pod.namespace, pod.name)) is pod:
            del self.pods[pod.namespace, pod.name]
        if pod.replaced_after is not None and pod.owner is not None and pod.owner[0] == "StatefulSet":
            self._timers.call_after(pod.replaced_after, lambda: self._replace(pod), name="pod is replaced")

    def _replace(self, pod: Pod) -> None:
        self._made += 1
        same_name = pod.owner is not None and pod.owner[0] == "StatefulSet"
        name = pod.name if same_name else f"{pod.name.rpartition('-')[0]}-{self._made}"
        uid = f"00000000-0000-0000-0000-{self._made:012d}"
        self.pods[pod.namespace, name] = replace(
            pod,
            name=name,
            uid=uid,
            node=pod.node if pod.tolerations else ELSEWHERE,
            told_at=None,
            grace=ENDS_AFTER,
            created_at=self._timers.now(),
            phase="Running",
        )
