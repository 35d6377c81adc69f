"""The tasks that are left on the registrations of an instance, and what keeps each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.ecs import ContainerInstance, Task
from asg_lifecycle.steps.support.sentences import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from asg_lifecycle.aws.container_instances import ContainerInstances


class LeftTask(Struct, frozen=True, kw_only=True):
    """One task that has not stopped.

    Attributes:
        task: the task.
        on: the registration that it runs on.
        replaced_by: the registration with which the instance has registered again, where the agent of `on` is gone:
            nobody stops the task. None where `on` has an agent, or is the only registration.
    """

    task: Task
    on: ContainerInstance
    replaced_by: ContainerInstance | None = None

    @property
    def standalone(self) -> bool:
        """Whether nothing but itself, or `StopTask`, ends it."""
        return self.task.service is None and not self.task.stopping


def left_tasks(
    container_instances: ContainerInstances, registrations: Sequence[ContainerInstance]
) -> tuple[LeftTask, ...]:
    """Return the tasks on the registrations of one instance that have not stopped.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    connected = next((each for each in registrations if each.connected), None)
    return tuple(
        LeftTask(task=task, on=each, replaced_by=None if each.connected else connected)
        for each in registrations
        for task in container_instances.tasks(each)
    )


def named_tasks(left: Sequence[LeftTask]) -> str:
    """Return the tasks with their states."""
    tasks = sorted((each.task for each in left), key=lambda task: task.arn)
    return listed(f"{task.definition} {task.status}" for task in tasks)


def agent_blockers(left: Sequence[LeftTask]) -> Iterator[Blocker]:
    """Name the agents that are not connected, and whose tasks therefore cannot stop."""
    for on in dict.fromkeys(each.on for each in left):
        if not on.connected:
            tasks = counted(sum(each.on == on for each in left), "task")
            reason = f"the agent of container instance {on.name} is not connected, its {tasks} cannot stop"
            yield Blocker(kind=BlockerKind.AGENT, name=on.name, reason=reason)


def task_blockers(left: Sequence[LeftTask], keeping: Mapping[str, str]) -> Iterator[Blocker]:
    """Name each task with the reason why it is still there.

    Args:
        left: the tasks.
        keeping: what was found out about tasks that ECS has not told to stop, by their ARNs.
    """
    for each in left:
        reason = keeping.get(each.task.arn) or _reason(each)
        yield Blocker(kind=BlockerKind.TASK, name=each.task.arn, reason=f"{each.task.definition} {reason}")


def _reason(left: LeftTask) -> str:
    status = left.task.status
    if left.replaced_by is not None:
        return (
            f"is {status}, and nobody stops it: the agent of container instance {left.on.name} is not connected, and "
            f"the instance has registered again as {left.replaced_by.name} (orphaned_tasks: ignore leaves it)"
        )
    if not left.on.connected:
        return f"is {status}: the agent is not connected, it cannot stop"
    if left.task.stopping:
        return f"is {status}: it was told to stop, and has not stopped yet"
    if left.standalone:
        return f"is {status}, belongs to no service, and ends by itself"
    return f"is {status}: service {left.task.service} has not told it to stop yet"
