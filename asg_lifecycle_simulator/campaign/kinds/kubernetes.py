"""The kinds that are about nodes of Kubernetes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, LAUNCH, TERMINATE, CampaignKind, Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster
    from asg_lifecycle_simulator.services.kubernetes.objects import Node, Pod

CLUSTER = "production"
NAMED: Mapping[str, Any] = {"cluster": CLUSTER}
STARTUP_TAINT = "node.kubernetes.io/not-ready"
CORDONED = "asg-lifecycle/cordoned"
OVERDUE = 120.0
"""Seconds, as the shape of a host that died has it in its options."""

FINISHED = frozenset({"Succeeded", "Failed"})


class _OfNodes(CampaignKind):
    """What both kinds have in common."""

    absent: ClassVar[Mapping[str, Any]] = {"cluster": ABSENT}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"eks": ("DescribeCluster",)}

    @property
    def cluster(self) -> Cluster:
        """The cluster."""
        return self.testbed.kubernetes.cluster(CLUSTER)

    def arrange(self) -> None:
        """Make the cluster, with a node that is none of the group's instances."""
        self.cluster.join("i-00000000000000bad")

    def tag(self, instance: str) -> None:
        """Tag the instance with its cluster."""
        tags = [{"Key": f"kubernetes.io/cluster/{CLUSTER}", "Value": "owned"}]
        with self.testbed.region.unobserved():
            self.testbed.region.client("ec2").create_tags(Resources=[instance], Tags=tags)

    def node(self, instance: str) -> Node | None:
        """Return the node that the instance is."""
        return next((node for node in self.cluster.nodes.values() if node.instance == instance), None)


class DrainKubernetes(_OfNodes):
    """`drain-kubernetes`."""

    kind = "drain-kubernetes"
    transitions = TERMINATE
    takes = (1.0, 8.0, 25.0)
    shapes: ClassVar[Mapping[str, Shape]] = {
        "pods": Shape(weight=3, options=NAMED),
        "pods of a StatefulSet": Shape(options=NAMED),
        "a disruption budget": Shape(weight=2, options=NAMED),
        "a disruption budget that is overruled": Shape(options={**NAMED, "force_after": "2m"}),
        "a cluster named by a tag": Shape(),
        "not a node": Shape(options=NAMED),
        "its node is deleted": Shape(options={**NAMED, "delete_node": True}),
        "a node of k3s": Shape(options=NAMED),
        "a node with an IPv6 address alone": Shape(options=NAMED),
        "pods that tolerate everything": Shape(options={**NAMED, "returning_pods": "ignore"}),
        "pods that tolerate everything and are waited for": Shape(options=NAMED, endless=True),
        "a host that died": Shape(options={**NAMED, "skip_overdue_after": "2m"}),
        "a pod that a finalizer keeps": Shape(options=NAMED, endless=True),
        "a kubelet that is dead": Shape(options=NAMED, endless=True),
    }
    has_disturbance = True

    def settle(self, instance: str) -> None:
        """Let the instance be a node, with pods."""
        cluster, shape, takes = self.cluster, self.step.shape, self.step.takes
        if shape == "a cluster named by a tag":
            self.tag(instance)
        if shape == "not a node":
            return
        node = cluster.join(instance, ready=shape != "a kubelet that is dead")
        if shape in {"a node of k3s", "a node with an IPv6 address alone"}:
            self._leave_cloud_provider(node, instance, ipv6=shape != "a node of k3s")
        cluster.run(node, "logs", owner="DaemonSet", namespace="kube-system")
        cluster.run(node, "done", owner="Job", phase="Succeeded")
        app = f"web-{instance[-5:]}"
        match shape:
            case "a disruption budget":
                cluster.run(node, app, count=2, takes=takes)
                cluster.budget(app, app, min_available=1)
            case "a disruption budget that is overruled":
                cluster.run(node, app, takes=takes)
                cluster.budget(app, app, min_available=1)
            case "pods of a StatefulSet":
                cluster.run(node, app, owner="StatefulSet", count=2, takes=takes)
            case "a pod that a finalizer keeps" | "a kubelet that is dead":
                cluster.run(node, app, takes=math.inf)
            case "a host that died":
                cluster.run(node, app, takes=takes)
                cluster.die(node)
            case "pods that tolerate everything" | "pods that tolerate everything and are waited for":
                cluster.run(node, app, takes=takes, replaced_after=0.5, tolerations=[{"operator": "Exists"}])
            case _:
                cluster.run(node, app, count=2, takes=takes)

    def _leave_cloud_provider(self, node: Node, instance: str, *, ipv6: bool) -> None:
        """Let a node be one of a cluster without the cloud provider of AWS: it is known by its addresses."""
        node.provider_id = f"k3s://{node.name}" if not ipv6 else ""
        address = self.address(instance) or ""
        if ipv6:
            address = f"2001:db8::{int(instance[-4:], 16):x}"
            self.testbed.addresses.give(instance, address)
        node.addresses = [("InternalIP", address)]

    def disturb(self, instance: str) -> None:
        """Uncordon the node and run one more pod on it."""
        node = self.node(instance)
        if node is not None:
            node.unschedulable = False
            self.cluster.run(node, "late", takes=self.step.takes)

    def undone(self, instance: str, since: float) -> str | None:
        """Return the pod that is left, or that the node takes new ones."""
        del since
        if self.replaced_by_absent:
            return None
        node = self.node(instance)
        if node is None:
            return None
        if self.testbed.autoscaling.fleet.state(instance) == "stopped":
            # On a host that does not run, no pod does.
            return None
        if not node.unschedulable:
            return f"node {node.name} was cordoned"
        left = [
            pod.name
            for pod in self.cluster.on(node)
            if not pod.mirror
            and pod.phase not in FINISHED
            and (pod.owner is None or pod.owner[0] != "DaemonSet")
            and not self._may_stay(node, pod)
        ]
        return f"pod {left[0]} was gone" if left else None

    def _may_stay(self, node: Node, pod: Pod) -> bool:
        """Return whether the plan lets a pod stay: one that comes back, one of a host that died and is overdue."""
        if "returning_pods" in self.step.options:
            return bool(pod.tolerations)
        overdue = pod.told_at is not None and self.now >= pod.told_at + pod.grace + OVERDUE
        return "skip_overdue_after" in self.step.options and not node.ready and overdue


class WaitForKubernetes(_OfNodes):
    """`wait-for-kubernetes`."""

    kind = "wait-for-kubernetes"
    transitions = LAUNCH
    shapes: ClassVar[Mapping[str, Shape]] = {
        "joins": Shape(weight=2, options=NAMED),
        "becomes ready": Shape(weight=2, options=NAMED),
        "has a startup taint": Shape(options=NAMED),
        "was cordoned": Shape(options=NAMED),
        "a cluster named by a tag": Shape(),
        "never joins": Shape(options=NAMED, endless=True),
    }

    def settle(self, instance: str) -> None:
        """Let the instance become a node."""
        cluster, shape = self.cluster, self.step.shape
        if shape == "a cluster named by a tag":
            self.tag(instance)
        match shape:
            case "never joins":
                return
            case "becomes ready" | "was cordoned" | "has a startup taint":
                taints = (STARTUP_TAINT,) if shape == "has a startup taint" else ()
                node = cluster.join(instance, ready=False, taints=taints)
                if shape == "was cordoned":
                    node.unschedulable, node.annotations[CORDONED] = True, "true"
                self.after(self.step.takes, partial(_become_ready, node))
            case _:
                self.after(self.step.takes, lambda: cluster.join(instance))

    def undone(self, instance: str, since: float) -> str | None:
        """Return what keeps pods from running on it."""
        del since
        if self.replaced_by_absent:
            return None
        node = self.node(instance)
        if node is None:
            return "it was a node"
        if not node.ready or any(taint["key"] == STARTUP_TAINT for taint in node.taints):
            return f"node {node.name} was ready"
        return f"node {node.name} was uncordoned" if CORDONED in node.annotations else None


def _become_ready(node: Node) -> None:
    node.ready = True
    node.taints = [taint for taint in node.taints if taint["key"] != STARTUP_TAINT]
