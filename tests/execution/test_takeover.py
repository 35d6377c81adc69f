"""An execution that failed, was stopped or timed out is taken over where it stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.messages import Resume
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
PLAN = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}, COMMAND]}


def drained(testbed: Testbed, plan: Any = PLAN, *, delay: int = 300, command: Behaviour | None = None) -> str:
    (instance,) = testbed.group(plan=plan)
    testbed.target_group("blue", instance, delay=delay)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(command or Behaviour(duration=200))
    testbed.terminate(instance)
    return instance


def stop(testbed: Testbed) -> str:
    """Stop the owner; return its ARN."""
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    return record.execution


def take_over(testbed: Testbed, dead: str) -> None:
    action = action_of(testbed.record())
    testbed.deployment.start(payload(StartRequest(reason=StartReason.TAKEOVER, action=action, takes_over=dead)))


@pytest.mark.parametrize("after", [2, 60, 320, 400])
def test_the_work_goes_on_where_it_stood(testbed: Testbed, after: float) -> None:
    instance = drained(testbed)
    testbed.run(after)
    dead = stop(testbed)
    before = testbed.record()
    testbed.run(60)
    take_over(testbed, dead)
    execution = testbed.finish()

    assert execution.result == {
        "outcome": "completed",
        "result": "CONTINUE",
        "reason": "the work is done: 2 done of 2 steps",
    }
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1
    assert len(testbed.run_command.runs(instance)) == 1
    record = testbed.record()
    assert (record.event_time, record.token) == (before.event_time, before.token)
    assert [step.outcome for step in record.step_outcomes] == ["done", "done"]
    assert record.execution == execution.arn


def test_the_plan_is_the_one_that_was_chosen(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    dead = stop(testbed)
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING", HeartbeatTimeout=300)
    take_over(testbed, dead)
    testbed.finish()

    assert [step.kind for step in testbed.record().step_outcomes] == ["deregister-targets", "run-command"]


def test_what_was_held_stays_held_and_is_not_counted_again(testbed: Testbed) -> None:
    instance = drained(testbed, delay=20, command=Behaviour(duration=5, exit_code=1))
    testbed.run(120)
    assert testbed.record().status == "held"
    dead = stop(testbed)
    take_over(testbed, dead)
    testbed.run(600)

    record = testbed.record()
    assert record.status == "held"
    assert record.problem is not None
    assert "exit code 1" in record.problem
    assert len(testbed.run_command.runs(instance)) == 1
    testbed.run_command.behave(Behaviour(duration=5))
    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.run(60)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 2


def test_a_living_owner_is_not_taken_over(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    take_over(testbed, "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle-action:1/durable-execution/x/y")
    testbed.run(5)

    assert testbed.execution.result["outcome"] == "duplicate"
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_two_takeovers_of_one_owner_are_one(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    dead = stop(testbed)
    take_over(testbed, dead)
    take_over(testbed, dead)
    testbed.run(5)

    outcomes = [execution.result["outcome"] for execution in testbed.deployment.executions if execution.result]
    assert outcomes == ["duplicate"]
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_action_that_ended_meanwhile_is_closed_as_over(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    dead = stop(testbed)
    testbed.run(600)
    take_over(testbed, dead)
    execution = testbed.finish()

    assert execution.result["outcome"] == "over"
    assert testbed.record().in_flight is None
    assert [entry.detail for entry in testbed.log(LogKind.COMPLETED)] == ["ABANDON heartbeat timeout"]


def test_a_result_that_was_decided_is_sent_by_whoever_comes_after(testbed: Testbed) -> None:
    testbed.region.faults.throttle("autoscaling", "CompleteLifecycleAction", times=3)
    drained(testbed, {"steps": []})
    testbed.run(3)
    assert testbed.record().status == "completing"
    dead = stop(testbed)
    take_over(testbed, dead)
    execution = testbed.finish()

    assert execution.result["result"] == "CONTINUE"
    assert testbed.record().status == "completed"


def test_a_completion_of_the_dead_execution_is_ours(testbed: Testbed) -> None:
    # It was sent and accepted, and its execution died before it could note that.
    testbed.region.faults.lose_response("autoscaling", "CompleteLifecycleAction")
    testbed.region.faults.deny("autoscaling", "DescribeAutoScalingInstances")
    drained(testbed, {"steps": []})
    testbed.run(1.5)
    dead = stop(testbed)
    assert testbed.record().status == "completing"
    testbed.region.faults.allow("autoscaling", "DescribeAutoScalingInstances")
    take_over(testbed, dead)
    execution = testbed.finish()

    assert execution.result["outcome"] == "completed"
    assert testbed.record().status == "completed"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
