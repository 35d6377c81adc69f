"""The step kind `wait-for-ecs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.signals import REGISTERED
from asg_lifecycle.steps.base import PollingStep

if TYPE_CHECKING:
    from asg_lifecycle.aws.container_instances import ContainerInstance
    from asg_lifecycle.steps.base import Target


class WaitForEcsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it registers."""

    cluster: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="Name or ARN of the cluster; without it every cluster of the Region is asked."),
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

    Done when the instance is a container instance, it is ACTIVE, and its agent is connected.

    An instance whose agent never registers is waited for until the step's timeout: give it one.
    """

    kind = "wait-for-ecs"
    example: ClassVar[dict[str, object]] = {"cluster": "production"}
    permissions = (
        "ecs:DescribeContainerInstances",
        "ecs:ListClusters",
        "ecs:ListContainerInstances",
        "ecs:UpdateContainerInstancesState",
    )
    template_parameter = "EcsSteps"
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say what is known of it now."""
        found = self._find(target)
        now = "is not registered" if found is None else _standing(found)
        return f"would wait for the container instance of instance {target.action.instance}; now it {now}"

    def poll(self, target: Target) -> Progress:
        """Ask ECS whether the instance takes tasks, and activate it where it is DRAINING."""
        instance = target.action.instance
        found = self._find(target)
        if found is None:
            where = f"cluster {self._options.cluster}" if self._options.cluster is not None else "a cluster"
            return Waiting(f"waiting for instance {instance} to register with {where}", wake_on=REGISTERED)
        if found.status == "REGISTRATION_FAILED":
            return Failed(
                f"instance {instance} could not register with cluster {found.cluster}: look at its agent's log",
            )
        if found.status == "DRAINING" and self._options.activate:
            self._services.container_instances.activate(found)
        elif found.status == "ACTIVE" and found.connected:
            return Done(f"container instance {found.name} of cluster {found.cluster_name} is ACTIVE")
        return Waiting(f"waiting for container instance {found.name}: it {_standing(found)}", wake_on=REGISTERED)

    def _find(self, target: Target) -> ContainerInstance | None:
        action = target.action
        return self._services.container_instances.find(
            action.instance, cluster=self._options.cluster, group=action.group
        )


def _standing(found: ContainerInstance) -> str:
    return f"is {found.status}" + ("" if found.connected else " and its agent is not connected")
