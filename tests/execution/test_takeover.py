"""An execution that failed, was stopped or timed out is taken over where it stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.messages import Nudge
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import Start, StartReason, payload
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
PLAN = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}, COMMAND]}


def drained(stage: Stage, plan: Any = PLAN, *, delay: int = 300, command: Behaviour | None = None) -> str:
    (instance,) = stage.group(plan=plan)
    stage.target_group("blue", instance, delay=delay)
    stage.run_command.manage(instance)
    stage.run_command.behave(command or Behaviour(duration=200))
    stage.terminate(instance)
    return instance


def stop(stage: Stage) -> str:
    """Stop the owner; return its ARN."""
    record = stage.record()
    stage.deployment.service.stop(record.execution)
    return record.execution


def take_over(stage: Stage, dead: str) -> None:
    action = action_of(stage.record())
    stage.deployment.start(payload(Start(reason=StartReason.TAKEOVER, action=action, takes_over=dead)))


@pytest.mark.parametrize("after", [2, 60, 320, 400])
def test_the_work_goes_on_where_it_stood(stage: Stage, after: float) -> None:
    instance = drained(stage)
    stage.run(after)
    dead = stop(stage)
    before = stage.record()
    stage.run(60)
    take_over(stage, dead)
    execution = stage.finish()

    assert execution.result == {
        "outcome": "completed",
        "result": "CONTINUE",
        "reason": "the work is done: 2 done of 2 steps",
    }
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert stage.calls("elbv2")["DeregisterTargets"] == 1
    assert len(stage.run_command.runs(instance)) == 1
    record = stage.record()
    assert (record.event_time, record.token) == (before.event_time, before.token)
    assert [step.outcome for step in record.steps] == ["done", "done"]
    assert record.execution == execution.arn


def test_the_plan_is_the_one_that_was_chosen(stage: Stage) -> None:
    drained(stage)
    stage.run(60)
    dead = stop(stage)
    stage.region.put_hook("web", "asg-lifecycle-terminate", "TERMINATING", HeartbeatTimeout=300)
    take_over(stage, dead)
    stage.finish()

    assert [step.kind for step in stage.record().steps] == ["deregister-targets", "run-command"]


def test_what_was_held_stays_held_and_is_not_counted_again(stage: Stage) -> None:
    instance = drained(stage, delay=20, command=Behaviour(duration=5, exit_code=1))
    stage.run(120)
    assert stage.record().status == "held"
    dead = stop(stage)
    take_over(stage, dead)
    stage.run(600)

    record = stage.record()
    assert record.status == "held"
    assert record.problem is not None
    assert "exit code 1" in record.problem
    assert len(stage.run_command.runs(instance)) == 1
    stage.run_command.behave(Behaviour(duration=5))
    stage.deployment.say(stage.record(), Nudge())
    stage.run(60)
    # A command that failed is not run again: the nudge finds it failed.
    assert stage.record().status == "held"


def test_a_living_owner_is_not_taken_over(stage: Stage) -> None:
    drained(stage)
    stage.run(60)
    take_over(stage, "arn:aws:lambda:eu-west-1:123456789012:function:lifecycle-action:1/durable-execution/x/y")
    stage.run(5)

    assert stage.execution.result["outcome"] == "duplicate"
    stage.finish()
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_two_takeovers_of_one_owner_are_one(stage: Stage) -> None:
    drained(stage)
    stage.run(60)
    dead = stop(stage)
    take_over(stage, dead)
    take_over(stage, dead)
    stage.run(5)

    outcomes = [execution.result["outcome"] for execution in stage.deployment.executions if execution.result]
    assert outcomes == ["duplicate"]
    stage.finish()
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_action_that_ended_meanwhile_is_closed_as_over(stage: Stage) -> None:
    drained(stage)
    stage.run(60)
    dead = stop(stage)
    stage.run(600)
    take_over(stage, dead)
    execution = stage.finish()

    assert execution.result["outcome"] == "over"
    assert stage.record().in_flight is None
    assert [entry.detail for entry in stage.log(LogKind.COMPLETED)] == ["ABANDON heartbeat timeout"]


def test_a_result_that_was_decided_is_sent_by_whoever_comes_after(stage: Stage) -> None:
    stage.region.faults.throttle("autoscaling", "CompleteLifecycleAction", times=3)
    drained(stage, {"steps": []})
    stage.run(3)
    assert stage.record().status == "completing"
    dead = stop(stage)
    take_over(stage, dead)
    execution = stage.finish()

    assert execution.result["result"] == "CONTINUE"
    assert stage.record().status == "completed"


def test_a_completion_of_the_dead_execution_is_ours(stage: Stage) -> None:
    # It was sent and accepted, and its execution died before it could note that.
    stage.region.faults.lose_response("autoscaling", "CompleteLifecycleAction")
    drained(stage, {"steps": []})
    stage.run(3)
    dead = stop(stage)
    assert stage.record().status == "completing"
    take_over(stage, dead)
    execution = stage.finish()

    assert execution.result["outcome"] == "completed"
    assert stage.record().status == "completed"
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
