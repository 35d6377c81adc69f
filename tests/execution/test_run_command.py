from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

SCRIPT = {"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop worker"]}}


def commanded(stage: Stage, behaviour: Behaviour | None = None, *, ping: str | None = "Online", **plan: Any) -> str:
    options, heartbeat = plan.pop("options", SCRIPT), plan.pop("heartbeat", 120)
    steps = [{"kind": "run-command", "options": options}]
    (instance,) = stage.group(plan={"steps": steps, **plan}, heartbeat=heartbeat)
    if ping is not None:
        stage.run_command.manage(instance, ping)
    if behaviour is not None:
        stage.run_command.behave(behaviour)
    stage.terminate(instance)
    return instance


def test_a_command_is_waited_for_and_its_end_recorded(stage: Stage) -> None:
    instance = commanded(stage, Behaviour(duration=400, standard_output="stopped 3 workers\n"))
    stage.run(60)
    assert (stage.record().detail or "").startswith("run-command: waiting for command ")
    stage.finish()

    (run,) = stage.run_command.runs(instance)
    assert run.ended
    (step,) = stage.record().steps
    assert step.outcome == "done"
    assert step.detail.endswith("ended with exit code 0; it said: stopped 3 workers")
    assert stage.log(LogKind.COMPLETED)[0].time >= stage.started + 400


def test_only_the_tail_of_the_output_is_kept(stage: Stage) -> None:
    commanded(stage, Behaviour(standard_output="x" * 5000 + "the end"))
    stage.finish()

    (step,) = stage.record().steps
    assert step.detail.endswith("xthe end")
    assert len(step.detail) < 700


def test_a_command_that_fails_holds_the_instance_with_exit_code_and_complaint(stage: Stage) -> None:
    instance = commanded(stage, Behaviour(exit_code=3, standard_error="cannot stop: jobs left"))
    stage.run(1000)
    record = stage.record()

    assert record.status == "held"
    assert "exit code 3; it said: cannot stop: jobs left" in (record.problem or "")
    assert stage.completions() == []
    assert len(stage.run_command.runs(instance)) == 1


@pytest.mark.parametrize(("on_failure", "result"), [("continue", "CONTINUE"), ("abandon", "ABANDON")])
def test_the_plan_says_what_a_failure_means(stage: Stage, on_failure: str, result: str) -> None:
    commanded(stage, Behaviour(exit_code=3), on_failure=on_failure)
    execution = stage.finish(within=60)

    assert execution.result["result"] == result
    assert stage.completions() == [f"{result} CompleteLifecycleAction"]
    (step,) = stage.record().steps
    assert step.outcome == "failed"


@pytest.mark.parametrize(
    ("ping", "words"),
    [(None, "is not managed by Systems Manager"), ("ConnectionLost", "is ConnectionLost, expected Online")],
)
def test_an_instance_that_cannot_be_reached_is_a_clear_failure(stage: Stage, ping: str | None, words: str) -> None:
    commanded(stage, ping=ping)
    stage.run(30)

    assert stage.record().status == "held"
    assert words in (stage.record().problem or "")
    assert "SendCommand" not in stage.calls("ssm")


def test_an_unknown_document_fails_the_step_and_names_it(stage: Stage) -> None:
    commanded(stage, options={"document": "No-Such-Document"})
    stage.run(30)

    assert stage.record().status == "held"
    assert "ssm:SendCommand failed" in (stage.record().problem or "")


def test_a_missing_permission_is_named(stage: Stage) -> None:
    stage.region.faults.deny("ssm", "SendCommand")
    commanded(stage)
    stage.run(30)

    assert stage.record().status == "held"
    assert "permission ssm:SendCommand is missing" in (stage.record().problem or "")


def test_a_dependency_that_is_down_holds_the_instance_and_the_work_goes_on_after(stage: Stage) -> None:
    instance = commanded(stage, Behaviour(duration=5))
    stage.region.faults.fail("ssm", "DescribeInstanceInformation", code="InternalServerError", status=500, times=20)
    stage.run(100)
    assert stage.record().status == "working"
    assert "InternalServerError" in (stage.record().problem or "")
    assert stage.completions() == []

    assert stage.finish().result["result"] == "CONTINUE"
    assert len(stage.run_command.runs(instance)) == 1


def test_the_command_is_cancelled_when_the_deadline_ends_the_race(stage: Stage) -> None:
    instance = commanded(stage, Behaviour(duration=100_000), heartbeat=30)
    stage.finish()
    stage.run(5)

    (run,) = stage.run_command.runs(instance)
    assert run.ended
    assert stage.calls("ssm")["CancelCommand"] == 1
    assert "was asked to stop" in (stage.record().reason or "")


def test_an_instance_that_goes_while_the_command_runs_is_not_held(stage: Stage) -> None:
    instance = commanded(stage, Behaviour(duration=100_000))
    stage.run(30)
    stage.region.client("ec2").terminate_instances(InstanceIds=[instance])
    stage.run(600)

    record = stage.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert (record.status, record.result) == ("completed", "CONTINUE")
    assert "the instance is gone" in record.steps[0].detail
