"""The public API for tests of other people's handlers, its fixture, and the example that uses them."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from asg_lifecycle_simulator import testing
from asg_lifecycle_simulator.testing import LIFECYCLE_ACTIONS, Invocation, LambdaContext, LifecycleRegion

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "foreign-handler"
PLUGIN = ("-p", "asg_lifecycle_simulator.pytest_plugin")
DOCUMENT = (ROOT / "docs" / "simulator.md").read_text()
WITHOUT_MOTO = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "moto":
            raise ModuleNotFoundError("No module named 'moto'", name="moto")

sys.meta_path.insert(0, Refuse())
"""
OURS = "held-by-us"
WRONG = {
    "forgets_to_complete": (
        'autoscaling.complete_lifecycle_action(**action, LifecycleActionResult="CONTINUE")',
        "pass",
        "test_the_handler_lets_the_instance_go",
    ),
    "answers_for_others": (
        'if detail["LifecycleHookName"] != HOOK:',
        "if not HOOK:",
        "test_the_handler_leaves_other_hooks_alone",
    ),
    "sends_no_heartbeat": (
        "autoscaling.record_lifecycle_action_heartbeat(**action)",
        "pass",
        "test_the_handler_lets_the_instance_go",
    ),
}
"""Wrong copies of the example's handler: what stands there, what in place of it, and the test that notices."""


@pytest.fixture
def region() -> Iterator[LifecycleRegion]:
    with LifecycleRegion() as region:
        yield region


@pytest.fixture
def instance(region: LifecycleRegion) -> str:
    (instance,) = region.create_group("web")
    return instance


def autoscaling() -> Any:
    return boto3.client("autoscaling", config=Config(retries={"total_max_attempts": 1}))


def action_in(event: dict[str, Any]) -> dict[str, str]:
    fields = ("AutoScalingGroupName", "LifecycleHookName", "LifecycleActionToken")
    return {field: event[field] for field in fields}


def complete(event: dict[str, Any], _: object) -> str:
    autoscaling().complete_lifecycle_action(**action_in(event["detail"]), LifecycleActionResult="CONTINUE")
    return "completed"


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - this interpreter, with arguments of ours
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PLUGIN, *arguments],
        cwd=folder,
        # Ours is named above; to load the others takes half as long as the tests.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_passes_and_notices_handlers_that_are_wrong(tmp_path: Path) -> None:
    # In one run of pytest, because each loads the models of the services.
    folder = shutil.copytree(EXAMPLE, tmp_path / "example", ignore=shutil.ignore_patterns("__pycache__"))
    code, tests = (folder / "handler.py").read_text(), (folder / "test_handler.py").read_text()
    for name, (right, wrong, _) in WRONG.items():
        assert right in code
        (folder / f"{name}.py").write_text(code.replace(right, wrong))
        (folder / f"test_{name}.py").write_text(tests.replace('"handler.', f'"{name}.'))
    (shown,) = re.findall(r"^    def test_\w+\(lifecycle_region.*\n(?:    .*\n|\n)+", DOCUMENT, re.MULTILINE)
    (folder / "test_shown.py").write_text(textwrap.dedent(shown))
    said = run_pytest(folder, "-rA").stdout
    ended = {test: outcome for outcome, test in re.findall(r"^(PASSED|FAILED|ERROR) (\S+)", said, re.MULTILINE)}
    of_example = [outcome for test, outcome in ended.items() if test.startswith("test_handler.py::")]
    assert set(of_example) == {"PASSED"}, said
    assert len(of_example) == tests.count("\ndef test_")
    of_document = [outcome for test, outcome in ended.items() if test.startswith("test_shown.py::")]
    assert of_document == ["PASSED"], said
    assert {name: ended[f"test_{name}.py::{test}"] for name, (_, _, test) in WRONG.items()} == dict.fromkeys(
        WRONG, "FAILED"
    )
    # A test that fails shows what happened in its region.
    history = said.split("Captured lifecycle region teardown")[1]
    assert "+0.0 s  wait started: web drain i-" in history


def test_the_handler_of_the_example_is_short() -> None:
    code = [line for line in (EXAMPLE / "handler.py").read_text().splitlines() if line and '"""' not in line]
    assert len(code) <= 20


def test_the_plugin_imports_nothing_before_a_test_asks_for_the_fixture() -> None:
    code = "import asg_lifecycle_simulator.pytest_plugin, sys; print(*{'moto', 'boto3', 'msgspec'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert done.stdout == "\n"


def test_the_plugin_is_harmless_without_what_the_fixture_needs(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(WITHOUT_MOTO)
    (tmp_path / "test_it.py").write_text("def test_one(): pass\ndef test_two(lifecycle_region): pass\n")
    done = run_pytest(tmp_path)
    assert "1 passed, 1 error" in done.stdout
    assert "needs asg-lifecycle with its extra `simulator`: No module named 'moto'" in done.stdout


@pytest.mark.parametrize(
    ("conftest", "ends"), [("", "1 error"), ("import asg_lifecycle_simulator.testing", "1 passed")]
)
def test_a_client_that_would_talk_to_aws_is_noticed(
    conftest: str, ends: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_it.py").write_text(
        "import boto3\nclient = boto3.client('autoscaling', region_name='eu-west-1')\n"
        "def test_it(lifecycle_region):\n"
        "    lifecycle_region.create_group('web')\n"
        "    assert len(client.describe_auto_scaling_groups()['AutoScalingGroups']) == 1\n"
    )
    done = run_pytest(tmp_path)
    assert ends in done.stdout
    assert ("a boto3 client (autoscaling) was made before" in done.stdout) == (not conftest)


def test_the_command_says_what_it_needs() -> None:
    code = f"{WITHOUT_MOTO}\nfrom asg_lifecycle_simulator.__main__ import main\nsys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs asg-lifecycle with its extra `simulator`" in done.stderr


def test_what_becomes_of_an_action(region: LifecycleRegion, instance: str) -> None:
    region.put_hook("web", OURS, transition="TERMINATING", heartbeat_timeout=120, metadata="about it")
    region.deploy(complete)
    region.terminate(instance)
    waiting = region.action(instance)
    assert (waiting.ended, waiting.waited, waiting.result, waiting.ended_by) == (None, None, None, None)
    region.run(3)
    action = region.action(instance, OURS)
    assert action.token == waiting.token
    assert (action.group, action.hook, action.transition) == ("web", OURS, "TERMINATING")
    assert (action.origin, action.destination) == ("AutoScalingGroup", "EC2")
    assert (action.result, action.ended_by, action.waited) == ("CONTINUE", "CompleteLifecycleAction", 1.0)
    assert region.instances("web") == []
    assert region.calls("autoscaling", "CompleteLifecycleAction") == 1
    (event,) = region.events
    assert event["detail"]["NotificationMetadata"] == "about it"
    assert region.elapsed == 3.0
    assert "+1.0 s  completed: web held-by-us" in region.history()
    with pytest.raises(LookupError, match=f"no lifecycle action of {instance} under another"):
        region.action(instance, "another")


def test_a_launch_and_its_replacement(region: LifecycleRegion) -> None:
    region.create_group("web", capacity=0, max_size=2)
    region.put_hook("web", OURS, transition="LAUNCHING", heartbeat_timeout=30)
    region.scale("web", 1)
    (first,) = region.instances("web")
    assert region.state(first) == "Pending:Wait"
    region.run(31)
    # R6, R8: the time ran out, the default result abandons, and another is launched.
    assert region.action(first).ended_by == "heartbeat timeout"
    (second,) = region.instances("web")
    assert (region.state(first), region.state(second)) == (None, "Pending:Wait")
    region.put_hook("web", "drain", transition="TERMINATING", heartbeat_timeout=30)
    region.terminate(second, replace=True)
    assert region.action(second, OURS).ended_by == "skipped"
    assert region.action(second).hook == "drain", "the latest is meant where no hook is named"
    region.run(3)
    (third,) = set(region.instances("web")) - {second}
    assert region.state(third) == "Pending:Wait"


def test_r18_what_fails_is_tried_again_with_the_event_as_it_was(region: LifecycleRegion, instance: str) -> None:
    seen: list[tuple[int, str, int]] = []

    def spoils(event: dict[str, Any], context: LambdaContext) -> None:
        seen.append((len(event), context.aws_request_id, context.get_remaining_time_in_millis()))
        event.clear()
        raise RuntimeError("no")

    region.put_hook("web", OURS, transition="TERMINATING")
    region.deploy(spoils, name="spoils", timeout=30)
    region.terminate(instance)
    region.run(3600)
    assert [(each.time - region.now + 3600, each.attempt) for each in region.invocations] == [
        (1.0, 1),
        (61.0, 2),
        (181.0, 3),
    ]
    assert len(set(seen)) == 1
    assert seen[0][2] == 30_000
    assert all(each.event["source"] == "aws.autoscaling" for each in region.invocations)
    assert {str(each.error) for each in region.invocations} == {"no"}


def test_no_handler_runs_when_the_region_was_left() -> None:
    def raises(event: object, _: object) -> None:
        raise ValueError(f"not {event}")

    with LifecycleRegion() as region:
        (instance,) = region.create_group("web")
        region.put_hook("web", OURS, transition="TERMINATING")
        region.deploy(raises)
        region.terminate(instance)
        region.run(1)
        assert len(region.invocations) == 1
    # It would talk to AWS.
    region.run(3600)
    assert len(region.invocations) == 1


def test_r19_r20_a_function_that_is_the_target_of_a_hook(region: LifecycleRegion, instance: str) -> None:
    told: list[dict[str, Any]] = []

    def answers(event: dict[str, Any], _: object) -> None:
        told.append(event)
        if "LifecycleActionToken" in event:
            autoscaling().complete_lifecycle_action(**action_in(event), LifecycleActionResult="CONTINUE")

    function = region.deploy(answers, pattern=None)
    region.put_hook("web", OURS, transition="TERMINATING", target=function)
    region.run(1)
    assert [each.get("Event") for each in told] == ["autoscaling:TEST_NOTIFICATION"]
    region.terminate(instance)
    assert len(told) == 1, "the handler runs later, not while Auto Scaling tells of the action"
    region.run(1)
    assert region.action(instance).ended_by == "CompleteLifecycleAction"
    assert len(told) == 2


def test_a_function_can_be_invoked_by_another(region: LifecycleRegion) -> None:
    def doubles(event: int, _: object) -> int:
        return 2 * event

    def raises(event: object, _: object) -> None:
        raise ValueError(f"not {event}")

    region.deploy(doubles, name="doubles", pattern=None)
    region.deploy(raises, name="raises", pattern=None)
    client = boto3.client("lambda")
    assert json.load(client.invoke(FunctionName="doubles", Payload=b"21")["Payload"]) == 42
    failed = client.invoke(FunctionName="raises", Payload=b"1")
    assert failed["FunctionError"] == "Unhandled"
    assert [(each.function, each.result) for each in region.invocations] == [("doubles", 42), ("raises", None)]
    region.run(3600)
    assert len(region.invocations) == 2, "nobody tries again what somebody waited for"


def test_a_pattern_picks_the_events(region: LifecycleRegion, instance: str) -> None:
    region.put_hook("web", OURS, transition="TERMINATING")
    region.put_hook("web", "theirs", transition="TERMINATING")
    region.deploy(complete, pattern={**LIFECYCLE_ACTIONS, "detail": {"LifecycleHookName": [OURS]}})
    region.terminate(instance)
    region.run(60)
    (invocation,) = region.invocations
    assert invocation.event["detail"]["LifecycleHookName"] == OURS
    assert region.action(instance, "theirs").ended is None


def test_a_handler_is_imported_anew_for_each_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "foreign_code.py").write_text(
        "import boto3\nclient = boto3.client('autoscaling')\n"
        "def handle(event, context):\n    return client.meta.region_name\nNONE = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with LifecycleRegion():
        before = importlib.import_module("foreign_code")
    answers: list[Invocation] = []
    for name in ("eu-west-1", "us-east-2"):
        with LifecycleRegion(name=name) as region:
            region.deploy("foreign_code.handle", pattern=None)
            boto3.client("lambda").invoke(FunctionName="handler", Payload=b"{}")
            answers += region.invocations
            with pytest.raises(ValueError, match="expected module"):
                region.deploy("handle", name="another")
            with pytest.raises(AttributeError, match="missing"):
                region.deploy("foreign_code.missing", name="another")
            with pytest.raises(ValueError, match="there is a function handler already"):
                region.deploy("foreign_code.handle")
        assert sys.modules["foreign_code"] is before
    monkeypatch.delitem(sys.modules, "foreign_code")
    assert [each.result for each in answers] == ["eu-west-1", "us-east-2"]


def test_the_ways_of_other_instances(region: LifecycleRegion) -> None:
    spot, volume = region.create_group("web", capacity=2)
    region.put_hook("web", OURS, transition="TERMINATING", heartbeat_timeout=600)
    region.interrupt_spot(spot)
    region.run(119)
    assert region.state(spot) == "InService"
    region.run(2)
    # R27, R28: gone in EC2 after two minutes, and its terminate hook fires then.
    assert region.state(spot) == "Terminating:Wait"
    region.replace_root_volume(volume)
    assert region.state(volume) == "ReplacingRootVolume:Wait"
    assert region.action(volume).destination == "AutoScalingGroup"


def test_calls_go_wrong_as_they_are_told_to(region: LifecycleRegion, instance: str) -> None:
    region.put_hook("web", OURS, transition="TERMINATING")
    region.refuse_at_first(5)
    region.terminate(instance)
    token = {"AutoScalingGroupName": "web", "LifecycleHookName": OURS, "InstanceId": instance}

    def code() -> str:
        try:
            autoscaling().record_lifecycle_action_heartbeat(**token)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "accepted"

    assert (code(), [each.instance for each in region.refused]) == ("ValidationError", [instance])
    region.run(5)
    region.faults.throttle("autoscaling", "RecordLifecycleActionHeartbeat")
    region.faults.contend("autoscaling", "RecordLifecycleActionHeartbeat")
    assert [code(), code(), code()] == ["Throttling", "ResourceContention", "accepted"]
    assert len(region.action(instance).heartbeats) == 1
    # R32: EC2 learns of it later.
    region.hide_new_instances(10)
    region.scale("web", 1)
    (launched,) = set(region.instances("web")) - {instance}
    ec2 = boto3.client("ec2")
    with pytest.raises(ClientError, match="InvalidInstanceID"):
        ec2.describe_instances(InstanceIds=[launched])
    region.run(10)
    assert ec2.describe_instances(InstanceIds=[launched])["Reservations"]


def test_r17_the_states_on_the_way_out(region: LifecycleRegion, instance: str) -> None:
    region.put_hook("web", OURS, transition="TERMINATING", heartbeat_timeout=30)
    region.deploy(complete)
    region.terminate(instance)
    region.run(5)
    states = re.findall(rf"instance state: web {instance} (\S+)", region.history())
    assert states[-5:] == ["InService", "Terminating", "Terminating:Wait", "Terminating:Proceed", "Terminated"]


@pytest.mark.usefixtures("instance")
def test_r31_attached_traffic_sources_are_described_by_themselves(region: LifecycleRegion) -> None:
    vpc = boto3.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    group = boto3.client("elbv2").create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    client = autoscaling()
    client.attach_traffic_sources(AutoScalingGroupName="web", TrafficSources=[{"Identifier": arn, "Type": "elbv2"}])
    region.run(1)
    found = client.describe_traffic_sources(AutoScalingGroupName="web")["TrafficSources"]
    assert [(each["Identifier"], each["Type"]) for each in found] == [(arn, "elbv2")]
    assert client.describe_load_balancer_target_groups(AutoScalingGroupName="web")["LoadBalancerTargetGroups"] == []


def test_time_does_not_run_backwards(region: LifecycleRegion) -> None:
    called: list[float] = []
    region.call_after(7, lambda: called.append(region.elapsed))
    with pytest.raises(ValueError, match="backwards"):
        region.run(-1)
    region.run(6)
    assert called == []
    region.run(1)
    assert called == [7.0]


def test_every_rule_is_listed_once_with_a_test_or_what_is_left_out() -> None:
    rows = re.findall(r"^\| R(\d+) \| ([^|]+) \| ([^|]+) \|$", DOCUMENT, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 33))
    tests = "".join(file.read_text() for file in (ROOT / "tests" / "simulator").glob("test_*.py"))
    named = {int(number) for number in re.findall(r"(?:_r|\bR)(\d+)(?=_|\b)", tests)}
    assert [number for number, _, how in rows if how.startswith("yes") and int(number) not in named] == []
    assert all(how.startswith(("yes", "in part", "no")) for _, _, how in rows)
    assert all(sentence.endswith(".") for _, sentence, _ in rows)


def test_the_document_names_all_of_the_api() -> None:
    members = [name for name in vars(LifecycleRegion) if not name.startswith("_")]
    assert [name for name in (*testing.__all__, *members) if f"`{name}" not in DOCUMENT] == []
    assert all(vars(LifecycleRegion)[name].__doc__ for name in members)
