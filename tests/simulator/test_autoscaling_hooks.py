"""R3, R19, R20, R29: what a hook may look like and whom it notifies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.simulator.conftest import AutoScalingTestbed

GROUP = "web"
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
ROLE = "arn:aws:iam::123456789012:role/notify"


def put(auto_scaling: AutoScalingTestbed, **fields: object) -> None:
    named = {"AutoScalingGroupName": GROUP, "LifecycleHookName": "drain", "LifecycleTransition": TERMINATING}
    auto_scaling.client.put_lifecycle_hook(**{**named, **fields})


def hooks(auto_scaling: AutoScalingTestbed) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = auto_scaling.client.describe_lifecycle_hooks(AutoScalingGroupName=GROUP)[
        "LifecycleHooks"
    ]
    return found


def test_r3_defaults(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group()
    put(auto_scaling)
    assert hooks(auto_scaling) == [
        {
            "LifecycleHookName": "drain",
            "AutoScalingGroupName": GROUP,
            "LifecycleTransition": TERMINATING,
            "HeartbeatTimeout": 3600,
            "GlobalTimeout": 172_800,
            "DefaultResult": "ABANDON",
        }
    ]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"HeartbeatTimeout": 30}, id="R3: shortest heartbeat timeout"),
        pytest.param({"HeartbeatTimeout": 7200}, id="R3: longest heartbeat timeout"),
        pytest.param({"DefaultResult": "CONTINUE"}, id="R3: default result CONTINUE"),
        pytest.param({"LifecycleHookName": "a/b-c_D9"}, id="R29: a slash in the name"),
        pytest.param({"LifecycleHookName": "n" * 255}, id="R29: longest name"),
        pytest.param({"NotificationMetadata": '{"plan":\t"web"}\n~'}, id="R29: tab and line feed"),
        pytest.param({"NotificationMetadata": "m" * 4000}, id="R29: longest metadata"),
    ],
)
def test_a_valid_hook_is_kept_as_given(auto_scaling: AutoScalingTestbed, fields: dict[str, Any]) -> None:
    auto_scaling.group()
    put(auto_scaling, **fields)
    (hook,) = hooks(auto_scaling)
    assert {name: hook[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"HeartbeatTimeout": 29}, "30 and 7200", id="R3: heartbeat timeout too short"),
        pytest.param({"HeartbeatTimeout": 7201}, "30 and 7200", id="R3: heartbeat timeout too long"),
        pytest.param({"DefaultResult": "PROCEED"}, "CONTINUE nor ABANDON", id="R3: unknown result"),
        pytest.param({"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCH"}, "must be one of", id="R1: transition"),
        pytest.param({"LifecycleHookName": "a b"}, "hook name", id="R29: a space in the name"),
        pytest.param({"LifecycleHookName": "n" * 256}, "hook name", id="R29: name too long"),
        pytest.param({"NotificationMetadata": "é"}, "printable ASCII", id="R29: metadata beyond ASCII"),
        pytest.param({"NotificationMetadata": "m" * 4001}, "printable ASCII", id="R29: metadata too long"),
        pytest.param({"AutoScalingGroupName": "other"}, "name not found", id="no such group"),
        pytest.param(
            {"NotificationTargetARN": "arn:aws:sqs:eu-west-1:123456789012:q.fifo", "RoleARN": ROLE},
            "standard SQS queue",
            id="R19: FIFO target",
        ),
        pytest.param(
            {"NotificationTargetARN": "arn:aws:sqs:eu-west-1:123456789012:q"}, "RoleARN", id="R19: target without role"
        ),
        pytest.param(
            {"NotificationTargetARN": "arn:aws:sqs:eu-west-1:123456789012:none", "RoleARN": ROLE},
            "Unable to publish test message",
            id="R20: target that does not exist",
        ),
    ],
)
def test_an_invalid_hook_is_refused(auto_scaling: AutoScalingTestbed, fields: dict[str, Any], message: str) -> None:
    auto_scaling.group()
    with pytest.raises(ClientError, match=message) as error:
        put(auto_scaling, **fields)
    assert error.value.response["Error"]["Code"] == "ValidationError"
    assert hooks(auto_scaling) == []


def test_r2_a_group_holds_fifty_hooks(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group()
    for number in range(50):
        put(auto_scaling, LifecycleHookName=f"hook-{number}")
    put(auto_scaling, LifecycleHookName="hook-7", HeartbeatTimeout=60)  # changing one is no new one
    with pytest.raises(ClientError, match="LimitExceeded"):
        put(auto_scaling, LifecycleHookName="hook-50")


def test_a_change_keeps_what_it_does_not_name_and_waits_under_way_stay_as_they_were(
    auto_scaling: AutoScalingTestbed,
) -> None:
    instance = auto_scaling.held(heartbeat=60, NotificationMetadata="before")
    auto_scaling.client.put_lifecycle_hook(
        AutoScalingGroupName=GROUP, LifecycleHookName="drain", HeartbeatTimeout=1000, DefaultResult="CONTINUE"
    )
    (hook,) = hooks(auto_scaling)
    assert (hook["NotificationMetadata"], hook["LifecycleTransition"]) == ("before", TERMINATING)
    auto_scaling.timeline.run_for(60)
    assert [entry.detail for entry in auto_scaling.ends(instance)] == ["ABANDON heartbeat timeout"]


def test_hooks_given_at_creation_hold_the_first_instances(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group(0)
    auto_scaling.client.create_auto_scaling_group(
        AutoScalingGroupName="born-held",
        LaunchConfigurationName="simulated",
        MinSize=1,
        MaxSize=1,
        AvailabilityZones=["eu-west-1a"],
        LifecycleHookSpecificationList=[{"LifecycleHookName": "warm", "LifecycleTransition": LAUNCHING}],
    )
    (instance,) = auto_scaling.service.instances("born-held")
    assert auto_scaling.state(instance) == "Pending:Wait"


class Target:
    """An SQS queue, fed by the hook itself or through an SNS topic."""

    def __init__(self, auto_scaling: AutoScalingTestbed, kind: str) -> None:
        self.kind = kind
        self.sqs = auto_scaling.region.client("sqs")
        self.queue = self.sqs.create_queue(QueueName="hooks")["QueueUrl"]
        self.arn = "arn:aws:sqs:eu-west-1:123456789012:hooks"
        if kind == "sns":
            sns = auto_scaling.region.client("sns")
            topic = sns.create_topic(Name="hooks")["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self.arn)
            self.arn = topic

    def messages(self) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        bodies = [json.loads(message["Body"]) for message in found]
        return [json.loads(body["Message"]) for body in bodies] if self.kind == "sns" else bodies


@pytest.mark.parametrize("kind", ["sqs", "sns"])
def test_r19_r20_a_target_gets_the_test_message_and_each_action_beside_the_event(
    auto_scaling: AutoScalingTestbed, kind: str
) -> None:
    target = Target(auto_scaling, kind)
    (instance,) = auto_scaling.group()
    auto_scaling.hook(NotificationTargetARN=target.arn, RoleARN=ROLE, NotificationMetadata="mine")
    (test,) = target.messages()
    assert (test["Event"], test["AutoScalingGroupName"]) == ("autoscaling:TEST_NOTIFICATION", GROUP)
    assert not {"EC2InstanceId", "LifecycleActionToken"} & set(test)
    auto_scaling.service.terminate(instance)
    auto_scaling.timeline.run_for(1)
    (message,) = target.messages()
    (event,) = auto_scaling.events
    assert {name: message.pop(name) for name in event["detail"]} == event["detail"]
    assert message.pop("RequestId")
    assert message == {"Service": "AWS Auto Scaling", "Time": event["time"], "AccountId": "123456789012"}


def test_r20_a_change_that_does_not_name_the_target_sends_it_nothing(auto_scaling: AutoScalingTestbed) -> None:
    target = Target(auto_scaling, "sqs")
    auto_scaling.group()
    put(auto_scaling, NotificationTargetARN=target.arn, RoleARN=ROLE)
    assert len(target.messages()) == 1
    put(auto_scaling, HeartbeatTimeout=60)
    assert target.messages() == []
    (hook,) = hooks(auto_scaling)
    assert (hook["NotificationTargetARN"], hook["RoleARN"], hook["HeartbeatTimeout"]) == (target.arn, ROLE, 60)


def test_r19_a_target_that_is_gone_does_not_keep_the_action_from_its_event(auto_scaling: AutoScalingTestbed) -> None:
    target = Target(auto_scaling, "sqs")
    (instance,) = auto_scaling.group()
    auto_scaling.hook(NotificationTargetARN=target.arn, RoleARN=ROLE)
    target.sqs.delete_queue(QueueUrl=target.queue)
    auto_scaling.service.terminate(instance)
    auto_scaling.timeline.run_for(1)
    assert len(auto_scaling.events) == 1
    assert len(auto_scaling.region.log.of(LogKind.NOTIFICATION_LOST, instance=instance)) == 1
