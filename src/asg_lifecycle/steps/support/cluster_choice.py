"""Which Kubernetes cluster a step is about."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from asg_lifecycle.kubernetes.clusters import OtherCluster
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Failed
from asg_lifecycle.model.resource_names import EksClusterName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.kubernetes.cluster import Cluster
    from asg_lifecycle.kubernetes.clusters import Clusters
    from asg_lifecycle.kubernetes.objects import Node
    from asg_lifecycle.steps.base import Target

PEM = "-----BEGIN CERTIFICATE-----"

CLUSTER_NAME_TAGS = ("aws:eks:cluster-name", "eks:cluster-name")
CLUSTER_TAG = "kubernetes.io/cluster/"
"""What tags of nodes begin with: EKS and other installers name the cluster so."""

CORDONED = "asg-lifecycle/cordoned"
"""The annotation of a node that we have cordoned."""

EXCLUDED_BY_US = "asg-lifecycle/excluded-from-load-balancers"
"""The annotation of a node to which we have given the label `EXCLUDED`."""

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
"""The label that keeps load balancers from sending a node connections."""


class ClusterOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the cluster is."""

    cluster: Annotated[
        EksClusterName | None,
        Meta(description="Name of an EKS cluster; without it and without an endpoint the instance's tags name it."),
    ] = None
    endpoint: Annotated[
        Annotated[str, Meta(pattern="^https://")] | None,
        Meta(description="URL of the API server of a cluster that is not EKS's."),
    ] = None
    certificate_authority: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="The certificate authority of that server's certificate, PEM or PEM in base64."),
    ] = None
    token_parameter: Annotated[
        Annotated[str, Meta(pattern="^/")] | None,
        Meta(description="The SecureString parameter below `/asg-lifecycle/STACK/kubernetes/` that holds its token."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse half an address.

        Raises:
            ValueError: some of what belongs together is missing, or the certificate authority is none.
        """
        address = (self.endpoint, self.certificate_authority, self.token_parameter)
        if any(address) and not all(address):
            raise ValueError("endpoint, certificate_authority and token_parameter belong together")
        if self.cluster is not None and any(address):
            raise ValueError("cluster is the name of an EKS cluster; leave it out where the endpoint is given")
        if self.certificate_authority is not None:
            in_base64(self.certificate_authority)


def in_base64(certificate_authority: str) -> str:
    """Return a certificate authority as PEM in base64, which it may be already.

    Raises:
        ValueError: it is neither that nor PEM.
    """
    text = certificate_authority.strip()
    pem = text.encode()
    if not text.startswith(PEM):
        try:
            pem = base64.b64decode(text, validate=True)
        except ValueError:
            pem = b""
    if not pem.startswith(PEM.encode()):
        raise ValueError(f"certificate_authority is neither PEM, which begins with {PEM}, nor PEM in base64")
    return base64.b64encode(pem).decode()


def cluster_named_by(tags: Mapping[str, str]) -> str | None:
    """Return the cluster that an instance's tags name, None when they name none."""
    named = [tags[key] for key in CLUSTER_NAME_TAGS if tags.get(key)]
    named += sorted(key.removeprefix(CLUSTER_TAG) for key in tags if key.startswith(CLUSTER_TAG))
    return named[0] if named else None


class NodeFinder:
    """Finds the node that an instance is.

    Args:
        options: which cluster.
        clusters: opens it.
        instances: the instances, whose tags name the cluster where the plan does not.
    """

    def __init__(self, options: ClusterOptions, clusters: Clusters, instances: Instances) -> None:
        self._options = options
        self._clusters = clusters
        self._instances = instances

    def cluster_name(self, target: Target) -> str | None:
        """Return what the cluster is called, None when neither the plan nor the instance's tags say so.

        Raises:
            CallFailed: the tags could not be read.
        """
        options = self._options
        if options.cluster is not None or options.endpoint is not None:
            return options.cluster or options.endpoint
        return cluster_named_by(self._instances.tags(target.action.instance))

    def open(self, name: str) -> Cluster | Failed:
        """Return the cluster of that name; why there is none where the plan names one that does not exist.

        Raises:
            CallFailed: its address or its token could not be read; no cluster has the name that a tag gives.
        """
        try:
            return self._open(name)
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.NOT_FOUND or self._options.cluster is None:
                raise
            # A name that is wrong must not read like a cluster that was drained.
            return Failed(f"cluster {name} does not exist: {failed}")

    def _open(self, name: str) -> Cluster:
        options = self._options
        if options.endpoint and options.certificate_authority and options.token_parameter:
            return self._clusters.open(
                OtherCluster(
                    endpoint=options.endpoint,
                    certificate_authority=in_base64(options.certificate_authority),
                    token_parameter=options.token_parameter,
                )
            )
        return self._clusters.open(name)

    def find(self, cluster: Cluster, target: Target, name: str | None) -> Node | None:
        """Return the instance's node, None when there is none.

        Args:
            cluster: the cluster.
            target: the instance.
            name: the node's name when it is known; None to look for it.

        Raises:
            CallFailed: no answer, denied.
        """
        instance, facts = target.action.instance, target.facts
        # Most nodes are called as EC2 calls their instance, which spares looking through all of them.
        likely = name or facts.private_name
        node = cluster.node(likely) if likely is not None else None
        if node is not None and node.is_instance(instance, facts.addresses):
            return node
        # A node of a known name that another instance is by now is not meant.
        return cluster.node_of(instance, facts.addresses) if name is None else None
