"""Sends the requests of plans. What only a request needs is loaded when the first one is sent."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING

from msgspec.structs import replace

from asg_lifecycle.aws.ttl_cache import TtlCache
from asg_lifecycle.http_apis.network import ForbiddenAddressError
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle.model.http_exchanges import NO_ANSWER, NO_CONNECTION, NOT_ALLOWED, NOT_TRUSTED

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from asg_lifecycle.aws.http_hosts import HttpHosts
    from asg_lifecycle.aws.request_signing import RequestSigning
    from asg_lifecycle.aws.secret_values import SecretValues
    from asg_lifecycle.http_apis.network import Network
    from asg_lifecycle.model.http_auth import HttpAuth
    from asg_lifecycle.model.http_exchanges import HttpAnswer, HttpRequest
    from asg_lifecycle.model.redaction import Redaction

CONTEXT_KEPT = 3_600.0
"""Seconds that what TLS needs is kept: reading a hundred authorities takes longer than a request."""

MOST_ADDRESSES = 3
"""How many addresses of a name are tried: each may take seconds."""

UNAUTHORIZED = frozenset({401, 403})
"""Statuses with which a secret is refused."""


class Sent:
    """An answer, and what hides the secrets of its request in it.

    Attributes:
        answer: the answer, as it came.
        redact: hides the secrets in any text of it.
    """

    def __init__(self, answer: HttpAnswer, redact: Redaction) -> None:
        self.answer = answer
        self.redact = redact


class HttpApis:
    """The HTTP APIs that plans name.

    Args:
        hosts: the hosts that are allowed; None where they are not known, and nothing is sent.
        secrets: the secrets that plans name.
        signing: signs with the function's role.
        trusted: returns the path of the authorities that are trusted where the plan names none.
        clock: seconds since the epoch.
        network: where names lead.
    """

    def __init__(  # noqa: PLR0913 - what a request needs
        self,
        hosts: HttpHosts | None,
        secrets: SecretValues,
        signing: RequestSigning,
        *,
        trusted: Callable[[], str],
        clock: Callable[[], float],
        network: Network,
    ) -> None:
        self._hosts = hosts
        self._secrets = secrets
        self._signing = signing
        self._trusted = trusted
        self._network = network
        self._contexts: TtlCache[ssl.SSLContext] = TtlCache(clock, CONTEXT_KEPT)

    def refusal(self, request: HttpRequest) -> str | None:
        """Return why the deployment lets no request go to the host, None when it does or when it is not known.

        Raises:
            CallFailed: the hosts could not be read.
        """
        from asg_lifecycle.model.network_addresses import is_allowed_host  # noqa: PLC0415 - see the module

        if self._hosts is None:
            return None
        allowed = self._hosts.allowed()
        if is_allowed_host(request.url.host, allowed):
            return None
        listed = f"has {', '.join(allowed)}" if allowed else "is empty, so http-request is switched off"
        return f"the parameter HttpHosts of the stack {listed}; add {request.url.host} where requests may go there"

    def send(self, request: HttpRequest, auth: HttpAuth | None, *, with_body: bool) -> Sent:
        """Send a request once, and return its answer, whatever its status.

        Args:
            request: what is sent.
            auth: how it says who sends it.
            with_body: the body of the answer is needed, not only that of an error.

        Raises:
            CallFailed: there is no answer. The code `NO_ANSWER` alone leaves open whether the request had its effect.
        """
        from asg_lifecycle.http_apis.connection import NoAnswerError, exchange  # noqa: PLC0415 - see the module
        from asg_lifecycle.model.redaction import Redaction  # noqa: PLC0415 - see the module

        if self._hosts is None:
            raise _failed(request, NOT_ALLOWED, "only the deployed function sends requests", Consequence.REFUSED)
        if (why := self.refusal(request)) is not None:
            raise _failed(request, NOT_ALLOWED, why, Consequence.REFUSED)
        headers, secrets = self._authorization(request, auth)
        redact = Redaction(secrets)
        context = self._context(request)
        connection = self._connect(request, context)
        complete = replace(request, headers=request.headers | headers)
        try:
            answer = exchange(connection, complete, with_body=with_body)
        except NoAnswerError as error:
            raise _failed(request, NO_ANSWER, redact(str(error)), Consequence.TRANSIENT) from None
        if answer.status in UNAUTHORIZED and auth is not None and auth.secret is not None:
            self._secrets.forget(auth.secret)
        return Sent(answer=answer, redact=redact)

    def _connect(self, request: HttpRequest, context: ssl.SSLContext | None) -> socket.socket:
        """Return a connection to an address that was looked at.

        Raises:
            CallFailed: there is none; nothing was sent.
        """
        from asg_lifecycle.http_apis.connection import (  # noqa: PLC0415 - see the module
            NotSentError,
            NotTrustedError,
            connect,
        )

        try:
            addresses = self._network.addresses(request.url.host, request.url.port)
        except ForbiddenAddressError as error:
            raise _failed(request, NOT_ALLOWED, str(error), Consequence.REFUSED) from error
        except OSError as error:
            raise _failed(request, NO_CONNECTION, f"its name leads nowhere: {error}", Consequence.TRANSIENT) from error
        tried: list[str] = []
        for address in addresses[:MOST_ADDRESSES]:
            try:
                return connect(request, address, context)
            except NotTrustedError as error:
                why = f"its certificate is not trusted: {error}"
                raise _failed(request, NOT_TRUSTED, why, Consequence.REFUSED) from error
            except NotSentError as error:
                tried.append(str(error))
        raise _failed(request, NO_CONNECTION, f"nothing was sent: {'; '.join(tried)}", Consequence.TRANSIENT)

    def _context(self, request: HttpRequest) -> ssl.SSLContext | None:
        if request.url.scheme != "https":
            return None
        authority = request.certificate_authority

        def make() -> ssl.SSLContext:
            if authority is None:
                return ssl.create_default_context(cafile=self._trusted())
            context = ssl.create_default_context(cadata=authority)
            # Private authorities often have no key identifiers, which Python asks for since 3.13. Chain, dates and the
            # server's name are verified all the same.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            return context

        try:
            return self._contexts.get(authority or "", make) or make()
        except ssl.SSLError as error:
            why = f"certificate_authority cannot be read: {error}"
            raise _failed(request, NOT_TRUSTED, why, Consequence.REFUSED) from error

    def _authorization(self, request: HttpRequest, auth: HttpAuth | None) -> tuple[dict[str, str], tuple[str, ...]]:
        """Return the headers that say who sends a request, and the texts in them that nobody may read.

        Raises:
            CallFailed: the secret could not be read, or there are no credentials to sign with.
        """
        if auth is None:
            return {}, ()
        if auth.sigv4 is not None:
            signed = self._signing.headers(
                request.method,
                f"{request.url.scheme}://{request.url.authority}{request.url.target}",
                request.headers,
                request.body,
                service=auth.sigv4.service,
                region=auth.sigv4.region,
            )
            return signed, tuple(signed.values())
        secret = self._secrets.value(auth.secret or "")
        if auth.basic is not None:
            pair = f"{auth.basic.user}:{secret}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, (secret, pair)
        if auth.header is not None:
            return {auth.header.name: f"{auth.header.prefix}{secret}"}, (secret,)
        return {"Authorization": f"Bearer {secret}"}, (secret,)


def _failed(request: HttpRequest, code: str, message: str, consequence: Consequence) -> CallFailed:
    return CallFailed(Failure(consequence=consequence, action=request.action, code=code, message=message))
