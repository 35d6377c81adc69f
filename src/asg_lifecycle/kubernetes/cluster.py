"""One Kubernetes cluster. This module loads the Kubernetes library: import it only where a cluster is used."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from lightkube import operators
from lightkube.core.decoders import decode_list, decode_status
from lightkube.core.exceptions import ApiError
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import DeleteOptions, ObjectMeta, Preconditions
from lightkube.resources.core_v1 import Node as NodeResource
from lightkube.resources.core_v1 import Pod as PodResource
from lightkube.types import PatchType
from msgspec.structs import replace

from asg_lifecycle.kubernetes.decoding import deployment_from, node_from, pod_from
from asg_lifecycle.kubernetes.errors import UNAUTHORIZED_CODE, asking, is_gone, what_keeps
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from asg_lifecycle.kubernetes.client import KubernetesClient
    from asg_lifecycle.kubernetes.objects import DeploymentState, LabelRequirement, Node, Obstacle, Pod

PAGE = 500
"""Objects on one page of a list."""

OPERATORS: Mapping[str, Callable[[tuple[str, ...]], operators.Operator[Any]]] = {
    "In": operators.in_,
    "NotIn": operators.not_in,
    "Exists": lambda _: operators.exists(),
    "DoesNotExist": lambda _: operators.not_exists(),
}
"""By the names that label selectors of Kubernetes have for them."""

DeploymentResource = create_namespaced_resource("apps", "v1", "Deployment", "deployments")
"""A deployment as JSON: the library's own type would load all of its group `apps`."""

# The types that the library decodes are made ready while this module is imported, which one thread does: msgspec dies
# where two threads use a type for the first time at once, see `composition/struct_types.py`.
for _resource in (NodeResource, PodResource):
    decode_list(b'{"metadata": {}, "items": []}', _resource)
decode_status(b"{}")
msgspec.json.Decoder(PodResource.Eviction)


class Cluster:
    """The nodes and pods of one cluster.

    Args:
        client: talks to its API server.

    Attributes:
        token_refused: whether the API server has refused the client's token.
    """

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client
        self._token_taken = False
        self.token_refused = False

    def node(self, name: str) -> Node | None:
        """Return a node by its name, None when there is none.

        Raises:
            CallFailed: no answer, denied.
        """
        try:
            with self._asking("get nodes"):
                return node_from(self._client.get(NodeResource, name))
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise

    def nodes(self) -> tuple[Node, ...]:
        """Return all nodes.

        Raises:
            CallFailed: no answer, denied.
        """
        with self._asking("list nodes"):
            return tuple(map(node_from, self._client.list(NodeResource, chunk_size=PAGE)))

    def pods(self, node: Node) -> tuple[Pod, ...]:
        """Return the pods on a node.

        Raises:
            CallFailed: no answer, denied.
        """
        with self._asking("list pods"):
            found = self._client.list(PodResource, namespace="*", fields={"spec.nodeName": node.name}, chunk_size=PAGE)
            return tuple(map(pod_from, found))

    def deployment(self, namespace: str, name: str) -> DeploymentState | None:
        """Return how a deployment stands, None when there is none.

        Raises:
            CallFailed: no answer, denied.
        """
        try:
            with self._asking("get deployments"):
                return deployment_from(self._client.get(DeploymentResource, name, namespace=namespace))
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise

    def selected_pods(self, node: Node, *, namespace: str, selector: tuple[LabelRequirement, ...]) -> tuple[Pod, ...]:
        """Return the pods on a node that a label selector selects in a namespace.

        Raises:
            CallFailed: no answer, denied.
        """
        with self._asking("list pods"):
            # Pairs, which the library takes, too: in a dictionary one key could not have several requirements.
            found = self._client.list(  # type: ignore[call-overload] # it says dictionaries only
                PodResource,
                namespace=namespace,
                labels=[(each.key, OPERATORS[each.operator](each.values)) for each in selector],
                fields={"spec.nodeName": node.name},
                chunk_size=PAGE,
            )
            return tuple(map(pod_from, found))

    def cordon(self, node: Node, *, annotations: Mapping[str, str], labels: Mapping[str, str]) -> None:
        """Let no pod be scheduled to a node. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, denied, no such node.
        """
        self._patch_node(
            node,
            {
                "metadata": {"annotations": dict(annotations), "labels": dict(labels)},
                "spec": {"unschedulable": True},
            },
        )

    def restore(self, node: Node, *, schedulable: bool, annotations: tuple[str, ...], labels: tuple[str, ...]) -> None:
        """Undo a cordon, and remove the annotations and labels that came with it.

        Args:
            node: the node.
            schedulable: let pods be scheduled to it again.
            annotations: keys of annotations to remove.
            labels: keys of labels to remove.

        Raises:
            CallFailed: no answer, denied, no such node.
        """
        metadata = {"annotations": dict.fromkeys(annotations), "labels": dict.fromkeys(labels)}
        self._patch_node(node, {"metadata": metadata} | ({"spec": {"unschedulable": None}} if schedulable else {}))

    def taint(self, node: Node, *, key: str, value: str, effect: str) -> None:
        """Put a taint on a node, beside those it has. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, denied, no such node.
        """
        with self._asking("patch nodes"):
            # A strategic merge: taints are merged by their key.
            self._client.patch(
                NodeResource,
                node.name,
                {"spec": {"taints": [{"key": key, "value": value, "effect": effect}]}},
                patch_type=PatchType.STRATEGIC,
            )

    def delete_node(self, node: Node) -> None:
        """Delete a node object.

        Raises:
            CallFailed: no answer, denied, no such node.
        """
        with self._asking("delete nodes"):
            self._client.delete_exactly(NodeResource, node.name, uid=node.uid)

    def evict(self, pod: Pod, *, grace: int | None) -> Obstacle | None:
        """Evict a pod, as its disruption budgets allow.

        Args:
            pod: the pod.
            grace: seconds it has; None for its own.

        Returns:
            What is in the way, None when it leaves, or is gone.

        Raises:
            CallFailed: no answer, denied.
        """
        eviction = PodResource.Eviction(
            metadata=ObjectMeta(name=pod.name, namespace=pod.namespace),
            # Another pod of the same name, which has come back elsewhere, is not meant.
            deleteOptions=DeleteOptions(gracePeriodSeconds=grace, preconditions=Preconditions(uid=pod.uid)),
        )
        with self._asking("create pods/eviction"):
            try:
                self._client.create(eviction, pod.name, namespace=pod.namespace)
            except ApiError as error:
                if is_gone(error, pod.uid):
                    return None
                if (why := what_keeps(error)) is not None:
                    return why
                raise
        return None

    def delete(self, pod: Pod, *, grace: int | None) -> Obstacle | None:
        """Delete a pod, whatever its disruption budgets say.

        Args:
            pod: the pod.
            grace: seconds it has; None for its own.

        Returns:
            What is in the way, None when it leaves, or is gone.

        Raises:
            CallFailed: no answer, denied.
        """
        with self._asking("delete pods"):
            try:
                self._client.delete_exactly(PodResource, pod.name, uid=pod.uid, namespace=pod.namespace, grace=grace)
            except ApiError as error:
                if is_gone(error, pod.uid):
                    return None
                if (why := what_keeps(error)) is not None:
                    return why
                raise
        return None

    def _patch_node(self, node: Node, changes: dict[str, object]) -> None:
        with self._asking("patch nodes"):
            self._client.patch(NodeResource, node.name, changes, patch_type=PatchType.MERGE)

    @contextmanager
    def _asking(self, action: str) -> Iterator[None]:
        try:
            with asking(action):
                yield
        except CallFailed as failed:
            if failed.failure.code != UNAUTHORIZED_CODE:
                raise
            self.token_refused = True
            if not self._token_taken:
                raise
            # The token was accepted before: it was replaced, or has expired, and the next poll gets another one.
            raise CallFailed(replace(failed.failure, consequence=Consequence.TRANSIENT)) from failed
        self._token_taken = True
