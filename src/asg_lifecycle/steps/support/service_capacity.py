"""The capacity of an ECS service, and of a deployment of Kubernetes, that is left without an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.container_instances import NO_CLUSTER
from asg_lifecycle.kubernetes.identity import instance_in
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Failed, Missing
from asg_lifecycle.steps.support.capacity import Capacity, leaving, lesser_of
from asg_lifecycle.steps.support.cluster_choice import (
    NodeFinder,
    cannot_be_told,
    no_cluster,
    several_nodes,
    unknown_to_eks,
)
from asg_lifecycle.steps.support.ecs_registrations import there_is_no_cluster

if TYPE_CHECKING:
    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.objects import Node
    from asg_lifecycle.model.group_state import GroupState
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services
    from asg_lifecycle.steps.support.capacity_options import DeploymentName, EcsServiceName


class EcsServiceReader:
    """Reads the capacity of an ECS service.

    Args:
        service: which one.
        at_least: how many tasks have to run; None for as many as desired.
        services: the services.
    """

    def __init__(self, service: EcsServiceName, at_least: int | None, services: Services) -> None:
        self._named = service
        self._at_least = at_least
        self._services = services

    def read(self, target: Target, group: GroupState) -> Capacity | Missing | Failed:
        """Return what the service has without the tasks on the instance.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        cluster, name = self._named.cluster, self._named.name
        try:
            state = self._services.ecs_services.states(cluster, (name,)).get(name)
        except CallFailed as failed:
            if failed.failure.code != NO_CLUSTER:
                raise
            return Missing(there_is_no_cluster(cluster))
        if state is None or not state.active:
            return Missing(f"there is no ECS service {name} in cluster {cluster}")
        if state.daemon:
            return Failed(
                f"ECS service {name} runs one task on every container instance, so its tasks elsewhere do not replace "
                "those of this instance: leave the step out, or name another service"
            )
        away = sum(self._tasks_on(instance) for instance in sorted(leaving(group, target.action.instance)))
        found, needed = max(0, state.running - away), lesser_of(self._at_least, state.desired)
        reason = state.messages[0].text if state.messages else "it says nothing"
        blocker = Blocker(kind=BlockerKind.SERVICE, name=name, reason=f"its last event: {reason}")
        return Capacity(
            where=f"ECS service {name}",
            noun="running task",
            found=found,
            needed=needed,
            desired=state.desired,
            missing=(blocker,) if found < needed else (),
        )

    def _tasks_on(self, instance: str) -> int:
        """Return how many tasks of the service an instance has.

        Those that stop are counted, too: ECS is eventually consistent, and the service may still count them.
        """
        registered = self._services.container_instances.in_cluster(instance, self._named.cluster) or ()
        tasks = (task for each in registered for task in self._services.container_instances.tasks(each))
        # Of a task that is listed and not described yet nobody knows the service.
        return sum(task.service in {self._named.name, None} for task in tasks)


class DeploymentReader:
    """Reads the capacity of a deployment of Kubernetes.

    Args:
        deployment: which one, and in which cluster.
        at_least: how many pods have to be available; None for as many as its replicas.
        services: the services.
    """

    def __init__(self, deployment: DeploymentName, at_least: int | None, services: Services) -> None:
        self._named = deployment
        self._at_least = at_least
        self._finder = NodeFinder(deployment, services.clusters, services.instances)

    def read(self, target: Target, group: GroupState) -> Capacity | Missing | Failed:
        """Return what the deployment has without the pods on the instance.

        Raises:
            CallFailed: no answer, denied.
        """
        names = self._finder.cluster_names(target)
        if not names:
            return Failed(no_cluster(target))
        if len(names) > 1:
            tagged = ", ".join(names)
            return Failed(f"tags of instance {target.action.instance} name clusters {tagged}: give the step a cluster")
        cluster = self._finder.open(names[0])
        if cluster is None:
            return Missing(f"there is no {unknown_to_eks(names[0])}")
        return self._in_cluster(target, group, cluster, names[0])

    def _in_cluster(
        self, target: Target, group: GroupState, cluster: Cluster, name: str
    ) -> Capacity | Missing | Failed:
        namespace, deployment = self._named.namespace, self._named.name
        state = cluster.deployment(namespace, deployment)
        if state is None:
            return Missing(f"there is no deployment {namespace}/{deployment} in cluster {name}")
        nodes = self._nodes_away(target, group, cluster, name)
        if isinstance(nodes, Failed):
            return nodes
        pods = [
            pod for node in nodes for pod in cluster.selected_pods(node, namespace=namespace, selector=state.selector)
        ]
        # Until its controller has seen a change, what it counted is of the deployment as it was.
        found = max(0, state.available - sum(pod.ready for pod in pods)) if state.observed else 0
        needed = lesser_of(self._at_least, state.desired)
        reason = "fewer of its pods are available elsewhere" if state.observed else "its controller has yet to see it"
        blocker = Blocker(kind=BlockerKind.DEPLOYMENT, name=f"{namespace}/{deployment}", reason=reason)
        return Capacity(
            where=f"deployment {namespace}/{deployment}",
            noun="available pod",
            found=found,
            needed=needed,
            desired=state.desired,
            missing=(blocker,) if found < needed else (),
        )

    def _nodes_away(self, target: Target, group: GroupState, cluster: Cluster, name: str) -> tuple[Node, ...] | Failed:
        """Return the nodes that are no capacity to count on: the instance, and others of its group that go."""
        found = self._finder.find(cluster, target)
        if len(found.ours) > 1:
            return Failed(several_nodes(target, name, found))
        if not found.ours and found.unknown:
            return Failed(cannot_be_told(target, name, found))
        others = leaving(group, target.action.instance) - {target.action.instance}
        if not others:
            return found.ours
        return (*found.ours, *(node for node in cluster.nodes() if instance_in(node.provider_id) in others))
