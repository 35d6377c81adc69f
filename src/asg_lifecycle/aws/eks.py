"""Where an EKS cluster is, and the token that its API server takes."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.clients import Clients

ADDRESS_KEPT = 600.0
"""Seconds that a cluster's address is kept."""

TOKEN_LIFE = 60
"""Seconds for which the URL in the token may be used. EKS accepts the token for about 15 minutes, whatever they are."""

PREFIX = "k8s-aws-v1."
HEADER = "x-k8s-aws-id"


class ClusterAddress(Struct, frozen=True, kw_only=True):
    """Where the API server of a cluster is.

    Attributes:
        endpoint: its URL.
        certificate_authority: the authority of its certificate, PEM in base64.
    """

    endpoint: str
    certificate_authority: str


class Eks:
    """The EKS clusters of this account and Region."""

    def __init__(self, clients: Clients, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._addresses: TtlCache[ClusterAddress] = TtlCache(clock, ADDRESS_KEPT)

    def address(self, cluster: str) -> ClusterAddress:
        """Return where a cluster is.

        Raises:
            CallFailed: no answer, throttled, denied, no such cluster, or one that is still being created.
        """

        def ask() -> ClusterAddress:
            with calling("eks:DescribeCluster"):
                found = self._clients.eks.describe_cluster(name=cluster)["cluster"]
            endpoint, authority = found.get("endpoint"), found.get("certificateAuthority", {}).get("data")
            if not endpoint or not authority:
                state = found.get("status", "in an unknown state")
                what = Failure(
                    consequence=Consequence.TRANSIENT,
                    action="eks:DescribeCluster",
                    code="NoEndpoint",
                    message=f"cluster {cluster} is {state} and has no endpoint yet",
                )
                raise CallFailed(what)
            return ClusterAddress(endpoint=endpoint, certificate_authority=authority)

        return self._addresses.get(cluster, ask) or ask()

    def token(self, cluster: str) -> str:
        """Return a token for a cluster's API server: a signed URL that says who we are. Nothing is called.

        Raises:
            CallFailed: there are no credentials to sign with.
        """
        with calling("sts:GetCallerIdentity"):
            url = self._clients.signed_identity(HEADER, cluster, seconds=TOKEN_LIFE)
        return PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
