"""The step kind `wait-for-ecs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Failed, Missing, StepAnswer, Waiting
from asg_lifecycle.model.resource_names import EcsCluster
from asg_lifecycle.model.signals import REGISTERED
from asg_lifecycle.steps.base import PollingStep
from asg_lifecycle.steps.support.ecs_registrations import described, named_cluster, search, there_is_no_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.model.ecs import ContainerInstance
    from asg_lifecycle.steps.base import Target


class WaitForEcsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it registers."""

    cluster: Annotated[
        EcsCluster | None,
        Meta(
            description="Name or ARN of the cluster; without it the tag `asg-lifecycle:ecs-cluster` of "
            "the instance names it, or every cluster of the Region is asked."
        ),
    ] = None
    activate: Annotated[
        bool,
        Meta(
            description="Set a container instance that is DRAINING to ACTIVE, as one is that comes back "
            "from a warm pool."
        ),
    ] = True


class WaitForEcs(PollingStep[WaitForEcsOptions]):
    """Wait until ECS can place tasks on the instance.

    Done when the instance is a container instance, it is ACTIVE, and its agent is connected. An instance may be
    registered more than once, where its agent has lost its data: the registration whose agent is connected counts.

    An instance whose agent never registers is waited for until the step's timeout: give it one.
    """

    kind = "wait-for-ecs"
    transition = PlanTransition.LAUNCH
    example: ClassVar[dict[str, object]] = {"cluster": "production"}
    permissions = (
        "ecs:DescribeClusters",
        "ecs:DescribeContainerInstances",
        "ecs:ListClusters",
        "ecs:ListContainerInstances",
        "ecs:UpdateContainerInstancesState",
    )
    template_parameter = "EcsSteps"
    needs_instance_alive = True
    may_be_missing = "clusters"

    def preview(self, target: Target) -> str:
        """Say what is known of it now."""
        cluster = self._cluster(target)
        looked = search(self._services.container_instances, target, cluster, enough=_takes_tasks)
        if looked is None:
            return there_is_no_cluster(cluster or "")
        now = described(_current(looked.found)) if looked.found else "is not registered"
        return f"would wait for the container instance of instance {target.action.instance}; now it {now}"

    def poll(self, target: Target) -> StepAnswer:
        """Ask ECS whether the instance takes tasks, and activate it where it is DRAINING."""
        instance, cluster = target.action.instance, self._cluster(target)
        looked = search(self._services.container_instances, target, cluster, enough=_takes_tasks)
        if looked is None:
            return Missing(there_is_no_cluster(cluster or ""))
        ready = next(filter(_takes_tasks, looked.found), None)
        if ready is not None:
            return Done(f"container instance {ready.name} of cluster {ready.cluster_name} is ACTIVE")
        if looked.unread is not None:
            raise CallFailed(looked.unread)
        if not looked.found:
            where = f"cluster {cluster}" if cluster is not None else "a cluster"
            why = f"waiting for instance {instance} to register with {where}"
            return _waiting(why, BlockerKind.INSTANCE, instance)
        if all(each.status == "REGISTRATION_FAILED" for each in looked.found):
            named = looked.found[0].cluster
            return Failed(f"instance {instance} could not register with cluster {named}: look at its agent's log")
        found = _current(looked.found)
        refusal = self._activated(found, alone=len(looked.found) == 1)
        said = f"waiting for container instance {found.name}: it {described(found)}"
        if refusal is not None:
            said += f" and could not be set to ACTIVE: {refusal}"
        if found.connected:
            return _waiting(said, BlockerKind.CONTAINER_INSTANCE, found.name)
        return _waiting(said, BlockerKind.AGENT, found.name)

    def _activated(self, found: ContainerInstance, *, alone: bool) -> str | None:
        """Set it to ACTIVE where it is DRAINING; return why that was refused."""
        # Of several without an agent nobody knows which one the agent comes back to.
        if found.status != "DRAINING" or not self._options.activate or not (found.connected or alone):
            return None
        return self._services.container_instances.activate(found)

    def _cluster(self, target: Target) -> str | None:
        return named_cluster(self._options.cluster, self._services.instances, target.action).name


def _takes_tasks(registration: ContainerInstance) -> bool:
    return registration.status == "ACTIVE" and registration.connected


def _current(registrations: Sequence[ContainerInstance]) -> ContainerInstance:
    """Return the registration that counts: the one whose agent is connected, and of those one that can take tasks."""
    order = ("ACTIVE", "DRAINING", "REGISTERING")
    return min(
        registrations,
        key=lambda each: (not each.connected, order.index(each.status) if each.status in order else len(order)),
    )


def _waiting(said: str, kind: BlockerKind, name: str) -> Waiting:
    return Waiting(said, wake_on=REGISTERED, blockers=(Blocker(kind=kind, name=name, reason=said),))
