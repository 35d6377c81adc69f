"""The client with which the durable engine writes checkpoints: one that hangs must not cost a hook of 30 seconds."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from aws_durable_execution_sdk_python.lambda_service import LambdaClient

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle_simulator.region.environment import region_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

NEXT = "next"
HALF_OF_THE_SHORTEST_TIMEOUT = 15.0


@contextmanager
def hanging(requests: int) -> Iterator[str]:
    """Serve an endpoint that leaves so many requests without an answer; yield its URL."""
    left = threading.Semaphore(requests)
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            if left.acquire(blocking=False):
                over.wait(60)
                return
            answer = json.dumps({"CheckpointToken": NEXT, "NewExecutionState": {"Operations": []}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            over.set()
            server.shutdown()


def test_a_checkpoint_that_hangs_is_written_again_within_half_of_the_shortest_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with region_environment("eu-west-1", "123456789012"), hanging(1) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", url)
        began = time.monotonic()
        output = LambdaClient(client=Clients().functions).checkpoint("arn:aws:lambda:x", "token", [], None)

    assert output.checkpoint_token == NEXT
    assert time.monotonic() - began < HALF_OF_THE_SHORTEST_TIMEOUT / 2
