"""Wait until ECS can place tasks on the instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.signals import REGISTERED
from asg_lifecycle.steps.polling_step import PollingStep

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.container_instances import ContainerInstance, ContainerInstances
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services


class WaitForEcsOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it registers.

    Attributes:
        cluster: name or ARN of the cluster; without it every cluster of the Region is asked.
        activate: set a container instance that is DRAINING to ACTIVE, as one is that comes back from a warm pool.
    """

    cluster: Annotated[str, Meta(min_length=1)] | None = None
    activate: bool = True


class WaitForEcs(PollingStep):
    """`wait-for-ecs`: the instance is a container instance, ACTIVE, and its agent is connected.

    An instance whose agent never registers is waited for until the step's timeout: give it one.
    """

    kind: ClassVar[str] = "wait-for-ecs"
    options: ClassVar[type[Struct]] = WaitForEcsOptions
    example: ClassVar[dict[str, Any]] = {"cluster": "production"}
    permissions: ClassVar[tuple[str, ...]] = (
        "ecs:DescribeContainerInstances",
        "ecs:ListClusters",
        "ecs:ListContainerInstances",
        "ecs:UpdateContainerInstancesState",
    )
    template_parameter: ClassVar[str | None] = "EcsSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: WaitForEcsOptions, container_instances: ContainerInstances) -> None:
        self._chosen = chosen
        self._container_instances = container_instances

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(msgspec.convert(options, WaitForEcsOptions, from_attributes=True), services.container_instances)

    def preview(self, target: Target) -> str:
        """Say what is known of it now."""
        found = self._find(target)
        now = "is not registered" if found is None else _standing(found)
        return f"would wait for the container instance of instance {target.action.instance}; now it {now}"

    def begin(self, target: Target) -> Progress:
        """Look whether it takes tasks."""
        instance = target.action.instance
        found = self._find(target)
        if found is None:
            where = f"cluster {self._chosen.cluster}" if self._chosen.cluster is not None else "a cluster"
            return Waiting(f"waiting for instance {instance} to register with {where}", wake_on=REGISTERED)
        if found.status == "REGISTRATION_FAILED":
            return Failed(
                f"instance {instance} could not register with cluster {found.cluster}: look at its agent's log",
                retryable=True,
            )
        if found.status == "DRAINING" and self._chosen.activate:
            self._container_instances.activate(found)
        elif found.status == "ACTIVE" and found.connected:
            return Done(f"container instance {found.name} of cluster {found.cluster_name} is ACTIVE")
        return Waiting(f"waiting for container instance {found.name}: it {_standing(found)}", wake_on=REGISTERED)

    def _find(self, target: Target) -> ContainerInstance | None:
        action = target.action
        return self._container_instances.find(action.instance, cluster=self._chosen.cluster, group=action.group)


def _standing(found: ContainerInstance) -> str:
    return f"is {found.status}" + ("" if found.connected else " and its agent is not connected")
