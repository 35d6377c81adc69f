"""Which Kubernetes cluster a step is about."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from asg_lifecycle.kubernetes.clusters import OtherCluster
from asg_lifecycle.kubernetes.identity import Identity, NodeMatches, instance_in, is_instance, matches
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.resource_names import EksClusterName
from asg_lifecycle.steps.support.sentences import listed

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

OWNED = "owned"
"""The value of the tag of the cluster that an instance belongs to; `shared` is the value for what clusters share."""

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


def clusters_named_by(tags: Mapping[str, str]) -> tuple[str, ...]:
    """Return the clusters that an instance's tags name, none when they name none.

    What EKS itself wrote decides. Else the clusters that own the instance, and only without one those that share it.
    """
    written = sorted({tags[key] for key in CLUSTER_NAME_TAGS if tags.get(key)})
    named = {key.removeprefix(CLUSTER_TAG): value for key, value in tags.items() if key.startswith(CLUSTER_TAG)}
    owning = sorted(name for name, value in named.items() if name and value == OWNED)
    return tuple(written or owning or sorted(filter(None, named)))


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

    def cluster_names(self, target: Target) -> tuple[str, ...]:
        """Return what the cluster is called, or each of several; none when neither the plan nor a tag says so.

        Raises:
            CallFailed: the tags could not be read.
        """
        options = self._options
        if (name := options.cluster or options.endpoint) is not None:
            return (name,)
        return clusters_named_by(self._instances.tags(target.action.instance, launching=target.action.launching))

    def open(self, name: str) -> Cluster | None:
        """Return the cluster of that name, None when EKS knows none.

        Raises:
            CallFailed: its address or its token could not be read.
        """
        options = self._options
        if options.endpoint and options.certificate_authority and options.token_parameter:
            return self._clusters.open(
                OtherCluster(
                    endpoint=options.endpoint,
                    certificate_authority=in_base64(options.certificate_authority),
                    token_parameter=options.token_parameter,
                )
            )
        try:
            return self._clusters.open(name)
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.NOT_FOUND:
                raise
            return None

    @staticmethod
    def find(cluster: Cluster, target: Target) -> NodeMatches:
        """Return the nodes that are the instance, and those of which that cannot be said.

        Raises:
            CallFailed: no answer, denied.
        """
        facts = target.facts
        likely = facts.private_name
        names = (likely,) if likely is not None else ()
        identity = Identity(instance=target.action.instance, addresses=facts.addresses, names=names)
        # Most nodes are called as EC2 calls their instance, which spares looking through all of them.
        node = cluster.node(likely) if likely is not None else None
        if node is not None and instance_in(node.provider_id) == identity.instance:
            return NodeMatches(ours=(node,))
        return matches(cluster.nodes(), identity)

    @staticmethod
    def find_again(cluster: Cluster, target: Target, name: str, uid: str) -> Node | None:
        """Return the node that was found before, None when it is gone or another instance has its name by now.

        Args:
            cluster: the cluster.
            target: the instance.
            name: the node's name.
            uid: its uid when it was found.

        Raises:
            CallFailed: no answer, denied.
        """
        node = cluster.node(name)
        if node is None:
            return None
        answer = is_instance(node, Identity(instance=target.action.instance, addresses=target.facts.addresses))
        # A node that tells too little is still the same one as long as it is the same object.
        return node if answer or (answer is None and node.uid == uid) else None


def no_cluster(target: Target) -> str:
    """Return why no cluster could be asked, and what to do."""
    return (
        f"neither the plan nor a tag of instance {target.action.instance} names a Kubernetes cluster: give the step a "
        "cluster, or tag the instance kubernetes.io/cluster/NAME"
    )


def unknown_to_eks(name: str) -> str:
    """Return what there is not, and what to do for a cluster that EKS does not run."""
    return (
        f"EKS cluster {name} in this account and Region (for a cluster of kops, kubeadm, k3s or another installer give "
        "the step endpoint, certificate_authority and token_parameter)"
    )


def several_nodes(target: Target, name: str, found: NodeMatches) -> str:
    """Return why none of several nodes can be taken for the instance, and what to do."""
    nodes = ", ".join(sorted(node.name for node in found.ours))
    return (
        f"nodes {nodes} of cluster {name} all have an address or name of instance {target.action.instance}, and none "
        "has a providerID of AWS: delete the ones that are left over"
    )


def cannot_be_told(target: Target, name: str, found: NodeMatches) -> str:
    """Return that some nodes could be the instance, and what is missing to know."""
    nodes = listed(sorted(node.name for node in found.unknown))
    missing = "EC2 tells no address of the instance any more" if not target.facts.addresses else "they tell no address"
    return (
        f"it cannot be told whether instance {target.action.instance} is one of the nodes {nodes} of cluster {name}: "
        f"they have no providerID of AWS, and {missing}"
    )
