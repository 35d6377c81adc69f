"""ECS on EC2: clusters, container instances that drain, and tasks that take time to stop or never do.

In place of moto's, which ignores the filter of `ListContainerInstances` and stops nothing when an instance drains.
Sources: Amazon ECS API reference; "Draining Amazon ECS container instances" in the developer guide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.ecs.exceptions import ClusterNotFoundException
from moto.ecs.responses import EC2ContainerServiceResponse

from asg_lifecycle_simulator.services.base import Service, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Request, Response

PAGE = 100
MOST_DESCRIBED = 100


@dataclass(kw_only=True)
class Task:
    """One task. Times are seconds since the epoch, lengths seconds.

    Attributes:
        arn: its ARN.
        definition: family and revision.
        service: what it belongs to, None for one that stands alone.
        takes: seconds from the request to stop until it has stopped; infinite for one that never does.
        ends_at: when it ends by itself.
        told_at: when its stop was requested, None when it was not.
        stopped_because: what `StopTask` said.
        told_of: whether its stop was reported to EventBridge.
    """

    arn: str
    definition: str
    service: str | None
    takes: float
    ends_at: float = math.inf
    told_at: float | None = None
    stopped_because: str = ""
    told_of: bool = False

    @property
    def stopped_at(self) -> float:
        """When it stops, seconds since the epoch; infinite while nothing stops it."""
        return min(self.ends_at, self.told_at + self.takes if self.told_at is not None else math.inf)

    def status(self, now: float) -> str:
        """Return its `lastStatus`."""
        if now >= self.stopped_at:
            return "STOPPED"
        if self.told_at is None:
            return "RUNNING"
        return "DEACTIVATING" if now < self.told_at + min(self.takes, 30.0) / 3 else "STOPPING"


@dataclass(kw_only=True)
class ContainerInstance:
    """One container instance.

    Attributes:
        arn: its ARN.
        instance: the EC2 instance.
        status: `ACTIVE`, `DRAINING`, …
        connected: whether its agent is connected.
        tasks: its tasks, those that stopped included.
    """

    arn: str
    instance: str
    status: str = "ACTIVE"
    connected: bool = True
    tasks: list[Task] = field(default_factory=list)


class Ecs(Service):
    """The clusters of a region."""

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.clusters: dict[str, list[ContainerInstance]] = {}

    def install(self) -> None:
        """Take ECS over from moto."""
        self.answer_json(
            EC2ContainerServiceResponse,
            {
                "list_clusters": self._list_clusters,
                "list_container_instances": self._list_container_instances,
                "describe_container_instances": self._describe_container_instances,
                "update_container_instances_state": self._update_state,
                "list_tasks": self._list_tasks,
                "describe_tasks": self._describe_tasks,
                "stop_task": self._stop_task,
            },
        )

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Take the instances out of their clusters."""
        for members in self.clusters.values():
            members[:] = [member for member in members if member.instance not in instance_ids]

    def register(
        self, instance: str, cluster: str = "default", *, status: str = "ACTIVE", connected: bool = True
    ) -> ContainerInstance:
        """Register an EC2 instance with a cluster, which is made if there is none of that name."""
        members = self.clusters.setdefault(cluster, [])
        arn = f"{self.arn('ecs', 'container-instance')}/{cluster}/{len(members):032x}"
        made = ContainerInstance(arn=arn, instance=instance, status=status, connected=connected)
        members.append(made)
        self.tell(made)
        return made

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
        cluster = on.arn.split("/")[-2]
        made = [
            Task(
                arn=f"{self.arn('ecs', 'task')}/{cluster}/{on.arn[-4:]}{len(on.tasks) + number:028x}",
                definition=definition,
                service=service,
                takes=takes,
                ends_at=self.now + ends_after,
            )
            for number in range(count)
        ]
        on.tasks += made
        if ends_after < math.inf:
            self._tell_when_stopped(on, made)
        return made

    def _list_clusters(self, request: Request) -> Response:
        return page(
            [f"{self.arn('ecs', 'cluster')}/{name}" for name in self.clusters],
            "clusterArns",
            request,
            most=PAGE,
            size="maxResults",
            position="nextToken",
        )

    def _list_container_instances(self, request: Request) -> Response:
        wanted = request.get("filter", "").rpartition("==")[2].strip()
        status = request.get("status")
        arns = [
            member.arn
            for member in self._members(request)
            if wanted in {"", member.instance} and (member.status == status if status else member.status != "INACTIVE")
        ]
        return page(arns, "containerInstanceArns", request, most=PAGE, size="maxResults", position="nextToken")

    def _describe_container_instances(self, request: Request) -> Response:
        known = {member.arn: member for member in self._members(request)}
        asked = request["containerInstances"]
        found = [known[arn] for arn in asked if arn in known]
        return {
            "containerInstances": [self._described(member) for member in found],
            "failures": [
                {"arn": arn, "reason": "NOT_FOUND"} for arn in request["containerInstances"] if arn not in known
            ],
        }

    def _update_state(self, request: Request) -> Response:
        now = self.now
        for member in self._members(request):
            if member.arn not in request["containerInstances"] or member.status not in {"ACTIVE", "DRAINING"}:
                continue
            member.status = request["status"]
            told = [task for task in member.tasks if task.service is not None and task.told_at is None]
            if member.status == "DRAINING":
                for task in told:
                    task.told_at = now
                self._tell_when_stopped(member, told)
            self.tell(member)
        return self._describe_container_instances(request)

    def _list_tasks(self, request: Request) -> Response:
        now, desired = self.now, request.get("desiredStatus", "RUNNING")
        arns = [
            task.arn
            for member in self._members(request)
            if request.get("containerInstance") in {None, member.arn}
            for task in member.tasks
            if (task.told_at is not None or task.status(now) == "STOPPED") == (desired == "STOPPED")
        ]
        return page(arns, "taskArns", request, most=PAGE, size="maxResults", position="nextToken")

    def _describe_tasks(self, request: Request) -> Response:
        if len(request["tasks"]) > MOST_DESCRIBED:
            raise ValueError(f"DescribeTasks takes {MOST_DESCRIBED} tasks")
        return {"tasks": [self._plain(task) for task in self._tasks(request) if task.arn in request["tasks"]]}

    def _stop_task(self, request: Request) -> Response:
        (task,) = [task for task in self._tasks(request) if task.arn == request["task"]]
        if task.told_at is None:
            task.told_at, task.stopped_because = self.now, request.get("reason", "")
            (member,) = [member for member in self._members(request) if task in member.tasks]
            self._tell_when_stopped(member, [task])
            self.tell(member)
        return {"task": self._plain(task)}

    def _described(self, member: ContainerInstance) -> dict[str, Any]:
        return {
            "containerInstanceArn": member.arn,
            "ec2InstanceId": member.instance,
            "status": member.status,
            "agentConnected": member.connected,
            # A task that was told to stop is not counted, even while it still runs.
            "runningTasksCount": sum(task.status(self.now) == "RUNNING" for task in member.tasks),
            "pendingTasksCount": 0,
        }

    def tell(self, member: ContainerInstance) -> None:
        """Report a container instance to EventBridge as it is now."""
        cluster = f"{self.arn('ecs', 'cluster')}/{member.arn.split('/')[-2]}"
        self.region.emit(
            "aws.ecs", "ECS Container Instance State Change", self._described(member) | {"clusterArn": cluster}
        )

    def _tell_when_stopped(self, member: ContainerInstance, tasks: list[Task]) -> None:
        cluster = f"{self.arn('ecs', 'cluster')}/{member.arn.split('/')[-2]}"

        def tell(task: Task) -> None:
            if task.status(self.now) == "STOPPED" and not task.told_of:
                task.told_of = True
                told = self._plain(task) | {"clusterArn": cluster, "containerInstanceArn": member.arn}
                self.region.emit("aws.ecs", "ECS Task State Change", told)

        for task in tasks:
            stopped_at = task.stopped_at
            if stopped_at < math.inf:
                self.timers.call_at(stopped_at, partial(tell, task), name="task stops")

    def _plain(self, task: Task) -> dict[str, Any]:
        now = self.now
        gone = task.told_at is not None or task.status(now) == "STOPPED"
        return {
            "taskArn": task.arn,
            "taskDefinitionArn": f"{self.arn('ecs', 'task-definition')}/{task.definition}",
            "lastStatus": task.status(now),
            "desiredStatus": "STOPPED" if gone else "RUNNING",
            "group": f"service:{task.service}" if task.service else f"family:{task.definition.partition(':')[0]}",
        }

    def _tasks(self, request: Request) -> list[Task]:
        return [task for member in self._members(request) for task in member.tasks]

    def _members(self, request: Request) -> list[ContainerInstance]:
        name = request.get("cluster", "default").rpartition("/")[2]
        if name not in self.clusters:
            raise ClusterNotFoundException
        return self.clusters[name]
