"""Opens Kubernetes clusters. The Kubernetes library is loaded when the first one is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.eks import ClusterAddress, Eks
    from asg_lifecycle.aws.secret_parameters import SecretParameters
    from asg_lifecycle.kubernetes.cluster import Cluster

OPENED_KEPT = 300.0
"""Seconds that an open cluster is kept: EKS accepts a token for fifteen minutes."""


class OtherCluster(Struct, frozen=True, kw_only=True):
    """A cluster outside of EKS.

    Attributes:
        endpoint: URL of its API server.
        certificate_authority: the authority of its certificate, PEM in base64.
        token_parameter: the SecureString parameter that holds the token.
    """

    endpoint: str
    certificate_authority: str
    token_parameter: str


class Clusters:
    """The clusters that plans name."""

    def __init__(self, eks: Eks, secrets: SecretParameters, clock: Callable[[], float]) -> None:
        self._eks = eks
        self._secrets = secrets
        self._opened: TtlCache[Cluster] = TtlCache(clock, OPENED_KEPT)

    def open(self, cluster: str | OtherCluster) -> Cluster:
        """Return a cluster, by the name it has in EKS or by its address.

        Raises:
            CallFailed: its address or its token could not be read, or is not valid.
        """

        def connect() -> Cluster:
            return self._connect(cluster)

        opened = self._opened.get(cluster, connect)
        if opened is not None and opened.token_refused:
            self._opened.forget(cluster)
            opened = self._opened.get(cluster, connect)
        return opened or connect()

    def _connect(self, cluster: str | OtherCluster) -> Cluster:
        # Loaded here and nowhere else, so that a plan without Kubernetes does not pay for it.
        from asg_lifecycle.kubernetes.client import KubernetesClient  # noqa: PLC0415 - see above
        from asg_lifecycle.kubernetes.cluster import Cluster  # noqa: PLC0415 - see above

        if isinstance(cluster, OtherCluster):
            address: ClusterAddress | OtherCluster = cluster
            token = self._secrets.value(cluster.token_parameter)
        else:
            address, token = self._eks.address(cluster), self._eks.token(cluster)
        try:
            client = KubernetesClient(
                endpoint=address.endpoint, certificate_authority=address.certificate_authority, token=token
            )
        except ValueError as error:
            what = Failure(
                consequence=Consequence.REFUSED,
                action=f"kubernetes: connect to {address.endpoint}",
                code="InvalidAddress",
                message=str(error),
            )
            raise CallFailed(what) from error
        return Cluster(client)
