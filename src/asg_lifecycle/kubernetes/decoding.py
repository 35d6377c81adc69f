"""Turns the API server's objects into those that steps use. Loads the Kubernetes library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightkube.models.core_v1 import NodeSpec, NodeStatus
from lightkube.models.meta_v1 import ObjectMeta

from asg_lifecycle.kubernetes.objects import Node, Pod

if TYPE_CHECKING:
    from lightkube.resources.core_v1 import Node as NodeResource
    from lightkube.resources.core_v1 import Pod as PodResource

READY = "Ready"
MIRROR = "kubernetes.io/config.mirror"
INTERNAL_ADDRESS = "InternalIP"


def node_from(found: NodeResource) -> Node:
    """Return a node."""
    metadata, spec, status = found.metadata or ObjectMeta(), found.spec or NodeSpec(), found.status or NodeStatus()
    ready = next((each for each in status.conditions or [] if each.type == READY), None)
    standing = f"{READY} is {ready.status}: {ready.message or ready.reason}" if ready is not None else "it says nothing"
    return Node(
        name=metadata.name or "",
        uid=metadata.uid or "",
        instance=(spec.providerID or "").rpartition("/")[2] or None,
        addresses=tuple(each.address for each in status.addresses or [] if each.type == INTERNAL_ADDRESS),
        cordoned=bool(spec.unschedulable),
        ready=ready is not None and ready.status == "True",
        standing=standing,
        taints=tuple(taint.key for taint in spec.taints or []),
        labels=metadata.labels or {},
        annotations=metadata.annotations or {},
    )


def pod_from(found: PodResource) -> Pod:
    """Return a pod."""
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
