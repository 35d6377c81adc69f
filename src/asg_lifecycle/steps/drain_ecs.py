"""The step kind `drain-ecs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Failed, Missing, StepAnswer, Waiting
from asg_lifecycle.model.signals import DRAINED
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.ecs_registrations import (
    ECS_CLUSTER_TAG,
    ECS_MANAGED_TAG,
    NamedCluster,
    named_cluster,
    search,
    there_is_no_cluster,
)
from asg_lifecycle.steps.support.ecs_tasks import agent_blockers, left_tasks, named_tasks, task_blockers
from asg_lifecycle.steps.support.sentences import counted, listed
from asg_lifecycle.steps.support.task_keepers import DrainEcsOptions, Kept, TaskKeepers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from asg_lifecycle.model.ecs import ContainerInstance, Search
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services
    from asg_lifecycle.steps.support.ecs_tasks import LeftTask

AGENTLESS = frozenset({"DEREGISTERING", "REGISTRATION_FAILED"})
"""States in which a container instance takes no tasks and cannot be set to DRAINING."""

SECOND_LOOK = 10.0
"""Seconds until what was not found is looked for again, before that is believed: ECS is eventually consistent."""

SETTLED = 5.0
"""Seconds after a container instance was set to DRAINING until no task on it means that none is left."""


class DrainEcsState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found.

    Attributes:
        cluster: ARN or name of the cluster that the instance is registered with; None when none was found yet.
        others: further clusters that it is registered with.
        most: the largest number of tasks that it had so far.
        drained_at: when a registration was last set to DRAINING, seconds since the epoch.
        known: how many registrations there were at the last look that found all of them.
        missed_since: since when fewer are found, seconds since the epoch; None when all are.
    """

    cluster: str | None
    others: tuple[str, ...] = ()
    most: int
    drained_at: float = 0.0
    known: int = 0
    missed_since: float | None = None


class DrainEcs(StatefulStep[DrainEcsOptions, DrainEcsState]):
    """Drain the ECS container instance that the instance is, and wait until its tasks have stopped.

    The container instance is set to DRAINING, and the step is done when all of its tasks are STOPPED: a task that is no
    longer RUNNING may still be at work. ECS stops the tasks of services itself, and starts others elsewhere first where
    the deployment configuration of the service wants it. What keeps a task longer than a minute is named: an agent that
    is not connected, protection from scale-in, a service that cannot start it elsewhere, a DAEMON. The container
    instance stays DRAINING; `wait-for-ecs` sets one that comes back from a warm pool to ACTIVE again.

    An agent that has lost its data registers its instance once more. Each registration that is not INACTIVE is drained,
    and the tasks of each are waited for: in the cluster that is named; where none is named, in every cluster of the
    Region, which costs one call for each of them. Tasks of a registration whose agent is gone, while the instance is
    registered again, are stopped by nobody; `orphaned_tasks` says what they mean.

    An instance that the named cluster does not know has nothing to drain. Where no cluster is named, none knows the
    instance, and a capacity provider of ECS has tagged it `AmazonECSManaged`, the step fails: its cluster was not
    found.
    """

    kind = "drain-ecs"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"cluster": "production", "standalone": "wait"}
    permissions = (
        "ecs:DescribeClusters",
        "ecs:DescribeContainerInstances",
        "ecs:DescribeServices",
        "ecs:DescribeTasks",
        "ecs:GetTaskProtection",
        "ecs:ListClusters",
        "ecs:ListContainerInstances",
        "ecs:ListTasks",
        "ecs:StopTask",
        "ecs:UpdateContainerInstancesState",
        "ecs:UpdateTaskProtection",
    )
    template_parameter = "EcsSteps"
    needs_instance_alive = True
    may_be_missing = "clusters"

    def __init__(self, options: DrainEcsOptions, services: Services) -> None:
        super().__init__(options, services)
        self._keepers = TaskKeepers(options, services)

    def preview(self, target: Target) -> str:
        """Say what would be drained, and what runs there."""
        named = self._named(target)
        looked = search(self._services.container_instances, target, named.name)
        if looked is None:
            return there_is_no_cluster(named.name or "")
        if not looked.found:
            return f"instance {target.action.instance} is no container instance {_of(looked, named)}"
        return "; ".join(map(self._preview_of, looked.found)) + (f"; {looked.unread}" if looked.unread else "")

    def begin(self, target: Target) -> StepAnswer:
        """Set every registration of the instance to DRAINING."""
        return self._drain(target, DrainEcsState(cluster=None, most=0))

    def poll(self, target: Target, state: DrainEcsState) -> StepAnswer:
        """Ask which tasks are left. A container instance that somebody has set back to ACTIVE is drained again."""
        return self._drain(target, state)

    def _drain(self, target: Target, state: DrainEcsState) -> StepAnswer:
        containers = self._services.container_instances
        instance = target.action.instance
        named = NamedCluster(name=None)
        if state.cluster is not None:
            looked: Search | None = containers.in_clusters(instance, (state.cluster, *state.others))
        else:
            named = self._named(target)
            looked = search(containers, target, named.name)
        if looked is None:
            return Missing(there_is_no_cluster(named.name or ""))
        active = [each for each in looked.found if each.status == "ACTIVE"]
        refused = {each.arn: refusal for each in active if (refusal := containers.drain(each)) is not None}
        if looked.unread is not None:
            # What could be found drains by now. Whether that is all is not known before the rest can be read.
            raise CallFailed(looked.unread)
        if len(looked.found) < max(state.known, 1):
            since = state.missed_since if state.missed_since is not None else target.now
            if target.now < since + SECOND_LOOK:
                return self._look_again(instance, looked, named, replace(state, missed_since=since))
            if not looked.found:
                return self._not_found(instance, looked, named, state)
        left = left_tasks(containers, looked.found)
        self._stop_standalone(left, instance)
        awaited = [each for each in left if each.replaced_by is None or self._options.orphaned_tasks == "wait"]
        drained_at = target.now if active else state.drained_at
        # A task that was placed just before may not be listed yet. Where tasks are left there is another look anyway.
        settled = bool(awaited) or target.now >= drained_at + SETTLED
        standing = tuple(_standing(looked.found, refused, settled=settled))
        first, *others = dict.fromkeys(each.cluster for each in looked.found)
        most = max(state.most, len(awaited))
        state = DrainEcsState(
            cluster=first, others=tuple(others), most=most, drained_at=drained_at, known=len(looked.found)
        )
        if awaited or standing:
            return self._left(awaited, standing, state, self._keepers.look(awaited, target))
        ignored = f"; {counted(len(left), 'orphaned task')} left: {named_tasks(left)}" if left else ""
        return Done(f"{_subject(looked.found)} drained{ignored}")

    def _left(
        self, awaited: Sequence[LeftTask], standing: Sequence[Blocker], state: DrainEcsState, kept: Kept
    ) -> Waiting:
        blockers = [*agent_blockers(awaited), *standing, *kept.blockers, *task_blockers(awaited, kept.reasons)]
        if not awaited:
            return self._waiting("; ".join(each.reason for each in standing), state, blockers=blockers)
        clusters = ", ".join(dict.fromkeys(each.on.cluster_name for each in awaited))
        said = f"waiting for {len(awaited)} of {state.most} tasks on cluster {clusters}: {named_tasks(awaited)}"
        alone = sum(each.standalone for each in awaited)
        if alone and self._options.standalone == "wait":
            said += f"; {alone} of no service, which end by themselves"
        orphaned = [each for each in awaited if each.replaced_by is not None]
        if orphaned:
            said += (
                f"; {counted(len(orphaned), 'orphaned task')} that nobody stops (orphaned_tasks: ignore leaves them)"
            )
        causes = [each.reason for each in blockers if each.kind is not BlockerKind.TASK]
        sentence = "; ".join([said, *kept.notes, *causes])
        return self._waiting(sentence, state, wake_on=DRAINED, blockers=blockers, no_later_than=kept.stops_in)

    def _look_again(self, instance: str, looked: Search, named: NamedCluster, state: DrainEcsState) -> Waiting:
        if state.known:
            missing = state.known - len(looked.found)
            found = f"{missing} of {counted(state.known, 'registration')} of instance {instance} found no longer"
        else:
            found = f"instance {instance} is no container instance {_of(looked, named)}"
        blocker = Blocker(kind=BlockerKind.CONTAINER_INSTANCE, name=instance, reason=found)
        said = f"{found}; looked for once more before that is believed"
        return self._waiting(said, state, again_after=SECOND_LOOK, blockers=(blocker,))

    @staticmethod
    def _not_found(instance: str, looked: Search, named: NamedCluster, state: DrainEcsState) -> StepAnswer:
        if state.cluster is not None:
            return Done(f"instance {instance} has left its cluster")
        nowhere = f"instance {instance} is no container instance {_of(looked, named)}"
        if named.managed and named.name is None:
            return Failed(
                f"{nowhere}, and it is tagged {ECS_MANAGED_TAG}, so it belongs to one: name that in the step's option "
                f"cluster or in the tag {ECS_CLUSTER_TAG} of the instance"
            )
        return Done(nowhere)

    def _stop_standalone(self, left: Sequence[LeftTask], instance: str) -> None:
        if self._options.standalone == "stop":
            for each in left:
                if each.standalone:
                    reason = f"instance {instance} is drained by asg-lifecycle"
                    self._services.container_instances.stop(each.task, cluster=each.on.cluster, reason=reason)

    def _preview_of(self, found: ContainerInstance) -> str:
        left = left_tasks(self._services.container_instances, (found,))
        tasks = f"{counted(len(left), 'task')}: {named_tasks(left)}" if left else "no tasks"
        return (
            f"would drain container instance {found.name} of cluster {found.cluster_name}; "
            f"it is {found.status} and has {tasks}"
        )

    def _named(self, target: Target) -> NamedCluster:
        return named_cluster(self._options.cluster, self._services.instances, target.action)


def _standing(
    registrations: Sequence[ContainerInstance], refused: Mapping[str, str], *, settled: bool
) -> Iterator[Blocker]:
    """Name the registrations that may still have, or get, tasks that are not listed."""
    for each in registrations:
        if (refusal := refused.get(each.arn)) is not None:
            why = f"could not be set to DRAINING: {refusal}"
        elif each.status not in AGENTLESS | {"ACTIVE", "DRAINING"}:
            why = f"is {each.status} and can be drained when it is ACTIVE"
        elif not settled:
            why = "was set to DRAINING just now, and is looked at once more"
        else:
            continue
        reason = f"container instance {each.name} {why}"
        yield Blocker(kind=BlockerKind.CONTAINER_INSTANCE, name=each.name, reason=reason)


def _subject(registrations: Sequence[ContainerInstance]) -> str:
    named = listed(f"{each.name} of cluster {each.cluster_name}" for each in registrations)
    return f"container instance {named} is" if len(registrations) == 1 else f"container instances {named} are"


def _of(looked: Search, named: NamedCluster) -> str:
    if named.name is not None:
        return f"of cluster {named.name}"
    names = (arn.rpartition("/")[2] for arn in looked.clusters)
    count = len(looked.clusters)
    return f"of any of the {counted(count, 'cluster')} of the Region: {listed(names)}" if count else "of any cluster"
