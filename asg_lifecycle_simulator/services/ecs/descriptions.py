"""Container instances, services and tasks as the API of ECS describes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.ecs.model import ContainerInstance, EcsService, Task


def described_container_instance(member: ContainerInstance, now: float) -> dict[str, Any]:
    """Return a container instance as `DescribeContainerInstances` has it."""
    return {
        "containerInstanceArn": member.arn,
        "ec2InstanceId": member.instance,
        "status": member.status,
        "agentConnected": member.connected,
        # A task that was told to stop is not counted, even while it still runs.
        "runningTasksCount": sum(task.status(now) == "RUNNING" for task in member.tasks),
        "pendingTasksCount": 0,
    }


def described_task(task: Task, now: float) -> dict[str, Any]:
    """Return a task as `DescribeTasks` has it."""
    gone = task.told_at is not None or task.status(now) == "STOPPED"
    return {
        "taskArn": task.arn,
        "lastStatus": task.status(now),
        "desiredStatus": "STOPPED" if gone else "RUNNING",
        "group": f"service:{task.service}" if task.service else f"family:{task.definition.partition(':')[0]}",
    }


def described_service(service: EcsService, running: int) -> dict[str, Any]:
    """Return a service as `DescribeServices` has it."""
    return {
        "serviceName": service.name,
        "status": "INACTIVE" if service.deleted else "ACTIVE",
        "desiredCount": running if service.desired is None else service.desired,
        "runningCount": running,
        "schedulingStrategy": "DAEMON" if service.daemon else "REPLICA",
        "events": [
            {"id": str(number), "createdAt": datetime.fromtimestamp(at, UTC), "message": message}
            for number, (at, message) in enumerate(service.events[:100])
        ],
    }
