"""`start-execution` in virtual time. Whether a state machine ran is asked of the simulated service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.aws.state_machines import MachineExecution
from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.model.messages import Resume
from asg_lifecycle.model.progress import Done, Failed, Waiting
from asg_lifecycle.model.step_names import client_token, execution_name, instance_in
from asg_lifecycle.steps import start_execution
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.state_machines import EXPRESS, Machine
from tests.execution.service_enums import values_of
from tests.execution.test_every_step import Scene

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.state_machines import Execution
    from tests.execution.conftest import Testbed

MACHINE = "decommission"
OPTIONS: dict[str, Any] = {"state_machine": MACHINE, "input": {"instance": "{instance}", "group": "{group}"}}
PLAN = Path(__file__).parents[2] / "plans" / "decommission-workflow.yaml"
STATUSES = values_of("stepfunctions", "ExecutionStatus")


def executed(testbed: Testbed, machine: Machine | None = None, **plan: Any) -> str:
    options, heartbeat, step = plan.pop("options", OPTIONS), plan.pop("heartbeat", 120), plan.pop("step", {})
    testbed.state_machines.make(MACHINE, machine)
    steps = [{"kind": "start-execution", "options": options, **step}]
    (instance,) = testbed.group(plan={"steps": steps, **plan}, heartbeat=heartbeat)
    testbed.terminate(instance)
    return instance


def only(testbed: Testbed, instance: str) -> Execution:
    (execution,) = testbed.state_machines.of(instance)
    return execution


def test_an_execution_is_waited_for_and_its_output_recorded(testbed: Testbed) -> None:
    instance = executed(testbed, Machine(duration=400, output={"archived": 3}))
    testbed.run(60)
    assert (testbed.record().detail or "").startswith(
        f"start-execution: waiting for execution asg-lifecycle-{instance}-"
    )
    testbed.finish()

    execution = only(testbed, instance)
    assert execution.status == "SUCCEEDED"
    assert json.loads(execution.input) == {"instance": instance, "group": "web"}
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "done"
    assert step.detail == f'execution {execution.name} of {MACHINE} succeeded; output: {{"archived": 3}}'
    assert testbed.log(LogKind.COMPLETED)[0].time >= testbed.started + 400


def test_a_state_machine_can_be_named_by_its_arn(testbed: Testbed) -> None:
    arn = testbed.state_machines.make(MACHINE)
    instance = executed(testbed, options={**OPTIONS, "state_machine": arn})
    assert testbed.finish().result["result"] == "CONTINUE"
    assert only(testbed, instance).machine == arn


def test_secrets_in_the_output_are_hidden_and_only_the_end_is_kept(testbed: Testbed) -> None:
    executed(testbed, Machine(output={"log": "x" * 5000, "password": "correct-horse", "result": "the end"}))
    testbed.finish()

    (step,) = testbed.record().step_outcomes
    assert "correct-horse" not in step.detail
    assert step.detail.endswith('the end"}')
    assert len(step.detail) < 700


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_execution_that_fails_holds_the_instance_with_its_error_and_cause(testbed: Testbed, status: str) -> None:
    instance = executed(testbed, Machine(status=status, error="States.TaskFailed", cause="no such bucket"))
    testbed.run(1000)

    record = testbed.record()
    assert record.status == "held"
    assert f"ended {status}; States.TaskFailed: no such bucket" in (record.problem or "")
    assert testbed.completions() == []
    assert len(testbed.state_machines.of(instance)) == 1


def test_a_failure_without_a_cause_says_its_error(testbed: Testbed) -> None:
    executed(testbed, Machine(status="FAILED", error="Refused"))
    testbed.run(1000)
    assert (testbed.record().problem or "").endswith("ended FAILED; error: Refused")


def test_an_operator_who_resumes_has_it_run_again(testbed: Testbed) -> None:
    instance = executed(testbed, Machine(status="FAILED"))
    testbed.run(300)
    testbed.state_machines.make(MACHINE)
    testbed.deployment.send_message(testbed.record(), Resume())

    assert testbed.finish().result["result"] == "CONTINUE"
    assert [each.status for each in testbed.state_machines.of(instance)] == ["FAILED", "SUCCEEDED"]


@pytest.mark.parametrize(("if_missing", "status"), [("fail", "held"), ("done", "completed")])
def test_a_state_machine_that_does_not_exist_is_what_the_plan_says(
    testbed: Testbed, if_missing: str, status: str
) -> None:
    executed(testbed, options={"state_machine": "nowhere"}, step={"if_missing": if_missing})
    testbed.run(60)

    record = testbed.record()
    assert record.status == status
    said = record.problem if status == "held" else record.step_outcomes[0].detail
    assert "there is no state machine arn:aws:states:" in (said or "")
    assert ":stateMachine:nowhere" in (said or "")
    assert testbed.state_machines.executions == []


@pytest.mark.parametrize("operation", ["StartExecution", "DescribeStateMachine"])
def test_a_missing_permission_is_named(testbed: Testbed, operation: str) -> None:
    testbed.region.faults.deny("stepfunctions", operation)
    executed(testbed)
    testbed.run(30)

    assert testbed.record().status == "held"
    assert f"permission states:{operation} is missing" in (testbed.record().problem or "")


@pytest.mark.one_of(3)
@pytest.mark.parametrize("late_by", [0.0, 2.0, 90.0])
@pytest.mark.parametrize("kind", [FaultKind.RESPONSE_LOST, FaultKind.REQUEST_LOST])
@pytest.mark.parametrize("duration", [1.0, 300.0])
def test_a_lost_answer_starts_no_second_one(testbed: Testbed, late_by: float, kind: FaultKind, duration: float) -> None:
    # With the short one the execution has ended before it is started again.
    testbed.state_machines.late_by = late_by
    testbed.region.faults.put("stepfunctions", "StartExecution", Fault(kind))
    instance = executed(testbed, Machine(duration=duration))

    assert testbed.finish().result["result"] == "CONTINUE"
    assert only(testbed, instance).status == "SUCCEEDED"
    assert testbed.calls("stepfunctions")["StartExecution"] == 2


def test_the_end_of_an_execution_of_this_name_counts(testbed: Testbed) -> None:
    scene = Scene(testbed, "start-execution")
    first = scene.step.begin(scene.target())
    assert isinstance(first, Waiting)
    testbed.run(100)

    second = scene.step.begin(scene.target())
    assert isinstance(second, Waiting)
    testbed.run(1)
    assert isinstance(scene.step.check(scene.target(), second), Done)
    assert isinstance(scene.step.begin(scene.target(began_before=1.0)), Done)
    assert len(testbed.state_machines.executions) == 1


def test_one_that_runs_with_another_input_is_ours_too(testbed: Testbed) -> None:
    scene = Scene(testbed, "start-execution")
    scene.step.begin(scene.target())
    (execution,) = testbed.state_machines.executions
    execution.input = "{}"

    assert isinstance(scene.step.begin(scene.target()), Waiting)
    assert testbed.state_machines.executions == [execution]


def test_a_dependency_that_is_down_holds_the_instance_and_the_work_goes_on_after(testbed: Testbed) -> None:
    testbed.region.faults.fail("stepfunctions", "DescribeExecution", code="InternalError", status=500, times=20)
    instance = executed(testbed, Machine(duration=5))
    testbed.run(140)
    assert testbed.record().status == "working"
    assert testbed.completions() == []

    assert testbed.finish().result["result"] == "CONTINUE"
    assert only(testbed, instance).status == "SUCCEEDED"


def test_it_is_stopped_when_the_deadline_ends_the_race(testbed: Testbed) -> None:
    instance = executed(testbed, Machine(duration=None), heartbeat=30)
    testbed.finish()

    assert only(testbed, instance).status == "ABORTED"
    assert "was asked to stop" in (testbed.record().reason or "")


def test_one_whose_start_was_not_recorded_is_stopped_too(testbed: Testbed) -> None:
    scene = Scene(testbed, "start-execution")
    assert scene.step.cancel(scene.target(), None) is None
    scene.step.begin(scene.target())
    testbed.run(5)
    assert (scene.step.cancel(scene.target(), None) or "").endswith("was asked to stop")
    testbed.run(5)
    assert scene.step.cancel(scene.target(), None) is None
    assert testbed.state_machines.executions[0].status == "ABORTED"


@pytest.mark.parametrize(("status", "result"), [("SUCCEEDED", "completed"), ("FAILED", "held"), ("TIMED_OUT", "held")])
def test_an_express_state_machine_is_waited_for_at_once(testbed: Testbed, status: str, result: str) -> None:
    instance = executed(testbed, Machine(kind=EXPRESS, status=status, output={"archived": 3}, cause="no such bucket"))
    testbed.run(60)

    assert testbed.record().status == result
    assert only(testbed, instance).status == status
    assert testbed.calls("stepfunctions").keys() == {"DescribeStateMachine", "StartSyncExecution"}
    said = testbed.record().step_outcomes[0].detail if result == "completed" else testbed.record().problem or ""
    assert said.endswith('succeeded; output: {"archived": 3}' if result == "completed" else "it said: no such bucket")


@pytest.mark.parametrize("kind", [FaultKind.RESPONSE_LOST, FaultKind.REQUEST_LOST])
def test_an_express_execution_whose_answer_is_lost_is_not_repeated(testbed: Testbed, kind: FaultKind) -> None:
    testbed.region.faults.put("stepfunctions", "StartSyncExecution", Fault(kind))
    instance = executed(testbed, Machine(kind=EXPRESS))
    testbed.run(600)

    assert testbed.record().status == "held"
    assert "it may have had its effect" in (testbed.record().problem or "")
    assert testbed.calls("stepfunctions")["StartSyncExecution"] == 1
    assert len(testbed.state_machines.of(instance)) == (1 if kind is FaultKind.RESPONSE_LOST else 0)


@pytest.mark.parametrize("code", ["ThrottlingException", "Throttling"])
def test_an_express_execution_that_was_throttled_is_begun_again(testbed: Testbed, code: str) -> None:
    testbed.region.faults.fail("stepfunctions", "StartSyncExecution", code=code, times=3)
    instance = executed(testbed, Machine(kind=EXPRESS))

    assert testbed.finish().result["result"] == "CONTINUE"
    assert len(testbed.state_machines.of(instance)) == 1


def test_an_express_execution_that_was_interrupted_says_so(testbed: Testbed) -> None:
    testbed.state_machines.make(MACHINE, Machine(kind=EXPRESS))
    scene = Scene(testbed, "start-execution")
    testbed.state_machines.make(MACHINE, Machine(kind=EXPRESS))
    answer = scene.step.begin(scene.target(began_before=1.0))
    assert isinstance(answer, Failed)
    assert "was interrupted: it may have had its effect" in answer.reason
    assert testbed.state_machines.executions == []


def test_a_type_that_nobody_knows_fails_the_step(testbed: Testbed) -> None:
    scene = Scene(testbed, "start-execution")
    testbed.state_machines.make(MACHINE, Machine(kind="TURBO"))
    answer = scene.step.begin(scene.target())
    assert isinstance(answer, Failed)
    assert "is of the type TURBO, expected STANDARD or EXPRESS" in answer.reason
    assert testbed.state_machines.executions == []


@pytest.mark.parametrize("status", [*STATUSES, "HIBERNATING"])
def test_every_status_is_known_for_what_it_is(testbed: Testbed, status: str) -> None:
    step = Scene(testbed, "start-execution").step
    assert isinstance(step, start_execution.StartExecution)
    progress = step._judged("arn:aws:states:r:a:execution:m:n", MachineExecution(status=status))  # noqa: SLF001 - each
    groups = (start_execution.RUNNING, start_execution.SUCCEEDED, start_execution.NOT_SUCCEEDED)
    assert sum(status in group for group in groups) == (1 if status in STATUSES else 0)
    wanted = {"SUCCEEDED": Done} | dict.fromkeys(("FAILED", "TIMED_OUT", "ABORTED"), Failed)
    assert type(progress) is wanted.get(status, Waiting)
    if status not in STATUSES:
        assert isinstance(progress, Waiting)
        assert "which nobody knows here" in progress.detail


def test_names_are_the_same_for_the_same_step_and_no_other() -> None:
    told = [(reference, position, attempt) for reference in ("a", "b") for position in (0, 1) for attempt in (0, 1)]
    names = {execution_name("i-1234567890abcdef0", *each) for each in told}
    assert len(names) == len({client_token(*each) for each in told}) == len(told)
    assert {execution_name("i-1234567890abcdef0", *each) for each in told} == names
    assert max(map(len, names)) <= 80
    assert {instance_in(name) for name in names} == {"i-1234567890abcdef0"}
    assert instance_in("nightly-i-1234567890abcdef0") is None


def test_the_example_plan_has_the_state_machine_take_the_instance_out(testbed: Testbed) -> None:
    testbed.state_machines.make(MACHINE, Machine(duration=3_000, output={"licences": 1}))
    (instance,) = testbed.group(plan=read_plan(PLAN.read_text(encoding="utf-8")).plan, heartbeat=900)
    testbed.region.client("ec2").create_tags(Resources=[instance], Tags=[{"Key": "Name", "Value": "node 7"}])
    testbed.terminate(instance)

    assert testbed.finish().result["result"] == "CONTINUE"
    execution = only(testbed, instance)
    assert execution.status == "SUCCEEDED"
    told = json.loads(execution.input)
    assert told.keys() == {"instance", "group", "address", "name"}
    assert (told["group"], told["name"]) == ("web", "node 7")
