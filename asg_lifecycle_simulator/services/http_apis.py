"""HTTP APIs of other people: WSGI applications on loopback, under names that lead to them in this region alone."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request

from asg_lifecycle.http_apis.network import Network
from asg_lifecycle.model.network_addresses import why_forbidden
from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.certificates import LOOPBACK, certificates
from asg_lifecycle_simulator.services.loopback_servers import serve

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from asg_lifecycle_simulator.region.region import Region

HOSTS_PARAMETER = "/asg-lifecycle/asg-lifecycle/http-hosts"
"""Where the stack keeps its parameter `HttpHosts`."""


class HttpApis(Service):
    """The HTTP APIs of a region.

    Attributes:
        names: where a name and a port lead, addresses and ports.
        network: where names lead, for the application.
        asked: how often each was asked, by host, method and path.
        authority: the authority of their certificates, PEM.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self._serving = ExitStack()
        self._allowed: list[str] = []
        self.names: dict[tuple[str, int], list[tuple[str, int]]] = {}
        self.asked: Counter[tuple[str, str, str]] = Counter()
        self.network = Network(resolve=self._resolve, why_forbidden=_why_forbidden)

    @property
    def authority(self) -> str:
        """The authority of the certificates, PEM."""
        return certificates().authority.decode()

    def uninstall(self) -> None:
        """Stop serving."""
        super().uninstall()
        self._serving.close()

    def serve(self, host: str, application: WSGIApplication, *, port: int = 443, tls: bool = True) -> None:
        """Serve an API under a name, and let plans send requests there.

        Args:
            host: its name; or an address, which then leads to the API, too.
            application: what answers.
            port: the port in its URL.
            tls: whether it is `https`.
        """
        context = certificates(host).context() if tls else None
        counted = self._counted(host, application)
        self.names[host, port] = [(LOOPBACK, serve(counted, self._serving, context))]
        self.allow(host)

    def allow(self, *hosts: str) -> None:
        """Let plans send requests to hosts, as the parameter `HttpHosts` does."""
        self._allowed += [host for host in hosts if host not in self._allowed]
        with self.region.unobserved():
            self.region.client("ssm").put_parameter(
                Name=HOSTS_PARAMETER, Value=",".join(self._allowed), Type="String", Overwrite=True
            )

    def secret(self, name: str, value: str) -> None:
        """Keep a secret as plans name it."""
        with self.region.unobserved():
            if name.startswith("/"):
                self.region.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
            else:
                self.region.client("secretsmanager").create_secret(Name=name, SecretString=value)

    def changes(self) -> Counter[tuple[str, str, str]]:
        """Return how often each was asked to change something."""
        return Counter({key: count for key, count in self.asked.items() if key[1] not in {"GET", "HEAD"}})

    def _counted(self, host: str, application: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            request = Request(environ)
            with self.region.lock:
                self.asked[host, request.method, request.path] += 1
            return application(environ, start_response)

        return answer

    def _resolve(self, host: str, port: int) -> list[tuple[str, int]]:
        if (host, port) not in self.names:
            raise OSError(f"the simulated region knows no {host}:{port}")
        return self.names[host, port]


def _why_forbidden(address: str) -> str | None:
    # Where the APIs of a region are.
    return None if address == LOOPBACK else why_forbidden(address)


def network_of(region: Region) -> Network | None:
    """Return where the names of HTTP APIs lead in a region; None for where they lead outside."""
    return next((each.network for each in region.services if isinstance(each, HttpApis)), None)
