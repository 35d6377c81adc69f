"""The clusters of a region: each served over TLS on loopback, and known to EKS by its name."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import ssl
import tempfile
import threading
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.core.responses import ActionResult
from moto.eks.exceptions import ResourceNotFoundException
from moto.eks.responses import EKSResponse
from werkzeug.serving import WSGIRequestHandler, make_server

from simulator.clockwork import Clockwork
from simulator.kubernetes.api import Api
from simulator.kubernetes.cluster import Cluster

if TYPE_CHECKING:
    from simulator.region import SimulatedRegion

LOOPBACK = "127.0.0.1"


class Kubernetes:
    """The clusters of a region, as a `SimulatedService`.

    Attributes:
        clusters: by name.
        apis: their API servers, by the same.
    """

    def __init__(self) -> None:
        self._region: SimulatedRegion | None = None
        self._clockwork: Clockwork | None = None
        self._serving = ExitStack()
        self._endpoints: dict[str, str] = {}
        self.clusters: dict[str, Cluster] = {}
        self.apis: dict[str, Api] = {}

    def install(self, region: SimulatedRegion) -> None:
        """Let EKS describe the clusters."""
        self._region = region
        self._clockwork = Clockwork(region.timeline, region.lock)

        def describe_cluster(response: EKSResponse) -> ActionResult:
            name = response.path.rsplit("/", 1)[-1]
            if name not in self._endpoints:
                raise ResourceNotFoundException(message=f"No cluster found for name: {name}.")
            return ActionResult({"cluster": self._described(name)})

        region.replace(EKSResponse, "describe_cluster", describe_cluster)

    def uninstall(self) -> None:
        """Stop serving."""
        if self._clockwork is not None:
            self._clockwork.stop()
        self._serving.close()
        self._endpoints.clear()
        self.clusters.clear()
        self._region = self._clockwork = None

    def cluster(self, name: str = "production") -> Cluster:
        """Return the cluster of that name, which is made and served if there is none."""
        if self._clockwork is None:
            raise RuntimeError("the region has not been entered")
        if name not in self.clusters:
            self.clusters[name] = Cluster(name, self._clockwork)
            self.apis[name] = Api(self.clusters[name])
            self._endpoints[name] = self._serve(self.apis[name])
        return self.clusters[name]

    def address(self, name: str) -> tuple[str, str]:
        """Return a cluster's endpoint, and its certificate authority, PEM in base64."""
        return self._endpoints[name], base64.b64encode(certificate()[0]).decode()

    def _described(self, name: str) -> dict[str, Any]:
        endpoint, authority = self.address(name)
        return {"name": name, "status": "ACTIVE", "endpoint": endpoint, "certificateAuthority": {"data": authority}}

    def _serve(self, api: Api) -> str:
        server = make_server(
            LOOPBACK, 0, api, threaded=True, request_handler=_QuietRequestHandler, ssl_context=_serving_context()
        )
        thread = threading.Thread(target=server.serve_forever, name="simulated-kubernetes", daemon=True)
        thread.start()
        self._serving.callback(thread.join)
        self._serving.callback(server.server_close)
        self._serving.callback(server.shutdown)
        return f"https://{LOOPBACK}:{server.server_port}"


class _QuietRequestHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the overridden signature
        """Write nothing."""


def _serving_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_bytes(b"".join(certificate()))
        context.load_cert_chain(chain)
    return context


@cache
def certificate() -> tuple[bytes, bytes]:
    """Return a certificate for loopback, which is its own authority, and its key; both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated-kubernetes")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2049, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=True, **usage), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return built.public_bytes(serialization.Encoding.PEM), private
