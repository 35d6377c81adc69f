"""Servers that do what no HTTP server library would: they lie, break off, and never end."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

LOOPBACK = "127.0.0.1"


@contextmanager
def raw_server(
    answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None, *, reads: bool = True
) -> Iterator[RawServer]:
    """Yield a server that reads the head of each request, and lets `answer` do what it wants with the connection."""
    server = RawServer(answer, context, reads=reads)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class RawServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Callable[[socket.socket], None], context: ssl.SSLContext | None, *, reads: bool) -> None:
        super().__init__((LOOPBACK, 0), Handler)
        self.answer = answer
        self.context = context
        self.reads = reads
        self.over = threading.Event()
        self.heads: list[bytes] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(socketserver.BaseRequestHandler):
    server: RawServer
    timeout: ClassVar[float] = 10.0

    def handle(self) -> None:
        # What the client closes in the midst of it is what is tested.
        with contextlib.suppress(OSError):
            connection = self.request
            if self.server.context is not None:
                connection = self.server.context.wrap_socket(connection, server_side=True)
            head = b""
            while self.server.reads and b"\r\n\r\n" not in head and (part := connection.recv(4096)):
                head += part
            self.server.heads.append(head)
            self.server.answer(connection)
            connection.close()


def says(*parts: bytes) -> Callable[[socket.socket], None]:
    """Return an answer: these bytes, and then the end."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"".join(parts))

    return answer


def ok(body: bytes, *headers: bytes, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    """Return the bytes of an answer, with a length that may be a lie."""
    size = str(len(body) if length is None else length).encode()
    lines = [b"HTTP/1.1 " + status, b"Content-Length: " + size, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def resets(connection: socket.socket) -> None:
    """Reset the connection instead of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drips(
    pause: float, over: threading.Event, head: bytes = b"", drop: bytes = b"x"
) -> Callable[[socket.socket], None]:
    """Return an answer of one drop after the other, for ever."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while not over.wait(pause):
            connection.sendall(drop)

    return answer
