from __future__ import annotations

import json
import queue
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from aws_durable_execution_sdk_python_testing.model import StartDurableExecutionInput

from asg_lifecycle_simulator.server.local_runner import ATTEMPTS, LocalRunner

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "123456789012"
PATIENCE = 10.0


class Emulator(BaseHTTPRequestHandler):
    requests: queue.Queue[dict[str, Any]]
    answers: list[int]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.answers.pop(0) if self.answers else 201)
        self.end_headers()
        self.requests.put({"path": self.path, **body})

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def emulator(*answers: int) -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    handler = type("Handler", (Emulator,), {"requests": requests, "answers": list(answers)})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_each_event_starts_an_execution_of_its_own_in_order() -> None:
    with emulator() as (url, requests):
        runner = LocalRunner(url, account=ACCOUNT, function="drain", lambda_endpoint="http://127.0.0.1:8080")
        runner.deliver({"id": "1"})
        runner.deliver({"id": "2"})
        bodies = [requests.get(timeout=PATIENCE) for _ in range(2)]
        runner.close()
    executions = [StartDurableExecutionInput.from_dict(body) for body in bodies]
    assert [json.loads(execution.input or "") for execution in executions] == [{"id": "1"}, {"id": "2"}]
    assert {body["path"] for body in bodies} == {"/start-durable-execution"}
    assert {(it.account_id, it.function_name, it.lambda_endpoint) for it in executions} == {
        (ACCOUNT, "drain", "http://127.0.0.1:8080")
    }
    assert len({execution.execution_name for execution in executions}) == 2


def test_an_event_is_offered_again_until_it_is_accepted() -> None:
    with emulator(503, 500) as (url, requests):
        runner = LocalRunner(url, account=ACCOUNT, retry_after=0.01)
        runner.deliver({"id": "1"})
        runner.deliver({"id": "2"})
        inputs = [json.loads(requests.get(timeout=PATIENCE)["Input"])["id"] for _ in range(4)]
        runner.close()
    assert inputs == ["1", "1", "1", "2"]


def test_an_event_nobody_accepts_is_dropped_with_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with emulator(*[503] * ATTEMPTS) as (url, requests):
        runner = LocalRunner(url, account=ACCOUNT, retry_after=0.001)
        runner.deliver({"id": "1"})
        runner.deliver({"id": "2"})
        inputs = [json.loads(requests.get(timeout=PATIENCE)["Input"])["id"] for _ in range(ATTEMPTS + 1)]
        runner.close()
    assert inputs == ["1"] * ATTEMPTS + ["2"]
    assert capsys.readouterr().err == (
        f"event 1 dropped: {url}/start-durable-execution did not accept it: HTTP Error 503: Service Unavailable\n"
    )


def test_closing_does_not_wait_for_a_retry() -> None:
    with emulator(503) as (url, requests):
        runner = LocalRunner(url, account=ACCOUNT, retry_after=3600)
        runner.deliver({"id": "1"})
        requests.get(timeout=PATIENCE)
        runner.close()
    assert requests.empty()


def test_an_address_that_is_no_http_address_is_refused() -> None:
    with pytest.raises(ValueError, match="http://"):
        LocalRunner("127.0.0.1:5000", account=ACCOUNT)
