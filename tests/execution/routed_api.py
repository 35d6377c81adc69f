"""A simulated HTTP API with paths, and an example plan that is played against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from asg_lifecycle.cli.plan_files import read_plan
from tests.execution.http_api import answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from tests.execution.conftest import Testbed

PLANS = Path(__file__).parents[2] / "plans"


class Routed:
    """An API whose methods are called by the path of a request.

    Attributes:
        said: what was asked and answered so far.
        down: whoever asks is told so, and nothing is done.
        loses: the endpoints whose next answer is lost, after what they do is done.
        kills: the endpoints in whose next request the function dies, after what they do is done and before it is kept.
    """

    rules: tuple[Rule, ...]
    secret = ""

    def __init__(self, testbed: Testbed) -> None:
        self.testbed = testbed
        self.map = Map([rule.empty() for rule in self.rules], strict_slashes=False)
        self.said: list[str] = []
        self.down = False
        self.loses: set[str] = set()
        self.kills: set[str] = set()

    @property
    def now(self) -> float:
        return self.testbed.timeline.now()

    def authorized(self, request: Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.secret}"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request, endpoint = Request(environ), ""
        try:
            endpoint, arguments = self.map.bind_to_environ(environ).match()
            response = self._answer(endpoint, request, arguments)
        except HTTPException as error:
            response = Response(str(error), error.code)
        self.said.append(f"{request.method} {request.path} {response.status_code}")
        if endpoint in self.loses:
            self.loses.remove(endpoint)
            environ["werkzeug.socket"].close()
            raise ConnectionAbortedError
        answered: Iterable[bytes] = response(environ, start_response)
        return answered

    def _answer(self, endpoint: str, request: Request, arguments: Mapping[str, Any]) -> Response:
        # The body is read before the connection may be gone.
        request.get_data()
        if self.down:
            return answer("no server is available", 502)
        if not self.authorized(request):
            return answer("who are you", 401)
        answered: Response = getattr(self, endpoint)(request, **arguments)
        if endpoint in self.kills:
            self.kills.remove(endpoint)
            # Its next checkpoint is its end.
            self.testbed.execution.runs[-1].crashed = True
        return answered


def plan_of(name: str) -> Any:
    """Return an example plan as it is."""
    return read_plan((PLANS / f"{name}.yaml").read_text()).plan


def started(  # noqa: PLR0913 - what a plan needs
    testbed: Testbed, name: str, api: Routed, *, host: str, port: int, secret: tuple[str, str]
) -> str:
    """Deploy a plan as it is, but for the authority of the test's certificates; return the instance of its group."""
    testbed.http_apis.serve(host, api, port=port)
    testbed.http_apis.secret(*secret)
    plan = plan_of(name)
    for step in plan["steps"]:
        if step["kind"] == "http-request":
            step["options"]["certificate_authority"] = testbed.http_apis.authority
    (instance,) = testbed.group(plan=plan, heartbeat=1800)
    return instance
