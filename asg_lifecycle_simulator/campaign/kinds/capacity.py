"""The kind that waits for capacity elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from asg_lifecycle_simulator.campaign.kinds.base import ABSENT, TERMINATE, CampaignKind, DrawnStep, Shape
from asg_lifecycle_simulator.services.target_groups import make_target_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster

TARGET_GROUP, EMPTY = "guarded", "empty"
ELSEWHERE = "2001:db8:ffff::1"
"""The address of a target that is no instance of the group."""

CLUSTER, SERVICE, DEPLOYMENT = "guarded", "guarded", "guarded"
OTHER_INSTANCE = "i-00000000000000bad"


class WaitForCapacity(CampaignKind):
    """`wait-for-capacity`: what takes the place of each instance comes elsewhere, and stays.

    Of its group the shapes do not ask: that has changed again by the time the action is completed.
    """

    kind = "wait-for-capacity"
    transitions = TERMINATE
    shapes: ClassVar[Mapping[str, Shape]] = {
        "a target group": Shape(weight=3, options={"target_group": TARGET_GROUP, "at_least": 1}),
        "a service": Shape(weight=3, options={"service": {"cluster": CLUSTER, "name": SERVICE}}),
        "a deployment": Shape(
            weight=3, options={"deployment": {"namespace": "shop", "name": DEPLOYMENT, "cluster": CLUSTER}}
        ),
        "what never comes": Shape(options={"target_group": EMPTY, "at_least": 1}, endless=True),
    }
    absent: ClassVar[Mapping[str, Any]] = {"target_group": ABSENT}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "autoscaling": ("DescribeAutoScalingGroups",),
        "elbv2": ("DescribeTargetHealth", "DescribeTargetGroups"),
        "ecs": (
            "DescribeServices",
            "ListContainerInstances",
            "DescribeContainerInstances",
            "ListTasks",
            "DescribeTasks",
        ),
        "eks": ("DescribeCluster",),
    }
    # These would be about the registrations, tasks, nodes and pods of this kind, too.
    excludes: ClassVar[frozenset[str]] = frozenset({"drain-ecs", "drain-kubernetes"})

    @classmethod
    def _with_absent(cls, drawn: DrawnStep, if_missing: str | None) -> DrawnStep:
        made = super()._with_absent(drawn, if_missing)
        return replace(made, options={**cls.absent, "at_least": 1})

    @property
    def cluster(self) -> Cluster:
        """The cluster of Kubernetes."""
        return self.testbed.kubernetes.cluster(CLUSTER)

    def arrange(self) -> None:
        """Make the target groups, the service and the deployment."""
        for name in (TARGET_GROUP, EMPTY):
            make_target_group(self.testbed.region, name, delay=10, ipv6=True)
        if self.step.shape == "a service":
            self.testbed.ecs.clusters.setdefault(CLUSTER, [])
            self.testbed.ecs.service(SERVICE, CLUSTER).desired = 1
            self._other_container_instance = self.testbed.ecs.register(OTHER_INSTANCE, CLUSTER)
        if self.step.shape == "a deployment":
            self._other_node = self.cluster.join(OTHER_INSTANCE)
            self.cluster.deployment(DEPLOYMENT, replicas=1, namespace="shop")

    def settle(self, instance: str) -> None:
        """Let the instance have its part, and another take its place after a while."""
        match self.step.shape:
            case "a service":
                self.testbed.ecs.run(self.testbed.ecs.register(instance, CLUSTER), "guarded:1", service=SERVICE)
            case "a deployment":
                self.cluster.run(self.cluster.join(instance), DEPLOYMENT, namespace="shop")
            case _:
                pass
        self.after(self.step.takes, self._replace)

    def _replace(self) -> None:
        match self.step.shape:
            case "a target group":
                with self.testbed.region.unobserved():
                    elbv2 = self.testbed.region.client("elbv2")
                    arn = elbv2.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"][0]["TargetGroupArn"]
                    elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": ELSEWHERE}])
            case "a service":
                self.testbed.ecs.run(self._other_container_instance, "guarded:1", service=SERVICE)
            case "a deployment":
                self.cluster.run(self._other_node, DEPLOYMENT, namespace="shop")
            case _:
                pass

    def undone(self, instance: str, since: float) -> str | None:
        """Return that nothing has taken its place."""
        del instance, since
        if self.replaced_by_absent:
            return None
        match self.step.shape:
            case "a target group":
                enough = any(self.testbed.target_groups.registrations(ELSEWHERE))
            case "a service":
                tasks = self._other_container_instance.tasks
                enough = any(task.status(self.now) == "RUNNING" for task in tasks)
            case "a deployment":
                enough = any(pod.healthy for pod in self.cluster.on(self._other_node))
            case _:
                enough = False
        return None if enough else "there was capacity elsewhere"
