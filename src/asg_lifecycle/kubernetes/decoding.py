"""Turns the API server's objects into those that steps use. Loads the Kubernetes library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightkube.models.core_v1 import NodeSpec, NodeStatus, PodSpec, PodStatus
from lightkube.models.meta_v1 import ObjectMeta

from asg_lifecycle.kubernetes.objects import DeploymentState, LabelRequirement, Node, Pod

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lightkube.models.core_v1 import NodeCondition, Toleration
    from lightkube.resources.core_v1 import Node as NodeResource
    from lightkube.resources.core_v1 import Pod as PodResource

READY = "Ready"
MIRROR = "kubernetes.io/config.mirror"
IP_ADDRESSES = frozenset({"InternalIP", "ExternalIP"})
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
"""The taint of a cordoned node."""


def node_from(found: NodeResource) -> Node:
    """Return a node."""
    metadata, spec, status = found.metadata or ObjectMeta(), found.spec or NodeSpec(), found.status or NodeStatus()
    ready = next((each for each in status.conditions or [] if each.type == READY), None)
    addresses = status.addresses or []
    return Node(
        name=metadata.name or "",
        uid=metadata.uid or "",
        provider_id=spec.providerID or None,
        addresses=tuple(each.address for each in addresses if each.type in IP_ADDRESSES),
        names=tuple(each.address for each in addresses if each.type not in IP_ADDRESSES),
        cordoned=bool(spec.unschedulable),
        ready=ready is not None and ready.status == "True",
        standing=_standing(ready),
        taints=tuple(taint.key for taint in spec.taints or []),
        labels=metadata.labels or {},
        annotations=metadata.annotations or {},
    )


def pod_from(found: PodResource) -> Pod:
    """Return a pod."""
    metadata = found.metadata or ObjectMeta()
    controller = next((each for each in metadata.ownerReferences or [] if each.controller), None)
    tolerations = (found.spec or PodSpec(containers=[])).tolerations or []
    return Pod(
        namespace=metadata.namespace or "",
        name=metadata.name or "",
        uid=metadata.uid or "",
        phase=(found.status.phase or "") if found.status is not None else "",
        terminating=metadata.deletionTimestamp is not None,
        end_due_at=_epoch(metadata.deletionTimestamp),
        end_grace=metadata.deletionGracePeriodSeconds,
        created_at=_epoch(metadata.creationTimestamp) or 0.0,
        owner=f"{controller.kind} {controller.name}" if controller is not None else None,
        toleration=next((_said(each) for each in tolerations if _is_for_cordoned(each)), None),
        of_daemon_set=controller is not None and controller.kind == "DaemonSet",
        is_mirror=MIRROR in (metadata.annotations or {}),
        ready=any(
            each.type == READY and each.status == "True" for each in (found.status or PodStatus()).conditions or ()
        ),
    )


def deployment_from(found: Mapping[str, Any]) -> DeploymentState:
    """Return a deployment, given as the API has it in JSON.

    Raises:
        KeyError: it has no selector.
    """
    metadata, spec, status = found.get("metadata") or {}, found["spec"], found.get("status") or {}
    return DeploymentState(
        desired=spec.get("replicas", 1),
        available=status.get("availableReplicas", 0),
        observed=status.get("observedGeneration", 0) >= metadata.get("generation", 0),
        selector=_selector(spec["selector"]),
    )


def _selector(selector: Mapping[str, Any]) -> tuple[LabelRequirement, ...]:
    of_labels = (
        LabelRequirement(key=key, operator="In", values=(value,))
        for key, value in (selector.get("matchLabels") or {}).items()
    )
    of_expressions = (
        LabelRequirement(key=each["key"], operator=each["operator"], values=tuple(each.get("values") or ()))
        for each in selector.get("matchExpressions") or ()
    )
    return (*of_labels, *of_expressions)


def _standing(ready: NodeCondition | None) -> str:
    if ready is None:
        return "it says nothing"
    since = f", since {ready.lastTransitionTime:%Y-%m-%dT%H:%M:%SZ}" if ready.lastTransitionTime is not None else ""
    return f"{READY} is {ready.status}: {ready.message or ready.reason}{since}"


def _epoch(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None


def _is_for_cordoned(toleration: Toleration) -> bool:
    """Return whether a pod with a toleration may run on a cordoned node ("Taints and Tolerations" of Kubernetes)."""
    exists = toleration.operator == "Exists"
    of_key = toleration.key == UNSCHEDULABLE and (exists or not toleration.value)
    return (of_key or (not toleration.key and exists)) and toleration.effect in {None, "", "NoSchedule"}


def _said(toleration: Toleration) -> str:
    return f"{toleration.key or 'every taint'}{f':{toleration.effect}' if toleration.effect else ''}"
