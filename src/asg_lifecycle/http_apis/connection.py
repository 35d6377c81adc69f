"""One request over a connection of its own, to an address that was looked at. Loads the HTTP library of boto3.

Everything is bounded: the time from the connection to the last byte, and the bytes of the answer. Redirects are answers
like others.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TYPE_CHECKING

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from asg_lifecycle.model.http_exchanges import LARGEST_ANSWER, HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3.response import BaseHTTPResponse

    from asg_lifecycle.model.http_exchanges import HttpRequest

CONNECT_SECONDS = 3.0
PART = 64 * 1024
"""Bytes that are read at once."""

USER_AGENT = "asg-lifecycle"


class NotSentError(Exception):
    """Nothing was sent: there was no connection. The sentence says why."""


class NotTrustedError(NotSentError):
    """Nothing was sent: the server's certificate is not one for its name that is trusted."""


class NoAnswerError(Exception):
    """The request was sent, in part or whole, and there is no answer. The sentence says why."""


def connect(request: HttpRequest, address: tuple[str, int], context: ssl.SSLContext | None) -> HTTPConnection:
    """Return an open connection.

    Args:
        request: what is to be sent over it.
        address: the IP address and port that it goes to.
        context: for TLS, None for none.

    Raises:
        NotSentError: there is none.
    """
    host, port = address
    timeout = min(CONNECT_SECONDS, request.seconds)
    connection = (
        HTTPConnection(host, port, timeout=timeout)
        if context is None
        else HTTPSConnection(
            host,
            port,
            timeout=timeout,
            ssl_context=context,
            # The name that the certificate has to have, and that the server is told.
            server_hostname=request.url.host,
            assert_hostname=request.url.host,
        )
    )
    try:
        connection.connect()
    except (HTTPError, OSError) as error:
        connection.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise NotTrustedError(error.verify_message or "it is not valid") from error
        raise NotSentError(_why(error)) from error
    return connection


def exchange(connection: HTTPConnection, request: HttpRequest, *, with_body: bool) -> HttpAnswer:
    """Send a request and return its answer; the connection is closed.

    Args:
        connection: an open connection.
        request: what is sent.
        with_body: read the body of any answer; otherwise that of an error alone.

    Raises:
        NoAnswerError: it was sent, and no whole head of an answer came.
    """
    headers = request.headers | {
        "Host": request.url.authority,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    with ExitStack() as held:
        is_over = held.enter_context(_given_up_after(request.seconds, connection))
        connection.timeout = request.seconds
        try:
            connection.request(
                request.method, request.url.target, request.body, headers, preload_content=False, decode_content=False
            )
            response = connection.getresponse()
        except (HTTPError, HTTPException, OSError) as error:
            raise NoAnswerError(f"not within {request.seconds:g} s" if is_over.is_set() else _why(error)) from error
        held.callback(response.close)
        body, whole = b"", True
        if with_body or not 200 <= response.status < 300:  # noqa: PLR2004 - the statuses of success
            body, whole = _body(response)
            # What the end of the time has cut off looks like the end of the answer.
            whole = whole and not is_over.is_set()
        return HttpAnswer(
            status=response.status,
            body=body,
            whole=whole,
            retry_after=_retry_after(response.headers.get("Retry-After"), response.headers.get("Date")),
        )


def _body(response: BaseHTTPResponse) -> tuple[bytes, bool]:
    """Return as much of the body as may be read, and whether that is all."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := response.read(min(PART, LARGEST_ANSWER + 1 - size), decode_content=False):
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER:
                return b"".join(parts)[:LARGEST_ANSWER], False
    except (HTTPError, HTTPException, OSError):
        # Shorter than it was said to be, or cut off: the caller is told that it is not whole.
        return b"".join(parts), False
    return b"".join(parts), True


@contextmanager
def _given_up_after(seconds: float, connection: HTTPConnection) -> Iterator[threading.Event]:
    """Close a connection at its end, or when its time is over: a timeout of the socket begins anew with each byte.

    Yields:
        What tells whether the time was over.
    """
    is_over = threading.Event()
    held = connection.sock

    def give_up() -> None:
        is_over.set()
        try:
            # That of a TLS socket would let the reader go on without TLS.
            socket.socket.shutdown(held, socket.SHUT_RDWR)
        except OSError:
            # The server has closed it at the same moment.
            return

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()
        connection.close()


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _retry_after(value: str | None, date: str | None) -> float | None:
    """Return the seconds of a `Retry-After` header; a time counts from the answer's own."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(date or "")).total_seconds())
    except (ValueError, TypeError):
        # No time, or one with its zone and one without.
        return None
