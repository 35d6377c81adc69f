"""The drain of the node of one instance in one cluster: what the poll of `drain-kubernetes` does in each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.durations import Duration, PositiveDuration, readable, seconds
from asg_lifecycle.model.instances import GONE_STATES
from asg_lifecycle.steps.support.cluster_choice import (
    CORDONED,
    EXCLUDED,
    EXCLUDED_BY_US,
    ClusterOptions,
    NodeFinder,
    cannot_be_told,
    several_nodes,
    unknown_to_eks,
)
from asg_lifecycle.steps.support.evictions import count, evict_pods, kept_for, named
from asg_lifecycle.steps.support.pods_left import Leaving, PodsLeft, pod_blockers, pods_left

if TYPE_CHECKING:
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.identity import NodeMatches
    from asg_lifecycle.kubernetes.objects import Node
    from asg_lifecycle.steps.base import Target

OUT_OF_SERVICE = "node.kubernetes.io/out-of-service"
"""The taint that lets volumes of a node that is gone be attached elsewhere at once (non-graceful node shutdown)."""

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
            "budgets say; without it never. Pods that are told to end already are told again, with `grace`."
        ),
    ] = None
    skip_overdue_after: Annotated[
        PositiveDuration | None,
        Meta(
            description="On a node that is not ready, do not wait for a pod that should have ended this long ago: "
            "nothing on the node tells Kubernetes that it has. Without it such pods are waited for."
        ),
    ] = None
    returning_pods: Annotated[
        Literal["wait", "ignore"],
        Meta(
            description="What to do about pods that run on the node again because they tolerate that it is cordoned: "
            "wait until somebody stops them, or let them go with the instance. They are not evicted again."
        ),
    ] = "wait"
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


class NodeDrain(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the node is in one cluster, and how far its pods are.

    Attributes:
        cluster: name or endpoint of the cluster.
        node: name of the node, empty as long as it could not be told which it is.
        uid: its uid.
        most: the largest number of pods that had to leave so far.
        after: path of the pod that was asked last, empty when all were asked.
        done: how the drain ended, a sentence; empty until it did.
        missing: there is no such cluster.
    """

    cluster: str
    node: str = ""
    uid: str = ""
    most: int = 0
    after: str = ""
    done: str = ""
    missing: bool = False


class Look(Struct, frozen=True, kw_only=True):
    """What one look at one cluster found.

    Attributes:
        drain: how far it is.
        detail: what is waited for or why it failed, a sentence; empty when it is done.
        failed: it cannot succeed by waiting longer.
        blockers: what keeps the instance.
        api_failed: the API server could not answer for some pods.
        soon: there are pods that have not been asked yet.
    """

    drain: NodeDrain
    detail: str = ""
    failed: bool = False
    blockers: tuple[Blocker, ...] = ()
    api_failed: bool = False
    soon: bool = False


class NodeDrainer:
    """Drains the node that an instance is.

    Args:
        options: how pods are made to leave.
        finder: finds the cluster and the node.
        instances: what EC2 knows of the instance.
    """

    def __init__(self, options: DrainKubernetesOptions, finder: NodeFinder, instances: Instances) -> None:
        self._options = options
        self._finder = finder
        self._instances = instances
        self._grace = math.ceil(seconds(options.grace)) if options.grace is not None else None
        self._force_after = seconds(options.force_after) if options.force_after is not None else math.inf
        overdue = options.skip_overdue_after
        self._leaving = Leaving(
            skip_overdue_after=seconds(overdue) if overdue is not None else math.inf,
            ignore_returning=options.returning_pods == "ignore",
        )

    def preview(self, target: Target, name: str) -> str:
        """Return what would be drained in a cluster, a sentence. Only reads.

        Raises:
            CallFailed: no answer, denied.
        """
        cluster = self._finder.open(name)
        if cluster is None:
            return f"there is no {unknown_to_eks(name)}"
        found = self._finder.find(cluster, target)
        if len(found.ours) > 1:
            return several_nodes(target, name, found)
        if not found.ours:
            never = f"instance {target.action.instance} is no node of cluster {name}"
            return cannot_be_told(target, name, found) if found.unknown else never
        (node,) = found.ours
        left = pods_left(cluster, node, self._leaving, target)
        return f"would drain node {node.name} of cluster {name}, which has {count(left.pods)}"

    def look(self, target: Target, drain: NodeDrain) -> Look:
        """Look at a cluster once: cordon the node, ask its pods to leave, say what is left.

        Raises:
            CallFailed: no answer, denied.
        """
        name = drain.cluster
        cluster = self._finder.open(name)
        if cluster is None:
            if drain.node:
                return _ended(drain, f"cluster {name} was deleted since, with its node {drain.node}")
            return Look(drain=replace(drain, done=f"there is no cluster {name}", missing=True))
        if drain.node:
            node = self._finder.find_again(cluster, target, drain.node, drain.uid)
            return self._drain_node(cluster, node, target, drain) if node is not None else _node_left(drain)
        return self._first_look(cluster, target, drain)

    def _first_look(self, cluster: Cluster, target: Target, drain: NodeDrain) -> Look:
        name = drain.cluster
        found = self._finder.find(cluster, target)
        if len(found.ours) > 1:
            return Look(drain=drain, detail=several_nodes(target, name, found), failed=True)
        if found.ours:
            (node,) = found.ours
            return self._drain_node(cluster, node, target, replace(drain, node=node.name, uid=node.uid))
        if found.unknown:
            return self._untold(target, drain, found)
        return _ended(drain, f"instance {target.action.instance} is no node of cluster {name}")

    def _untold(self, target: Target, drain: NodeDrain, found: NodeMatches) -> Look:
        why = cannot_be_told(target, drain.cluster, found)
        if target.facts.addresses:
            # A node tells its addresses soon after it has joined.
            blockers = tuple(Blocker(kind=BlockerKind.NODE, name=each.name, reason=why) for each in found.unknown)
            return Look(drain=drain, detail=why, blockers=blockers)
        if target.facts.gone and not (self._options.out_of_service_taint or self._options.delete_node):
            return _ended(drain, f"instance {target.action.instance} is {target.facts.state} and runs no pods; {why}")
        return Look(drain=drain, detail=f"{why}: skip the step when you know that its pods are gone", failed=True)

    def _drain_node(self, cluster: Cluster, node: Node, target: Target, drain: NodeDrain) -> Look:
        self._cordon(cluster, node)
        state = self._state_in_ec2(target, node)
        if state in GONE_STATES | AT_REST:
            return self._of_gone_instance(cluster, node, target, drain, str(state))
        left = pods_left(cluster, node, self._leaving, target)
        if left.pods:
            return self._wait_for(cluster, node, left, target, drain)
        return self._end(
            cluster, node, target, drain, f"node {node.name} of cluster {drain.cluster} is drained{left.note}"
        )

    def _wait_for(self, cluster: Cluster, node: Node, left: PodsLeft, target: Target, drain: NodeDrain) -> Look:
        forced = target.now >= target.began_at + self._force_after
        evicted = evict_pods(cluster, left.asked, grace=self._grace, forced=forced, after=drain.after)
        most = max(drain.most, len(left.pods))
        note = f"; deleted after {readable(self._force_after)}" if forced and evicted.leaving else kept_for(evicted)
        if not node.ready:
            note += f"; the node is not ready: {node.standing}"
        waiting = (
            f"waiting for {len(left.pods)} of {most} pods on node {node.name} of cluster {drain.cluster}: "
            f"{named(left.pods)}{note}{left.note}"
        )
        return Look(
            drain=replace(drain, most=most, after=evicted.last or ""),
            detail=waiting,
            blockers=pod_blockers(node, left, evicted),
            api_failed=evicted.api_failed,
            soon=bool(evicted.last is not None and evicted.leaving),
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
        return self._instances.facts(target.action.instance).state

    def _of_gone_instance(self, cluster: Cluster, node: Node, target: Target, drain: NodeDrain, state: str) -> Look:
        """End with the node of an instance that EC2 has ended: nothing on it would answer an eviction."""
        instance, survives = target.action.instance, target.action.survives
        if self._options.out_of_service_taint and not survives:
            if state not in AT_REST:
                why = f"waiting until instance {instance} is terminated: it is {state} and may write to its volumes"
                reason = f"it is {state}"
                blocker = Blocker(kind=BlockerKind.INSTANCE, name=instance, reason=reason)
                return Look(drain=drain, detail=why, blockers=(blocker,))
            if OUT_OF_SERVICE not in node.taints:
                cluster.taint(node, key=OUT_OF_SERVICE, value="nodeshutdown", effect="NoExecute")
            left = [pod for pod in cluster.pods(node) if pod.has_to_leave] if self._options.delete_node else []
            if left:
                # Deleted now, it would take the taint with it.
                why = f"waiting until Kubernetes has cleared node {node.name} of {count(left)}"
                reason = "Kubernetes has not cleared it from the node of an instance that is gone"
                blockers = tuple(Blocker(kind=BlockerKind.POD, name=pod.path, reason=reason) for pod in left)
                return Look(drain=replace(drain, most=len(left)), detail=why, blockers=blockers)
        return self._end(cluster, node, target, drain, f"instance {instance} is {state}, node {node.name} runs no pods")

    def _end(self, cluster: Cluster, node: Node, target: Target, drain: NodeDrain, how: str) -> Look:
        if not self._options.delete_node or target.action.survives:
            return _ended(drain, how)
        cluster.delete_node(node)
        return _ended(drain, f"{how} and was deleted")


def _ended(drain: NodeDrain, how: str) -> Look:
    return Look(drain=replace(drain, done=how))


def _node_left(drain: NodeDrain) -> Look:
    return _ended(drain, f"node {drain.node} has left cluster {drain.cluster}")
