from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_durable_execution_sdk_python import CallbackError, DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VIRTUAL_START, VirtualTimeline
from asg_lifecycle_simulator.services.durable_executions.requests import DurableRequests
from asg_lifecycle_simulator.services.durable_executions.service import DurableService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution


class Office:
    """A region with a durable function whose executions wait for one message."""

    def __init__(self, region: Region, timeline: VirtualTimeline) -> None:
        self.region = region
        self.timeline = timeline
        self.callback_id = ""
        self.service = DurableService(timeline, durable_execution(self._wait))
        region.add(DurableRequests(region, self.service))
        self.client = region.client("lambda")
        self.execution = self.service.start({"group": "web"}, name="drain-1")
        timeline.run_for(10)

    def _wait(self, event: dict[str, Any], context: DurableContext) -> str:
        config = CallbackConfig(heartbeat_timeout=Duration(seconds=100))
        callback = context.create_callback("mailbox", config)
        self.callback_id = callback.callback_id
        try:
            return f"{event['group']}: {callback.result()}"
        except CallbackError as error:
            return f"failed: {error}"

    def finished(self) -> SimulatedExecution:
        self.timeline.run_for(0)
        assert self.execution.is_complete
        return self.execution

    def refusal(self, operation: str, **request: str | bytes) -> tuple[str, int]:
        with pytest.raises(ClientError) as refused:
            getattr(self.client, operation)(**request)
        response = refused.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def office() -> Iterator[Office]:
    timeline = VirtualTimeline()
    with Region(timeline) as region:
        yield Office(region, timeline)


def test_any_client_of_the_process_can_complete_a_callback(office: Office) -> None:
    boto3.client("lambda").send_durable_execution_callback_success(CallbackId=office.callback_id, Result=b"go on")

    assert office.finished().result == "web: go on"
    assert office.region.calls["lambda", "SendDurableExecutionCallbackSuccess"] == 1


def test_a_callback_can_be_completed_without_a_message(office: Office) -> None:
    office.client.send_durable_execution_callback_success(CallbackId=office.callback_id)

    assert office.finished().result == "web: None"


def test_a_callback_can_be_failed(office: Office) -> None:
    office.client.send_durable_execution_callback_failure(
        CallbackId=office.callback_id, Error={"ErrorMessage": "no", "ErrorType": "Refused"}
    )

    assert office.finished().result == "failed: no"


def test_a_callback_can_be_kept_alive(office: Office) -> None:
    office.timeline.run_for(80)
    office.client.send_durable_execution_callback_heartbeat(CallbackId=office.callback_id)
    office.timeline.run_for(80)

    assert office.execution.status == "RUNNING"


def test_a_closed_callback_is_refused(office: Office) -> None:
    office.service.callbacks.succeed(office.callback_id, "first")

    assert office.refusal("send_durable_execution_callback_success", CallbackId=office.callback_id, Result=b"") == (
        "CallbackTimeoutException",
        400,
    )


def test_what_is_no_callback_id_is_refused(office: Office) -> None:
    assert office.refusal("send_durable_execution_callback_heartbeat", CallbackId="abcd") == (
        "InvalidParameterValueException",
        400,
    )


def test_an_execution_can_be_looked_at_while_it_runs(office: Office) -> None:
    answer = office.client.get_durable_execution(DurableExecutionArn=office.execution.arn)

    assert answer["DurableExecutionName"] == "drain-1"
    assert answer["FunctionArn"] == "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle-action:1"
    assert answer["InputPayload"] == '{"group": "web"}'
    assert answer["Status"] == "RUNNING"
    assert answer["StartTimestamp"].timestamp() == VIRTUAL_START
    assert "EndTimestamp" not in answer


def test_an_execution_can_be_looked_at_when_it_has_ended(office: Office) -> None:
    office.service.callbacks.succeed(office.callback_id, "go on")
    office.finished()

    answer = office.client.get_durable_execution(DurableExecutionArn=office.execution.arn)

    assert (answer["Status"], answer["Result"]) == ("SUCCEEDED", '"web: go on"')
    assert answer["EndTimestamp"].timestamp() == VIRTUAL_START + 10


def test_an_execution_can_be_stopped(office: Office) -> None:
    stopped = office.client.stop_durable_execution(
        DurableExecutionArn=office.execution.arn, Error={"ErrorMessage": "enough"}
    )

    assert stopped["StopTimestamp"].timestamp() == VIRTUAL_START + 10
    answer = office.client.get_durable_execution(DurableExecutionArn=office.execution.arn)
    assert (answer["Status"], answer["Error"]["ErrorMessage"]) == ("STOPPED", "enough")


@pytest.mark.parametrize("operation", ["get_durable_execution", "stop_durable_execution"])
def test_an_unknown_execution_is_not_found(office: Office, operation: str) -> None:
    assert office.refusal(operation, DurableExecutionArn=office.execution.arn + "0") == (
        "ResourceNotFoundException",
        404,
    )


def test_faults_of_the_region_reach_the_callback_api(office: Office) -> None:
    office.region.faults.deny("lambda", "SendDurableExecutionCallbackSuccess")

    assert office.refusal("send_durable_execution_callback_success", CallbackId=office.callback_id) == (
        "AccessDenied",
        403,
    )


def test_a_server_of_the_region_takes_callbacks_too(office: Office) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client("lambda", endpoint_url=f"http://{host}:{port}")
        client.send_durable_execution_callback_success(CallbackId=office.callback_id, Result=b"over HTTP")
        answer = client.get_durable_execution(DurableExecutionArn=office.execution.arn)
    finally:
        server.stop()

    assert answer["Status"] == "RUNNING"
    assert office.finished().result == "web: over HTTP"


def test_the_region_takes_everything_with_it() -> None:
    timeline = VirtualTimeline()
    with Region(timeline) as region:
        office = Office(region, timeline)

    timeline.run_for(1_000)

    assert office.execution.status == "RUNNING"
    with Region(VirtualTimeline()) as next_region, pytest.raises((NotImplementedError, ClientError)):
        next_region.client("lambda").get_durable_execution(DurableExecutionArn=office.execution.arn)
