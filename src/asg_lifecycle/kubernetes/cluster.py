"""One Kubernetes cluster. This module loads the Kubernetes library: import it where a cluster is talked to only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
from lightkube import Client
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster as ClusterConfig
from lightkube.config.models import Context, User
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import DeleteOptions, ObjectMeta, Preconditions
from lightkube.resources.core_v1 import Node as NodeResource
from lightkube.resources.core_v1 import Pod as PodResource
from lightkube.types import PatchType

from asg_lifecycle.kubernetes.errors import NOT_FOUND, SERVER_ERROR, TOO_MANY_REQUESTS, asking
from asg_lifecycle.kubernetes.objects import Node, Pod
from asg_lifecycle.model.failures import CallFailed, Consequence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightkube.models.meta_v1 import Status

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0
PAGE = 500
"""Objects that are asked for at once."""

SEVERAL_BUDGETS = "more than one PodDisruptionBudget"
"""What the API server says, as an error of its own, of a pod that several budgets are for."""

READY = "Ready"
MIRROR = "kubernetes.io/config.mirror"


class Cluster:
    """The nodes and pods of one cluster.

    Args:
        endpoint: URL of the API server.
        certificate_authority: of the API server's certificate, PEM in base64.
        token: bearer token.
    """

    def __init__(self, *, endpoint: str, certificate_authority: str, token: str) -> None:
        config = SingleConfig(
            context_name="asg-lifecycle",
            context=Context(cluster="cluster", user="user"),
            cluster=ClusterConfig(server=endpoint, certificate_auth_data=certificate_authority),
            user=User(token=token),
        )
        timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        # Proxies of the environment are not for the cluster's endpoint.
        self._client = Client(config, timeout=timeout, trust_env=False)

    def node(self, name: str) -> Node | None:
        """Return a node by its name, None when there is none.

        Raises:
            CallFailed: no answer, denied.
        """
        try:
            with asking("get nodes"):
                return _node(self._client.get(NodeResource, name))
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.MISSING:
                return None
            raise

    def node_of(self, instance: str) -> Node | None:
        """Return the node that an EC2 instance is, None when it is none. Lists the nodes.

        Raises:
            CallFailed: no answer, denied.
        """
        with asking("list nodes"):
            nodes = map(_node, self._client.list(NodeResource, chunk_size=PAGE))
            return next((node for node in nodes if node.instance == instance), None)

    def pods(self, node: Node) -> tuple[Pod, ...]:
        """Return the pods on a node.

        Raises:
            CallFailed: no answer, denied.
        """
        with asking("list pods"):
            found = self._client.list(PodResource, namespace="*", fields={"spec.nodeName": node.name}, chunk_size=PAGE)
            return tuple(map(_pod, found))

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

    def uncordon(self, node: Node, *, annotations: tuple[str, ...], labels: tuple[str, ...]) -> None:
        """Let pods be scheduled to a node again, and take off what was put on it with the cordon.

        Raises:
            CallFailed: no answer, denied, no such node.
        """
        self._patch_node(
            node,
            {
                "metadata": {"annotations": dict.fromkeys(annotations), "labels": dict.fromkeys(labels)},
                "spec": {"unschedulable": None},
            },
        )

    def taint(self, node: Node, *, key: str, value: str, effect: str) -> None:
        """Put a taint on a node, beside those it has. Repeating it changes nothing.

        Raises:
            CallFailed: no answer, denied, no such node.
        """
        with asking("patch nodes"):
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
        with asking("delete nodes"):
            self._client.delete(NodeResource, node.name)

    def evict(self, pod: Pod, *, grace: int | None) -> str | None:
        """Ask a pod to leave, as its disruption budgets allow.

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
        with asking("create pods/eviction"):
            try:
                self._client.create(eviction, pod.name, namespace=pod.namespace)
            except ApiError as error:
                code = error.status.code
                if code == NOT_FOUND or _is_another(error.status, pod):
                    return None
                if code == TOO_MANY_REQUESTS or (
                    code == SERVER_ERROR and SEVERAL_BUDGETS in (error.status.message or "")
                ):
                    return _why(error.status)
                raise
        return None

    def delete(self, pod: Pod, *, grace: int | None) -> None:
        """Delete a pod, whatever its disruption budgets say.

        Raises:
            CallFailed: no answer, denied.
        """
        with asking("delete pods"):
            try:
                self._client.delete(PodResource, pod.name, namespace=pod.namespace, grace_period=grace)
            except ApiError as error:
                if error.status.code != NOT_FOUND:
                    raise

    def _patch_node(self, node: Node, changes: dict[str, object]) -> None:
        with asking("patch nodes"):
            self._client.patch(NodeResource, node.name, changes, patch_type=PatchType.MERGE)


def _is_another(status: Status, pod: Pod) -> bool:
    return status.reason == "Conflict" and pod.uid in (status.message or "")


def _why(status: Status) -> str:
    causes = [cause.message for cause in (status.details.causes or [] if status.details else []) if cause.message]
    return "; ".join(causes) or status.message or "a disruption budget"


def _node(found: NodeResource) -> Node:
    metadata, spec, status = found.metadata, found.spec, found.status
    conditions = (status.conditions or []) if status is not None else []
    ready = next((each for each in conditions if each.type == READY), None)
    provider = (spec.providerID or "") if spec is not None else ""
    standing = f"{READY} is {ready.status}: {ready.message or ready.reason}" if ready is not None else "it says nothing"
    return Node(
        name=(metadata.name or "") if metadata is not None else "",
        instance=provider.rpartition("/")[2] or None,
        cordoned=bool(spec is not None and spec.unschedulable),
        ready=ready is not None and ready.status == "True",
        standing=standing,
        taints=tuple(taint.key for taint in ((spec.taints or []) if spec is not None else [])),
        labels=(metadata.labels or {}) if metadata is not None else {},
        annotations=(metadata.annotations or {}) if metadata is not None else {},
    )


def _pod(found: PodResource) -> Pod:
    metadata = found.metadata or ObjectMeta()
    owners = metadata.ownerReferences or []
    return Pod(
        namespace=metadata.namespace or "",
        name=metadata.name or "",
        uid=metadata.uid or "",
        phase=(found.status.phase or "") if found.status is not None else "",
        terminating=metadata.deletionTimestamp is not None,
        of_daemon_set=any(owner.controller and owner.kind == "DaemonSet" for owner in owners),
        is_mirror=MIRROR in (metadata.annotations or {}),
    )
