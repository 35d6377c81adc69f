"""One request over a connection of its own, to an address that was looked at.

Python's own `http.client`, which boto3 has loaded already. urllib3, which stands on it, would add what is switched off
here (pools, retries, redirects, decoding), and logs what it cannot read of an answer, with whatever stands in it.

Everything is bounded: the time from the connection to the last byte, and the bytes of the answer. Redirects are answers
like others.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
from contextlib import ExitStack, contextmanager
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.http_exchanges import LARGEST_ANSWER, HttpAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def connect(request: HttpRequest, address: tuple[str, int], context: ssl.SSLContext | None) -> socket.socket:
    """Return an open connection.

    Args:
        request: what is to be sent over it.
        address: the IP address and port that it goes to.
        context: for TLS, None for none.

    Raises:
        NotSentError: there is none.
    """
    try:
        connected = socket.create_connection(address, timeout=min(CONNECT_SECONDS, request.seconds))
    except OSError as error:
        raise NotSentError(_why(error)) from error
    if context is None:
        return connected
    try:
        # The name that the server is told, and that has to be in its certificate. The timeout is that of the whole
        # handshake, unlike those of reading and writing.
        return context.wrap_socket(connected, server_hostname=request.url.host)
    except ssl.SSLCertVerificationError as error:
        connected.close()
        raise NotTrustedError(error.verify_message or "it is not valid") from error
    except (OSError, ValueError) as error:
        connected.close()
        raise NotSentError(_why(error)) from error


def exchange(connected: socket.socket, request: HttpRequest, *, with_body: bool) -> HttpAnswer:
    """Send a request and return its answer; the connection is closed.

    Args:
        connected: an open connection.
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
    connected.settimeout(request.seconds)
    with ExitStack() as held:
        connection = HTTPConnection(request.url.host, request.url.port)
        connection.sock, connection.response_class = connected, _WholeHead
        held.callback(connected.close)
        is_over = held.enter_context(_given_up_after(request.seconds, connected))
        try:
            connection.request(request.method, request.url.target, request.body, headers)
            response = connection.getresponse()
        except (HTTPException, OSError) as error:
            # The socket's own timeout is as long, and may come a moment before.
            is_late = is_over.is_set() or isinstance(error, TimeoutError)
            raise NoAnswerError(f"not within {request.seconds:g} s" if is_late else _why(error)) from error
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


def _body(response: HTTPResponse) -> tuple[bytes, bool]:
    """Return as much of the body as may be read, and whether that is all."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := response.read(min(PART, LARGEST_ANSWER + 1 - size)):
            parts.append(part)
            size += len(part)
            if size > LARGEST_ANSWER:
                return b"".join(parts)[:LARGEST_ANSWER], False
    except (HTTPException, OSError):
        # Cut off: the caller is told that it is not whole.
        return b"".join(parts), False
    # The bytes that were announced and did not come.
    return b"".join(parts), not response.length


class _LastLine(io.BufferedReader):
    """Knows the last line that was read."""

    last = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        self.last = super().readline(size)
        return self.last


class _WholeHead(HTTPResponse):
    """An answer whose head ends with an empty line: for `http.client` it also ends where the connection does."""

    def __init__(self, sock: socket.socket, *args: Any, **named: Any) -> None:  # noqa: ANN401 - those of the base class
        super().__init__(sock, *args, **named)
        self.fp.close()
        self._lines = _LastLine(sock.makefile("rb", buffering=0))
        self.fp = self._lines

    def begin(self) -> None:
        super().begin()
        if self._lines.last not in {b"\r\n", b"\n"}:
            raise HTTPException("the head of the answer breaks off")


@contextmanager
def _given_up_after(seconds: float, connected: socket.socket) -> Iterator[threading.Event]:
    """Shut a connection down when its time is over: a timeout of the socket begins anew with each byte.

    Yields:
        What tells whether the time was over.
    """
    is_over = threading.Event()

    def give_up() -> None:
        is_over.set()
        try:
            # That of a TLS socket would let the reader go on without TLS.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)
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
