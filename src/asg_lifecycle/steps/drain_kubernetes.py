"""The step kind `drain-kubernetes`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Failed
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.cluster_choice import NodeFinder, no_cluster, unknown_to_eks
from asg_lifecycle.steps.support.missing_things import done_unless_missing
from asg_lifecycle.steps.support.node_drain import DrainKubernetesOptions, Look, NodeDrain, NodeDrainer

if TYPE_CHECKING:
    from asg_lifecycle.model.progress import StepAnswer
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

SOON = 5.0
"""Seconds until the next poll while there are pods that have not been asked yet."""


class DrainKubernetesState(Struct, frozen=True, kw_only=True):
    """The drains, one for each cluster that the instance may be in."""

    drains: tuple[NodeDrain, ...]


class DrainKubernetes(StatefulStep[DrainKubernetesOptions, DrainKubernetesState]):
    """Drain the Kubernetes node that the instance is, and wait until its pods are gone.

    It cordons the node, evicts pods as their disruption budgets allow, and is done when they are gone. Pods of
    DaemonSets, mirror pods and finished ones stay. A budget that allows no eviction keeps the instance, and the
    progress names the pod and the budget. The node stays cordoned when the step ends or is given up: its instance is
    about to go; `wait-for-kubernetes` uncordons one that comes back from a warm pool. When EC2 has ended the instance,
    before its hook or while it was drained, nothing on it answers an eviction: its pods are not waited for.

    The node is found by the `providerID` of AWS; where a cluster has none, by the instance's addresses and names.
    Where the instance's tags name several clusters, each is looked into.
    """

    kind = "drain-kubernetes"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"cluster": "production", "force_after": "6h"}
    permissions = ("eks:DescribeCluster", "ssm:GetParameter")
    template_parameter = "KubernetesSteps"
    may_be_missing = "EKS clusters"

    def __init__(self, options: DrainKubernetesOptions, services: Services) -> None:
        super().__init__(options, services)
        self._finder = NodeFinder(options, services.clusters, services.instances)
        self._drainer = NodeDrainer(options, self._finder, services.instances)

    def preview(self, target: Target) -> str:
        """Say which node would be drained of what."""
        names = self._finder.cluster_names(target)
        return "; ".join(self._drainer.preview(target, name) for name in names) or no_cluster(target)

    def begin(self, target: Target) -> StepAnswer:
        """Cordon the node and ask its pods to leave."""
        names = self._finder.cluster_names(target)
        if not names:
            return Failed(no_cluster(target))
        return self._drain_all(target, tuple(NodeDrain(cluster=name) for name in names))

    def poll(self, target: Target, state: DrainKubernetesState) -> StepAnswer:
        """Ask which pods are left. A node that somebody has uncordoned is cordoned again."""
        return self._drain_all(target, state.drains)

    def _drain_all(self, target: Target, drains: tuple[NodeDrain, ...]) -> StepAnswer:
        looks, errors = [], []
        for drain in drains:
            try:
                looks.append(self._drainer.look(target, drain) if not drain.done else Look(drain=drain))
            except CallFailed as failed:
                # The other clusters are drained all the same.
                errors.append(failed)
        if errors:
            raise errors[0]
        if reasons := [look.detail for look in looks if look.failed]:
            return Failed("; ".join(reasons))
        if waits := [look for look in looks if look.detail]:
            api_failed = any(look.api_failed for look in waits)
            return self._waiting(
                "; ".join(look.detail for look in waits),
                DrainKubernetesState(drains=tuple(look.drain for look in looks)),
                again_after=SOON if any(look.soon for look in waits) else None,
                blocked=api_failed,
                blockers=[blocker for look in waits for blocker in look.blockers],
            )
        done = "; ".join(look.drain.done for look in looks if not look.drain.missing) or "nothing was drained"
        return done_unless_missing(done, [unknown_to_eks(look.drain.cluster) for look in looks if look.drain.missing])
