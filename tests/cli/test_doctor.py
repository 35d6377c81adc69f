"""`doctor`: each finding is shown by an account that has it, and by no other, in the simulated region."""

from __future__ import annotations

import csv
import io
import json
import shlex
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from asg_lifecycle.cli import doctor as doctor_command
from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.doctor import in_words, is_typed
from asg_lifecycle.cli.every_command import commands_of
from asg_lifecycle.composition import action_tools, doctor, hook_tools
from asg_lifecycle.model.doctor.findings import Finding, Severity
from asg_lifecycle.model.doctor.registry import CHECKS
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH
from asg_lifecycle_simulator.deployment.stack import make_stack
from tests.cli.action_commands import HOOK, SIGNAL, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

SEVERITIES = {check.name: check.severity for check in CHECKS}
CODES = {Severity.ERROR: 21, Severity.WARNING: 20, Severity.NOTE: 0}
OWN_RULE = {
    "source": ["aws.autoscaling"],
    "detail-type": ["EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"],
}
HOOK_METADATA = "asg-lifecycle:plan"


@dataclass
class Account:
    """A region with the stack, and group web with one instance and a hook that nothing is wrong with."""

    testbed: Testbed[Deployment]
    outputs: dict[str, str]
    topic: str

    def client(self, service: str) -> Any:
        return self.testbed.region.client(service)

    @property
    def rule(self) -> str:
        return self.outputs["RuleArn"].rpartition("/")[2]

    def hook(self, *, name: str = HOOK, transition: str = "TERMINATING", group: str = "web", **fields: Any) -> None:
        if "plan" in fields:
            fields["NotificationMetadata"] = json.dumps({"plan": fields.pop("plan")})
        self.testbed.autoscaling.put_hook(group, name, transition, **{"HeartbeatTimeout": 900} | fields)

    def put_rule(self, pattern: dict[str, Any], *, name: str = "", target: str = "") -> None:
        events = self.client("events")
        with self.testbed.region.unobserved():
            events.put_rule(Name=name or self.rule, EventPattern=json.dumps(pattern))
            if target:
                events.put_targets(Rule=name, Targets=[{"Id": "other", "Arn": target}])


def account(testbed: Testbed[Deployment], parameters: dict[str, str] | None = None) -> Account:
    """Return an account in which nothing is wrong."""
    region = testbed.region
    with region.unobserved():
        sns, sqs = region.client("sns"), region.client("sqs")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        queue = sqs.create_queue(QueueName="on-call")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    outputs = make_stack(region, testbed.deployment, parameters={"AlarmTopicArn": topic} | (parameters or {}))
    testbed.autoscaling.create_group("web")
    made = Account(testbed, outputs, topic)
    made.hook()
    region.calls.clear()
    return made


@pytest.fixture(autouse=True)
def _time_of_the_region(testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "compose_doctor", partial(doctor.compose_doctor, clock=testbed.timeline.now))


@pytest.fixture
def stack_in_time(testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> Testbed[Deployment]:
    """Return a region whose time is that of the commands that change something."""
    timeline = testbed.timeline
    in_time = partial(action_tools.compose_action_tools, clock=timeline.now, pause=timeline.run_for)
    monkeypatch.setattr(action_tools, "compose_action_tools", in_time)
    hooks_in_time = partial(hook_tools.compose_hook_tools, clock=timeline.now, pause=timeline.run_for)
    monkeypatch.setattr(hook_tools, "compose_hook_tools", hooks_in_time)
    return testbed


def findings(*words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("doctor", "--json", *words).stdout)
    return found


def words_for(found: dict[str, Any]) -> str:
    """Return what people are shown of the only finding."""
    parts = {"name": found["finding"], "evidence": found["evidence"], "command": found["command"]}
    finding = Finding(severity=Severity(found["severity"]), **parts)
    return "\n".join(in_words([finding], group_count=1, width=None)) + "\n"


# One scene for each check


def asks(url: str) -> dict[str, Any]:
    return {"kind": "http-request", "options": {"url": url}}


def delete_rule(it: Account) -> None:
    remove_target(it)
    it.client("events").delete_rule(Name=it.rule)


def remove_target(it: Account) -> None:
    it.client("events").remove_targets(Rule=it.rule, Ids=["LifecycleActionFunction"])


def tag_a_group_without_hook(it: Account) -> None:
    it.testbed.autoscaling.create_group("workers")
    tag = {"ResourceId": "workers", "ResourceType": "auto-scaling-group", "Key": "asg-lifecycle:plan", "Value": "web"}
    it.client("autoscaling").create_or_update_tags(Tags=[tag | {"PropagateAtLaunch": False}])


def name_another_queue(it: Account) -> None:
    it.client("sqs").create_queue(QueueName="other")
    region = it.testbed.region
    it.hook(NotificationTargetARN=f"arn:aws:sqs:{region.name}:{region.account}:other", RoleARN="role")


def notify_our_topic(it: Account) -> None:
    it.hook(NotificationTargetARN=it.outputs["NotificationTopicArn"], RoleARN=it.outputs["NotificationRoleArn"])


def put_two_hooks(it: Account) -> None:
    it.hook(name="asg-lifecycle-again")


def put_a_stray_parameter(it: Account) -> None:
    it.client("ssm").put_parameter(Name=f"{PLAN_PATH}/stray", Value="x", Type="String")


def leave_a_dead_letter(it: Account) -> None:
    it.client("sqs").send_message(QueueUrl=it.outputs["FunctionDeadLetterQueueUrl"], MessageBody="{}")


def wait(it: Account) -> str:
    it.hook(plan={"steps": [SIGNAL]})
    (instance,) = it.testbed.autoscaling.instances("web")
    it.testbed.autoscaling.terminate(instance)
    it.testbed.run(5)
    return instance


def stop_an_execution(it: Account) -> None:
    wait(it)
    (execution,) = it.testbed.deployment.executions
    it.client("lambda").stop_durable_execution(DurableExecutionArn=execution.arn)
    it.testbed.run(1)


def pause_an_execution(it: Account) -> None:
    wait(it)
    (execution,) = it.testbed.deployment.executions
    it.testbed.deployment.service.pause(execution.arn)


def retain_an_instance(it: Account) -> None:
    it.testbed.autoscaling.retain("web")
    instance = wait(it)
    it.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName="web",
        LifecycleHookName=HOOK,
        InstanceId=instance,
        LifecycleActionResult="ABANDON",
    )
    it.testbed.run(5)


def unsubscribe(it: Account) -> None:
    sns = it.client("sns")
    (subscription,) = sns.list_subscriptions_by_topic(TopicArn=it.topic)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


def make_a_large_group(it: Account) -> None:
    it.testbed.autoscaling.create_group("large", capacity=310)
    it.hook(group="large", HeartbeatTimeout=30)


@dataclass(frozen=True)
class Scene:
    """What goes wrong, and what the finding says of it.

    Attributes:
        arrange: lets it go wrong.
        says: parts of the evidence.
        mends: part of the command.
        parameters: of the stack.
        with_it: other findings that go with it.
        version: of the command line.
    """

    arrange: Callable[[Account], object]
    says: tuple[str, ...]
    mends: str
    parameters: dict[str, str] = field(default_factory=dict)
    with_it: frozenset[str] = frozenset()
    version: str = "0.1.0"


def nothing(_: Account) -> None:
    """Change nothing."""


SCENES = {
    "rule-missing": Scene(delete_rule, ("there is no rule asg-lifecycle-", "1 hooks"), "sam deploy"),
    "rule-disabled": Scene(
        lambda it: it.client("events").disable_rule(Name=it.rule), ("is disabled",), "aws events enable-rule --name asg"
    ),
    "rule-without-target": Scene(remove_target, ("has no target", ":function:lifecycle-action:live"), "sam deploy"),
    "rule-does-not-match": Scene(
        lambda it: it.put_rule(OWN_RULE | {"detail": {"LifecycleHookName": [{"prefix": "other"}]}}),
        ("does not match", HOOK, "{'prefix': 'other'}"),
        "sam deploy",
    ),
    "rule-not-compared": Scene(
        lambda it: it.put_rule(OWN_RULE | {"detail": {"EC2InstanceId": [{"prefix": "i-0"}]}}),
        ("cannot be compared", "'i-0'"),
        "sam deploy",
    ),
    "other-rule": Scene(
        lambda it: it.put_rule(OWN_RULE, name="drainer", target="arn:aws:lambda:eu-west-1:123456789012:function:drain"),
        ("rule drainer passes the events of our hooks", "function:drain"),
        "aws events disable-rule --name drainer",
    ),
    "target-of-others": Scene(name_another_queue, ("notifies arn:aws:sqs:", ":other"), "--notification-target-arn ''"),
    "target-and-rule": Scene(
        notify_our_topic, ("each action arrives twice",), "--notification-target-arn ''", {"Notifications": "on"}
    ),
    "group-without-hook": Scene(
        tag_a_group_without_hook,
        ("group workers has no hook", "'asg-lifecycle'"),
        "asg-lifecycle install-hook --group workers --terminate --stack asg-lifecycle",
    ),
    "plan-without-hook": Scene(
        lambda it: it.testbed.deployment.put_plan("web", {"steps": [SIGNAL]}, PlanTransition.LAUNCH),
        ("plan web for launch hooks is for group web",),
        "asg-lifecycle install-hook --group web --launch --stack asg-lifecycle",
    ),
    "group-not-allowed": Scene(
        nothing,
        ("group web has a hook of ours", "its tag asg-lifecycle:stack is absent", "AutoScalingGroupTag", "'mine'"),
        "aws autoscaling create-or-update-tags --tags",
        {"AutoScalingGroupTag": "mine"},
    ),
    "heartbeat-below-sweep": Scene(
        lambda it: it.hook(HeartbeatTimeout=599), ("599 s", "600 s"), "--name asg-lifecycle-terminate"
    ),
    "hook-shorter-than-plan": Scene(
        lambda it: it.hook(plan={"steps": [SIGNAL], "timeout": "30h"}),
        ("1d6h (its timeout)", "GlobalTimeout (1d1h", "900 s"),
        "asg-lifecycle install-hook --group web --terminate --name asg-lifecycle-terminate",
    ),
    "plan-longer-than-any-hook": Scene(
        lambda it: it.hook(plan={"steps": [SIGNAL | {"timeout": "1d"}, SIGNAL | {"timeout": "2d"}]}),
        ("3d (the timeouts of its steps together)", "2d"),
        "asg-lifecycle plan list",
    ),
    "default-result-contradicts-plan": Scene(
        lambda it: it.hook(DefaultResult="CONTINUE"),
        ("is CONTINUE", "on_timeout: abandon"),
        "asg-lifecycle install-hook --group web --terminate --name asg-lifecycle-terminate",
    ),
    "several-hooks-on-one-transition": Scene(
        put_two_hooks, ("2 hooks of ours for terminate", HOOK, "asg-lifecycle-again"), "remove-hook --group web --name "
    ),
    "hook-of-others": Scene(
        lambda it: it.hook(name="Terminate-LC-Hook"), ("Terminate-LC-Hook",), "describe-lifecycle-hooks"
    ),
    "plan-unusable": Scene(
        lambda it: it.hook(plan={"steps": [{"kind": "run-comand"}]}),
        ("the plan from hook metadata cannot be used", "run-comand"),
        "asg-lifecycle plan explain --group web --hook asg-lifecycle-terminate --stack asg-lifecycle",
    ),
    "plan-without-effect": Scene(
        lambda it: it.hook(plan={"steps": [SIGNAL], "dry_run": True}),
        ("the plan from hook metadata is a dry run, so each action is completed without the work",),
        "asg-lifecycle plan explain --group web --hook asg-lifecycle-terminate --stack asg-lifecycle",
    ),
    "stored-plan-unusable": Scene(
        lambda it: it.testbed.deployment.put_plan("unused", {"steps": [{"kind": "run-comand"}]}),
        ("plan unused for terminate hooks", "run-comand"),
        "asg-lifecycle plan show unused --terminate",
    ),
    "parameter-is-no-plan": Scene(put_a_stray_parameter, (f"{PLAN_PATH}/stray",), "aws ssm delete-parameter --name /"),
    "plan-names-what-is-missing": Scene(
        lambda it: it.hook(plan={"steps": [{"kind": "deregister-targets", "options": {"names": ["nowhere"]}}]}),
        ("names target group nowhere in its step deregister-targets",),
        "asg-lifecycle plan explain --group web",
    ),
    "permission-missing": Scene(
        lambda it: it.hook(plan={"steps": [{"kind": "drain-ecs"}]}),
        ("parameter EcsSteps of stack asg-lifecycle is off", "ecs:UpdateContainerInstancesState"),
        "sam deploy --stack-name asg-lifecycle --parameter-overrides EcsSteps=on",
    ),
    "host-not-allowed": Scene(
        lambda it: it.hook(plan={"steps": [asks("https://nomad.example.com:4646/v1/nodes")]}),
        (
            "sends requests to nomad.example.com, and",
            "HttpHosts of stack asg-lifecycle has *.internal, api.example.com",
        ),
        "sam deploy --stack-name asg-lifecycle --parameter-overrides "
        "'HttpHosts=*.internal,api.example.com,nomad.example.com'",
        {"HttpHosts": "*.internal, api.example.com"},
    ),
    "core-permission-missing": Scene(
        lambda it: it.testbed.role_policies.refused.add("autoscaling:CompleteLifecycleAction"),
        ("is refused autoscaling:CompleteLifecycleAction",),
        "sam deploy",
    ),
    "permission-not-simulated": Scene(
        lambda it: it.testbed.region.faults.deny("iam", "SimulatePrincipalPolicy"),
        ("permission iam:SimulatePrincipalPolicy is missing",),
        "aws iam",
    ),
    "dead-letters": Scene(leave_a_dead_letter, ("FunctionDeadLetterQueue", "1 dead letter:"), "redrive list"),
    "failed-executions": Scene(
        stop_an_execution, ("1 of the executions", "(STOPPED)"), "redrive list", with_it=frozenset({"dead-letters"})
    ),
    "paused-executions": Scene(pause_an_execution, ("1 executions are paused", "durable-execution"), "resume them"),
    "alarm-missing": Scene(
        lambda it: it.client("cloudwatch").delete_alarms(
            AlarmNames=[it.client("cloudwatch").describe_alarms()["MetricAlarms"][0]["AlarmName"]]
        ),
        ("1 alarms of stack asg-lifecycle are gone",),
        "sam deploy",
    ),
    "alarm-without-action": Scene(nothing, ("12 of 12 alarms",), "AlarmTopicArn=TOPIC_ARN", {"AlarmTopicArn": ""}),
    "topic-without-subscriber": Scene(unsubscribe, (":alarms, which has no confirmed",), "aws sns subscribe"),
    "storm-beyond-quotas": Scene(
        make_a_large_group,
        ("its 310 instances", "HeartbeatTimeout 30 s", "a heartbeat every 15 s makes 21 calls a second, of 20"),
        "--timeout 900s",
        with_it=frozenset({"heartbeat-below-sweep"}),
    ),
    "retained-instances": Scene(
        retain_an_instance, ("1 retained instance,", "i-"), "asg-lifecycle terminate-retained --group web"
    ),
    "stack-older": Scene(nothing, ("is of version 0.1.0", "version 0.10"), "sam deploy", version="0.10"),
    "stack-newer": Scene(nothing, ("version 0.0.9", "0.1.0"), "install the command line", version="0.0.9"),
    "not-checked": Scene(
        lambda it: it.testbed.region.faults.deny("autoscaling", "DescribeLifecycleHooks"),
        ("the hooks of group web could not be read", "permission autoscaling:DescribeLifecycleHooks is missing"),
        "grant autoscaling:DescribeLifecycleHooks",
    ),
}


def test_every_check_has_a_scene() -> None:
    assert [*SCENES] == [check.name for check in CHECKS]


def test_a_clean_account_has_no_finding(testbed: Testbed[Deployment]) -> None:
    account(testbed)
    found = run("doctor")
    assert (found.exit_code, found.stdout) == (0, f"0 errors, 0 warnings, 0 notes; {len(CHECKS)} checks, 1 group\n")
    assert findings() == []


@cache
def commands() -> list[tuple[tuple[str, ...], TyperCommand]]:
    """Return all commands with their words, made once: they keep nothing of a call."""
    tree = get_command(application)
    assert isinstance(tree, TyperGroup)
    return list(commands_of(tree))


def assert_is_accepted(command: str) -> None:
    """See that the parser takes a command of ours, with all of its options."""
    words = shlex.split(command)
    if words[0] != "asg-lifecycle":
        return
    path, leaf = next(it for it in commands() if tuple(words[1 : 1 + len(it[0])]) == it[0])
    with leaf.make_context("doctor", words[1 + len(path) :]) as context:
        assert context.params


def test_a_plan_that_only_observes_is_told_with_what_ends_its_actions(testbed: Testbed[Deployment]) -> None:
    it = account(testbed)
    with testbed.region.unobserved():
        it.hook(plan={"steps": [SIGNAL], "observe": True})
    (found,) = findings()
    assert found["finding"] == "plan-without-effect"
    assert found["evidence"].endswith("left to others, or end by the hook's timeout with ABANDON")


MENDED = {
    "group-without-hook",
    "plan-without-hook",
    "heartbeat-below-sweep",
    "hook-shorter-than-plan",
    "default-result-contradicts-plan",
    "several-hooks-on-one-transition",
    "retained-instances",
}
"""The findings whose command is ours, and mends what was found by itself."""


@pytest.mark.parametrize("name", sorted(MENDED))
def test_the_command_that_mends_a_finding_does(stack_in_time: Testbed[Deployment], name: str) -> None:
    it = account(stack_in_time)
    with stack_in_time.region.unobserved():
        SCENES[name].arrange(it)
    if name == "group-without-hook":
        # The one that its tag names: a hook without a plan would hold the instances.
        it.testbed.deployment.put_plan("web", {"steps": [SIGNAL]})
    (finding,) = [each for each in findings() if each["finding"] == name]
    words = shlex.split(finding["command"])
    assert words[0] == "asg-lifecycle"
    reason = ("--reason", "looked into") if "terminate-retained" in words else ()
    mended = run(*words[1:], *reason, "--yes")
    assert mended.exit_code == 0, mended.output
    stack_in_time.run(120)
    assert name not in {each["finding"] for each in findings()}


@pytest.mark.parametrize("name", SCENES)
def test_each_finding_is_found_where_it_is_and_alone(
    testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scene = SCENES[name]
    monkeypatch.setattr(doctor_command, "_installed_version", lambda: scene.version)
    it = account(testbed, scene.parameters)
    with testbed.region.unobserved():
        scene.arrange(it)
    done = run("doctor", "--json")
    found = json.loads(done.stdout)

    assert {each["finding"] for each in found} == {name, *scene.with_it}
    (finding,) = [each for each in found if each["finding"] == name]
    assert finding["severity"] == SEVERITIES[name]
    assert [part for part in scene.says if part not in finding["evidence"]] == []
    assert scene.mends in finding["command"]
    assert done.exit_code == max(CODES[Severity(each["severity"])] for each in found)
    for each in found:
        assert_is_accepted(each["command"])
    words = words_for(finding)
    assert words.startswith(f"{SEVERITIES[name]}: {name}\n  {finding['evidence']}\n")
    assert finding["command"] in words


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"AutoScalingGroups": "w*b"}, []),
        ({"AutoScalingGroups": "web?*"}, ["its name is not web?*, as the parameter AutoScalingGroups of stack"]),
        ({"AutoScalingGroups": "[w]eb"}, ["its name is not [w]eb"]),
        ({"AutoScalingGroupTag": "mine"}, []),
        ({"AutoScalingGroupTag": "other"}, ["its tag asg-lifecycle:stack is 'mine', and the parameter"]),
        ({"EcsSteps": "on", "EcsClusters": "production-*"}, []),
        ({"KubernetesSteps": "on", "EksClusters": "production"}, []),
        ({"DnsSteps": "on", "HostedZones": "Z0123456789"}, []),
        ({"EventSteps": "on"}, []),
    ],
    ids=str,
)
def test_a_stack_that_may_touch_less_is_judged_by_what_it_may_touch(
    testbed: Testbed[Deployment], parameters: dict[str, str], found: list[str]
) -> None:
    """IAM is asked about names that the parameters allow: of any other name it would refuse what is not meant."""
    it = account(testbed, parameters)
    used = {
        "EcsSteps": {"kind": "drain-ecs"},
        "KubernetesSteps": {"kind": "drain-kubernetes", "options": {"cluster": "production"}},
        "DnsSteps": {"kind": "remove-dns-records", "options": {"zones": ["Z0123456789"]}},
        "EventSteps": {"kind": "publish-event"},
    }
    steps = [step for parameter, step in used.items() if parameter in parameters]
    it.hook(plan={"steps": steps or [SIGNAL]})
    with testbed.region.unobserved():
        tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "asg-lifecycle:stack"}
        it.client("autoscaling").create_or_update_tags(Tags=[tag | {"Value": "mine", "PropagateAtLaunch": False}])
    said = [each for each in findings() if each["finding"] not in {"plan-names-what-is-missing", "not-checked"}]
    assert {each["finding"] for each in said} == ({"group-not-allowed"} if found else set())
    assert all(part in each["evidence"] for part, each in zip(found, said, strict=True))


# What could not be read


def read_by_doctor() -> list[tuple[str, str]]:
    return [
        ("autoscaling", "DescribeAutoScalingGroups"),
        ("autoscaling", "DescribeLifecycleHooks"),
        ("autoscaling", "DescribeWarmPool"),
        ("cloudformation", "ListStackResources"),
        ("cloudwatch", "DescribeAlarms"),
        ("ec2", "DescribeInstances"),
        ("elbv2", "DescribeTargetGroups"),
        ("events", "ListRules"),
        ("events", "ListTargetsByRule"),
        ("iam", "SimulatePrincipalPolicy"),
        ("lambda", "ListDurableExecutionsByFunction"),
        ("sns", "ListSubscriptionsByTopic"),
        ("sqs", "GetQueueAttributes"),
        ("ssm", "GetParametersByPath"),
    ]


IAM_NAMES = {"elbv2": "elasticloadbalancing"}


def everything_is_read(testbed: Testbed[Deployment]) -> Account:
    it = account(testbed, {"EcsSteps": "on"})
    target_group = testbed.target_group("blue")
    del target_group
    it.testbed.autoscaling.create_group("pooled")
    it.hook(group="pooled", plan={"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]})
    with testbed.region.unobserved():
        it.client("autoscaling").put_warm_pool(AutoScalingGroupName="pooled", MinSize=2)
    testbed.run(5)
    testbed.region.calls.clear()
    return it


def test_everything_that_is_read_may_be_denied(testbed: Testbed[Deployment]) -> None:
    everything_is_read(testbed)
    assert findings() == []
    assert {*testbed.region.calls} == {*read_by_doctor(), ("cloudformation", "DescribeStacks")}


@pytest.mark.one_of(3)
@pytest.mark.parametrize(("service", "operation"), read_by_doctor())
def test_what_is_denied_is_a_finding_that_names_the_permission(
    testbed: Testbed[Deployment], service: str, operation: str
) -> None:
    everything_is_read(testbed)
    testbed.region.faults.deny(service, operation)
    done = run("doctor", "--json")
    permission = f"{IAM_NAMES.get(service, service)}:{operation}"
    said = [each for each in json.loads(done.stdout) if f"permission {permission} is missing" in each["evidence"]]
    assert said
    assert done.exit_code == (0 if service == "iam" else 20)
    names = {name for each in said for name in each["evidence"].rpartition("not checked: ")[2].split(", ")}
    assert service == "iam" or names <= {*SEVERITIES}


def test_a_stack_that_cannot_be_read_ends_the_command(testbed: Testbed[Deployment]) -> None:
    account(testbed)
    testbed.region.faults.deny("cloudformation", "DescribeStacks")
    assert run("doctor").exit_code == 2


def test_what_is_throttled_is_not_checked_either(testbed: Testbed[Deployment]) -> None:
    account(testbed)
    testbed.region.faults.fail("events", "ListRules", code="Throttling", times=9)
    (finding,) = findings()
    assert finding["finding"] == "not-checked"
    assert "events:ListRules failed" in finding["evidence"]
    assert finding["command"] == "run this again"


def test_hooks_that_may_not_be_read_are_asked_for_once(testbed: Testbed[Deployment]) -> None:
    account(testbed)
    for number in range(3):
        testbed.autoscaling.create_group(f"group-{number}")
    testbed.region.faults.deny("autoscaling", "DescribeLifecycleHooks")
    (finding,) = findings()
    assert "and 3 more of the kind" in finding["evidence"]
    assert testbed.region.calls["autoscaling", "DescribeLifecycleHooks"] == 1


# Which groups


def test_groups_of_others_are_left_alone(testbed: Testbed[Deployment]) -> None:
    it = account(testbed)
    testbed.autoscaling.create_group("theirs")
    it.hook(group="theirs", name="Terminate-LC-Hook", HeartbeatTimeout=30)
    assert findings() == []


def test_a_group_that_is_asked_about_is_meant(testbed: Testbed[Deployment]) -> None:
    it = account(testbed)
    testbed.autoscaling.create_group("theirs")
    it.hook(HeartbeatTimeout=60)
    (finding,) = findings("--group", "theirs")
    assert (finding["finding"], finding["group"]) == ("group-without-hook", "theirs")
    assert "it was asked about" in finding["evidence"]
    assert testbed.region.calls["autoscaling", "DescribeLifecycleHooks"] == 1


def test_a_plan_with_the_name_of_a_group_means_it(testbed: Testbed[Deployment]) -> None:
    account(testbed)
    testbed.autoscaling.create_group("workers")
    testbed.deployment.put_plan("workers", {"steps": [SIGNAL]})
    (finding,) = findings()
    assert finding["finding"] == "group-without-hook"
    assert "plan workers is for it" in finding["evidence"]


def test_a_group_that_does_not_exist_is_said(testbed: Testbed[Deployment]) -> None:
    account(testbed)
    done = run("doctor", "--group", "wbe")
    assert done.exit_code == 1
    assert "there is no Auto Scaling group 'wbe'" in done.stderr


def test_fifty_groups_take_a_bounded_number_of_calls(testbed: Testbed[Deployment]) -> None:
    it = account(testbed)
    for number in range(49):
        testbed.autoscaling.create_group(f"group-{number}", capacity=0)
        it.hook(group=f"group-{number}")
    testbed.region.calls.clear()
    assert findings() == []
    calls = testbed.region.calls
    assert calls.pop(("autoscaling", "DescribeLifecycleHooks")) == 50
    assert calls["autoscaling", "DescribeAutoScalingGroups"] == 1
    assert calls.total() < 30


# Permissions


def test_the_policies_of_the_template_allow_every_step_where_its_parameter_is_on(testbed: Testbed[Deployment]) -> None:
    on = dict.fromkeys(
        (
            *("TargetGroupSteps", "LatticeSteps", "ClassicLoadBalancerSteps", "CommandSteps", "StatusCheckSteps"),
            *(
                "AddressSteps",
                "CapacitySteps",
                "EcsSteps",
                "MetricSteps",
                "KubernetesSteps",
                "FunctionSteps",
                "EventSteps",
                "CloudMapSteps",
                "DnsSteps",
                "SnapshotSteps",
                "VolumeSteps",
            ),
        ),
        "on",
    )
    lists = {
        "VolumeTag": "production",
        "HttpHosts": "api.example.com",
        "AutomationDocuments": "AWS-CreateImage,Shop-Archive",
        "AutomationRoles": "arn:aws:iam::123456789012:role/archive",
        "StateMachines": "arn:aws:states:eu-west-1:123456789012:stateMachine:decommission",
    }
    it = account(testbed, on | lists)
    testbed.target_group("web")
    steps = [
        {"kind": "deregister-targets", "options": {"names": ["web"]}},
        {"kind": "deregister-classic-elb", "if_missing": "done", "options": {"names": ["web"]}},
        {"kind": "run-command", "options": {"document": "AWS-RunShellScript"}},
        {"kind": "wait-for-capacity", "unless": "unreachable"},
        {"kind": "drain-ecs"},
        {"kind": "drain-kubernetes"},
        {"kind": "invoke-function", "options": {"function": "archive"}},
        {"kind": "publish-event"},
        {"kind": "http-request", "options": {"url": "https://api.example.com/"}},
        {"kind": "run-automation", "options": {"document": "AWS-CreateImage"}},
        {"kind": "start-execution", "options": {"state_machine": "decommission"}},
        {"kind": "deregister-cloud-map", "if_missing": "done", "options": {"namespaces": ["shop"]}},
        {"kind": "remove-dns-records", "if_missing": "done", "options": {"zones": ["Z1D633PJN98FT9"]}},
        {"kind": "detach-volume", "options": {"tag": {"key": "data", "value": "web"}, "snapshot": {}}},
        {"kind": "move-address", "if_missing": "done", "options": {"what": "elastic-ip", "pool": "web"}},
        {"kind": "wait-for-capacity"},
        {"kind": "create-image"},
        SIGNAL,
    ]
    it.hook(plan={"steps": steps})
    assert findings() == []
    testbed.role_policies.refused |= {"ecs:StopTask", "vpc-lattice:ListTargets"}
    found = findings()
    assert {each["finding"] for each in found} == {"permission-missing"}
    assert [("ecs:StopTask" in each["evidence"], "vpc-lattice" in each["evidence"]) for each in found] == [
        (False, True),
        (True, False),
    ]


@pytest.mark.one_of(2)
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://api.example.com/", None),
        ("https://API.example.com:8443/x?y={instance}", None),
        ("https://{instance}.nodes.internal/", None),
        ("https://10.0.3.4/", None),
        ("https://{private_ip}:8501/", None),
        ("https://{instance}.example.com/", "sample.example.com"),
        ("https://internal/", "internal"),
        ("https://10.1.3.4/", "10.1.3.4"),
        ("https://[fd00::1]:9200/", "fd00::1"),
    ],
)
def test_hosts_are_compared_as_a_request_compares_them(
    testbed: Testbed[Deployment], url: str, said: str | None
) -> None:
    it = account(testbed, {"HttpHosts": "*.internal,api.example.com,10.0.0.0/16"})
    it.hook(plan={"steps": [asks(url), {"parallel": [asks(url)]}]})
    found = findings()
    assert [each["finding"] for each in found] == (["host-not-allowed"] if said else [])
    assert said is None or f"sends requests to {said}, and" in found[0]["evidence"]


def test_requests_without_hosts_are_found(testbed: Testbed[Deployment]) -> None:
    it = account(testbed)
    it.hook(plan={"steps": [{"kind": "http-request", "options": {"url": "https://api.example.com/"}}]})
    (finding,) = findings()
    assert finding["finding"] == "permission-missing"
    assert "parameter HttpHosts of stack asg-lifecycle is empty" in finding["evidence"]
    assert "HttpHosts=NAME-OF-HOST" in finding["command"]


@pytest.mark.parametrize(
    ("kind", "options", "parameter", "filled"),
    [
        ("run-automation", {"document": "AWS-CreateImage"}, "AutomationDocuments", "NAME-OF-RUNBOOK"),
        ("start-execution", {"state_machine": "decommission"}, "StateMachines", "ARN-OF-STATE-MACHINE"),
    ],
)
def test_runbooks_and_state_machines_that_are_not_allowed_are_found(
    testbed: Testbed[Deployment], kind: str, options: dict[str, Any], parameter: str, filled: str
) -> None:
    it = account(testbed)
    it.hook(plan={"steps": [{"kind": kind, "options": options}]})
    (finding,) = findings()
    assert finding["finding"] == "permission-missing"
    assert f"parameter {parameter} of stack asg-lifecycle is empty" in finding["evidence"]
    assert f"{parameter}={filled}" in finding["command"]


@pytest.mark.parametrize(
    ("kind", "options", "parameter", "permission"),
    [
        ("wait-for-capacity", {"target_group": "web"}, "TargetGroupSteps=on", "DescribeTargetHealth"),
        ("wait-for-capacity", {"service": {"cluster": "shop", "name": "web"}}, "EcsSteps=on", "ecs:ListTasks"),
        (
            "wait-for-capacity",
            {"deployment": {"cluster": "shop", "namespace": "web", "name": "web"}},
            "KubernetesSteps=on",
            "eks:DescribeCluster",
        ),
        (
            "run-automation",
            {"document": "AWS-CreateImage", "role": "arn:aws:iam::123456789012:role/create-image"},
            "AutomationRoles=ARN-OF-ROLE",
            "iam:PassRole",
        ),
        (
            "detach-volume",
            {"tag": {"key": "data", "value": "web"}, "snapshot": {}},
            "SnapshotSteps=on",
            "ec2:CreateSnapshot",
        ),
    ],
)
def test_what_an_option_needs_besides_is_found(
    testbed: Testbed[Deployment], kind: str, options: dict[str, Any], parameter: str, permission: str
) -> None:
    switched = {"CapacitySteps": "on", "VolumeSteps": "on", "AutomationDocuments": "AWS-CreateImage"}
    it = account(testbed, switched | {parameter.partition("=")[0]: "" if "ROLE" in parameter else "off"})
    it.hook(plan={"steps": [{"kind": kind, "if_missing": "done", "options": options}]})
    found = [each for each in findings() if each["finding"] == "permission-missing"]
    assert [parameter in each["command"] and permission in each["evidence"] for each in found] == [True]
    it.hook(plan={"steps": [{"kind": "wait-for-capacity"}]})
    assert findings() == []


def test_a_condition_that_can_never_be_found_out_is_found(testbed: Testbed[Deployment]) -> None:
    it = account(testbed, {"StatusCheckSteps": "off"})
    wait = {"kind": "wait", "options": {"duration": "5s"}, "unless": ["gone", "unreachable"]}
    it.hook(plan={"steps": [wait], "transition": "terminate"})
    (finding,) = findings()
    assert finding["finding"] == "permission-missing"
    assert "has a step with the condition unreachable, and parameter StatusCheckSteps" in finding["evidence"]
    assert "StatusCheckSteps=on" in finding["command"]


def test_what_a_group_without_instances_would_get_is_not_guessed(testbed: Testbed[Deployment]) -> None:
    """The built-in plan depends on the tags of an instance, and there is none."""
    it = account(testbed, {"EcsSteps": "on", "TargetGroupSteps": "off"})
    testbed.autoscaling.create_group("empty", capacity=0)
    it.hook(group="empty")
    (finding,) = findings()
    assert (finding["finding"], finding["group"]) == ("plan-unusable", "web")
    assert findings("--group", "empty") == []


@pytest.mark.parametrize(
    ("parameter", "step", "named"),
    [
        ("ClassicLoadBalancerSteps", "deregister-classic-elb: names", "Classic Load Balancer nowhere"),
        ("EcsSteps", "drain-ecs: cluster", "ECS cluster nowhere"),
        ("KubernetesSteps", "drain-kubernetes: cluster", "EKS cluster nowhere"),
        ("DnsSteps", "remove-dns-records: zones", "hosted zone Z1D633PJN98FT9"),
        ("VolumeSteps", "detach-volume: volumes", "EBS volume vol-0123456789abcdef0"),
        ("CloudMapSteps", "deregister-cloud-map: namespaces", "Cloud Map namespace nowhere"),
        ("CloudMapSteps", "deregister-cloud-map: services", "Cloud Map service srv-0123456789abcdef"),
        ("TargetGroupSteps", "deregister-targets: arns", "target group arn:aws:elasticloadbalancing:eu-west-1:"),
    ],
)
def test_each_kind_of_thing_that_a_plan_names_is_looked_up(
    testbed: Testbed[Deployment], parameter: str, step: str, named: str
) -> None:
    it = account(testbed, {parameter: "on"})
    kind, option = step.split(": ")
    name = named.rpartition(" ")[2]
    if name.startswith("arn:"):
        name += f"{testbed.region.account}:targetgroup/nowhere/0123456789abcdef"
    planned = {"kind": kind, "options": {option: name if option == "cluster" else [name]}}
    it.hook(plan={"steps": [planned, planned]})
    (finding,) = findings()
    assert finding["finding"] == "plan-names-what-is-missing"
    assert f"names {named}" in finding["evidence"]
    it.hook(plan={"steps": [planned | {"if_missing": "done"}]})
    assert findings() == []


# Its form


def test_every_form_holds_everything(testbed: Testbed[Deployment]) -> None:
    it = account(testbed)
    it.hook(HeartbeatTimeout=60)

    def shown(*form: str) -> str:
        # Lambda lists executions a few times a second only.
        testbed.run(5)
        return run("doctor", *form).stdout

    (as_json,) = json.loads(shown("--output", "json"))
    (as_yaml,) = yaml.safe_load(shown("--output", "yaml"))
    (as_csv,) = csv.DictReader(io.StringIO(shown("--output", "csv")))
    assert as_json == as_yaml == as_csv
    assert shown("--json") == shown("--output", "json")
    assert run("doctor", "--json", "--output", "csv").exit_code == 2
    assert [*as_json] == ["severity", "finding", "group", "hook", "evidence", "command"]
    assert as_json["hook"] == HOOK
    assert shown() == words_for(as_json)


def test_errors_come_first_and_decide_the_exit_code(testbed: Testbed[Deployment]) -> None:
    it = account(testbed)
    it.hook(HeartbeatTimeout=60, plan={"steps": [{"kind": "run-comand"}]})
    it.hook(name="Terminate-LC-Hook")
    done = run("doctor", "--json")
    assert [each["severity"] for each in json.loads(done.stdout)] == ["error", "warning", "note"]
    assert done.exit_code == 21


def test_a_narrow_terminal_breaks_no_command(testbed: Testbed[Deployment]) -> None:
    it = account(testbed)
    it.hook(HeartbeatTimeout=60)
    facts = doctor.compose_doctor("asg-lifecycle").read(None, None)
    lines = list(in_words([each for check in CHECKS for each in check.findings(facts)], group_count=1, width=80))
    long = [line for line in lines if len(line) > 80]
    assert long == [line for line in lines if line.startswith("  $ ")]
    assert is_typed(long[0].removeprefix("  $ "))


def test_a_stack_of_others_is_refused(testbed: Testbed[Deployment]) -> None:
    template = {"Resources": {"Any": {"Type": "AWS::SQS::Queue"}}}
    with testbed.region.unobserved():
        testbed.region.client("cloudformation").create_stack(StackName="other", TemplateBody=json.dumps(template))
    done = run("doctor", "--stack", "other")
    assert done.exit_code == 2
    assert "is no stack of asg-lifecycle" in done.stderr
