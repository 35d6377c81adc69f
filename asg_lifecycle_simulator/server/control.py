"""The control API of a simulator server: what it holds, what happened, and what shall happen next.

It is served under `/simulator/` on the port of the AWS endpoint, to loopback addresses only.

| Request | Body | Answer |
|---|---|---|
| `GET /simulator/state` | | groups, instances, actions under way, targets, commands, calls |
| `GET /simulator/log?start=N` | | what happened, oldest first, from entry N on |
| `GET /simulator/events` | | the EventBridge events emitted so far, in order, lost ones included |
| `GET /simulator/event?instance=I&hook=H` | | the latest event of an action still under way; both filters optional |
| `POST /simulator/terminate` | `{"instance": I, "decrement": true}` | `{}`; scales in by this instance |
| `POST /simulator/faults` | `{"fault": F, "service": S, "operation": O, …}` | `{}` |

A fault `F` is `fail` (with `code`, optionally `message`, `status`, `times`), `throttle`, `contend`, `lose_response`,
`lose_request` (each optionally with `times`), `deny`, `allow`, or `clear` (which needs nothing else).

Errors are answered with a 4xx status and `{"error": "…"}`.
"""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asg_lifecycle_simulator.server.state import RegionState
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling

PREFIX = "/simulator/"

COUNTED_FAULTS = frozenset({"throttle", "contend", "lose_response", "lose_request"})
STANDING_FAULTS = frozenset({"deny", "allow"})
FAIL_FIELDS = ("code", "message", "status", "times")


class RefusedError(Exception):
    """A request that cannot be served.

    Attributes:
        status: the HTTP status to answer with.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class ControlApplication:
    """A WSGI application: the control API under `/simulator/`, everything else passed on to `services`."""

    def __init__(self, autoscaling: AutoScaling, state: RegionState, services: Callable[..., Iterable[bytes]]) -> None:
        self._autoscaling = autoscaling
        self._region = region = autoscaling.region
        self._state = state
        self._services = services
        self._routes: dict[tuple[str, str], Callable[[Request], Any]] = {
            ("GET", "state"): lambda _: state.read(),
            ("GET", "log"): self._log,
            ("GET", "events"): lambda _: list(region.events.emitted),
            ("GET", "event"): self._event,
            ("POST", "terminate"): self._terminate,
            ("POST", "faults"): self._faults,
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI
        """Serve one request."""
        if not str(environ.get("PATH_INFO", "")).startswith(PREFIX):
            return self._services(environ, start_response)
        request = Request(environ)
        try:
            answer, status = self._serve(request), 200
        except RefusedError as refused:
            answer, status = {"error": str(refused)}, refused.status
        response = Response(json.dumps(answer, ensure_ascii=False), status, content_type="application/json")
        return response(environ, start_response)

    def _serve(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        if not ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback:  # noqa: S104 - means "unknown"
            raise RefusedError("the control API answers loopback addresses only", 403)
        name = request.path.removeprefix(PREFIX).rstrip("/")
        route = self._routes.get((request.method, name))
        if route is None:
            offered = ", ".join(f"{method} {PREFIX}{path}" for method, path in self._routes)
            raise RefusedError(f"there is no {request.method} {request.path}; there is {offered}", 404)
        return route(request)

    def _log(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        start = request.args.get("start", "0")
        if not start.isdigit():
            raise RefusedError(f"start is {start!r}; expected a number")
        return self._state.log(int(start))

    def _event(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        wanted = {"EC2InstanceId": request.args.get("instance"), "LifecycleHookName": request.args.get("hook")}
        under_way = {action["token"] for action in self._state.read()["actions"]}
        for event in reversed(self._region.events.emitted):
            detail = event.get("detail")
            if (
                isinstance(detail, dict)
                and detail.get("LifecycleActionToken") in under_way
                and all(value in (None, detail.get(name)) for name, value in wanted.items())
            ):
                return event
        raise RefusedError("no such lifecycle action is under way", 404)

    def _terminate(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        body = _body(request, required={"instance"}, optional={"decrement"})
        try:
            self._autoscaling.terminate(body["instance"], decrement=body.get("decrement", True))
        except (ClientError, BotoCoreError) as error:
            raise RefusedError(str(error)) from error
        return {}

    def _faults(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        faults = self._region.faults
        body = _body(
            request, required={"fault"}, optional={"service", "operation", "code", "message", "status", "times"}
        )
        fault = body["fault"]
        if fault == "clear":
            faults.clear()
            return {}
        if not body.keys() >= {"service", "operation"}:
            raise RefusedError(f"the fault {fault!r} needs service and operation")
        target = (body["service"], body["operation"])
        if fault == "fail":
            if "code" not in body:
                raise RefusedError("the fault 'fail' needs code")
            faults.fail(*target, **{name: body[name] for name in FAIL_FIELDS if name in body})
        elif fault in COUNTED_FAULTS:
            getattr(faults, fault)(*target, times=body.get("times", 1))
        elif fault in STANDING_FAULTS:
            getattr(faults, fault)(*target)
        else:
            valid = ", ".join(sorted({"fail", "clear"} | COUNTED_FAULTS | STANDING_FAULTS))
            raise RefusedError(f"unknown fault {fault!r}; valid: {valid}")
        return {}


def _body(request: Request, *, required: set[str], optional: set[str]) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except (ValueError, HTTPException) as error:
        raise RefusedError(f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError("the body is no JSON object")
    if missing := required - body.keys():
        raise RefusedError(f"missing: {', '.join(sorted(missing))}")
    if unknown := body.keys() - required - optional:
        raise RefusedError(f"unknown: {', '.join(sorted(unknown))}; valid: {', '.join(sorted(required | optional))}")
    return body
