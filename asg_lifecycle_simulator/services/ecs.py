"""ECS on EC2: clusters, container instances that drain, and tasks that stop in their time, or never.

In place of moto's, which ignores the filter of `ListContainerInstances` and stops nothing when an instance drains.
Sources: Amazon ECS API reference; "Draining Amazon ECS container instances" in the developer guide.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.models.instances import InstanceBackend
from moto.ecs.exceptions import ClusterNotFoundException
from moto.ecs.responses import EC2ContainerServiceResponse

from asg_lifecycle_simulator.region.timers import RegionTimers

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.region.region import Region

PAGE = 100
MOST_DESCRIBED = 100


@dataclass(kw_only=True)
class Task:
    """One task. Times are seconds since the epoch, lengths seconds.

    Attributes:
        arn: its ARN.
        definition: family and revision.
        service: what it belongs to, None for one that stands alone.
        takes: from when it is told to stop until it has; infinite for one that never does.
        ends_at: when it ends by itself.
        told_at: when it was told to stop, None when it was not.
        stopped_because: what `StopTask` said.
        told_of: EventBridge was told that it has stopped.
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
        """When it has stopped, infinite when that is not to be seen."""
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


class Ecs:
    """The clusters of a region, as a `SimulatedService`."""

    def __init__(self) -> None:
        self._region: Region | None = None
        self._timers: RegionTimers | None = None
        self.clusters: dict[str, list[ContainerInstance]] = {}

    def install(self, region: Region) -> None:
        """Take ECS over from moto."""
        self._region = region
        self._timers = RegionTimers(region.timeline, region.lock)
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "list_clusters": self._list_clusters,
            "list_container_instances": self._list_container_instances,
            "describe_container_instances": self._describe_container_instances,
            "update_container_instances_state": self._update_state,
            "list_tasks": self._list_tasks,
            "describe_tasks": self._describe_tasks,
            "stop_task": self._stop_task,
        }
        for name, operation in operations.items():
            region.replace(EC2ContainerServiceResponse, name, _answering(operation))
        terminate = InstanceBackend.terminate_instances

        def terminate_instances(backend: InstanceBackend, instance_ids: list[str]) -> object:
            terminated = terminate(backend, instance_ids)
            for instance in instance_ids:
                self.leave(instance)
            return terminated

        region.replace(InstanceBackend, "terminate_instances", terminate_instances)

    def uninstall(self) -> None:
        """Forget everything."""
        if self._timers is not None:
            self._timers.stop()
        self.clusters.clear()
        self._region = self._timers = None

    def register(
        self, instance: str, cluster: str = "default", *, status: str = "ACTIVE", connected: bool = True
    ) -> ContainerInstance:
        """Register an EC2 instance with a cluster, which is made if there is none of that name."""
        members = self.clusters.setdefault(cluster, [])
        arn = f"{self._arn('container-instance')}/{cluster}/{len(members):032x}"
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
            takes: seconds from when one is told to stop until it has.
            ends_after: seconds until one ends by itself.
            count: how many.
        """
        cluster = on.arn.split("/")[-2]
        made = [
            Task(
                arn=f"{self._arn('task')}/{cluster}/{on.arn[-4:]}{len(on.tasks) + number:028x}",
                definition=definition,
                service=service,
                takes=takes,
                ends_at=self._now() + ends_after,
            )
            for number in range(count)
        ]
        on.tasks += made
        if ends_after < math.inf:
            self._tell_when_stopped(on, made)
        return made

    def leave(self, instance: str) -> None:
        """Take an EC2 instance out of its cluster, as ECS does when it is terminated."""
        for members in self.clusters.values():
            members[:] = [member for member in members if member.instance != instance]

    def _list_clusters(self, request: dict[str, Any]) -> dict[str, Any]:
        return _page([f"{self._arn('cluster')}/{name}" for name in self.clusters], "clusterArns", request)

    def _list_container_instances(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("filter", "").rpartition("==")[2].strip()
        status = request.get("status")
        arns = [
            member.arn
            for member in self._members(request)
            if wanted in {"", member.instance} and (member.status == status if status else member.status != "INACTIVE")
        ]
        return _page(arns, "containerInstanceArns", request)

    def _describe_container_instances(self, request: dict[str, Any]) -> dict[str, Any]:
        known = {member.arn: member for member in self._members(request)}
        asked = request["containerInstances"]
        found = [known[arn] for arn in asked if arn in known]
        return {
            "containerInstances": [self._described(member) for member in found],
            "failures": [
                {"arn": arn, "reason": "NOT_FOUND"} for arn in request["containerInstances"] if arn not in known
            ],
        }

    def _update_state(self, request: dict[str, Any]) -> dict[str, Any]:
        now = self._now()
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

    def _list_tasks(self, request: dict[str, Any]) -> dict[str, Any]:
        now, desired = self._now(), request.get("desiredStatus", "RUNNING")
        arns = [
            task.arn
            for member in self._members(request)
            if request.get("containerInstance") in {None, member.arn}
            for task in member.tasks
            if (task.told_at is not None or task.status(now) == "STOPPED") == (desired == "STOPPED")
        ]
        return _page(arns, "taskArns", request)

    def _describe_tasks(self, request: dict[str, Any]) -> dict[str, Any]:
        if len(request["tasks"]) > MOST_DESCRIBED:
            raise ValueError(f"DescribeTasks takes {MOST_DESCRIBED} tasks")
        return {"tasks": [self._plain(task) for task in self._tasks(request) if task.arn in request["tasks"]]}

    def _stop_task(self, request: dict[str, Any]) -> dict[str, Any]:
        (task,) = [task for task in self._tasks(request) if task.arn == request["task"]]
        if task.told_at is None:
            task.told_at, task.stopped_because = self._now(), request.get("reason", "")
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
            # Those that are wanted to run: one that was told to stop is no more counted, long before it has.
            "runningTasksCount": sum(task.status(self._now()) == "RUNNING" for task in member.tasks),
            "pendingTasksCount": 0,
        }

    def tell(self, member: ContainerInstance) -> None:
        """Report a container instance to EventBridge as it is now."""
        cluster = f"{self._arn('cluster')}/{member.arn.split('/')[-2]}"
        self._entered().emit(
            "aws.ecs", "ECS Container Instance State Change", self._described(member) | {"clusterArn": cluster}
        )

    def _tell_when_stopped(self, member: ContainerInstance, tasks: list[Task]) -> None:
        cluster = f"{self._arn('cluster')}/{member.arn.split('/')[-2]}"

        def tell(task: Task) -> None:
            if task.status(self._now()) == "STOPPED" and not task.told_of:
                task.told_of = True
                told = self._plain(task) | {"clusterArn": cluster, "containerInstanceArn": member.arn}
                self._entered().emit("aws.ecs", "ECS Task State Change", told)

        for task in tasks:
            stopped_at = task.stopped_at
            if self._timers is not None and stopped_at < math.inf:
                self._timers.call_at(stopped_at, partial(tell, task), name="task stops")

    def _plain(self, task: Task) -> dict[str, Any]:
        now = self._now()
        gone = task.told_at is not None or task.status(now) == "STOPPED"
        return {
            "taskArn": task.arn,
            "taskDefinitionArn": f"{self._arn('task-definition')}/{task.definition}",
            "lastStatus": task.status(now),
            "desiredStatus": "STOPPED" if gone else "RUNNING",
            "group": f"service:{task.service}" if task.service else f"family:{task.definition.partition(':')[0]}",
        }

    def _tasks(self, request: dict[str, Any]) -> list[Task]:
        return [task for member in self._members(request) for task in member.tasks]

    def _members(self, request: dict[str, Any]) -> list[ContainerInstance]:
        name = request.get("cluster", "default").rpartition("/")[2]
        if name not in self.clusters:
            raise ClusterNotFoundException
        return self.clusters[name]

    def _arn(self, kind: str) -> str:
        region = self._entered()
        return f"arn:aws:ecs:{region.name}:{region.account}:{kind}"

    def _now(self) -> float:
        return self._entered().timeline.now()

    def _entered(self) -> Region:
        if self._region is None:
            raise RuntimeError("the region has not been entered")
        return self._region


def _answering(
    operation: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[[EC2ContainerServiceResponse], ActionResult]:
    def respond(response: EC2ContainerServiceResponse) -> ActionResult:
        return ActionResult(operation(json.loads(response.body or "{}")))

    return respond


def _page(arns: list[str], name: str, request: dict[str, Any]) -> dict[str, Any]:
    first = int(request.get("nextToken") or 0)
    page = {name: arns[first : first + PAGE]}
    return page | ({"nextToken": str(first + PAGE)} if first + PAGE < len(arns) else {})
