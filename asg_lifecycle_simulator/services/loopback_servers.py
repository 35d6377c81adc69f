"""WSGI applications served on loopback, each by a thread of its own."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from asg_lifecycle_simulator.services.certificates import LOOPBACK

if TYPE_CHECKING:
    import ssl
    from contextlib import ExitStack
    from wsgiref.types import WSGIApplication

POLL_SECONDS = 0.01
"""Between two looks of a server whether it shall stop."""


def serve(application: WSGIApplication, until: ExitStack, context: ssl.SSLContext | None = None) -> int:
    """Serve an application, and return the port on which it is.

    Args:
        application: what answers.
        until: stops it when it is closed.
        context: for TLS, None for none.
    """
    server = make_server(
        LOOPBACK, 0, application, threaded=True, request_handler=_QuietRequestHandler, ssl_context=context
    )
    run = partial(server.serve_forever, poll_interval=POLL_SECONDS)
    thread = threading.Thread(target=run, name="loopback-server", daemon=True)
    thread.start()
    until.callback(thread.join)
    until.callback(server.server_close)
    until.callback(server.shutdown)
    return server.server_port


class _QuietRequestHandler(WSGIRequestHandler):
    # Headers and body go out apart: with Nagle's algorithm each answer waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the overridden signature
        """Write nothing."""
