from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.events.models import EventPattern

from asg_lifecycle.model.events import Ignore, decide
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX, refuse
from asg_lifecycle.settings import FEATURE_VARIABLES, Settings
from tests.template.checks import CHECKS
from tests.template.expanded import ROOT, expand, source
from tests.template.linting import lint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.template.expanded import Expanded

EVENTS = ROOT / "events"
PAYLOADS = {path.stem: json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json"))}
SAMPLES = {name: payload for name, payload in PAYLOADS.items() if "detail-type" in payload}
"""The sample payloads that come by EventBridge."""

HOOKS_OF_OTHERS = [
    "ecs-managed-draining-termination-hook",
    "Launch-LC-Hook",
    "Terminate-LC-Hook",
    "CodeDeploy-managed-automatic-launch-deployment-hook-web-9f0c",
]
HOOKS = [
    *HOOKS_OF_OTHERS,
    "asg-lifecycle",
    "asg-lifecycle-terminate",
    "asg-lifecycle/drain_2",
    "drain",
    "Asg-lifecycle",
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_template_is_as_it_has_to_be(expanded: Expanded, check: Callable[[Expanded], Iterator[str]]) -> None:
    assert list(check(expanded)) == []


# That SAM finds it valid is a gate: `make validate`.
# That nothing is to be said about what it expands to is seen where that is published: tests/release/.


def test_what_cloudformation_would_refuse_is_found() -> None:
    # One function as the template has it, without what refers to other resources: the whole takes seconds.
    written = source()["Resources"]["LifecycleActionFunction"]["Properties"]
    kept = {name: written[name] for name in ("CodeUri", "Handler", "MemorySize", "Timeout") if name in written}
    durable_config = {"ExecutionTimeout": 0, "RetentionPeriodInDays": 400}
    function = kept | {"Runtime": "python3.13", "DurableConfig": durable_config}
    template: dict[str, Any] = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": {"LifecycleActionFunction": {"Type": "AWS::Serverless::Function", "Properties": function}},
    }
    durable = "Resources/LifecycleActionFunction/Properties/DurableConfig"
    assert {finding.split(":")[0] for finding in lint(expand(template))} == {
        f"E3034 {durable}/ExecutionTimeout",
        f"E3034 {durable}/RetentionPeriodInDays",
    }


def matches(expanded: Expanded, event: Any, prefix: str) -> bool:
    _, rule = expanded.only("AWS::Events::Rule")
    pattern = expanded.resolve(rule["EventPattern"], {"HookNamePrefix": prefix})
    return EventPattern.load(json.dumps(pattern)).matches_event(event)


def named(hook: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / "terminate.json").read_text())
    event["detail"]["LifecycleHookName"] = hook
    return event


@pytest.mark.parametrize("hook", HOOKS)
def test_with_a_prefix_the_rule_matches_what_the_code_answers(expanded: Expanded, hook: str) -> None:
    prefix = DEFAULT_HOOK_NAME_PREFIX
    assert matches(expanded, named(hook), prefix) == (refuse(hook, prefix) is None)


@pytest.mark.parametrize("hook", HOOKS)
def test_without_a_prefix_the_rule_matches_all_that_the_code_answers(expanded: Expanded, hook: str) -> None:
    # A pattern can leave out names, or beginnings of names, not both: CodeDeploy's hooks reach the code.
    answered = refuse(hook, "") is None
    assert matches(expanded, named(hook), "") == (answered or hook.startswith("CodeDeploy-"))


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("prefix", [DEFAULT_HOOK_NAME_PREFIX, ""])
def test_every_sample_event_that_the_code_answers_reaches_it(expanded: Expanded, name: str, prefix: str) -> None:
    event = SAMPLES[name]
    assert matches(expanded, event, prefix) or isinstance(decide(event, hook_name_prefix=prefix), Ignore)


@pytest.mark.parametrize(
    ("detail", "heard"),
    [
        ({"status": "ACTIVE", "agentConnected": True, "version": 2}, True),
        ({"status": "ACTIVE", "agentConnected": True, "version": 5_000}, False),
        ({"status": "ACTIVE", "agentConnected": False, "version": 2}, False),
        ({"status": "DRAINING", "runningTasksCount": 0, "pendingTasksCount": 0, "version": 5_000}, True),
        ({"status": "DRAINING", "runningTasksCount": 1, "pendingTasksCount": 0, "version": 5_000}, False),
    ],
)
def test_an_agent_that_connects_anew_invokes_nothing(
    expanded: Expanded, *, detail: dict[str, Any], heard: bool
) -> None:
    pattern = expanded.of("AWS::Events::Rule")["ContainerInstanceRule"]["EventPattern"]
    event: Any = {
        "source": "aws.ecs",
        "detail-type": "ECS Container Instance State Change",
        "detail": {"ec2InstanceId": "i-0123456789abcdef0", **detail},
    }
    assert EventPattern.load(json.dumps(pattern)).matches_event(event) is heard


SET_BY_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "stack-LifecycleAction"}


def test_the_defaults_are_settings_that_the_code_reads(expanded: Expanded) -> None:
    _, function = expanded.only("AWS::Lambda::Function")
    variables = expanded.resolve(function["Environment"]["Variables"])
    environment = {name: str(value) for name, value in variables.items()} | SET_BY_LAMBDA
    assert Settings.from_environment(environment) == Settings(
        table="RecordsTable",
        hook_name_prefix=DEFAULT_HOOK_NAME_PREFIX,
        record_retention=30 * 86_400.0,
        plan_path=str({"Fn::Sub": "/asg-lifecycle/${AWS::StackName}/plans"}),
        signals=True,
        built_in_features=frozenset({"TargetGroupSteps", "StatusCheckSteps"}),
        stack="AWS::StackName",
        function="stack-LifecycleAction:live",
        action_events=True,
    )


@pytest.mark.parametrize("value", ["on", "off"])
@pytest.mark.parametrize("feature", sorted(FEATURE_VARIABLES.values()))
def test_the_function_and_the_command_line_are_told_the_same_features(
    expanded: Expanded, feature: str, value: str
) -> None:
    _, function = expanded.only("AWS::Lambda::Function")
    variables = expanded.resolve(function["Environment"]["Variables"], {feature: value})
    settings = Settings.from_environment({name: str(given) for name, given in variables.items()} | SET_BY_LAMBDA)
    output = expanded.resolve(expanded.template["Outputs"]["BuiltInFeatures"]["Value"], {feature: value})
    assert settings.built_in_features == set(output.split(","))
    assert (feature in settings.built_in_features) is (value == "on")


def test_the_empty_endpoint_it_declares_leads_to_aws(expanded: Expanded, monkeypatch: pytest.MonkeyPatch) -> None:
    _, function = expanded.only("AWS::Lambda::Function")
    monkeypatch.setenv("AWS_ENDPOINT_URL", function["Environment"]["Variables"]["AWS_ENDPOINT_URL"])
    client = boto3.session.Session(region_name="us-west-2").client("autoscaling")
    assert client.meta.endpoint_url == "https://autoscaling.us-west-2.amazonaws.com"


def test_every_output_is_there_and_explained(expanded: Expanded) -> None:
    resources = expanded.template["Resources"]
    outputs = {name: output["Value"] for name, output in expanded.template["Outputs"].items()}
    assert all(output["Description"] for output in expanded.template["Outputs"].values())
    # The path is made by what is put there, not by the stack; the function and its role name the same one.
    assert outputs.pop("PlanPath") == {"Fn::Sub": "/asg-lifecycle/${AWS::StackName}/plans"}
    assert {"BuiltInFeatures", "Version"} <= outputs.keys()
    del outputs["Version"]
    del outputs["BuiltInFeatures"]
    kinds = {name: resources[value.get("Ref") or value["Fn::GetAtt"][0]]["Type"] for name, value in outputs.items()}
    assert kinds == {
        "FunctionAlias": "AWS::Lambda::Alias",
        "Table": "AWS::DynamoDB::Table",
        "RuleArn": "AWS::Events::Rule",
        "RuleDeadLetterQueueUrl": "AWS::SQS::Queue",
        "FunctionDeadLetterQueueUrl": "AWS::SQS::Queue",
        "LogGroupName": "AWS::Logs::LogGroup",
        "EventDeadLetterQueueUrl": "AWS::SQS::Queue",
        "SweepFunctionName": "AWS::Lambda::Function",
        "ActionTopicArn": "AWS::SNS::Topic",
        "ReadOnlyPolicyArn": "AWS::IAM::ManagedPolicy",
        "OperatorPolicyArn": "AWS::IAM::ManagedPolicy",
        "NotificationFunctionArn": "AWS::Lambda::Alias",
        "NotificationQueueArn": "AWS::SQS::Queue",
        "NotificationTopicArn": "AWS::SNS::Topic",
        "NotificationRoleArn": "AWS::IAM::Role",
        "NotificationDeadLetterQueueUrl": "AWS::SQS::Queue",
    }


def test_nothing_has_to_be_chosen_before_it_is_deployed(expanded: Expanded) -> None:
    parameters = expanded.template["Parameters"]
    assert [name for name, parameter in parameters.items() if "Default" not in parameter] == []
    assert [name for name, parameter in parameters.items() if not parameter.get("Description")] == []


def test_the_list_of_hosts_is_where_the_function_looks_for_it(expanded: Expanded) -> None:
    (kept,) = expanded.of("AWS::SSM::Parameter").values()
    _, function = expanded.only("AWS::Lambda::Function")
    plans = function["Environment"]["Variables"]["PLAN_PATH"]["Fn::Sub"]
    assert kept["Name"] == {"Fn::Sub": f"{plans.rpartition('/')[0]}/http-hosts"}
    assert kept["Value"] == {"Ref": "HttpHosts"}


@pytest.mark.parametrize(
    ("hosts", "matches"),
    [
        ("", True),
        ("api.example.com", True),
        ("*.example.com,10.0.0.0/16, api.github.com", True),
        ("fd12::/16", True),
        ("a b", False),
        ("https://api.example.com ", False),
        (",", False),
    ],
)
def test_the_list_of_hosts_has_commas(expanded: Expanded, hosts: str, *, matches: bool) -> None:
    pattern = expanded.template["Parameters"]["HttpHosts"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, hosts)) is matches
