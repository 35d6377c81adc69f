"""Opens Kubernetes clusters. Nothing of Kubernetes is loaded before one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.caching import Kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.eks import Eks
    from asg_lifecycle.aws.secret_parameters import SecretParameters
    from asg_lifecycle.kubernetes.cluster import Cluster

OPENED_KEPT = 300.0
"""Seconds that an open cluster is kept: EKS takes a token for fifteen minutes."""


class OtherCluster(Struct, frozen=True, kw_only=True):
    """A cluster that is not EKS's.

    Attributes:
        endpoint: URL of its API server.
        certificate_authority: of its certificate, PEM in base64.
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
        self._opened: Kept[Cluster] = Kept(clock, OPENED_KEPT)

    def open(self, cluster: str | OtherCluster) -> Cluster:
        """Return a cluster, by the name it has in EKS or by its address.

        Raises:
            CallFailed: its address or its token could not be read.
        """

        def connect() -> Cluster:
            # Loaded here and nowhere else: a plan without Kubernetes pays nothing for it.
            from asg_lifecycle.kubernetes.cluster import Cluster  # noqa: PLC0415 - see above

            if isinstance(cluster, OtherCluster):
                token = self._secrets.value(cluster.token_parameter)
                return Cluster(
                    endpoint=cluster.endpoint, certificate_authority=cluster.certificate_authority, token=token
                )
            address = self._eks.address(cluster)
            return Cluster(
                endpoint=address.endpoint,
                certificate_authority=address.certificate_authority,
                token=self._eks.token(cluster),
            )

        return self._opened.get(cluster, connect) or connect()
