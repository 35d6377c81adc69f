"""The clusters of a region: each served over TLS on loopback, and known to EKS by its name."""

from __future__ import annotations

import base64
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from moto.eks.exceptions import ResourceNotFoundException
from moto.eks.responses import EKSResponse

from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.certificates import LOOPBACK, certificates
from asg_lifecycle_simulator.services.kubernetes.api import Api
from asg_lifecycle_simulator.services.kubernetes.cluster import Cluster
from asg_lifecycle_simulator.services.loopback_servers import serve

if TYPE_CHECKING:
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Response


class Kubernetes(Service):
    """The clusters of a region.

    Attributes:
        clusters: by name.
        apis: their API servers, by the same.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self._serving = ExitStack()
        self._endpoints: dict[str, str] = {}
        self.clusters: dict[str, Cluster] = {}
        self.apis: dict[str, Api] = {}

    def install(self) -> None:
        """Let EKS describe the clusters."""
        self.answer(EKSResponse, {"describe_cluster": self._describe_cluster})

    def uninstall(self) -> None:
        """Stop serving."""
        super().uninstall()
        self._serving.close()

    def cluster(self, name: str = "production") -> Cluster:
        """Return the cluster of that name, which is made and served if there is none."""
        if name not in self.clusters:
            self.clusters[name] = Cluster(name, self.timers)
            self.apis[name] = Api(self.clusters[name], self.region)
            port = serve(self.apis[name], self._serving, certificates().context())
            self._endpoints[name] = f"https://{LOOPBACK}:{port}"
        return self.clusters[name]

    def address(self, name: str) -> tuple[str, str]:
        """Return a cluster's endpoint, and its certificate authority, PEM in base64."""
        return self._endpoints[name], base64.b64encode(certificates().authority).decode()

    def _describe_cluster(self, response: EKSResponse) -> Response:
        name = response.path.rsplit("/", 1)[-1]
        if name not in self._endpoints:
            raise ResourceNotFoundException(message=f"No cluster found for name: {name}.")
        return {"cluster": self._described(name)}

    def _described(self, name: str) -> dict[str, Any]:
        endpoint, authority = self.address(name)
        return {"name": name, "status": "ACTIVE", "endpoint": endpoint, "certificateAuthority": {"data": authority}}
