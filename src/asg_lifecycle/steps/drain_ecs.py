"""Drain the ECS container instance that the instance is, and wait until its tasks have stopped."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.progress import Done, Progress, Waiting
from asg_lifecycle.model.signals import DRAINED

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.container_instances import ContainerInstance, ContainerInstances, Task
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

ECS_CLUSTER_TAG = "asg-lifecycle:ecs-cluster"
"""The tag of an instance that names the cluster whose container instance it is."""

NAMED = 5
"""Tasks that are named while they are waited for."""

EMPTY = frozenset({"DEREGISTERING", "INACTIVE", "REGISTRATION_FAILED"})
"""States in which a container instance runs no tasks, and takes none."""


class DrainEcsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it is, and what becomes of tasks that no service looks after.

    Attributes:
        cluster: name or ARN of the cluster; without it the tag `asg-lifecycle:ecs-cluster` of the instance names it, or
            every cluster of the Region is asked.
        standalone: what is done with tasks that belong to no service: `wait` for their end, or `stop` them.
    """

    cluster: Annotated[str, Meta(min_length=1)] | None = None
    standalone: Literal["wait", "stop"] = "wait"


class DrainEcs:
    """`drain-ecs`: DRAINING, then all tasks STOPPED; a task that is no longer RUNNING may still be at work.

    ECS stops the tasks of services itself, and starts others elsewhere first where the deployment configuration of the
    service wants it: a task that cannot be replaced keeps the instance, and the progress names it. The container
    instance stays DRAINING; `wait-for-ecs` sets one that comes back from a warm pool to ACTIVE again.
    """

    kind: ClassVar[str] = "drain-ecs"
    options: ClassVar[type[Struct]] = DrainEcsOptions
    example: ClassVar[dict[str, Any]] = {"cluster": "production", "standalone": "wait"}
    permissions: ClassVar[tuple[str, ...]] = (
        "ecs:DescribeContainerInstances",
        "ecs:DescribeTasks",
        "ecs:ListClusters",
        "ecs:ListContainerInstances",
        "ecs:ListTasks",
        "ecs:StopTask",
        "ecs:UpdateContainerInstancesState",
    )
    template_parameter: ClassVar[str | None] = "EcsSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: DrainEcsOptions, container_instances: ContainerInstances, instances: Instances) -> None:
        self._chosen = chosen
        self._container_instances = container_instances
        self._instances = instances

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(
            msgspec.convert(options, DrainEcsOptions, from_attributes=True),
            services.container_instances,
            services.instances,
        )

    def preview(self, target: Target) -> str:
        """Say what would be drained, and what runs there."""
        found = self._find(target, self._cluster(target))
        if found is None:
            return f"instance {target.action.instance} is no container instance{self._of_cluster()}"
        tasks = self._container_instances.tasks(found)
        now = f"it is {found.status} and has {_count(tasks)}"
        return f"would drain container instance {found.name} of cluster {found.cluster_name}; {now}"

    def begin(self, target: Target) -> Progress:
        """Set the container instance to DRAINING."""
        return self._look(target, self._cluster(target), most=0)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Look which tasks are left. One that was set back to ACTIVE by somebody is drained again."""
        return self._look(target, last.state["cluster"], most=int(last.state["most"]))

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Leave it DRAINING: nothing new is placed on an instance that is about to go."""
        del target, last
        return None

    def _look(self, target: Target, cluster: str | None, most: int) -> Progress:
        found = self._find(target, cluster)
        if found is None:
            gone = "has left its cluster" if most else f"is no container instance{self._of_cluster()}"
            return Done(f"instance {target.action.instance} {gone}")
        if found.status in EMPTY:
            return Done(f"container instance {found.name} is {found.status}: no task is left on it")
        state = {"cluster": found.cluster, "most": most}
        if found.status == "ACTIVE":
            self._container_instances.drain(found)
        elif found.status != "DRAINING":
            why = f"container instance {found.name} is {found.status} and can be drained when it is ACTIVE"
            return Waiting(why, state=state)
        tasks = self._container_instances.tasks(found)
        alone = [task for task in tasks if task.service is None and not task.stopping]
        if self._chosen.standalone == "stop":
            for task in alone:
                reason = f"instance {target.action.instance} is drained by asg-lifecycle"
                self._container_instances.stop(task, cluster=found.cluster, reason=reason)
        if not tasks:
            return Done(f"container instance {found.name} of cluster {found.cluster_name} is drained")
        most = max(most, len(tasks))
        kept = f"; {len(alone)} of no service, which end by themselves" if alone and self._waits else ""
        left = f"waiting for {len(tasks)} of {most} tasks on cluster {found.cluster_name}: {_named(tasks)}{kept}"
        return Waiting(left, state={"cluster": found.cluster, "most": most}, wake_on=DRAINED)

    @property
    def _waits(self) -> bool:
        return self._chosen.standalone == "wait"

    def _cluster(self, target: Target) -> str | None:
        if self._chosen.cluster is not None:
            return self._chosen.cluster
        return self._instances.tags(target.action.instance).get(ECS_CLUSTER_TAG)

    def _find(self, target: Target, cluster: str | None) -> ContainerInstance | None:
        action = target.action
        return self._container_instances.find(action.instance, cluster=cluster, group=action.group)

    def _of_cluster(self) -> str:
        return f" of cluster {self._chosen.cluster}" if self._chosen.cluster is not None else ""


def _named(tasks: tuple[Task, ...]) -> str:
    named = [f"{task.definition} {task.status}" for task in islice(sorted(tasks, key=lambda task: task.arn), NAMED)]
    return ", ".join(named) + (", …" if len(tasks) > NAMED else "")


def _count(tasks: tuple[Task, ...]) -> str:
    return "no tasks" if not tasks else f"{len(tasks)} {'task' if len(tasks) == 1 else 'tasks'}: {_named(tasks)}"
