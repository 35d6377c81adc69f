"""The ECS calls: the container instances of EC2 instances, and their tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.ecs import ContainerInstance, Search, Task
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_ecs.literals import ContainerInstanceStatusType, DesiredStatusType
    from mypy_boto3_ecs.type_defs import ContainerInstanceTypeDef, TaskTypeDef

    from asg_lifecycle.aws.clients import Clients
    from asg_lifecycle.model.failures import Failure

CLUSTERS_KEPT = 60.0
"""Seconds that the list of clusters, and which one a group is in, are kept."""

MOST_KEPT = 10_000
"""How many container instances are kept with their EC2 instances, which never change."""

BATCH = 100
"""The most tasks in one `DescribeTasks`, and container instances in one `DescribeContainerInstances`."""

NO_CLUSTER = "ClusterNotFoundException"
"""What ECS answers where there is no cluster of a name."""

DELETED = "INACTIVE"
"""The status of a cluster, or of a container instance, that was deleted and is still described for a while."""

SERVICE = "service:"
"""The group of a service's task begins with this."""

LISTED: tuple[DesiredStatusType, ...] = ("RUNNING", "STOPPED")
"""A task that was told to stop is listed under STOPPED long before it has stopped."""


class ContainerInstances:
    """The container instances of this account and Region."""

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._clusters: TtlCache[tuple[str, ...]] = TtlCache(clock, CLUSTERS_KEPT)
        self._cluster_of_group: dict[str, str] = {}
        self._instance_of: dict[str, str | None] = {}

    def in_cluster(self, instance: str, cluster: str) -> tuple[ContainerInstance, ...] | None:
        """Return the registrations of an EC2 instance in one cluster, None when there is no such cluster.

        Args:
            instance: EC2 instance id.
            cluster: name or ARN of the cluster.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        try:
            found = self._registrations(instance, cluster)
        except CallFailed as failed:
            if failed.failure.code == NO_CLUSTER:
                return None
            raise
        return found if found or self._exists(cluster) else None

    def in_all_clusters(
        self, instance: str, *, group: str, enough: Callable[[ContainerInstance], bool] | None = None
    ) -> Search:
        """Return the registrations of an EC2 instance in all clusters of the Region: one call for each cluster.

        Args:
            instance: EC2 instance id.
            group: its Auto Scaling group; the cluster last found for it is looked into first.
            enough: the registration after which no further cluster is looked into; None to look into all.

        Raises:
            CallFailed: the clusters could not be listed.
        """
        # Only where to look first is kept: an instance must not count as unknown because another one was.
        likely = self._cluster_of_group.get(group)
        clusters = self._clusters.get("all", self._all_clusters) or ()
        search = self.in_clusters(instance, sorted(clusters, key=lambda arn: arn != likely), enough=enough)
        if search.found:
            self._cluster_of_group[group] = search.found[-1].cluster
        return search

    def in_clusters(
        self, instance: str, clusters: Iterable[str], *, enough: Callable[[ContainerInstance], bool] | None = None
    ) -> Search:
        """Return the registrations of an EC2 instance in some clusters. One that is no cluster any more has none.

        Args:
            instance: EC2 instance id.
            clusters: names or ARNs.
            enough: the registration after which no further cluster is looked into; None to look into all.
        """
        found: list[ContainerInstance] = []
        asked: list[str] = []
        unread: Failure | None = None
        for cluster in clusters:
            asked.append(cluster)
            try:
                found += self._registrations(instance, cluster)
            except CallFailed as failed:
                if failed.failure.code != NO_CLUSTER:
                    unread = unread or failed.failure
            if enough is not None and any(map(enough, found)):
                break
        return Search(found=tuple(found), clusters=tuple(asked), unread=unread)

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
                if failed.failure.code != NO_CLUSTER:
                    raise
                return None
            if len(self._instance_of) >= MOST_KEPT:
                self._instance_of.clear()
            self._instance_of[arn] = next((it.get("ec2InstanceId") for it in answer["containerInstances"]), None)
        return self._instance_of[arn]

    def drain(self, container_instance: ContainerInstance) -> str | None:
        """Set it to DRAINING: ECS stops its services' tasks and places none. Repeating it changes nothing.

        Returns:
            Why ECS did not, None when it did.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        return self._set(container_instance, "DRAINING")

    def activate(self, container_instance: ContainerInstance) -> str | None:
        """Set it to ACTIVE: ECS places tasks on it again. Repeating it changes nothing.

        Returns:
            Why ECS did not, None when it did.

        Raises:
            CallFailed: no answer, throttled, denied, refused.
        """
        return self._set(container_instance, "ACTIVE")

    def tasks(self, container_instance: ContainerInstance) -> tuple[Task, ...]:
        """Return the tasks on it that have not stopped.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: list[Task] = []
        for desired in LISTED:
            for batch in _batches(self._list_tasks(container_instance, desired)):
                described = {task.arn: task for task in self._describe(container_instance.cluster, batch)}
                found += described.values()
                if desired == "RUNNING":
                    # ECS is eventually consistent: a task that is listed to run is no stopped one.
                    found += (_undescribed(arn) for arn in batch if arn not in described)
        return tuple({task.arn: task for task in found if task.status != "STOPPED"}.values())

    def stop(self, task: Task, *, cluster: str, reason: str) -> None:
        """Tell a task to stop. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("ecs:StopTask"):
            self._clients.ecs.stop_task(cluster=cluster, task=task.arn, reason=reason)

    def _set(self, container_instance: ContainerInstance, status: ContainerInstanceStatusType) -> str | None:
        with calling("ecs:UpdateContainerInstancesState"):
            answer = self._clients.ecs.update_container_instances_state(
                cluster=container_instance.cluster, containerInstances=[container_instance.arn], status=status
            )
        failures = [each for each in answer.get("failures", []) if each.get("arn") in {None, container_instance.arn}]
        return failures[0].get("reason", "no reason given") if failures else None

    def _registrations(self, instance: str, cluster: str) -> tuple[ContainerInstance, ...]:
        arns: list[str] = []
        with calling("ecs:ListContainerInstances"):
            for page in self._clients.ecs.get_paginator("list_container_instances").paginate(
                cluster=cluster, filter=f"ec2InstanceId == {instance}"
            ):
                arns += page["containerInstanceArns"]
        found: list[ContainerInstance] = []
        for batch in _batches(arns):
            with calling("ecs:DescribeContainerInstances"):
                answer = self._clients.ecs.describe_container_instances(cluster=cluster, containerInstances=batch)
            described = {entry["containerInstanceArn"]: entry for entry in answer["containerInstances"]}
            found += (
                _container_instance(arn, cluster, described.get(arn, {}))
                for arn in batch
                # One that is listed and not described is not known to be gone: ECS is eventually consistent.
                if described.get(arn, {}).get("ec2InstanceId", instance) == instance
            )
        return tuple(each for each in found if each.status != DELETED)

    def _exists(self, cluster: str) -> bool:
        with calling("ecs:DescribeClusters"):
            answer = self._clients.ecs.describe_clusters(clusters=[cluster])
        return any(each.get("status") != DELETED for each in answer["clusters"])

    def _list_tasks(self, container_instance: ContainerInstance, desired: DesiredStatusType) -> list[str]:
        with calling("ecs:ListTasks"):
            pages = self._clients.ecs.get_paginator("list_tasks").paginate(
                cluster=container_instance.cluster, containerInstance=container_instance.arn, desiredStatus=desired
            )
            return [arn for page in pages for arn in page["taskArns"]]

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


def _container_instance(arn: str, cluster: str, entry: ContainerInstanceTypeDef) -> ContainerInstance:
    return ContainerInstance(
        arn=arn,
        cluster=cluster,
        status=entry.get("status", "unknown"),
        connected=entry.get("agentConnected", False),
    )


def _undescribed(arn: str) -> Task:
    return Task(arn=arn, definition=arn.rpartition("/")[2], status="unknown", service=None, stopping=True)


def _task(entry: TaskTypeDef) -> Task:
    group = entry.get("group", "")
    return Task(
        arn=entry["taskArn"],
        definition=entry.get("taskDefinitionArn", "").rpartition("/")[2],
        status=entry.get("lastStatus", "unknown"),
        service=group.removeprefix(SERVICE) if group.startswith(SERVICE) else None,
        stopping=entry.get("desiredStatus") == "STOPPED",
    )
