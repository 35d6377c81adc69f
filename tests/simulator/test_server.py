from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from aws_durable_execution_sdk_python_testing.model import StartDurableExecutionInput
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from werkzeug.test import Client

from asg_lifecycle.model.events import Handle, decide
from asg_lifecycle.plans.selection import plan_offline
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.server import command_line, presets
from asg_lifecycle_simulator.server import server as simulator_server
from asg_lifecycle_simulator.server.control import ControlApplication
from asg_lifecycle_simulator.server.state import RegionState
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.run_command.service import RunCommand
from asg_lifecycle_simulator.services.target_groups import TargetGroups
from tests.cli.forked_module import ForkedModule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
EVENT = json.loads((ROOT / "events" / "terminate.json").read_text())
TOKEN = EVENT["detail"]["LifecycleActionToken"]
INSTANCE = EVENT["detail"]["EC2InstanceId"]
OTHER_INSTANCE = "i-1234567890abcdef1"
PATIENCE = 10.0


class Runner(BaseHTTPRequestHandler):
    started: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.started.append({"path": self.path, **body})
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server:
    def __init__(self, process: ForkedModule, description: dict[str, Any]) -> None:
        self.process = process
        self.description = description

    def client(self, service: str, region: str | None = None) -> Any:
        environment = self.description["environment"]
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=region or environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def get(self, path: str) -> Any:
        with urlopen(self.description["control"] + path, timeout=PATIENCE) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def post(self, path: str, body: object) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        with urlopen(Request(self.description["control"] + path, data), timeout=PATIENCE) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def until(self, path: str, holds: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if holds(answer := self.get(path)):
                return answer
        raise TimeoutError(path)


def without_aws() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


def running(*arguments: str) -> ForkedModule:
    return ForkedModule("asg_lifecycle_simulator", *arguments, environment=without_aws(), folder=ROOT)


@contextmanager
def running_from_nothing(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "asg_lifecycle_simulator", *arguments],
        cwd=ROOT,
        env=without_aws(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def runner() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    started: list[dict[str, Any]] = []
    server = HTTPServer(("127.0.0.1", 0), type("Recorder", (Runner,), {"started": started}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", started
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def server(runner: tuple[str, list[dict[str, Any]]]) -> Iterator[Server]:
    url, _ = runner
    options = ("--port", "0", "--json", "--scale", "60", "--scenario", "terminate")
    with running(*options, "--deliver-to", url, "--lambda-endpoint", "http://127.0.0.1:8080") as process:
        assert process.stdout is not None
        yield Server(process, json.loads(process.stdout.readline()))
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")


def error_of(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(HTTPError) as refused:
        call()
    with refused.value as answer:
        return answer.code, json.load(answer)["error"]


def test_it_prints_what_it_holds(server: Server) -> None:
    said = server.description
    assert said["environment"]["AWS_ENDPOINT_URL"] == said["endpoint"]
    assert said["region"] == EVENT["region"]
    assert said["tables"] == ["asg-lifecycle"]
    (group,) = said["groups"]
    assert [hook["name"] for hook in group["hooks"]] == ["asg-lifecycle-terminate", "asg-lifecycle-launch"]
    assert {instance["id"]: instance["state"] for instance in group["instances"]} == {
        INSTANCE: "Terminating:Wait",
        OTHER_INSTANCE: "InService",
    }
    assert [target["id"] for target in said["target_groups"][0]["targets"]] == [INSTANCE, OTHER_INSTANCE]


def test_it_answers_the_aws_apis(server: Server) -> None:
    groups = server.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert [group["AutoScalingGroupName"] for group in groups] == ["web"]
    table = server.client("dynamodb").describe_table(TableName="asg-lifecycle")["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["wait", "entry"]
    managed = server.client("ssm").describe_instance_information()["InstanceInformationList"]
    assert {entry["InstanceId"]: entry["PingStatus"] for entry in managed} == {
        INSTANCE: "Online",
        OTHER_INSTANCE: "Online",
    }
    elbv2 = server.client("elbv2")
    group = elbv2.describe_target_groups(Names=["web"])["TargetGroups"][0]["TargetGroupArn"]
    health = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert {entry["TargetHealth"]["State"] for entry in health} == {"healthy"}


def test_the_sample_event_finds_its_action_and_can_be_had_afresh(server: Server) -> None:
    (action,) = [action for action in server.get("state")["actions"] if action["instance"] == INSTANCE]
    assert (action["token"], action["group"], action["hook"]) == (
        TOKEN,
        EVENT["detail"]["AutoScalingGroupName"],
        EVENT["detail"]["LifecycleHookName"],
    )
    assert 0 < action["heartbeat_remaining"] <= 3600 < action["global_remaining"] <= 172_800
    event = server.get(f"event?instance={INSTANCE}&hook=asg-lifecycle-terminate")
    assert event["detail"]["LifecycleActionToken"] == TOKEN
    assert event["detail-type"] == EVENT["detail-type"]
    assert event["time"] > EVENT["time"]

    fields = {
        "AutoScalingGroupName": "web",
        "LifecycleHookName": "asg-lifecycle-terminate",
        "LifecycleActionToken": TOKEN,
        "InstanceId": INSTANCE,
    }
    autoscaling = server.client("autoscaling")
    autoscaling.record_lifecycle_action_heartbeat(**fields)
    autoscaling.complete_lifecycle_action(**fields, LifecycleActionResult="CONTINUE")
    server.until(
        "log",
        lambda log: any(entry["instance"] == INSTANCE and entry["detail"] == "Terminated" for entry in log),
    )
    assert [entry["detail"] for entry in server.get("log") if entry["kind"] == "completed"] == [
        "CONTINUE CompleteLifecycleAction"
    ]
    assert error_of(lambda: server.get(f"event?instance={INSTANCE}"))[0] == 404


def test_an_instance_can_be_terminated_and_every_event_reaches_the_local_runner(
    server: Server, runner: tuple[str, list[dict[str, Any]]]
) -> None:
    assert server.post("terminate", {"instance": OTHER_INSTANCE}) == {}
    events = server.until("events", lambda events: len(events) == 2)
    assert [event["detail"]["EC2InstanceId"] for event in events] == [INSTANCE, OTHER_INSTANCE]
    server.until("log", lambda log: len([entry for entry in log if entry["kind"] == "event delivered"]) == 2)
    _, started = runner
    server.until("state", lambda _: len(started) == 2)
    executions = [StartDurableExecutionInput.from_dict(body) for body in started]
    assert [json.loads(execution.input or "") for execution in executions] == events
    assert {body["path"] for body in started} == {"/start-durable-execution"}
    assert {execution.lambda_endpoint for execution in executions} == {"http://127.0.0.1:8080"}
    assert len({execution.execution_name for execution in executions}) == 2


def test_faults_can_be_set(server: Server) -> None:
    sqs = server.client("sqs")
    server.post("faults", {"fault": "throttle", "service": "sqs", "operation": "ListQueues"})
    with pytest.raises(ClientError, match="Throttling"):
        sqs.list_queues()
    server.post("faults", {"fault": "lose_response", "service": "sqs", "operation": "CreateQueue"})
    with pytest.raises(ConnectionClosedError):
        sqs.create_queue(QueueName="lost")
    server.post("faults", {"fault": "deny", "service": "sqs", "operation": "ListQueues"})
    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.list_queues()
    server.post("faults", {"fault": "clear"})
    assert [url.rpartition("/")[2] for url in sqs.list_queues(QueueNamePrefix="lost")["QueueUrls"]] == ["lost"]
    fail = {"fault": "fail", "service": "sqs", "operation": "ListQueues", "code": "Invalid", "status": 503, "times": 2}
    server.post("faults", fail)
    for _ in range(2):
        with pytest.raises(ClientError, match="Invalid"):
            sqs.list_queues()
    sqs.list_queues()


@pytest.mark.parametrize("service", ["cloudformation", "lambda", "dynamodb"])
def test_a_region_that_does_not_exist_is_refused(server: Server, service: str) -> None:
    client = server.client(service, region="nowhere-1")
    ask = {
        "cloudformation": "describe_stacks",
        "lambda": "get_account_settings",
        "dynamodb": "list_tables",
    }[service]
    with pytest.raises(ClientError, match="Credential should be scoped to a valid region") as refused:
        getattr(client, ask)()
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    assert server.client("cloudformation", region="eu-central-1").describe_stacks()["Stacks"] == []


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("faults", {"fault": "explode", "service": "sqs", "operation": "ListQueues"}, 400, "valid: allow, clear"),
        ("faults", {"fault": "throttle"}, 400, "needs service and operation"),
        ("faults", {"fault": "fail", "service": "sqs", "operation": "ListQueues"}, 400, "needs code"),
        ("faults", {"service": "sqs"}, 400, "missing: fault"),
        ("terminate", {"instance": "i-0000000000000dead"}, 400, "i-0000000000000dead"),
        ("terminate", {"instance": INSTANCE, "force": True}, 400, "unknown: force"),
        ("terminate", b"{", 400, "no JSON"),
        ("terminate", b"[]", 400, "no JSON object"),
        ("explode", {}, 404, "POST /simulator/terminate"),
    ],
)
def test_a_request_it_cannot_serve_is_told_why(server: Server, path: str, body: object, status: int, says: str) -> None:
    code, error = error_of(lambda: server.post(path, body))
    assert code == status
    assert says in error


def test_the_log_can_be_read_from_an_entry_on(server: Server) -> None:
    whole = server.get("log")
    assert server.get("log?start=2")[: len(whole) - 2] == whole[2:]
    assert error_of(lambda: server.get("log?start=last"))[0] == 400


@pytest.mark.parametrize(
    ("address", "status"), [("127.0.0.1", "200 OK"), ("10.0.0.7", "403 FORBIDDEN"), ("", "403 FORBIDDEN")]
)
def test_only_this_machine_controls_it(address: str, status: str) -> None:
    region = Region(VirtualTimeline())
    autoscaling = AutoScaling(region)
    state = RegionState(autoscaling, TargetGroups(region), RunCommand(region))
    application = ControlApplication(autoscaling, state, lambda *_: [])
    response = Client(application).get("/simulator/events", environ_base={"REMOTE_ADDR": address})
    assert response.status == status


@pytest.mark.parametrize("attached", [True, False])
def test_the_hook_makes_its_instance_drain_whoever_deregisters_it(*, attached: bool) -> None:
    timeline = VirtualTimeline()
    region = Region(timeline)
    autoscaling = region.add(AutoScaling(region))
    target_groups = region.add(TargetGroups(region, autoscaling))
    run_command = region.add(RunCommand(region))
    with region:
        presets.build(autoscaling, run_command, presets.Settings(attached=attached, deregistration_delay=60))
        autoscaling.terminate(INSTANCE)
        timeline.run_for(62)
        (event,) = region.events.emitted
        handle = decide(event, hook_name_prefix="asg-lifecycle")
        assert isinstance(handle, Handle)
        decision = plan_offline(handle.action)
        registered = [entry.port for entry in target_groups.registrations(INSTANCE)]
    (step,) = decision.plan.steps if decision.plan is not None else ()
    assert decision.problems == ()
    assert step.kind == "deregister-targets"
    assert (decision.source, registered) == (("built-in", []) if attached else ("hook metadata", [80]))


def test_it_says_what_to_do_and_ends_cleanly() -> None:
    with running_from_nothing("--port", "0", "--scenario", "none") as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("end it"):
            lines.append(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
    assert sum(line.startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:") for line in lines) == 1


def test_its_help_shows_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--help"])
    assert ended.value.code == 0
    assert "For example: asg-lifecycle-simulator " in capsys.readouterr().out


def test_a_port_that_is_taken_is_told_in_one_line(runner: tuple[str, list[dict[str, Any]]]) -> None:
    url, _ = runner
    port = url.rpartition(":")[2]
    with running("--port", port, "--scenario", "none") as process:
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert f"127.0.0.1:{port}" in errors
    assert len(errors.splitlines()) == 1


def test_an_installed_simulator_has_no_application_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulator_server.has_application()
    assert simulator_server.ServerSettings().answers_hooks
    monkeypatch.setattr(simulator_server, "APPLICATION", ("not_in_a_wheel",))
    assert not simulator_server.ServerSettings().answers_hooks
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        assert command_line.main(["--application", "--port", "0"]) == 2
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    assert "the application is in a checkout with its development packages only" in capsys.readouterr().err
