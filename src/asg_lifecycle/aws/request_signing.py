"""Signs requests to HTTP APIs of AWS with the function's own role, and knows whom boto3 trusts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError
from botocore.httpsession import get_cert_path

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_lifecycle.aws.clients import Clients


def trusted_authorities() -> str:
    """Return the path of the certificate authorities that boto3 trusts: the package brings them along."""
    return str(get_cert_path(verify=True))


class RequestSigning:
    """Signatures of version 4."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def headers(  # noqa: PLR0913 - the parts of a request
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, service: str, region: str | None
    ) -> dict[str, str]:
        """Return the headers with which a request is signed: `Authorization` and what belongs to it.

        Args:
            method: of the request.
            url: the whole URL.
            headers: those that are sent.
            body: what is sent.
            service: what is signed for.
            region: the Region, None for that of the function.

        Raises:
            CallFailed: there are no credentials to sign with.
        """
        request = AWSRequest(method=method, url=url, data=body or b"")
        # What a proxy may add or change is not signed.
        kept = {name: value for name, value in headers.items() if name.lower() == "content-type"}
        for name, value in kept.items():
            request.headers[name] = value
        with calling(f"http: sign for {service}"):
            credentials, own_region = self._clients.signer()
            if credentials is None:
                raise NoCredentialsError
            SigV4Auth(credentials, service, region or own_region).add_auth(request)
        return {name: str(value) for name, value in request.headers.items() if name not in kept}
