from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

SCRIPT = {"document": "AWS-RunShellScript", "parameters": {"commands": ["systemctl stop worker"]}}


def commanded(testbed: Testbed, behaviour: Behaviour | None = None, *, ping: str | None = "Online", **plan: Any) -> str:
    options, heartbeat = plan.pop("options", SCRIPT), plan.pop("heartbeat", 120)
    steps = [{"kind": "run-command", "options": options}]
    (instance,) = testbed.group(plan={"steps": steps, **plan}, heartbeat=heartbeat)
    if ping is not None:
        testbed.run_command.manage(instance, ping)
    if behaviour is not None:
        testbed.run_command.behave(behaviour)
    testbed.terminate(instance)
    return instance


def test_a_command_is_waited_for_and_its_end_recorded(testbed: Testbed) -> None:
    instance = commanded(testbed, Behaviour(duration=400, standard_output="stopped 3 workers\n"))
    testbed.run(60)
    assert (testbed.record().detail or "").startswith("run-command: waiting for command ")
    testbed.finish()

    (run,) = testbed.run_command.runs(instance)
    assert run.ended
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "done"
    assert step.detail.endswith("ended with exit code 0; it said: stopped 3 workers")
    assert testbed.log(LogKind.COMPLETED)[0].time >= testbed.started + 400


def test_only_the_tail_of_the_output_is_kept(testbed: Testbed) -> None:
    commanded(testbed, Behaviour(standard_output="x" * 5000 + "the end"))
    testbed.finish()

    (step,) = testbed.record().step_outcomes
    assert step.detail.endswith("xthe end")
    assert len(step.detail) < 700


def test_a_command_that_fails_holds_the_instance_with_exit_code_and_complaint(testbed: Testbed) -> None:
    instance = commanded(testbed, Behaviour(exit_code=3, standard_error="cannot stop: jobs left"))
    testbed.run(1000)
    record = testbed.record()

    assert record.status == "held"
    assert "exit code 3; it said: cannot stop: jobs left" in (record.problem or "")
    assert testbed.completions() == []
    assert len(testbed.run_command.runs(instance)) == 1


@pytest.mark.parametrize(("on_failure", "result"), [("continue", "CONTINUE"), ("abandon", "ABANDON")])
def test_the_plan_says_what_a_failure_means(testbed: Testbed, on_failure: str, result: str) -> None:
    commanded(testbed, Behaviour(exit_code=3), on_failure=on_failure)
    execution = testbed.finish(within=60)

    assert execution.result["result"] == result
    assert testbed.completions() == [f"{result} CompleteLifecycleAction"]
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "failed"


@pytest.mark.parametrize(
    ("ping", "words"),
    [(None, "is not managed by Systems Manager"), ("ConnectionLost", "is ConnectionLost, expected Online")],
)
def test_an_instance_that_cannot_be_reached_is_a_clear_failure(testbed: Testbed, ping: str | None, words: str) -> None:
    commanded(testbed, ping=ping)
    testbed.run(30)

    assert testbed.record().status == "held"
    assert words in (testbed.record().problem or "")
    assert "SendCommand" not in testbed.calls("ssm")


def test_an_unknown_document_fails_the_step_and_names_it(testbed: Testbed) -> None:
    commanded(testbed, options={"document": "No-Such-Document"})
    testbed.run(30)

    assert testbed.record().status == "held"
    assert "there is no document No-Such-Document" in (testbed.record().problem or "")


def test_a_missing_permission_is_named(testbed: Testbed) -> None:
    testbed.region.faults.deny("ssm", "SendCommand")
    commanded(testbed)
    testbed.run(30)

    assert testbed.record().status == "held"
    assert "permission ssm:SendCommand is missing" in (testbed.record().problem or "")


def test_a_dependency_that_is_down_holds_the_instance_and_the_work_goes_on_after(testbed: Testbed) -> None:
    instance = commanded(testbed, Behaviour(duration=5))
    testbed.region.faults.fail("ssm", "DescribeInstanceInformation", code="InternalServerError", status=500, times=20)
    testbed.run(140)
    assert testbed.record().status == "working"
    assert "InternalServerError" in (testbed.record().problem or "")
    assert testbed.completions() == []

    assert testbed.finish().result["result"] == "CONTINUE"
    assert len(testbed.run_command.runs(instance)) == 1


@pytest.mark.usefixtures("over_soon")
def test_the_command_is_cancelled_when_the_deadline_ends_the_race(testbed: Testbed) -> None:
    instance = commanded(testbed, Behaviour(duration=100_000), heartbeat=30)
    testbed.finish()
    testbed.run(5)

    (run,) = testbed.run_command.runs(instance)
    assert run.ended
    assert testbed.calls("ssm")["CancelCommand"] == 1
    assert "was asked to stop" in (testbed.record().reason or "")


def test_an_instance_that_goes_while_the_command_runs_is_not_held(testbed: Testbed) -> None:
    instance = commanded(testbed, Behaviour(duration=100_000))
    testbed.run(30)
    testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(600)

    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert (record.status, record.result) == ("completed", "CONTINUE")
    assert "the instance is gone" in record.step_outcomes[0].detail


@pytest.mark.usefixtures("over_soon")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("InvalidCommandId", "was asked to stop"),
        ("InvalidInstanceId", "was asked to stop"),
        ("DuplicateInstanceId", "was asked to stop"),
        ("AccessDeniedException", "what was under way could not be stopped: permission ssm:CancelCommand is missing"),
    ],
)
def test_a_command_that_has_ended_needs_no_stop_and_another_refusal_is_said(
    testbed: Testbed, code: str, said: str
) -> None:
    commanded(testbed, Behaviour(duration=100_000), heartbeat=30)
    testbed.region.faults.fail("ssm", "CancelCommand", code=code)
    testbed.finish()

    assert testbed.calls("ssm")["CancelCommand"] == 1
    assert said in (testbed.record().reason or "")
