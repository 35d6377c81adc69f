from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

PLAN = {
    "steps": [
        {"kind": "deregister-targets", "options": {"names": ["blue"]}},
        {
            "kind": "run-command",
            "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop worker"]}},
        },
    ]
}


def drained(testbed: Testbed) -> str:
    (instance,) = testbed.group(plan=PLAN, heartbeat=300)
    testbed.target_group("blue", instance, delay=20)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=15))
    testbed.terminate(instance)
    return instance


@pytest.mark.one_of(5)
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ssm", "SendCommand"),
        ("ssm", "GetCommandInvocation"),
        ("elbv2", "DeregisterTargets"),
        ("elbv2", "DescribeTargetHealth"),
        ("elbv2", "DescribeTargetGroupAttributes"),
        ("autoscaling", "RecordLifecycleActionHeartbeat"),
        ("autoscaling", "CompleteLifecycleAction"),
        ("autoscaling", "DescribeLifecycleHooks"),
        ("dynamodb", "PutItem"),
        ("dynamodb", "UpdateItem"),
        ("ec2", "DescribeInstances"),
    ],
)
@pytest.mark.parametrize("trouble", ["lose_response", "lose_request", "throttle"])
def test_any_call_may_fail_for_a_while(testbed: Testbed, service: str, operation: str, trouble: str) -> None:
    getattr(testbed.region.faults, trouble)(service, operation, times=3)
    instance = drained(testbed)
    execution = testbed.finish()

    assert execution.result["outcome"] == "completed"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    assert testbed.record().status == "completed"


def test_a_command_whose_answer_was_lost_is_found_by_its_comment(testbed: Testbed) -> None:
    testbed.region.faults.lose_response("ssm", "SendCommand")
    instance = drained(testbed)
    testbed.finish()

    assert testbed.calls("ssm")["SendCommand"] == 1
    assert testbed.calls("ssm")["ListCommands"] >= 1
    assert len(testbed.run_command.runs(instance)) == 1


def test_a_command_that_was_never_sent_is_sent_after_a_minute_of_looking(testbed: Testbed) -> None:
    testbed.region.faults.lose_request("ssm", "SendCommand")
    instance = drained(testbed)
    testbed.finish()

    assert len(testbed.run_command.runs(instance)) == 1
    assert testbed.calls("ssm")["SendCommand"] == 2


@pytest.mark.one_of(3)
@pytest.mark.parametrize("invocation", range(2, 7))
@pytest.mark.parametrize("call", range(1, 7))
def test_a_completion_that_was_throttled_before_the_lambda_died_is_still_our_own(
    testbed: Testbed, invocation: int, call: int
) -> None:
    crash = CallCrash(invocation=invocation, call=call, after=True)
    testbed.deployment.service.call_crashes.append(crash)
    testbed.region.faults.throttle("autoscaling", "CompleteLifecycleAction", times=3)
    (instance,) = testbed.group(plan={"steps": []})
    testbed.terminate(instance)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.record().status == "completed"
