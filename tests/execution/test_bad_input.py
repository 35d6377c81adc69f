from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

GROUP_OF_255 = "g" * 255


def event(testbed: Testbed, **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "12345678-1234-1234-1234-123456789012",
        "detail-type": "EC2 Instance-terminate Lifecycle Action",
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": "2100-01-01T00:00:00Z",
        "region": testbed.region.name,
        "resources": [],
        "detail": {
            "LifecycleActionToken": "87654321-4321-4321-4321-210987654321",
            "AutoScalingGroupName": "web",
            "LifecycleHookName": "asg-lifecycle-terminate",
            "EC2InstanceId": "i-1234567890abcdef0",
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
            **detail,
        },
    }


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"detail-type": "EC2 Instance Launch Successful"}, "ignored", "EC2 Instance Launch Successful"),
        ({"source": "aws.ec2"}, "ignored", "aws.ec2"),
    ],
)
def test_a_foreign_event_is_ignored_and_nothing_is_written(
    testbed: Testbed, changes: dict[str, Any], outcome: str, reason: str
) -> None:
    execution = testbed.deployment.start({**event(testbed), **changes})
    testbed.run(60)

    assert execution.result["outcome"] == outcome
    assert reason in execution.result["reason"]
    assert testbed.region.calls == {}


@pytest.mark.parametrize(
    "hook",
    [
        "somebody-elses",
        "ecs-managed-draining-termination-hook",
        "Terminate-LC-Hook",
        "CodeDeploy-managed-automatic-launch-deployment-hook-x",
    ],
)
def test_a_hook_that_is_not_ours_is_ignored(testbed: Testbed, hook: str) -> None:
    execution = testbed.deployment.start(event(testbed, LifecycleHookName=hook))
    testbed.run(60)

    assert execution.result["outcome"] == "ignored"
    assert hook in execution.result["reason"]
    assert testbed.region.calls == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("LifecycleActionToken", "short"),
        ("LifecycleActionToken", None),
        ("LifecycleTransition", "autoscaling:EC2_INSTANCE_SLEEPING"),
        ("EC2InstanceId", 7),
        ("AutoScalingGroupName", ["web"]),
    ],
)
def test_a_broken_event_names_the_field_and_completes_nothing(
    testbed: Testbed,
    field: str,
    value: Any,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    execution = testbed.deployment.start(event(testbed, **{field: value}))
    testbed.run(60)

    assert (execution.status, execution.result["outcome"]) == ("SUCCEEDED", "invalid")
    assert field in execution.result["reason"]
    assert testbed.region.calls == {}
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert [field in error for error in errors] == [True]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["EventsInvalid"] for line in lines if "EventsInvalid" in line] == [[1.0]]


@pytest.mark.parametrize("group", ["a group with spaces", "path/like/name", GROUP_OF_255, "Grüße-你好"])
def test_any_group_name_is_handled(testbed: Testbed, group: str) -> None:
    (instance,) = testbed.autoscaling.create_group(group, capacity=1)
    testbed.autoscaling.put_hook(group, "asg-lifecycle/terminate_1", "TERMINATING", HeartbeatTimeout=60)
    testbed.terminate(instance)

    execution = testbed.finish()

    assert execution.result["outcome"] == "completed"
    assert testbed.deployment.record(group, "asg-lifecycle/terminate_1", instance) is not None


PROBLEMS: list[tuple[Any, list[str]]] = [
    ({"steps": [{"kind": "drain-everything"}]}, ["drain-everything", "deregister-targets, ", ", run-command, "]),
    ({"steps": [{"kind": "run-command", "options": {"documnt": "x"}}]}, ["documnt", "document, parameters, version"]),
    ({"steps": [{"kind": "deregister-targets", "options": {"names": "blue"}}]}, ["names", "'blue'; expected a list"]),
    ("web", ["no plan named 'web'", "there are: none"]),
]


@pytest.mark.parametrize(("plan", "words"), PROBLEMS)
def test_a_bad_plan_holds_the_action_and_says_why(testbed: Testbed, plan: Any, words: list[str]) -> None:
    (instance,) = testbed.group(plan=plan, heartbeat=60)
    testbed.terminate(instance)
    testbed.run(300)
    held = testbed.record()

    assert held.status == "held"
    assert held.problem is not None
    assert all(word in held.problem for word in words)
    assert testbed.completions() == []


def test_a_bad_plan_holds_the_action_until_the_deadline(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=PROBLEMS[0][0], heartbeat=60)
    testbed.terminate(instance)
    testbed.run(5800)
    assert testbed.record().status == "held"
    assert testbed.completions() == []
    assert len(testbed.beats()) >= 5800 / 30 - 1

    execution = testbed.finish()

    assert execution.result["result"] == "ABANDON"
    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    ended = testbed.log(LogKind.COMPLETED)[0].time - testbed.log(LogKind.WAIT_STARTED)[0].time
    assert 5870 <= ended <= 5900


def test_metadata_that_is_not_ours_is_left_alone(testbed: Testbed) -> None:
    (instance,) = testbed.group(NotificationMetadata='{"team": "web", "plans": []}')
    testbed.terminate(instance)

    assert testbed.finish().result["outcome"] == "completed"
    assert testbed.record().plan_source == "built-in"
