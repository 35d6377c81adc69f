"""Errors as they come over the wire, each through the real parser of its service's protocol."""

from __future__ import annotations

import io
import json
import socket
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from asg_lifecycle.aws.account import Account, acting_in
from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.errors import calling, classify
from asg_lifecycle.aws.stacks import Stacks
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure
from asg_lifecycle_simulator.region.environment import region_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TRANSIENT, DENIED, REFUSED, NOT_FOUND = (
    Consequence.TRANSIENT,
    Consequence.DENIED,
    Consequence.REFUSED,
    Consequence.NOT_FOUND,
)

CALLS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "autoscaling": (
        "autoscaling:DescribeAutoScalingInstances",
        lambda client: client.describe_auto_scaling_instances(),
    ),
    "dynamodb": ("dynamodb:PutItem", lambda client: client.put_item(TableName="table", Item={})),
    "ec2": ("ec2:DescribeInstances", lambda client: client.describe_instances()),
    "elbv2": (
        "elasticloadbalancing:DescribeTargetHealth",
        lambda client: client.describe_target_health(TargetGroupArn="arn"),
    ),
    "resourcegroupstaggingapi": ("tag:GetResources", lambda client: client.get_resources()),
    "ssm": ("ssm:ListCommands", lambda client: client.list_commands()),
}
"""One call of each service, with its IAM action."""


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    with region_environment("eu-central-1", "123456789012"):
        yield


@cache
def session() -> boto3.session.Session:
    """Return the session of all clients: it reads the service models once."""
    return boto3.session.Session()


class Body(io.BytesIO):
    """A response's body as urllib3 gives it to botocore."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def wire(service: str, code: str, message: str) -> bytes:
    """Return an error's body in the service's protocol."""
    if service == "ec2":
        return (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "<RequestID>1</RequestID></Response>"
        ).encode()
    if service in {"autoscaling", "elbv2"}:
        return (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            "<RequestId>1</RequestId></ErrorResponse>"
        ).encode()
    return json.dumps({"__type": f"com.amazonaws.{service}#{code}", "message": message}).encode()


def failure_of(service: str, status: int, body: bytes) -> Failure:
    """Make the service's call, have it answered so, and return what the failure is taken for."""
    make: Callable[..., Any] = session().client
    client = make(service, region_name="eu-central-1", config=Config(retries={"total_max_attempts": 1}))

    def answer(**_: object) -> AWSResponse:
        return AWSResponse("https://loopback", status, {}, Body(body))  # type: ignore[arg-type]

    client.meta.events.register("before-send", answer)
    action, call = CALLS[service]
    with pytest.raises(CallFailed) as caught, calling(action):
        call(client)
    return caught.value.failure


TABLE = [
    # Throttling, contention, faults of the service: pass by themselves.
    pytest.param("autoscaling", 400, "Throttling", "Rate exceeded", TRANSIENT, id="R15"),
    pytest.param("autoscaling", 500, "ResourceContention", "You already have a pending update", TRANSIENT, id="R14"),
    ("autoscaling", 503, "ServiceUnavailable", "", TRANSIENT),
    ("autoscaling", 500, "InternalFailure", "", TRANSIENT),
    ("autoscaling", 403, "ExpiredToken", "The security token included in the request is expired", TRANSIENT),
    ("autoscaling", 400, "RequestExpired", "", TRANSIENT),
    ("ec2", 503, "RequestLimitExceeded", "Request limit exceeded.", TRANSIENT),
    ("ec2", 400, "RequestLimitExceeded", "Request limit exceeded.", TRANSIENT),
    ("ec2", 400, "EC2ThrottledException", "", TRANSIENT),
    ("ec2", 503, "Unavailable", "", TRANSIENT),
    ("ec2", 401, "AuthFailure", "AWS was not able to validate the provided access credentials", TRANSIENT),
    ("autoscaling", 403, "InvalidClientTokenId", "", TRANSIENT),
    ("ssm", 400, "UnrecognizedClientException", "", TRANSIENT),
    ("ec2", 500, "InternalError", "", TRANSIENT),
    ("elbv2", 400, "Throttling", "Rate exceeded", TRANSIENT),
    ("elbv2", 400, "RequestThrottled", "", TRANSIENT),
    ("elbv2", 429, "NeverHeardOf", "", TRANSIENT),
    ("dynamodb", 400, "ProvisionedThroughputExceededException", "", TRANSIENT),
    ("dynamodb", 400, "ThrottlingException", "Rate of requests exceeds the allowed throughput.", TRANSIENT),
    ("dynamodb", 400, "RequestLimitExceeded", "", TRANSIENT),
    ("dynamodb", 400, "TransactionInProgressException", "", TRANSIENT),
    ("dynamodb", 500, "InternalServerError", "", TRANSIENT),
    ("dynamodb", 400, "ExpiredTokenException", "", TRANSIENT),
    ("ssm", 400, "ThrottlingException", "Rate exceeded", TRANSIENT),
    ("ssm", 400, "ThrottledException", "", TRANSIENT),
    ("ssm", 400, "TooManyRequestsException", "", TRANSIENT),
    ("ssm", 400, "RequestTimeoutException", "", TRANSIENT),
    ("ssm", 500, "InternalServerError", "", TRANSIENT),
    ("resourcegroupstaggingapi", 400, "ThrottledException", "", TRANSIENT),
    # A permission is missing.
    ("autoscaling", 403, "AccessDenied", "User is not authorized", DENIED),
    ("elbv2", 403, "AccessDenied", "User is not authorized", DENIED),
    ("ec2", 403, "UnauthorizedOperation", "You are not authorized to perform this operation.", DENIED),
    ("dynamodb", 400, "AccessDeniedException", "User is not authorized", DENIED),
    ("ssm", 400, "AccessDeniedException", "User is not authorized", DENIED),
    ("resourcegroupstaggingapi", 400, "AccessDeniedException", "", DENIED),
    # What was asked about is not there.
    ("ec2", 400, "InvalidInstanceID.NotFound", "The instance ID 'i-1' does not exist", NOT_FOUND),
    ("ec2", 400, "InvalidInstanceID.Malformed", 'Invalid id: "i-1"', NOT_FOUND),
    ("elbv2", 400, "TargetGroupNotFound", "Target groups not found", NOT_FOUND),
    ("elbv2", 400, "LoadBalancerNotFound", "", NOT_FOUND),
    ("dynamodb", 400, "ResourceNotFoundException", "Requested resource not found", NOT_FOUND),
    # The request is wrong.
    ("autoscaling", 400, "ValidationError", "No active Lifecycle Action found with token 1", REFUSED),
    ("elbv2", 400, "ValidationError", "'arn' is not a valid target group ARN", REFUSED),
    ("elbv2", 400, "InvalidTarget", "", REFUSED),
    ("dynamodb", 400, "ValidationException", "", REFUSED),
    ("dynamodb", 400, "ConditionalCheckFailedException", "The conditional request failed", REFUSED),
    ("ssm", 400, "InvalidInstanceId", "", REFUSED),
    ("ssm", 400, "InvalidDocument", "", NOT_FOUND),
    ("ssm", 400, "NeverHeardOf", "", REFUSED),
]


@pytest.mark.parametrize(("service", "status", "code", "message", "consequence"), TABLE)
def test_an_answer(service: str, status: int, code: str, message: str, consequence: Consequence) -> None:
    failure = failure_of(service, status, wire(service, code, message))
    action, _ = CALLS[service]
    assert failure == Failure(consequence=consequence, action=action, code=code, message=message or "no message")
    assert action in str(failure)
    assert code in str(failure)
    assert message in str(failure)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>Bad Gateway</html>"], ids=["empty", "of a proxy"])
@pytest.mark.parametrize("service", ["autoscaling", "dynamodb"])
def test_an_answer_that_is_not_the_services_own_passes(service: str, status: int, body: bytes) -> None:
    assert failure_of(service, status, body).consequence is TRANSIENT


@pytest.mark.parametrize("body", [b"", b"<DescribeAutoScalingInstancesResp", b"<ErrorResponse><Error><Co"])
@pytest.mark.parametrize("status", [200, 400])
def test_an_answer_cut_short_passes(status: int, body: bytes) -> None:
    failure = failure_of("autoscaling", status, body)
    assert (failure.consequence, failure.code) == (TRANSIENT, "ResponseParserError")


def test_a_denied_call_names_what_to_grant() -> None:
    failure = failure_of("elbv2", 403, wire("elbv2", "AccessDenied", "User is not authorized"))
    assert str(failure) == (
        "permission elasticloadbalancing:DescribeTargetHealth is missing: User is not authorized (AccessDenied); "
        "grant it to the function's role"
    )


def test_another_failed_call_names_itself() -> None:
    failure = failure_of("autoscaling", 400, wire("autoscaling", "Throttling", "Rate exceeded"))
    assert str(failure) == "autoscaling:DescribeAutoScalingInstances failed: Rate exceeded (Throttling)"


def test_every_code_that_boto3_itself_would_try_again_is_passing() -> None:
    definitions = botocore.session.get_session().get_data("_retry")["definitions"]
    responses = [definition["applies_when"].get("response", {}) for definition in definitions.values()]
    codes = {response["service_error_code"] for response in responses if "service_error_code" in response}
    assert {"Throttling", "ThrottledException"} <= codes
    for code in codes:
        error = ClientError({"Error": {"Code": code, "Message": ""}}, "Operation")
        assert classify(error, "service:Operation").consequence is TRANSIENT, code


# No answer at all


def listening() -> socket.socket:
    """Return a loopback socket that takes connections and never answers."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def failure_at(port: int) -> Failure:
    client = boto3.session.Session().client(
        "autoscaling",
        region_name="eu-central-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=0.2, read_timeout=0.05),
    )
    with pytest.raises(CallFailed) as caught, calling("autoscaling:DescribeAutoScalingInstances"):
        client.describe_auto_scaling_instances()
    return caught.value.failure


@pytest.mark.parametrize(
    ("made_of", "said"),
    [
        ({"AWS_ENDPOINT_URL": "nonsense"}, "Invalid endpoint: nonsense"),
        ({"AWS_PROFILE": "broken"}, "No such file or directory: '/nowhere/login'"),
        ({"AWS_REGION": "eu west"}, "Provided region_name 'eu west' doesn't match"),
    ],
)
def test_a_configuration_that_no_client_can_be_made_of_is_a_call_that_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made_of: dict[str, str], said: str
) -> None:
    settings = tmp_path / "config"
    settings.write_text("[profile broken]\ncredential_process = /nowhere/login\n", encoding="utf-8")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"AWS_CONFIG_FILE": str(settings), "AWS_DEFAULT_REGION": "eu-west-1"} | made_of).items():
        monkeypatch.setenv(name, value)
    account = Account(profile=made_of.get("AWS_PROFILE"), region=made_of.get("AWS_REGION"))
    with acting_in(account), pytest.raises(CallFailed) as caught:
        Stacks(Clients(region=account.region or "eu-west-1")).all()
    assert said in str(caught.value)


def test_nobody_listening_passes() -> None:
    with listening() as server:
        port = server.getsockname()[1]
    failure = failure_at(port)
    assert (failure.consequence, failure.code) == (TRANSIENT, "EndpointConnectionError")
    assert str(failure).startswith("autoscaling:DescribeAutoScalingInstances failed: Could not connect")


def test_an_answer_that_does_not_come_passes() -> None:
    with listening() as server:
        failure = failure_at(server.getsockname()[1])
    assert (failure.consequence, failure.code) == (TRANSIENT, "ReadTimeoutError")


def test_no_credentials_yet_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    client = boto3.session.Session().client("autoscaling", region_name="eu-central-1")
    with pytest.raises(CallFailed) as caught, calling("autoscaling:DescribeAutoScalingInstances"):
        client.describe_auto_scaling_instances()
    assert (caught.value.failure.consequence, caught.value.failure.code) == (TRANSIENT, "NoCredentialsError")


def test_a_request_that_boto3_finds_malformed_is_refused() -> None:
    client: Any = session().client("autoscaling", region_name="eu-central-1")
    with pytest.raises(CallFailed) as caught, calling("autoscaling:CompleteLifecycleAction"):
        client.complete_lifecycle_action(AutoScalingGroupName="")
    assert (caught.value.failure.consequence, caught.value.failure.code) == (REFUSED, "ParamValidationError")
    assert "LifecycleHookName" in str(caught.value)


# The context manager


def test_the_cause_is_kept() -> None:
    error = ClientError({"Error": {"Code": "Throttling", "Message": "Rate exceeded"}}, "PutItem")
    with pytest.raises(CallFailed) as caught, calling("dynamodb:PutItem"):
        raise error
    assert caught.value.__cause__ is error
    assert str(caught.value) == str(caught.value.failure)


def test_an_answer_without_an_error_in_it_is_refused() -> None:
    assert classify(ClientError({}, "PutItem"), "dynamodb:PutItem") == Failure(
        consequence=REFUSED, action="dynamodb:PutItem", code="Unknown", message="no message"
    )


@pytest.mark.parametrize("error", [KeyError("TargetGroups"), CallFailed, OSError("disk")])
def test_what_is_no_failed_call_goes_through(error: Exception | type[Exception]) -> None:
    raised = CallFailed(classify(BotoCoreError(), "a:B")) if isinstance(error, type) else error
    with pytest.raises(type(raised)) as caught, calling("dynamodb:PutItem"):
        raise raised
    assert caught.value is raised


def test_nothing_happens_to_a_call_that_works() -> None:
    with calling("dynamodb:PutItem"):
        pass
