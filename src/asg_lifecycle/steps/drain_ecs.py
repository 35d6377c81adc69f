"""The step kind `drain-ecs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from asg_lifecycle.model.progress import Done, Progress
from asg_lifecycle.model.signals import DRAINED
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.sentences import counted, listed

if TYPE_CHECKING:
    from asg_lifecycle.aws.container_instances import ContainerInstance, Task
    from asg_lifecycle.steps.base import Target

ECS_CLUSTER_TAG = "asg-lifecycle:ecs-cluster"
"""The tag of an instance that names the cluster whose container instance it is."""

EMPTY = frozenset({"DEREGISTERING", "INACTIVE", "REGISTRATION_FAILED"})
"""States in which a container instance runs no tasks, and takes none."""


class DrainEcsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it is, and what becomes of tasks that no service looks after."""

    cluster: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(
            description="Name or ARN of the cluster; without it the tag `asg-lifecycle:ecs-cluster` of "
            "the instance names it, or every cluster of the Region is asked."
        ),
    ] = None
    standalone: Annotated[
        Literal["wait", "stop"],
        Meta(description="What is done with tasks that belong to no service: `wait` for their end, or `stop` them."),
    ] = "wait"


class DrainEcsState(Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        cluster: ARN of the cluster that the container instance is in.
        most: the largest number of tasks that it had so far.
    """

    cluster: str
    most: int


class DrainEcs(StatefulStep[DrainEcsOptions, DrainEcsState]):
    """Drain the ECS container instance that the instance is, and wait until its tasks have stopped.

    The container instance is set to DRAINING, and the step is done when all of its tasks are STOPPED: a task that is no
    longer RUNNING may still be at work. ECS stops the tasks of services itself, and starts others elsewhere first where
    the deployment configuration of the service wants it: a task that cannot be replaced keeps the instance, and the
    progress names it. The container instance stays DRAINING; `wait-for-ecs` sets one that comes back from a warm pool
    to ACTIVE again.
    """

    kind = "drain-ecs"
    example: ClassVar[dict[str, object]] = {"cluster": "production", "standalone": "wait"}
    permissions = (
        "ecs:DescribeContainerInstances",
        "ecs:DescribeTasks",
        "ecs:ListClusters",
        "ecs:ListContainerInstances",
        "ecs:ListTasks",
        "ecs:StopTask",
        "ecs:UpdateContainerInstancesState",
    )
    template_parameter = "EcsSteps"
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say what would be drained, and what runs there."""
        found = self._find(target, self._cluster(target))
        if found is None:
            return f"instance {target.action.instance} is no container instance{self._of_cluster()}"
        tasks = self._services.container_instances.tasks(found)
        now = f"it is {found.status} and has {_count(tasks)}"
        return f"would drain container instance {found.name} of cluster {found.cluster_name}; {now}"

    def begin(self, target: Target) -> Progress:
        """Set the container instance to DRAINING."""
        return self._drain(target, self._cluster(target), most=0)

    def poll(self, target: Target, state: DrainEcsState) -> Progress:
        """Ask which tasks are left. A container instance that somebody has set back to ACTIVE is drained again."""
        return self._drain(target, state.cluster, most=state.most)

    def _drain(self, target: Target, cluster: str | None, most: int) -> Progress:
        found = self._find(target, cluster)
        if found is None:
            gone = "has left its cluster" if most else f"is no container instance{self._of_cluster()}"
            return Done(f"instance {target.action.instance} {gone}")
        if found.status in EMPTY:
            return Done(f"container instance {found.name} is {found.status}: no task is left on it")
        if found.status == "ACTIVE":
            self._services.container_instances.drain(found)
        elif found.status != "DRAINING":
            why = f"container instance {found.name} is {found.status} and can be drained when it is ACTIVE"
            return self._waiting(why, DrainEcsState(cluster=found.cluster, most=most))
        tasks = self._services.container_instances.tasks(found)
        standalone = [task for task in tasks if task.service is None and not task.stopping]
        if self._options.standalone == "stop":
            for task in standalone:
                reason = f"instance {target.action.instance} is drained by asg-lifecycle"
                self._services.container_instances.stop(task, cluster=found.cluster, reason=reason)
        if not tasks:
            return Done(f"container instance {found.name} of cluster {found.cluster_name} is drained")
        most = max(most, len(tasks))
        kept = f"; {len(standalone)} of no service, which end by themselves" if standalone and self._waits else ""
        left = f"waiting for {len(tasks)} of {most} tasks on cluster {found.cluster_name}: {_named(tasks)}{kept}"
        return self._waiting(left, DrainEcsState(cluster=found.cluster, most=most), wake_on=DRAINED)

    @property
    def _waits(self) -> bool:
        return self._options.standalone == "wait"

    def _cluster(self, target: Target) -> str | None:
        if self._options.cluster is not None:
            return self._options.cluster
        return self._services.instances.tags(target.action.instance).get(ECS_CLUSTER_TAG)

    def _find(self, target: Target, cluster: str | None) -> ContainerInstance | None:
        action = target.action
        return self._services.container_instances.find(action.instance, cluster=cluster, group=action.group)

    def _of_cluster(self) -> str:
        return f" of cluster {self._options.cluster}" if self._options.cluster is not None else ""


def _named(tasks: tuple[Task, ...]) -> str:
    return listed(f"{task.definition} {task.status}" for task in sorted(tasks, key=lambda task: task.arn))


def _count(tasks: tuple[Task, ...]) -> str:
    return f"{counted(len(tasks), 'task')}: {_named(tasks)}" if tasks else "no tasks"
