"""The API of ECS: what each request is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.ecs.exceptions import ClusterNotFoundException

from asg_lifecycle_simulator.services.base import page
from asg_lifecycle_simulator.services.ecs.descriptions import described_container_instance, described_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.services.base import Request, Response
    from asg_lifecycle_simulator.services.ecs.clusters import Clusters
    from asg_lifecycle_simulator.services.ecs.model import ContainerInstance, Task

PAGE = 100
MOST_DESCRIBED = 100
MOST_PROTECTED = 10
MOST_SERVICES = 10


class EcsRequests:
    """Answers the requests.

    Args:
        ecs: what they are about.
    """

    def __init__(self, ecs: Clusters) -> None:
        self._ecs = ecs

    def operations(self) -> dict[str, Callable[[Request], Response]]:
        """Return what answers each operation, by the name of moto's method."""
        return {
            "list_clusters": self._list_clusters,
            "describe_clusters": self._describe_clusters,
            "list_container_instances": self._list_container_instances,
            "describe_container_instances": self._describe_container_instances,
            "update_container_instances_state": self._update_state,
            "list_tasks": self._list_tasks,
            "describe_tasks": self._describe_tasks,
            "stop_task": self._stop_task,
            "describe_services": self._describe_services,
            "get_task_protection": self._get_protection,
            "update_task_protection": self._update_protection,
        }

    def _list_clusters(self, request: Request) -> Response:
        return page(
            [self._ecs.cluster_arn(name) for name in self._ecs.clusters if name not in self._ecs.deleted_clusters],
            "clusterArns",
            request,
            most=PAGE,
            size="maxResults",
            position="nextToken",
        )

    def _describe_clusters(self, request: Request) -> Response:
        asked = {arn: arn.rpartition("/")[2] for arn in request.get("clusters") or ["default"]}
        return {
            "clusters": [
                {
                    "clusterArn": self._ecs.cluster_arn(name),
                    "clusterName": name,
                    "status": "INACTIVE" if name in self._ecs.deleted_clusters else "ACTIVE",
                }
                for name in asked.values()
                if name in self._ecs.clusters
            ],
            "failures": [
                {"arn": self._ecs.cluster_arn(name), "reason": "MISSING"}
                for name in asked.values()
                if name not in self._ecs.clusters
            ],
        }

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
            "containerInstances": [described_container_instance(member, self._ecs.now) for member in found],
            "failures": [
                {"arn": arn, "reason": "NOT_FOUND"} for arn in request["containerInstances"] if arn not in known
            ],
        }

    def _update_state(self, request: Request) -> Response:
        failures = []
        for member in self._members(request):
            if member.arn not in request["containerInstances"]:
                continue
            if member.arn in self._ecs.refused:
                failures.append({"arn": member.arn, "reason": self._ecs.refused[member.arn]})
            elif member.status in {"ACTIVE", "DRAINING"}:
                member.status = request["status"]
                self._ecs.stop_services(member)
                self._ecs.tell(member)
        answer = self._describe_container_instances(request)
        return answer | {"failures": [*answer["failures"], *failures]}

    def _list_tasks(self, request: Request) -> Response:
        now, desired = self._ecs.now, request.get("desiredStatus", "RUNNING")
        arns = [
            task.arn
            for member in self._members(request)
            if request.get("containerInstance") in {None, member.arn}
            for task in member.tasks
            if task.listed_at <= now
            if (task.told_at is not None or task.status(now) == "STOPPED") == (desired == "STOPPED")
        ]
        return page(arns, "taskArns", request, most=PAGE, size="maxResults", position="nextToken")

    def _describe_tasks(self, request: Request) -> Response:
        if len(request["tasks"]) > MOST_DESCRIBED:
            raise ValueError(f"DescribeTasks takes {MOST_DESCRIBED} tasks")
        asked = {arn for arn in request["tasks"] if arn not in self._ecs.undescribed}
        return {
            "tasks": [self._ecs.described(task) for task in self._tasks(request) if task.arn in asked],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in request["tasks"] if arn not in asked],
        }

    def _stop_task(self, request: Request) -> Response:
        (task,) = [task for task in self._tasks(request) if task.arn == request["task"]]
        if task.told_at is None:
            task.stopped_because = request.get("reason", "")
            task.request_stop(self._ecs.now)
            self._ecs.tell_when_stopped(task.on, [task])
            self._ecs.tell(task.on)
        return {"task": self._ecs.described(task)}

    def _describe_services(self, request: Request) -> Response:
        if len(request["services"]) > MOST_SERVICES:
            raise ValueError(f"DescribeServices takes {MOST_SERVICES} services")
        cluster = self._cluster_name(request)
        self._members(request)
        found = {name: self._ecs.services.get((cluster, name.rpartition("/")[2])) for name in request["services"]}
        return {
            "services": [
                described_service(each, self._ecs.running(each.name, cluster))
                for each in found.values()
                if each is not None
            ],
            "failures": [{"arn": name, "reason": "MISSING"} for name, each in found.items() if each is None],
        }

    def _get_protection(self, request: Request) -> Response:
        if len(request["tasks"]) > MOST_DESCRIBED:
            raise ValueError(f"GetTaskProtection takes {MOST_DESCRIBED} tasks")
        return self._protection(request)

    def _update_protection(self, request: Request) -> Response:
        if len(request["tasks"]) > MOST_PROTECTED:
            raise ValueError(f"UpdateTaskProtection takes {MOST_PROTECTED} tasks")
        for task in self._tasks(request):
            if task.arn in request["tasks"] and task.service is not None:
                task.protected_until = 0.0
                if request["protectionEnabled"]:
                    self._ecs.protect(task, 60.0 * request.get("expiresInMinutes", 120))
                self._ecs.stop_services(task.on)
        return self._protection(request)

    def _protection(self, request: Request) -> Response:
        now = self._ecs.now
        asked = [task for task in self._tasks(request) if task.arn in request["tasks"]]
        return {
            "protectedTasks": [
                {"taskArn": task.arn, "protectionEnabled": task.protected_until > now}
                | (
                    {"expirationDate": datetime.fromtimestamp(task.protected_until, UTC)}
                    if task.protected_until > now
                    else {}
                )
                for task in asked
                if task.service is not None
            ],
            "failures": [{"arn": task.arn, "reason": "TASK_NOT_VALID"} for task in asked if task.service is None],
        }

    @staticmethod
    def _cluster_name(request: Request) -> str:
        return str(request.get("cluster", "default")).rpartition("/")[2]

    def _tasks(self, request: Request) -> list[Task]:
        return [task for member in self._members(request) for task in member.tasks]

    def _members(self, request: Request) -> list[ContainerInstance]:
        name = self._cluster_name(request)
        if name not in self._ecs.clusters:
            raise ClusterNotFoundException
        return self._ecs.clusters[name]


def _protection_of(task: Task, now: float) -> dict[str, Any]:
    if task.protected_until <= now:
        return {"taskArn": task.arn, "protectionEnabled": False}
    until = datetime.fromtimestamp(task.protected_until, UTC)
    return {"taskArn": task.arn, "protectionEnabled": True, "expirationDate": until}
