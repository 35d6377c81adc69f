"""Lambda's durable execution API before a `DurableService`: what callers outside of the handler may ask.

moto has none of these operations. Paths and members are botocore's (`lambda`, 2015-03-31); the durable ones have
2025-12-01 in their paths.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aws_durable_execution_sdk_python.lambda_service import ErrorObject, InvocationStatus
from aws_durable_execution_sdk_python_testing.exceptions import AwsApiException, ExecutionAlreadyStartedException
from moto.awslambda import urls
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.responses import LambdaResponse
from moto.core.utils import get_service_model

from asg_lifecycle_simulator.services.base import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Response
    from asg_lifecycle_simulator.services.durable_executions.service import DurableService

PATHS = ("durable-execution-callbacks/(?P<callback_id>.+)", "durable-executions/(?P<durable_execution_arn>.+)")


class DurableRequests(Service):
    """The API of a `DurableService` in a region.

    `SendDurableExecutionCallbackSuccess`, `…Failure`, `…Heartbeat`, `GetDurableExecution`, `StopDurableExecution`, and
    `Invoke` of the durable function, asynchronously.
    """

    def __init__(self, region: Region, service: DurableService) -> None:
        super().__init__(region)
        self._service = service

    def install(self) -> None:
        """Add the operations to moto's Lambda."""
        paths = {f"{{0}}/(?P<api_version>[^/]+)/{path}$": LambdaResponse.dispatch for path in PATHS}
        self.region.replace(urls, "url_paths", urls.url_paths | paths)
        operations = {
            "send_durable_execution_callback_success": self._succeed,
            "send_durable_execution_callback_failure": self._fail,
            "send_durable_execution_callback_heartbeat": self._beat,
            "get_durable_execution": self._get,
            "stop_durable_execution": self._stop,
        }
        self.answer(LambdaResponse, {name: _with_errors(operation) for name, operation in operations.items()})
        self.region.replace(LambdaResponse, "invoke", self._invoke())
        self.region.fate = self._service.call_fate

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
        self._service.send_callback_success(request.uri_match["CallbackId"], request.body)
        return {}

    def _fail(self, request: LambdaResponse) -> Response:
        self._service.send_callback_failure(request.uri_match["CallbackId"], _error(request))
        return {}

    def _beat(self, request: LambdaResponse) -> Response:
        self._service.send_callback_heartbeat(request.uri_match["CallbackId"])
        return {}

    def _stop(self, request: LambdaResponse) -> Response:
        return {"StopTimestamp": self._service.stop(request.uri_match["DurableExecutionArn"], _error(request))}

    def _get(self, request: LambdaResponse) -> Response:
        execution = self._service.get(request.uri_match["DurableExecutionArn"])
        started = execution.record.get_operation_execution_started()
        answer: Response = {
            "DurableExecutionArn": execution.arn,
            "DurableExecutionName": execution.name,
            "FunctionArn": execution.arn.partition("/durable-execution/")[0],
            "StartTimestamp": started.start_timestamp,
            "Status": execution.status,
            "Version": execution.record.executed_version(),
        }
        if started.end_timestamp is not None:
            answer["EndTimestamp"] = started.end_timestamp
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
