"""`run-automation` in virtual time. Whether a runbook ran is asked of the simulated service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.aws.automations import Automation as Told
from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.model.messages import Resume
from asg_lifecycle.model.progress import Done, Failed, Waiting
from asg_lifecycle.steps import run_automation
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.automations import Runbook
from tests.execution.service_enums import values_of
from tests.execution.test_every_step import Scene

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.automations import Automation
    from tests.execution.conftest import Testbed

DOCUMENT = "AWS-CreateImage"
OPTIONS: dict[str, Any] = {"document": DOCUMENT, "parameters": {"InstanceId": "{instance}", "NoReboot": ["true"]}}
PLAN = Path(__file__).parents[2] / "plans" / "image-before-end.yaml"
STATUSES = values_of("ssm", "AutomationExecutionStatus")
ROLE = "arn:aws:iam::123456789012:role/create-image"


def automated(testbed: Testbed, runbook: Runbook | None = None, **plan: Any) -> str:
    options, heartbeat, step = plan.pop("options", OPTIONS), plan.pop("heartbeat", 120), plan.pop("step", {})
    testbed.automations.publish(DOCUMENT, runbook)
    steps = [{"kind": "run-automation", "options": options, **step}]
    (instance,) = testbed.group(plan={"steps": steps, **plan}, heartbeat=heartbeat)
    testbed.terminate(instance)
    return instance


def only(testbed: Testbed, instance: str) -> Automation:
    (automation,) = testbed.automations.of(instance)
    return automation


def test_a_runbook_is_waited_for_and_its_outputs_recorded(testbed: Testbed) -> None:
    outputs = {"createImage.ImageId": ["ami-0123456789abcdef0"], "name": ["a", "b"]}
    instance = automated(testbed, Runbook(duration=400, outputs=outputs))
    testbed.run(60)
    assert (testbed.record().detail or "").startswith("run-automation: waiting for automation ")
    testbed.finish()

    automation = only(testbed, instance)
    assert automation.status == "Success"
    assert automation.parameters == {"InstanceId": [instance], "NoReboot": ["true"]}
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "done"
    assert step.detail == (
        f"automation {automation.id} ({DOCUMENT}) succeeded; outputs: "
        "createImage.ImageId: ami-0123456789abcdef0; name: a, b"
    )
    assert testbed.log(LogKind.COMPLETED)[0].time >= testbed.started + 400


def test_secrets_in_outputs_are_hidden_and_only_the_end_is_kept(testbed: Testbed) -> None:
    outputs = {"text": ["x" * 5000 + " password=correct-horse the end"]}
    automated(testbed, Runbook(outputs=outputs))
    testbed.finish()

    (step,) = testbed.record().step_outcomes
    assert "correct-horse" not in step.detail
    assert step.detail.endswith("the end")
    assert len(step.detail) < 700


def test_a_runbook_that_fails_holds_the_instance_with_its_step_and_message(testbed: Testbed) -> None:
    instance = automated(testbed, Runbook(status="Failed", message="no such subnet", step="createImage"))
    testbed.run(1000)

    record = testbed.record()
    assert record.status == "held"
    assert "ended Failed at step createImage; it said: no such subnet" in (record.problem or "")
    assert testbed.completions() == []
    assert len(testbed.automations.of(instance)) == 1


def test_an_operator_who_resumes_has_it_run_again(testbed: Testbed) -> None:
    instance = automated(testbed, Runbook(status="Failed"))
    testbed.run(300)
    testbed.automations.publish(DOCUMENT, Runbook())
    testbed.deployment.send_message(testbed.record(), Resume())

    assert testbed.finish().result["result"] == "CONTINUE"
    assert [each.status for each in testbed.automations.of(instance)] == ["Failed", "Success"]


def test_an_approval_is_waited_for_and_named(testbed: Testbed) -> None:
    instance = automated(testbed, Runbook(approval=True, step="approveIt"))
    testbed.run(200)

    record = testbed.record()
    assert record.status == "working"
    assert "it waits for somebody's approval at step approveIt (aws:approve)" in (record.detail or "")
    testbed.automations.approve(only(testbed, instance))
    assert testbed.finish().result["result"] == "CONTINUE"


def test_the_end_of_an_approval_that_nobody_gives_is_the_steps_timeout(testbed: Testbed) -> None:
    instance = automated(testbed, Runbook(approval=True), step={"timeout": "10m"}, on_failure="continue")
    testbed.finish()

    testbed.run(10)
    assert only(testbed, instance).status == "Cancelled"
    (step,) = testbed.record().step_outcomes
    assert "not done within 10m" in step.detail
    assert "was asked to stop" in step.detail


def test_a_role_is_passed_as_the_runbook_takes_it(testbed: Testbed) -> None:
    instance = automated(testbed, options={**OPTIONS, "role": ROLE})
    testbed.finish()
    assert only(testbed, instance).parameters["AutomationAssumeRole"] == [ROLE]


def test_a_version_is_asked_for(testbed: Testbed) -> None:
    instance = automated(testbed, options={**OPTIONS, "version": "1"})
    testbed.finish()
    assert only(testbed, instance).version == "1"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"document": "No-Such-Runbook"}, "there is no runbook No-Such-Runbook ("),
        ({"document": DOCUMENT, "version": "7"}, "there is no runbook AWS-CreateImage with version 7 ("),
    ],
)
@pytest.mark.parametrize(("if_missing", "status"), [("fail", "held"), ("done", "completed")])
def test_what_does_not_exist_is_what_the_plan_says(
    testbed: Testbed, options: dict[str, Any], words: str, if_missing: str, status: str
) -> None:
    automated(testbed, options=options, step={"if_missing": if_missing})
    testbed.run(60)

    record = testbed.record()
    assert record.status == status
    said = record.problem if status == "held" else record.step_outcomes[0].detail
    assert words in (said or "")
    assert testbed.automations.automations == {}


@pytest.mark.parametrize("value", ["a b", "$(reboot)", "{{ssm:secret}}", "-rf", "../x", "a;b"])
def test_a_value_that_may_mean_something_to_the_runbook_fails_the_step(testbed: Testbed, value: str) -> None:
    testbed.automations.publish(DOCUMENT)
    options = {"document": DOCUMENT, "parameters": {"Name": ["{tag:Purpose}"]}}
    steps = [{"kind": "run-automation", "options": options}]
    (instance,) = testbed.group(plan={"steps": steps})
    testbed.region.client("ec2").create_tags(Resources=[instance], Tags=[{"Key": "Purpose", "Value": value}])
    testbed.terminate(instance)
    testbed.run(60)

    assert testbed.record().status == "held"
    assert "{tag:Purpose}" in (testbed.record().problem or "")
    assert testbed.automations.automations == {}


def test_a_missing_permission_is_named(testbed: Testbed) -> None:
    testbed.region.faults.deny("ssm", "StartAutomationExecution")
    automated(testbed)
    testbed.run(30)

    assert testbed.record().status == "held"
    assert "permission ssm:StartAutomationExecution is missing" in (testbed.record().problem or "")


@pytest.mark.one_of(3)
@pytest.mark.parametrize("hidden_for", [0.0, 2.0, 40.0])
@pytest.mark.parametrize("kind", [FaultKind.RESPONSE_LOST, FaultKind.REQUEST_LOST])
@pytest.mark.parametrize("token_life", [0.0, 600.0])
def test_a_lost_answer_starts_no_second_one(
    testbed: Testbed, hidden_for: float, kind: FaultKind, token_life: float
) -> None:
    # A token that is forgotten at once is the worst that AWS may do: the list has to be enough.
    testbed.automations.hidden_for, testbed.automations.token_life = hidden_for, token_life
    testbed.region.faults.put("ssm", "StartAutomationExecution", Fault(kind))
    instance = automated(testbed)

    assert testbed.finish().result["result"] == "CONTINUE"
    assert only(testbed, instance).status == "Success"


def test_where_the_list_tells_nothing_the_token_is_enough(testbed: Testbed) -> None:
    testbed.automations.hidden_for = 100.0
    testbed.region.faults.lose_response("ssm", "StartAutomationExecution")
    instance = automated(testbed)

    assert testbed.finish().result["result"] == "CONTINUE"
    assert only(testbed, instance).status == "Success"
    assert testbed.calls("ssm")["StartAutomationExecution"] == 2


def test_one_that_was_started_with_other_parameters_is_found(testbed: Testbed) -> None:
    scene = Scene(testbed, "run-automation")
    first = scene.step.begin(scene.target())
    assert isinstance(first, Waiting)
    (automation,) = testbed.automations.automations.values()
    token, at = next(iter(testbed.automations._tokens.items()))  # noqa: SLF001 - as if a tag had changed
    testbed.automations._tokens[token] = (at[0], at[1], {**at[2], "Parameters": {}})  # noqa: SLF001 - likewise

    second = scene.step.begin(scene.target())
    assert isinstance(second, Waiting)
    testbed.run(5)
    third = scene.step.check(scene.target(), second)
    assert isinstance(third, Waiting)
    assert automation.id in third.detail
    testbed.automations.hidden_for = 1e9
    testbed.run(100)
    lost = scene.step.check(scene.target(), second)
    assert isinstance(lost, Failed)
    assert "was started already with other parameters, and cannot be found" in lost.reason


def test_two_automations_of_one_step_fail_it(testbed: Testbed) -> None:
    scene = Scene(testbed, "run-automation")
    scene.step.begin(scene.target())
    testbed.automations.token_life = 0.0
    scene.step.begin(scene.target())
    testbed.run(5)

    answer = scene.step.begin(scene.target(began_before=scene.target().now))
    assert isinstance(answer, Failed)
    assert "was started 2 times for this step" in answer.reason


def test_a_dependency_that_is_down_holds_the_instance_and_the_work_goes_on_after(testbed: Testbed) -> None:
    testbed.region.faults.fail("ssm", "GetAutomationExecution", code="InternalServerError", status=500, times=20)
    instance = automated(testbed, Runbook(duration=5))
    testbed.run(140)
    assert testbed.record().status == "working"
    assert testbed.completions() == []

    assert testbed.finish().result["result"] == "CONTINUE"
    assert only(testbed, instance).status == "Success"


def test_too_many_automations_at_once_are_waited_out(testbed: Testbed) -> None:
    code = "AutomationExecutionLimitExceededException"
    testbed.region.faults.fail("ssm", "StartAutomationExecution", code=code, times=5)
    instance = automated(testbed)

    assert testbed.finish().result["result"] == "CONTINUE"
    assert only(testbed, instance).status == "Success"


def test_it_is_stopped_when_the_deadline_ends_the_race(testbed: Testbed) -> None:
    instance = automated(testbed, Runbook(duration=None), heartbeat=30)
    testbed.finish()
    testbed.run(5)

    assert only(testbed, instance).status == "Cancelled"
    assert "was asked to stop" in (testbed.record().reason or "")


def test_one_whose_id_is_not_known_is_stopped_too(testbed: Testbed) -> None:
    scene = Scene(testbed, "run-automation")
    scene.step.begin(scene.target())
    testbed.run(5)
    stopped = scene.step.cancel(scene.target(), None)
    (automation,) = testbed.automations.automations.values()
    assert stopped == f"automation {automation.id} (AWS-CreateImage) was asked to stop"
    assert scene.step.cancel(scene.target(), None) is None


@pytest.mark.parametrize("status", [*STATUSES, "Hibernating", ""])
def test_every_status_is_known_for_what_it_is(testbed: Testbed, status: str) -> None:
    scene = Scene(testbed, "run-automation")
    step = scene.step
    assert isinstance(step, run_automation.RunAutomation)
    progress = step._judged("an-id", Told(status=status, step="work", action="aws:sleep"))  # noqa: SLF001 - each status
    groups = (
        run_automation.RUNNING,
        run_automation.WAITING_FOR_PEOPLE,
        run_automation.SUCCEEDED,
        run_automation.NOT_SUCCEEDED,
    )
    assert sum(status in group for group in groups) == (1 if status in STATUSES else 0)
    wanted: dict[str, type] = {"Success": Done, "CompletedWithSuccess": Done}
    failures = ("Cancelled", "ChangeCalendarOverrideRejected", "CompletedWithFailure", "Exited", "Failed")
    wanted |= dict.fromkeys((*failures, "Rejected", "TimedOut"), Failed)
    assert type(progress) is wanted.get(status, Waiting)
    if status not in STATUSES:
        assert isinstance(progress, Waiting)
        assert "which nobody knows here" in progress.detail


def test_the_example_plan_keeps_an_image(testbed: Testbed) -> None:
    outputs = {"createImage.ImageId": ["ami-0123456789abcdef0"]}
    testbed.automations.publish(DOCUMENT, Runbook(duration=300, outputs=outputs))
    (instance,) = testbed.group(plan=read_plan(PLAN.read_text(encoding="utf-8")).plan, heartbeat=900)
    testbed.terminate(instance)

    assert testbed.finish().result["result"] == "CONTINUE"
    automation = only(testbed, instance)
    assert automation.status == "Success"
    role = "arn:aws:iam::123456789012:role/asg-lifecycle-create-image"
    assert automation.parameters == {"InstanceId": [instance], "NoReboot": ["true"], "AutomationAssumeRole": [role]}
    assert "ami-0123456789abcdef0" in testbed.record().step_outcomes[1].detail
