"""The kind that asks HTTP APIs: one API of jobs, which end by themselves once it was told to drain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from werkzeug.wrappers import Request, Response

from asg_lifecycle_simulator.campaign.kinds.base import EITHER, CampaignKind, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

HOST = "runners.example.com"
POLL: Mapping[str, Any] = {"until": "jobs == `0`", "progress": "{jobs} jobs left"}
NEVER: Mapping[str, Any] = {"until": "jobs == `-1`"}


class HttpRequest(CampaignKind):
    """`http-request`."""

    kind = "http-request"
    transitions = EITHER
    shapes: ClassVar[Mapping[str, Shape]] = {
        "drains": Shape(weight=3, options={"method": "PUT", "poll": dict(POLL)}),
        "once": Shape(options={"method": "DELETE"}),
        "is busy at first": Shape(options={"method": "PUT"}),
        "is refused": Shape(options={"method": "POST"}, fails=True),
        "never ends": Shape(options={"method": "PUT", "poll": dict(NEVER)}, endless=True),
    }
    absent: ClassVar[Mapping[str, Any]] = {"find": {"url": f"http://{HOST}/instances", "value": "[0].id"}}
    calls: ClassVar[Mapping[str, tuple[str, ...]]] = {"ssm": ("GetParameters",)}

    @classmethod
    def drawn_options(cls, random: Any) -> dict[str, Any]:  # noqa: ANN401 - the overridden signature
        """Name the API."""
        del random
        return {"url": f"http://{HOST}/instances/{{instance}}"}

    def arrange(self) -> None:
        """Serve the API."""
        self._told: dict[str, list[float]] = {}
        self._busy: set[str] = set()
        self.testbed.http_apis.serve(HOST, self._answer, port=80, tls=False)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        instance = request.path.rpartition("/")[2]
        if request.path == "/instances":
            return Response("[]")(environ, start_response)
        with self.testbed.region.lock:
            answer = self._changed(instance) if request.method != "GET" else self._jobs(instance)
        return answer(environ, start_response)

    def _changed(self, instance: str) -> Response:
        if self.step.shape == "is refused":
            return Response("no such pool", 422)
        if self.step.shape == "is busy at first" and instance not in self._busy:
            self._busy.add(instance)
            return Response(status=503, headers={"Retry-After": "20"})
        self._told.setdefault(instance, []).append(self.now)
        return Response(status=204)

    def _jobs(self, instance: str) -> Response:
        told = self._told.get(instance)
        if told is None:
            return Response("no such instance", 404)
        return Response(json.dumps({"jobs": 0 if self.now >= told[-1] + self.step.takes else 1}))

    def undone(self, instance: str, since: float) -> str | None:
        """Return that the API was not told, or that jobs are left."""
        if self.replaced_by_absent:
            return None
        told = [at for at in self._told.get(instance, ()) if at >= since]
        if not told:
            return "its API was told"
        left = self.step.shape == "drains" and self.now < told[0] + self.step.takes
        return "its jobs had ended" if left else None
