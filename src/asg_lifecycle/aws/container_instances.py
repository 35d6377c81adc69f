"""The ECS calls: the container instances of EC2 instances, and their tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_ecs.literals import ContainerInstanceStatusType, DesiredStatusType
    from mypy_boto3_ecs.type_defs import TaskTypeDef

    from asg_lifecycle.aws.clients import Clients

CLUSTERS_KEPT = 60.0
"""Seconds that the list of clusters, and which one a group is in, are kept."""

MOST_KEPT = 10_000
"""How many container instances are kept with their EC2 instances, which never change."""

BATCH = 100
"""The most tasks in one `DescribeTasks`."""

SERVICE = "service:"
"""The group of a service's task begins with this."""

LISTED: tuple[DesiredStatusType, ...] = ("RUNNING", "STOPPED")
"""A task that was told to stop is listed under STOPPED long before it has stopped."""


class ContainerInstance(Struct, frozen=True, kw_only=True):
    """One container instance.

    Attributes:
        arn: its ARN.
        cluster: ARN or name of its cluster.
        status: `ACTIVE`, `DRAINING`, `REGISTERING`, `REGISTRATION_FAILED`, `DEREGISTERING` or `INACTIVE`.
        connected: whether its agent is connected.
    """

    arn: str
    cluster: str
    status: str
    connected: bool = False

    @property
    def name(self) -> str:
        """Its name for people: the end of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def cluster_name(self) -> str:
        """The name of its cluster."""
        return self.cluster.rpartition("/")[2]


class Task(Struct, frozen=True, kw_only=True):
    """One task.

    Attributes:
        arn: its ARN.
        definition: family and revision, `web:17`.
        status: `RUNNING`, `STOPPING`, `STOPPED`, …
        service: the service it belongs to, None for a task of no service.
        stopping: whether it has been told to stop.
    """

    arn: str
    definition: str
    status: str
    service: str | None
    stopping: bool


class ContainerInstances:
    """The container instances of this account and Region."""

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._clusters: TtlCache[tuple[str, ...]] = TtlCache(clock, CLUSTERS_KEPT)
        self._of_group: dict[str, str] = {}
        self._instance_of: dict[str, str | None] = {}

    def find(self, instance: str, *, cluster: str | None, group: str) -> ContainerInstance | None:
        """Return the container instance of an EC2 instance, None when it has none.

        Args:
            instance: EC2 instance id.
            cluster: name or ARN of its cluster; None to search all clusters, first the one last found for its group.
            group: its Auto Scaling group.

        Raises:
            CallFailed: no answer, throttled, denied, no such cluster.
        """
        if cluster is not None:
            return self._find(instance, cluster)
        # Only the cluster to search first is kept: an instance must not count as unknown because another one was.
        guess = self._of_group.get(group)
        clusters = self._clusters.get("all", self._all_clusters) or ()
        for each in sorted(clusters, key=lambda name: name != guess):
            found = self._find(instance, each)
            if found is not None:
                self._of_group[group] = each
                return found
        return None

    def instance_of(self, arn: str, *, cluster: str) -> str | None:
        """Return the EC2 instance of a container instance, None when it has none or is not known.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        if arn not in self._instance_of:
            try:
                with calling("ecs:DescribeContainerInstances"):
                    answer = self._clients.ecs.describe_container_instances(cluster=cluster, containerInstances=[arn])
            except CallFailed as failed:
                if failed.failure.code != "ClusterNotFoundException":
                    raise
                return None
            if len(self._instance_of) >= MOST_KEPT:
                self._instance_of.clear()
            self._instance_of[arn] = next((it.get("ec2InstanceId") for it in answer["containerInstances"]), None)
        return self._instance_of[arn]

    def drain(self, container_instance: ContainerInstance) -> None:
        """Set it to DRAINING: ECS stops its services' tasks and places none. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        self._set(container_instance, "DRAINING")

    def activate(self, container_instance: ContainerInstance) -> None:
        """Set it to ACTIVE: ECS places tasks on it again. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        self._set(container_instance, "ACTIVE")

    def tasks(self, container_instance: ContainerInstance) -> tuple[Task, ...]:
        """Return the tasks on it that have not stopped.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        arns: list[str] = []
        for desired in LISTED:
            with calling("ecs:ListTasks"):
                for page in self._clients.ecs.get_paginator("list_tasks").paginate(
                    cluster=container_instance.cluster, containerInstance=container_instance.arn, desiredStatus=desired
                ):
                    arns += page["taskArns"]
        found = [task for batch in _batches(arns) for task in self._describe(container_instance.cluster, batch)]
        return tuple(task for task in found if task.status != "STOPPED")

    def stop(self, task: Task, *, cluster: str, reason: str) -> None:
        """Tell a task to stop. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("ecs:StopTask"):
            self._clients.ecs.stop_task(cluster=cluster, task=task.arn, reason=reason)

    def _set(self, container_instance: ContainerInstance, status: ContainerInstanceStatusType) -> None:
        with calling("ecs:UpdateContainerInstancesState"):
            self._clients.ecs.update_container_instances_state(
                cluster=container_instance.cluster, containerInstances=[container_instance.arn], status=status
            )

    def _find(self, instance: str, cluster: str) -> ContainerInstance | None:
        with calling("ecs:ListContainerInstances"):
            arns = self._clients.ecs.list_container_instances(cluster=cluster, filter=f"ec2InstanceId == {instance}")[
                "containerInstanceArns"
            ]
        if not arns:
            return None
        with calling("ecs:DescribeContainerInstances"):
            answer = self._clients.ecs.describe_container_instances(cluster=cluster, containerInstances=arns)
        found = [entry for entry in answer["containerInstances"] if entry.get("ec2InstanceId") == instance]
        if not found:
            return None
        # An instance is registered twice after its agent lost its data: the registration that is not gone counts.
        entry = min(found, key=lambda entry: entry.get("status") == "INACTIVE")
        return ContainerInstance(
            arn=entry["containerInstanceArn"],
            cluster=cluster,
            status=entry.get("status", "unknown"),
            connected=entry.get("agentConnected", False),
        )

    def _all_clusters(self) -> tuple[str, ...]:
        with calling("ecs:ListClusters"):
            pages = list(self._clients.ecs.get_paginator("list_clusters").paginate())
        return tuple(arn for page in pages for arn in page["clusterArns"])

    def _describe(self, cluster: str, arns: list[str]) -> Iterator[Task]:
        with calling("ecs:DescribeTasks"):
            tasks = self._clients.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
        return map(_task, tasks)


def _batches(arns: list[str]) -> Iterator[list[str]]:
    return (arns[first : first + BATCH] for first in range(0, len(arns), BATCH))


def _task(entry: TaskTypeDef) -> Task:
    group = entry.get("group", "")
    return Task(
        arn=entry["taskArn"],
        definition=entry.get("taskDefinitionArn", "").rpartition("/")[2],
        status=entry.get("lastStatus", "unknown"),
        service=group.removeprefix(SERVICE) if group.startswith(SERVICE) else None,
        stopping=entry.get("desiredStatus") == "STOPPED",
    )
