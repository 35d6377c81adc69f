"""Lambda's durable execution API before a `DurableService`: what callers outside of the handler may ask.

moto has none of these operations. Paths and members are botocore's (`lambda`, 2015-03-31); the durable ones have
2025-12-01 in their paths.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aws_durable_execution_sdk_python.lambda_service import ErrorObject, InvocationStatus
from aws_durable_execution_sdk_python_testing.exceptions import (
    AwsApiException,
    ExecutionAlreadyStartedException,
    InvalidParameterValueException,
    ResourceNotFoundException,
)
from moto.awslambda import urls
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.responses import LambdaResponse
from moto.core.utils import get_service_model

from asg_lifecycle_simulator.region.rate_limits import START, TOO_MANY_REQUESTS
from asg_lifecycle_simulator.services.base import Service
from asg_lifecycle_simulator.services.durable_executions.function import RETENTION_DAYS
from asg_lifecycle_simulator.services.durable_executions.history_events import history_events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Response
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from asg_lifecycle_simulator.services.durable_executions.service import DurableService

MOST_LISTED = 1_000
EVENTS_A_PAGE = 100

PATHS = (
    "functions/(?P<function_name>.+)/durable-executions",
    "durable-execution-callbacks/(?P<callback_id>.+)",
    "durable-executions/(?P<durable_execution_arn>.+)",
)


class DurableRequests(Service):
    """The API of a `DurableService` in a region.

    `SendDurableExecutionCallbackSuccess`, `…Failure`, `…Heartbeat`, `GetDurableExecution`,
    `GetDurableExecutionHistory`, `ListDurableExecutionsByFunction`, `StopDurableExecution`, and `Invoke` of the durable
    function, asynchronously.

    Attributes:
        retention: seconds after its end for which an execution is known (`RetentionPeriodInDays`).
        histories_late: seconds after which an event is in the history; an execution that has ended may not have its
            end there yet (aws-durable-execution-sdk-js#351).
        histories_overlap: so many events of a page of a history are told again at the beginning of the next. Nothing
            that AWS says excludes it.
    """

    def __init__(self, region: Region, service: DurableService) -> None:
        super().__init__(region)
        self._service = service
        self.retention = RETENTION_DAYS * 86_400.0
        self.histories_late = 0.0
        self.histories_overlap = 0

    def install(self) -> None:
        """Add the operations to moto's Lambda."""
        paths = {f"{{0}}/(?P<api_version>[^/]+)/{path}$": LambdaResponse.dispatch for path in PATHS}
        self.region.replace(urls, "url_paths", urls.url_paths | paths)
        operations = {
            "send_durable_execution_callback_success": self._succeed,
            "send_durable_execution_callback_failure": self._fail,
            "send_durable_execution_callback_heartbeat": self._beat,
            "get_durable_execution": self._get,
            "get_durable_execution_history": self._history,
            "list_durable_executions_by_function": self._list,
            "stop_durable_execution": self._stop,
        }
        self.answer(LambdaResponse, {name: _with_errors(operation) for name, operation in operations.items()})
        self.region.replace(LambdaResponse, "invoke", self._invoke())
        self.region.fate = self._service.call_fate
        self._service.limit_checkpoints(lambda: self.region.limits.take("lambda", "CheckpointDurableExecution") is None)

    def uninstall(self) -> None:
        """Stop the executions; the region takes the operations back."""
        super().uninstall()
        self._service.close()

    def _invoke(self) -> Callable[[LambdaResponse], Any]:
        service, of_moto = self._service, LambdaResponse.invoke

        def invoke(request: LambdaResponse) -> Any:  # noqa: ANN401 - what moto's dispatcher takes
            function = unquote(request.path.rsplit("/", 2)[-2])
            if not service.serves(function, request.querystring.get("Qualifier", [None])[0]):
                return of_moto(request)
            if self.region.limits.take("lambda", START) is not None:
                refusal = LambdaClientError(TOO_MANY_REQUESTS.code, TOO_MANY_REQUESTS.message)
                refusal.code = TOO_MANY_REQUESTS.status
                raise refusal
            name = request.headers.get("X-Amz-Durable-Execution-Name")
            try:
                execution = service.start(json.loads(request.body or b"null"), name=name)
            except ExecutionAlreadyStartedException as error:
                refusal = LambdaClientError("DurableExecutionAlreadyStartedException", str(error))
                refusal.code = 409
                raise refusal from error
            return 202, {"X-Amz-Durable-Execution-Arn": execution.arn, "status": 202}, ""

        return invoke

    def _succeed(self, request: LambdaResponse) -> Response:
        self._service.callbacks.succeed(request.uri_match["CallbackId"], request.body)
        return {}

    def _fail(self, request: LambdaResponse) -> Response:
        self._service.callbacks.fail(request.uri_match["CallbackId"], _error(request))
        return {}

    def _beat(self, request: LambdaResponse) -> Response:
        self._service.callbacks.beat(request.uri_match["CallbackId"])
        return {}

    def _stop(self, request: LambdaResponse) -> Response:
        return {"StopTimestamp": self._service.stop(self._known(request).arn, _error(request))}

    def _list(self, request: LambdaResponse) -> Response:
        function = request.uri_match["FunctionName"]
        if not self._service.is_named(function):
            raise ResourceNotFoundException(f"Function not found: {function}")
        statuses = request.querystring.get("Statuses", [])
        # Of all versions, where none is named.
        after = request.querystring.get("StartedAfter", [None])[0]
        found = [
            each
            for each in self._service.executions
            if self._is_kept(each)
            and (not statuses or each.status in statuses)
            and (after is None or _began_after(each, after))
        ]
        first = int(request.querystring.get("Marker", ["0"])[0])
        most = min(int(request.querystring.get("MaxItems", ["100"])[0]), self.region.page_size or MOST_LISTED)
        answer: Response = {"DurableExecutions": [_summary(each) for each in found[first : first + most]]}
        if first + most < len(found):
            answer["NextMarker"] = str(first + most)
        return answer

    def _get(self, request: LambdaResponse) -> Response:
        execution = self._known(request)
        answer = _summary(execution) | {"Version": execution.record.executed_version()}
        answer["ExecutionDataIncluded"] = request.querystring.get("IncludeExecutionData", ["true"]) != ["false"]
        if not answer["ExecutionDataIncluded"]:
            return answer
        answer["InputPayload"] = execution.payload
        output = execution.record.result
        if output is not None and output.status is InvocationStatus.SUCCEEDED:
            answer["Result"] = output.result
        elif output is not None and output.error is not None:
            answer["Error"] = output.error.to_dict()
        return answer

    def _history(self, request: LambdaResponse) -> Response:
        given = request.querystring
        execution = self._known(request)
        with_data = given.get("IncludeExecutionData", ["true"]) != ["false"]
        known_until = self.region.timeline.now() - self.histories_late
        events = [
            event
            for event in history_events(execution, with_data=with_data)
            if event["EventTimestamp"].timestamp() <= known_until
        ]
        if given.get("ReverseOrder", ["false"]) == ["true"]:
            events.reverse()
        first, most = _page(given)
        answer: Response = {"Events": events[first : first + most]}
        if first + most < len(events):
            answer["NextMarker"] = str(max(first + 1, first + most - self.histories_overlap))
        return answer

    def _known(self, request: LambdaResponse) -> SimulatedExecution:
        execution = self._service.get(request.uri_match["DurableExecutionArn"])
        if not self._is_kept(execution):
            raise ResourceNotFoundException(f"Durable execution not found: {execution.arn}")
        return execution

    def _is_kept(self, execution: SimulatedExecution) -> bool:
        end = execution.record.get_operation_execution_started().end_timestamp
        return end is None or self.region.timeline.now() < end.timestamp() + self.retention


def _page(given: Mapping[str, list[str]]) -> tuple[int, int]:
    """Return which events of a history a request asks for: the first, from 0, and how many at most."""
    try:
        first, most = (int(given.get(name, ["0"])[0]) for name in ("Marker", "MaxItems"))
    except ValueError:
        raise InvalidParameterValueException("Marker and MaxItems are numbers here") from None
    if not 0 <= most <= MOST_LISTED or first < 0:
        raise InvalidParameterValueException(f"MaxItems is at most {MOST_LISTED}")
    # A value of 0 is the default.
    return first, most or EVENTS_A_PAGE


def _began_after(execution: SimulatedExecution, time: str) -> bool:
    began = execution.record.get_operation_execution_started().start_timestamp
    return began is not None and began > datetime.fromisoformat(time)


def _summary(execution: SimulatedExecution) -> Response:
    """Return what a list of executions says of one."""
    started = execution.record.get_operation_execution_started()
    answer: Response = {
        "DurableExecutionArn": execution.arn,
        "DurableExecutionName": execution.name,
        "FunctionArn": execution.arn.partition("/durable-execution/")[0],
        "StartTimestamp": started.start_timestamp,
        "Status": execution.status,
    }
    if started.end_timestamp is not None:
        answer["EndTimestamp"] = started.end_timestamp
    return answer


def _error(request: LambdaResponse) -> ErrorObject | None:
    return ErrorObject.from_dict(json.loads(request.body)) if request.body else None


def _with_errors(operation: Callable[[LambdaResponse], Response]) -> Callable[[LambdaResponse], Response]:
    """Return `operation` with the errors of the testing SDK as Lambda has them on the wire."""

    def answer(request: LambdaResponse) -> Response:
        try:
            return operation(request)
        except AwsApiException as error:
            raise _refusal(error) from error

    return answer


def _refusal(error: AwsApiException) -> LambdaClientError:
    code = type(error).__name__
    refusal = LambdaClientError(code, str(error))
    # The testing SDK's own status differs from the service model's here and there.
    refusal.code = get_service_model("lambda").shape_for(code).metadata["error"]["httpStatusCode"]
    return refusal
