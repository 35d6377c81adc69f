"""Where every request to the region is intercepted, in process and over HTTP.

moto has one place per mode where a request arrives: `BotocoreStubber.process_request` in process, the WSGI
application of `ThreadedMotoServer` otherwise. Both are led through one `Gate`, so that errors, lost answers and
counts are the same in both modes and boto3 sees what it would see on the wire.
"""

from __future__ import annotations

import io
import json
import re
import socket
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlparse
from xml.sax.saxutils import escape

from botocore.exceptions import ConnectionClosedError
from moto import backend_index
from moto.backends import get_backend
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request, determine_request_protocol, normalize_request
from moto.core.routing import ServiceOperationRouter, get_service_router
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from botocore.awsrequest import AWSPreparedRequest
    from moto.core.common_types import TYPE_RESPONSE

    from asg_lifecycle_simulator.region.pages import PageLimit

AWS_DOMAINS = (".amazonaws.com", ".api.aws")

SERVICES_BY_SIGNING_NAME = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "tagging": "resourcegroupstaggingapi",
}
PREFIXED_HOSTS = {"://sync-states.": "://states."}
"""Hosts that boto3 puts a prefix before, and moto knows without."""

CLASSIC_LOAD_BALANCING_VERSION = "2012-06-01"

SERVER_ERROR = 500

LIBRARY_PATHS = ("/moto-api", "/latest/")
"""What a moto server serves beside AWS APIs."""


class AnswerLostError(Exception):
    """The connection breaks in place of an answer."""


@dataclass(frozen=True)
class ApiCall:
    """One request that reached the region.

    Attributes:
        time: when, seconds since the epoch on the region's timeline.
        service: boto3's name of the service.
        operation: the API's name of the operation.
        status: the HTTP status of the answer, None when it was lost.
    """

    time: float
    service: str
    operation: str
    status: int | None


class Serve(Protocol):
    """What moto makes of a request."""

    def __call__(self, limit: PageLimit | None = None) -> Response:
        """Answer the request, in pages no longer than `limit`."""
        ...


class Gate(Protocol):
    """What a request has to pass."""

    def __call__(self, request: Request, serve: Serve) -> Response:
        """Answer `request`, usually with what `serve` returns.

        Raises:
            AnswerLostError: there is no answer.
        """
        ...


def service_and_operation(request: Request) -> tuple[str, str]:
    """Return boto3's name of the service and the API's name of the operation that `request` is for.

    Either is empty when the request does not say.
    """
    credential = request.headers.get("Authorization", "").partition("Credential=")[2].split(",")[0].split("/")
    signing_name = credential[3] if len(credential) > 3 else ""  # noqa: PLR2004 - key/date/region/service
    service = SERVICES_BY_SIGNING_NAME.get(signing_name, signing_name)
    target = request.headers.get("X-Amz-Target", "")
    if target:
        return service, target.rpartition(".")[2]
    if action := request.values.get("Action"):
        if service == "elbv2" and request.values.get("Version") == CLASSIC_LOAD_BALANCING_VERSION:
            service = "elb"
        return service, str(action)
    if not service:
        return "", ""
    try:
        return service, str(_router(service).match(request)[0].name)
    except (NotFound, NotImplementedError):
        return service, ""


@cache
def _router(service: str) -> ServiceOperationRouter:
    return get_service_router(service)


def error_response(request: Request, service: str, code: str, message: str, status: int) -> Response:
    """Return an error as `service` puts it on the wire."""
    protocol = determine_request_protocol(get_service_model(service), request.content_type)
    if "json" in protocol:
        body = json.dumps({"__type": code, "message": message})
        return Response(body, status, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code})
    blame = "Receiver" if status >= SERVER_ERROR else "Sender"
    error = f"<Error><Type>{blame}</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    request_id = "<RequestId>00000000-0000-4000-8000-000000000000</RequestId>"
    if protocol == "ec2":
        body = f"<Response><Errors>{error}</Errors>{request_id}</Response>"
    else:
        body = f"<ErrorResponse>{error}{request_id}</ErrorResponse>"
    return Response(body, status, {"Content-Type": "text/xml"})


@contextmanager
def intercepted(gate: Gate) -> Iterator[None]:
    """Lead every request, in process and over HTTP, through `gate`."""
    with ExitStack() as undo:
        undo.enter_context(_replaced(BotocoreStubber, "process_request", _in_process(gate)))
        undo.enter_context(_replaced(DomainDispatcherApplication, "__call__", _over_http(gate)))
        yield


@contextmanager
def _replaced(owner: type, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _in_process(gate: Gate) -> Callable[[BotocoreStubber, AWSPreparedRequest], TYPE_RESPONSE | None]:
    process_request = BotocoreStubber.process_request

    def gated(stubber: BotocoreStubber, request: AWSPreparedRequest) -> TYPE_RESPONSE | None:
        address = urlparse(request.url)
        if not (address.hostname or "").endswith(AWS_DOMAINS):
            return process_request(stubber, request)
        for prefixed, plain in PREFIXED_HOSTS.items():
            request.url = request.url.replace(prefixed, plain, 1)
        address = urlparse(request.url)
        normalized = normalize_request(request)

        def serve(limit: PageLimit | None = None) -> Response:
            if limit is not None:
                _limit(request, limit)
            if limit is None and address.path == "/" and (method := _method(f"https://{address.netloc}/")):
                try:
                    answer = method(normalized, normalized.raw_url, normalized.headers)
                except HTTPException as error:
                    answer = error.code, error.get_headers(), error.get_body()
            else:
                answer = process_request(stubber, request)
            status, headers, body = (404, {}, "") if answer is None else answer
            return Response(body, status, dict(headers))

        try:
            response = gate(normalized, serve)
        except AnswerLostError:
            raise ConnectionClosedError(endpoint_url=request.url) from None
        return response.status_code, dict(response.headers), response.get_data()

    return gated


@cache
def _method(url: str) -> Callable[..., Any] | None:
    """Return what answers the requests of a service whose requests all have one address, as `process_request` finds it.

    Args:
        url: that address. The address of a service that has several is left to moto, which tries some 200 patterns.
    """
    for service, pattern in backend_index.backend_url_patterns:
        if pattern.match(url):
            backends = get_backend(service)  # type: ignore[call-overload]
            if not isinstance(backends, BackendDict):
                return None
            of_account = backends[DEFAULT_ACCOUNT_ID]
            backend = of_account["us-east-1"] if "us-east-1" in of_account else of_account["aws"]
            return next((method for known, method in backend.urls.items() if re.match(known, url)), None)
    return None


def _over_http(gate: Gate) -> Callable[..., Iterable[bytes]]:
    application = DomainDispatcherApplication.__call__

    def gated(
        dispatcher: DomainDispatcherApplication,
        environ: dict[str, Any],
        start_response: Any,  # noqa: ANN401 - WSGI
    ) -> Iterable[bytes]:
        if str(environ.get("PATH_INFO", "")).startswith(LIBRARY_PATHS):
            answer: Iterable[bytes] = application(dispatcher, environ, start_response)
            return answer
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))

        def again(limit: PageLimit | None = None) -> dict[str, Any]:
            limited = {} if limit is None else _limited(environ, body, limit)
            return {**environ, "wsgi.input": io.BytesIO(body), **limited}

        def serve(limit: PageLimit | None = None) -> Response:
            return Response.from_app(
                lambda *arguments: application(dispatcher, *arguments), again(limit), buffered=True
            )

        try:
            response = gate(Request(again()), serve)
        except AnswerLostError:
            # werkzeug goes quietly when the connection is gone already.
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError("the simulated region loses this answer") from None
        return response(environ, start_response)

    return gated


def _limit(request: AWSPreparedRequest, limit: PageLimit) -> None:
    given = normalize_request(request)
    limited = limit.in_body(given.content_type or "", given.get_data())
    if limited is None:
        request.url = limit.in_url(request.url)
    else:
        request.body = limited
        del request.headers["Content-Length"]
        request.headers["Content-Length"] = str(len(limited))


def _limited(environ: dict[str, Any], body: bytes, limit: PageLimit) -> dict[str, Any]:
    limited = limit.in_body(str(environ.get("CONTENT_TYPE", "")), body)
    if limited is None:
        return {"QUERY_STRING": limit.in_url(f"?{environ.get('QUERY_STRING', '')}").removeprefix("?")}
    return {"wsgi.input": io.BytesIO(limited), "CONTENT_LENGTH": str(len(limited))}
