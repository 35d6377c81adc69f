"""The ECS calls about what keeps a service's task where it is: its protection, and what the service says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.ecs import EcsServiceState, Protection, ServiceMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_ecs.type_defs import ServiceTypeDef

    from asg_lifecycle.aws.clients import Clients

TASKS_A_CALL = 100
CHANGED_A_CALL = 10
SERVICES_A_CALL = 10
"""The most that `GetTaskProtection`, `UpdateTaskProtection` and `DescribeServices` take."""


DELETED = "INACTIVE"
"""The status of a service that was deleted."""


class EcsServices:
    """The services of ECS in this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def protections(self, cluster: str, tasks: Sequence[str]) -> dict[str, Protection]:
        """Return the protection from scale-in of those of the tasks that have one, by their ARNs.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: dict[str, Protection] = {}
        for batch in _batches(tasks, TASKS_A_CALL):
            with calling("ecs:GetTaskProtection"):
                answer = self._clients.ecs.get_task_protection(cluster=cluster, tasks=batch)
            for entry in answer.get("protectedTasks", []):
                if entry.get("protectionEnabled"):
                    until = entry.get("expirationDate")
                    found[entry.get("taskArn", "")] = Protection(until=until.timestamp() if until else None)
        return found

    def unprotect(self, cluster: str, tasks: Sequence[str]) -> None:
        """End the protection of tasks. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        for batch in _batches(tasks, CHANGED_A_CALL):
            with calling("ecs:UpdateTaskProtection"):
                self._clients.ecs.update_task_protection(cluster=cluster, tasks=batch, protectionEnabled=False)

    def states(self, cluster: str, services: Iterable[str]) -> dict[str, EcsServiceState]:
        """Return how services stand, by their names; one that ECS does not know is left out.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: dict[str, EcsServiceState] = {}
        for batch in _batches(sorted(services), SERVICES_A_CALL):
            with calling("ecs:DescribeServices"):
                answer = self._clients.ecs.describe_services(cluster=cluster, services=batch)
            found |= {entry.get("serviceName", ""): _state(entry) for entry in answer["services"]}
        return found


def _batches(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (names[first : first + size] for first in range(0, len(names), size))


def _state(entry: ServiceTypeDef) -> EcsServiceState:
    messages = (
        ServiceMessage(at=event["createdAt"].timestamp(), text=event.get("message", ""))
        for event in entry.get("events", [])
        if "createdAt" in event
    )
    return EcsServiceState(
        daemon=entry.get("schedulingStrategy") == "DAEMON",
        messages=tuple(messages),
        active=entry.get("status") != DELETED,
        desired=entry.get("desiredCount", 0),
        running=entry.get("runningCount", 0),
    )
