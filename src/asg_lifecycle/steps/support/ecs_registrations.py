"""Where an instance is registered with ECS: for the steps that drain it there, and that wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.ecs import Search

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.container_instances import ContainerInstances
    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.ecs import ContainerInstance
    from asg_lifecycle.steps.base import Target

ECS_CLUSTER_TAG = "asg-lifecycle:ecs-cluster"
"""The tag of an instance that names the cluster whose container instance it is."""

ECS_MANAGED_TAG = "AmazonECSManaged"
"""What a capacity provider of ECS tags its instances with. It does not name the cluster."""


class NamedCluster(Struct, frozen=True, kw_only=True):
    """The cluster that the plan or the instance's tag names.

    Attributes:
        name: its name or ARN; None where neither names one.
        managed: a tag says that the instance belongs to a capacity provider of ECS.
    """

    name: str | None
    managed: bool = False


def named_cluster(option: str | None, instances: Instances, action: LifecycleAction) -> NamedCluster:
    """Return which cluster the plan names, or else the instance's tag.

    Args:
        option: what the plan says.
        instances: the instances.
        action: of the instance whose tags are read where the plan names none.

    Raises:
        CallFailed: the tags could not be read.
    """
    if option is not None:
        return NamedCluster(name=option)
    tags = instances.tags(action.instance, launching=action.launching)
    return NamedCluster(name=tags.get(ECS_CLUSTER_TAG) or None, managed=ECS_MANAGED_TAG in tags)


def search(
    container_instances: ContainerInstances,
    target: Target,
    cluster: str | None,
    enough: Callable[[ContainerInstance], bool] | None = None,
) -> Search | None:
    """Return the registrations of the instance, None when the named cluster does not exist.

    Args:
        container_instances: the container instances.
        target: the instance.
        cluster: the named cluster, None to look into all of the Region.
        enough: the registration after which no further cluster is looked into; None to look into all.

    Raises:
        CallFailed: the named cluster could not be read, or the clusters could not be listed.
    """
    action = target.action
    if cluster is None:
        return container_instances.in_all_clusters(action.instance, group=action.group, enough=enough)
    found = container_instances.in_cluster(action.instance, cluster)
    return Search(found=found, clusters=(cluster,)) if found is not None else None


def there_is_no_cluster(cluster: str) -> str:
    """Return the sentence about a named cluster that does not exist."""
    return f"there is no ECS cluster {cluster}"


def described(registration: ContainerInstance) -> str:
    """Return how a registration stands, the end of a sentence about it."""
    return f"is {registration.status}" + ("" if registration.connected else " and its agent is not connected")
