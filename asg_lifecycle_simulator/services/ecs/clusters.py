"""ECS on EC2: clusters, container instances that drain, and tasks that take time to stop or never do.

Sources: Amazon ECS API reference; "Draining Amazon ECS container instances", "Managed instance draining" and "Task
scale-in protection" in the developer guide.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.ecs.descriptions import described_container_instance, described_task
from asg_lifecycle_simulator.services.ecs.model import LEAVING, ContainerInstance, EcsService, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle_simulator.region.region import Region

UNPLACED = (
    "was unable to place a task because no container instance met all of its requirements. The closest matching "
    "container-instance has insufficient memory available."
)
"""What the event of a service says that can start a task nowhere."""


class Clusters(Service):
    """The clusters of a region.

    Attributes:
        clusters: the container instances of each cluster by its name.
        deleted_clusters: names of those that are INACTIVE.
        refused: ARNs of container instances whose state is not changed, with the reason of the failure.
        undescribed: ARNs of tasks that are listed and not described, as ECS is eventually consistent.
        services: by cluster and name.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.clusters: dict[str, list[ContainerInstance]] = {}
        self.deleted_clusters: set[str] = set()
        self.refused: dict[str, str] = {}
        self.undescribed: set[str] = set()
        self.services: dict[tuple[str, str], EcsService] = {}
        self._numbers = itertools.count()

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Take the instances out of their clusters."""
        for members in self.clusters.values():
            members[:] = [member for member in members if member.instance not in instance_ids]

    def register(
        self, instance: str, cluster: str = "default", *, status: str = "ACTIVE", connected: bool = True
    ) -> ContainerInstance:
        """Register an EC2 instance with a cluster, which is made if there is none of that name."""
        members = self.clusters.setdefault(cluster, [])
        arn = f"{self.arn('ecs', 'container-instance')}/{cluster}/{next(self._numbers):032x}"
        made = ContainerInstance(arn=arn, instance=instance, status=status, connected=connected)
        members.append(made)
        self.tell(made)
        return made

    def connect(self, member: ContainerInstance) -> None:
        """Let its agent connect: it hears which of its tasks are to stop."""
        member.connected = True
        for task in member.tasks:
            task.hear(self.now)
        self.tell_when_stopped(member, member.tasks)
        self.tell(member)

    def disconnect(self, member: ContainerInstance) -> None:
        """Let its agent lose its connection, or end: no task is told to stop, and none is reported as stopped."""
        member.connected = False
        self.tell(member)

    def service(self, name: str, cluster: str = "default", *, daemon: bool = False, places: bool = True) -> EcsService:
        """Make a service. One that is only named in `run` is made then."""
        made = EcsService(name=name, daemon=daemon, places=places)
        self.services[cluster, name] = made
        return made

    def running(self, service: str, cluster: str) -> int:
        """Return how many tasks of a service run, wherever they do."""
        tasks = (task for member in self.clusters[cluster] for task in member.tasks)
        return sum(task.service == service and task.status(self.now) == "RUNNING" for task in tasks)

    def place(self, service: EcsService) -> None:
        """Let a service that could start tasks nowhere else find a place."""
        service.places = True
        service.events.insert(0, (self.now, f"(service {service.name}) has started 1 tasks: (task 0)."))
        for members in self.clusters.values():
            for member in members:
                self.stop_services(member)

    def protect(self, task: Task, seconds: float) -> None:
        """Protect a task for that long, as its own container or `UpdateTaskProtection` does."""
        task.protected_until = self.now + seconds
        self.timers.call_at(task.protected_until, partial(self.stop_services, task.on), name="protection ends")

    def delete_cluster(self, name: str) -> None:
        """Delete a cluster: it is INACTIVE."""
        self.clusters.setdefault(name, []).clear()
        self.deleted_clusters.add(name)

    def run(  # noqa: PLR0913 - what a task is
        self,
        on: ContainerInstance,
        definition: str,
        *,
        service: str | None = None,
        takes: float = 10.0,
        ends_after: float = math.inf,
        count: int = 1,
    ) -> list[Task]:
        """Run tasks on a container instance.

        Args:
            on: the container instance.
            definition: family and revision.
            service: what they belong to.
            takes: seconds from the request to stop one until it has stopped.
            ends_after: seconds until one ends by itself.
            count: how many.
        """
        if service is not None and (on.cluster, service) not in self.services:
            self.service(service, on.cluster)
        made = [
            Task(
                on=on,
                arn=f"{self.arn('ecs', 'task')}/{on.cluster}/{on.arn[-4:]}{len(on.tasks) + number:028x}",
                definition=definition,
                service=service,
                takes=takes,
                ends_at=self.now + ends_after,
            )
            for number in range(count)
        ]
        on.tasks += made
        if ends_after < math.inf:
            self.tell_when_stopped(on, made)
        return made

    def stop_services(self, member: ContainerInstance) -> None:
        """Request the stop of the tasks that ECS itself stops, where the container instance is to be left."""
        if member.status not in LEAVING:
            return
        now, told = self.now, []
        left = [task for task in member.tasks if task.service is not None and task.status(now) != "STOPPED"]
        others = [task for task in left if not self.services[member.cluster, task.service or ""].daemon]
        for task in left:
            service = self.services[member.cluster, task.service or ""]
            if task.told_at is not None or task.protected_until > now:
                continue
            if service.daemon and others:
                continue
            if not service.places:
                service.events.insert(0, (now, f"(service {service.name}) {UNPLACED}"))
                continue
            task.request_stop(now)
            told.append(task)
        self.tell_when_stopped(member, told)

    def tell(self, member: ContainerInstance) -> None:
        """Report a container instance to EventBridge as it is now."""
        described = described_container_instance(member, self.now) | {"clusterArn": self.cluster_arn(member.cluster)}
        self.region.emit("aws.ecs", "ECS Container Instance State Change", described)

    def tell_when_stopped(self, member: ContainerInstance, tasks: list[Task]) -> None:
        """Report each task to EventBridge when it stops."""
        cluster = self.cluster_arn(member.cluster)

        def tell(task: Task) -> None:
            if task.status(self.now) == "STOPPED" and not task.told_of:
                task.told_of = True
                told = self.described(task) | {"clusterArn": cluster, "containerInstanceArn": member.arn}
                self.region.emit("aws.ecs", "ECS Task State Change", told)
                # A daemon's task goes when the last of the others has gone.
                self.stop_services(member)

        for task in tasks:
            stopped_at = task.stopped_at
            if stopped_at < math.inf:
                self.timers.call_at(stopped_at, partial(tell, task), name="task stops")

    def described(self, task: Task) -> dict[str, Any]:
        """Return a task as the API describes it."""
        definition = f"{self.arn('ecs', 'task-definition')}/{task.definition}"
        return described_task(task, self.now) | {"taskDefinitionArn": definition}

    def cluster_arn(self, name: str) -> str:
        """Return the ARN of the cluster of that name."""
        return f"{self.arn('ecs', 'cluster')}/{name}"
