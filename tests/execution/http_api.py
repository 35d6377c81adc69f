"""An HTTP API of another system, as tests of `http-request` meet it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from tests.execution.conftest import Testbed

HOST = "api.example.com"


class Lost(Response):
    """No answer: the connection is closed after the request was read, and done."""


@dataclass
class Api:
    """Answers with what is next in its list, and with the last of it for ever.

    Attributes:
        answers: for each method, in order.
        asked: the requests so far, in order.
        does: what a request that changes something does.
    """

    answers: Mapping[str, list[Response | Callable[[Request], Response]]]
    asked: list[Request] = field(default_factory=list)
    does: Callable[[Request], object] = lambda _: None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        # The body is read before the connection is gone.
        request.get_data()
        self.asked.append(request)
        self.does(request)
        answers = self.answers[request.method]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer = answer if isinstance(answer, Response) else answer(request)
        if isinstance(answer, Lost):
            environ["werkzeug.socket"].close()
            raise ConnectionAbortedError
        return answer(environ, start_response)

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.asked)


def answer(plain: object = None, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(plain if isinstance(plain, str) else json.dumps(plain), status, named)


def serve(testbed: Testbed, **answers: Any) -> Api:
    """Serve an API at `http://api.example.com`, with the answers to each method."""
    listed = {method: given if isinstance(given, list) else [given] for method, given in answers.items()}
    api = Api(listed)
    testbed.http_apis.serve(HOST, api, port=80, tls=False)
    return api


def step(method: str = "POST", path: str = "/drain", **options: Any) -> dict[str, Any]:
    return {"kind": "http-request", "options": {"method": method, "url": f"http://{HOST}{path}", **options}}


def begun(testbed: Testbed, *steps: dict[str, Any], within: float = 10, **plan: Any) -> str:
    (instance,) = testbed.group(plan={"steps": list(steps), **plan})
    testbed.terminate(instance)
    testbed.run(within)
    return instance


def outcome(testbed: Testbed) -> tuple[str, str]:
    """Return the status, and what it says."""
    record = testbed.record()
    return str(record.status), record.problem or "; ".join(each.detail for each in record.step_outcomes)
