from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

PLAN = {
    "steps": [
        {"kind": "deregister-targets", "options": {"names": ["blue"]}},
        {
            "kind": "run-command",
            "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop worker"]}},
        },
    ]
}


def drained(stage: Stage) -> str:
    (instance,) = stage.group(plan=PLAN, heartbeat=300)
    stage.target_group("blue", instance, delay=20)
    stage.run_command.manage(instance)
    stage.run_command.behave(Behaviour(duration=15))
    stage.terminate(instance)
    return instance


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
def test_any_call_may_fail_for_a_while(stage: Stage, service: str, operation: str, trouble: str) -> None:
    getattr(stage.region.faults, trouble)(service, operation, times=3)
    instance = drained(stage)
    execution = stage.finish()

    assert execution.result["outcome"] == "completed"
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(stage.run_command.runs(instance)) == 1
    assert stage.record().status == "completed"


def test_a_command_whose_answer_was_lost_is_found_by_its_comment(stage: Stage) -> None:
    stage.region.faults.lose_response("ssm", "SendCommand")
    instance = drained(stage)
    stage.finish()

    assert stage.calls("ssm")["SendCommand"] == 1
    assert stage.calls("ssm")["ListCommands"] >= 1
    assert len(stage.run_command.runs(instance)) == 1


def test_a_command_that_was_never_sent_is_sent_after_a_minute_of_looking(stage: Stage) -> None:
    stage.region.faults.lose_request("ssm", "SendCommand")
    instance = drained(stage)
    stage.finish()

    assert len(stage.run_command.runs(instance)) == 1
    assert stage.calls("ssm")["SendCommand"] == 2


@pytest.mark.parametrize("invocation", range(2, 7))
@pytest.mark.parametrize("call", range(1, 7))
def test_a_completion_that_was_throttled_before_the_lambda_died_is_still_our_own(
    stage: Stage, invocation: int, call: int
) -> None:
    crash = CallCrash(invocation=invocation, call=call, after=True)
    stage.deployment.service.call_crashes.append(crash)
    stage.region.faults.throttle("autoscaling", "CompleteLifecycleAction", times=3)
    (instance,) = stage.group(plan={"steps": []})
    stage.terminate(instance)
    stage.finish()

    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert stage.record().status == "completed"
