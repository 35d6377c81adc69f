"""lightkube's client with our settings. Loads the Kubernetes library."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING

import httpx2
from lightkube import Client
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import Cluster, Context, User
from lightkube.models.meta_v1 import DeleteOptions, Preconditions

if TYPE_CHECKING:
    from lightkube.resources.core_v1 import Node, Pod

CONNECT_SECONDS = 3.0
READ_SECONDS = 10.0


class KubernetesClient(Client):
    """A client with short timeouts, which can delete one object and no other that has its name.

    Args:
        endpoint: URL of the API server.
        certificate_authority: the authority of the API server's certificate, PEM in base64.
        token: bearer token.

    Raises:
        ValueError: the certificate authority is not valid.
    """

    def __init__(self, *, endpoint: str, certificate_authority: str, token: str) -> None:
        config = SingleConfig(
            context_name="asg-lifecycle",
            context=Context(cluster="cluster", user="user"),
            cluster=Cluster(server=endpoint, certificate_auth_data=certificate_authority),
            user=User(token=token),
        )
        super().__init__(
            config,
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            # Proxies that the environment names are not used for the cluster's endpoint.
            trust_env=False,
            transport=httpx2.HTTPTransport(verify=trusting(certificate_authority), trust_env=False),
        )

    def delete_exactly(
        self, kind: type[Node | Pod], name: str, *, uid: str, namespace: str | None = None, grace: int | None = None
    ) -> None:
        """Delete an object unless another one has its name by now; lightkube's own `delete` has no such condition."""
        request = self._client.prepare_request("delete", kind, name=name, namespace=namespace)
        request.data = DeleteOptions(gracePeriodSeconds=grace, preconditions=Preconditions(uid=uid))
        response = self._client.send(self._client.build_adapter_request(request))
        self._client.handle_response("delete", response, request)


def trusting(certificate_authority: str) -> ssl.SSLContext:
    """Return a context that trusts an authority, PEM in base64, and no other.

    Raises:
        ValueError: the authority is not valid.
    """
    text = base64.b64decode(certificate_authority).decode("ascii")
    if not text.strip():
        # Without an authority Python would trust those of the system.
        raise ValueError("there is no certificate authority of the cluster")
    try:
        context = ssl.create_default_context(cadata=text)
    except ssl.SSLError as error:
        raise ValueError(f"the cluster's certificate authority cannot be read: {error}") from error
    # The authorities that EKS makes have no key identifiers, which Python asks for since 3.13. Chain, dates and the
    # server's name are verified all the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
