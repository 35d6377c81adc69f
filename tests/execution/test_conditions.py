"""A step with conditions runs, or is left out, by what is known when it would begin. What is not known lets it run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.messages import Resume
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.services.autoscaling import activities
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from asg_lifecycle_simulator.services.status_checks import Checks
from tests.execution.conftest import GROUP, TERMINATE_HOOK

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from tests.execution.conftest import Testbed

COMMAND = {
    "kind": "run-command",
    "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["umount /data"]}},
    "timeout": "10m",
}
EVENT = {"kind": "publish-event", "options": {}}


def prepared(testbed: Testbed, *steps: dict[str, Any], capacity: int = 1, **plan: Any) -> str:
    instance, *_ = testbed.group(capacity, plan={"steps": list(steps), **plan})
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=20))
    return instance


def terminating(testbed: Testbed) -> Record:
    """Return the record of the instance that goes: another one may launch in its place."""
    (record,) = [
        each for each in testbed.deployment.records() if each.entry == "current" and each.hook == TERMINATE_HOOK
    ]
    return record


def outcomes(testbed: Testbed) -> list[tuple[str, str]]:
    return [(each.outcome, each.detail) for each in terminating(testbed).step_outcomes]


def commands(testbed: Testbed, instance: str) -> int:
    return len(testbed.run_command.invocations(instance))


def stop(testbed: Testbed) -> str:
    """Stop the owner; return its ARN."""
    execution = terminating(testbed).execution
    testbed.deployment.service.stop(execution)
    return execution


def take_over(testbed: Testbed, dead: str) -> None:
    action = action_of(terminating(testbed))
    testbed.deployment.start(payload(StartRequest(reason=StartReason.TAKEOVER, action=action, takes_over=dead)))


def unreachable(testbed: Testbed, instance: str, *, ping: str = "ConnectionLost", checks: str = "impaired") -> None:
    testbed.run_command.manage(instance, ping)
    testbed.status_checks.behave(Checks(instance=checks), instance=instance)


def test_a_command_is_left_out_where_the_instance_cannot_be_reached(testbed: Testbed) -> None:
    instance = prepared(testbed, {**COMMAND, "unless": "unreachable"}, EVENT)
    unreachable(testbed, instance)
    testbed.terminate(instance)
    testbed.finish()
    assert commands(testbed, instance) == 0
    (skipped, event) = terminating(testbed).step_outcomes
    assert skipped.outcome == "skipped"
    assert skipped.detail == (
        "skipped (unless unreachable): its agent of Systems Manager is ConnectionLost, and its status checks are ok "
        "(system) and impaired (instance)"
    )
    assert (skipped.began_at, skipped.ended_at) == (None, None)
    assert event.outcome == "done"
    assert terminating(testbed).status is Status.COMPLETED


@pytest.mark.parametrize(
    ("ping", "checks"),
    [("Online", "impaired"), ("ConnectionLost", "ok"), ("Inactive", "initializing"), ("Online", "ok")],
)
def test_it_is_run_unless_both_say_that_it_cannot_be_reached(testbed: Testbed, ping: str, checks: str) -> None:
    instance = prepared(testbed, {**EVENT, "unless": "unreachable"})
    unreachable(testbed, instance, ping=ping, checks=checks)
    testbed.terminate(instance)
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["done"]


@pytest.mark.parametrize("operation", [("ec2", "DescribeInstanceStatus"), ("ssm", "DescribeInstanceInformation")])
@pytest.mark.parametrize("field", ["when", "unless"])
def test_what_cannot_be_found_out_lets_it_run(testbed: Testbed, operation: tuple[str, str], field: str) -> None:
    event = {**EVENT, field: "unreachable"}
    instance = prepared(testbed, event)
    unreachable(testbed, instance)
    testbed.region.faults.deny(*operation)
    testbed.terminate(instance)
    testbed.finish()
    assert [each.outcome for each in terminating(testbed).step_outcomes] == ["done"]


def test_a_dead_instance_completes_at_once_where_every_step_is_left_out(testbed: Testbed) -> None:
    steps = [{**COMMAND, "unless": "unreachable"}, {**EVENT, "unless": "unreachable"}]
    instance = prepared(testbed, *steps, {"parallel": [{**EVENT, "unless": ["gone", "unreachable"]}] * 2})
    unreachable(testbed, instance)
    testbed.terminate(instance)
    testbed.run(5)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert [outcome for outcome, _ in outcomes(testbed)] == ["skipped"] * 4


def test_an_instance_that_is_gone_is_unreachable_too_r28(testbed: Testbed) -> None:
    instance = prepared(
        testbed, {**EVENT, "unless": "unreachable"}, {**EVENT, "when": "gone"}, {**EVENT, "unless": "gone"}
    )
    testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["skipped", "done", "skipped"]
    assert "unless gone): the instance is " in outcomes(testbed)[2][1]


def test_an_instance_that_goes_meanwhile_is_gone_when_the_step_would_begin(testbed: Testbed) -> None:
    instance = prepared(testbed, {"kind": "wait", "options": {"duration": "2m"}}, {**EVENT, "when": "gone"})
    testbed.terminate(instance)
    testbed.run(60)
    testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.finish()
    assert outcomes(testbed)[1][0] == "done"


@pytest.mark.parametrize("spot", [True, False])
def test_spot_is_what_ec2_says(testbed: Testbed, *, spot: bool) -> None:
    instance = prepared(testbed, {**EVENT, "when": "spot"}, {**EVENT, "unless": ["spot"]})
    if spot:
        testbed.autoscaling.fleet.ec2.get_instance(instance).lifecycle = "spot"
    testbed.terminate(instance)
    testbed.finish()
    done, skipped = ("done", "skipped") if spot else ("skipped", "done")
    assert [outcome for outcome, _ in outcomes(testbed)] == [done, skipped]
    if not spot:
        assert outcomes(testbed)[0][1] == "skipped (when spot): the instance is on-demand"


def test_survives_is_what_the_action_says(testbed: Testbed) -> None:
    instance = prepared(testbed, {**EVENT, "when": "survives"}, {**EVENT, "unless": "survives"})
    testbed.autoscaling.replace_root_volume(instance)
    testbed.run(30)
    assert outcomes(testbed)[0][0] == "done"
    assert outcomes(testbed)[1] == ("skipped", "skipped (unless survives): the instance survives")


CAUSES = ["scale-in", "instance-refresh", "health-check", "rebalance"]


def began_by(testbed: Testbed, instance: str, cause: str) -> None:
    engine = testbed.autoscaling.engine
    match cause:
        case "scale-in":
            testbed.autoscaling.scale(GROUP, 0)
        case "instance-refresh":
            engine.terminate(engine.instances[instance], activities.INSTANCE_REFRESH)
        case "health-check":
            engine.terminate(engine.instances[instance], "an ELB system health check failure")
        case "rebalance":
            engine.terminate(engine.instances[instance], activities.REBALANCE_RECOMMENDATION)
        case _:
            engine.terminate(engine.instances[instance], cause)


@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_is_read_from_the_activity_of_the_group(testbed: Testbed, cause: str) -> None:
    instance = prepared(testbed, *({**EVENT, "when": each} for each in CAUSES))
    began_by(testbed, instance, cause)
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["done" if each == cause else "skipped" for each in CAUSES]
    skipped = next(detail for outcome, detail in outcomes(testbed) if outcome == "skipped")
    assert "): Auto Scaling says: At 2100-01-01T" in skipped


def test_a_cause_that_nobody_knows_lets_every_step_run(testbed: Testbed) -> None:
    steps = [{**EVENT, "when": each} for each in CAUSES] + [{**EVENT, "unless": CAUSES}]
    instance = prepared(testbed, *steps)
    began_by(testbed, instance, "something that is new")
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["done"] * 5


@pytest.mark.parametrize("how", ["denied", "not listed", "of another instance"])
def test_an_activity_that_cannot_be_read_lets_every_step_run(testbed: Testbed, how: str) -> None:
    instance = prepared(testbed, *({**EVENT, "when": each} for each in CAUSES), {**EVENT, "unless": "scale-in"})
    if how == "denied":
        testbed.region.faults.deny("autoscaling", "DescribeScalingActivities")
    testbed.autoscaling.engine.terminate(testbed.autoscaling.engine.instances[instance], activities.INSTANCE_REFRESH)
    log = testbed.autoscaling.engine.activities
    log.clear()
    if how == "of another instance":
        log.append(activities.Activity(GROUP, f"{instance}0", activities.INSTANCE_REFRESH, testbed.timeline.now()))
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["done"] * 5


def test_the_activity_is_found_behind_many_others(testbed: Testbed) -> None:
    instance = prepared(testbed, {**EVENT, "when": "health-check"})
    began_by(testbed, instance, "instance-refresh")
    now = testbed.timeline.now()
    testbed.autoscaling.engine.activities += [
        activities.Activity(GROUP, f"i-{number:017x}", "an ELB system health check failure", now)
        for number in range(250)
    ]
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["skipped"]


def test_a_step_after_a_failed_one_runs_only_then(testbed: Testbed) -> None:
    instance = prepared(
        testbed,
        {**EVENT, "unless": "earlier-step-failed"},
        {**COMMAND, "on_failure": "continue"},
        {**EVENT, "when": "earlier-step-failed"},
    )
    testbed.run_command.behave(Behaviour(duration=5, exit_code=1))
    testbed.terminate(instance)
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["done", "failed", "done"]


def test_a_step_that_is_left_out_is_no_failed_one(testbed: Testbed) -> None:
    instance = prepared(testbed, {**EVENT, "when": "gone"}, {**EVENT, "when": "earlier-step-failed"})
    testbed.terminate(instance)
    testbed.finish()
    assert outcomes(testbed)[1] == ("skipped", "skipped (when earlier-step-failed): no earlier step has failed")


def test_beside_others_only_those_are_run_whose_conditions_hold(testbed: Testbed) -> None:
    instance = prepared(testbed, {"parallel": [{**COMMAND, "unless": "unreachable"}, {**EVENT, "when": "spot"}, EVENT]})
    testbed.terminate(instance)
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["done", "skipped", "done"]
    assert commands(testbed, instance) == 1


def test_a_plan_without_conditions_asks_for_none(testbed: Testbed) -> None:
    instance = prepared(testbed, EVENT)
    testbed.terminate(instance)
    testbed.finish()
    asked = {operation for _, operation in testbed.region.calls}
    assert not asked & {"DescribeScalingActivities", "DescribeInstanceStatus", "DescribeInstanceInformation"}


@pytest.mark.parametrize("mode", ["dry_run", "observe"])
def test_a_trial_says_what_is_left_out(testbed: Testbed, mode: str) -> None:
    steps = ({**EVENT, "when": "spot"}, {**EVENT, "unless": "spot"})
    instance = prepared(testbed, *steps, **{mode: True})
    testbed.terminate(instance)
    testbed.run(60)
    left_out, would = terminating(testbed).step_outcomes
    assert (left_out.outcome, left_out.detail) == ("skipped", "skipped (when spot): the instance is on-demand")
    assert "would" in would.detail
    if mode == "observe":
        assert would.detail.startswith("unless spot: ")


def test_a_step_that_has_begun_is_not_left_out_by_what_is_found_out_later(testbed: Testbed) -> None:
    instance = prepared(testbed, {**COMMAND, "unless": "unreachable"})
    testbed.run_command.behave(Behaviour(duration=300))
    testbed.terminate(instance)
    testbed.run(60)
    assert commands(testbed, instance) == 1
    unreachable(testbed, instance)
    take_over(testbed, stop(testbed))
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["done"]
    assert commands(testbed, instance) == 1


@pytest.mark.parametrize("another_execution", [False, True])
def test_what_was_decided_stays_while_the_step_tries_to_begin(testbed: Testbed, *, another_execution: bool) -> None:
    instance = prepared(testbed, {**EVENT, "unless": "unreachable"})
    testbed.region.faults.throttle("events", "PutEvents", times=1000)
    testbed.terminate(instance)
    testbed.run(60)
    unreachable(testbed, instance)
    if another_execution:
        take_over(testbed, stop(testbed))
    testbed.run(60)
    assert not outcomes(testbed)
    testbed.region.faults.clear()
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["done"]


def test_a_step_that_begins_again_is_asked_for_again(testbed: Testbed) -> None:
    instance = prepared(testbed, {**COMMAND, "unless": "unreachable"})
    testbed.run_command.behave(Behaviour(duration=5, exit_code=1))
    testbed.terminate(instance)
    testbed.run(120)
    assert terminating(testbed).status is Status.HELD
    unreachable(testbed, instance)
    testbed.deployment.send_message(terminating(testbed), Resume(by="ann"))
    testbed.finish()
    assert [outcome for outcome, _ in outcomes(testbed)] == ["skipped"]


def test_the_cause_is_read_once_and_kept_for_a_takeover(testbed: Testbed) -> None:
    instance = prepared(testbed, {"kind": "wait", "options": {"duration": "5m"}}, {**EVENT, "when": "instance-refresh"})
    began_by(testbed, instance, "health-check")
    testbed.run(60)
    testbed.autoscaling.engine.activities.clear()
    take_over(testbed, stop(testbed))
    testbed.finish()
    assert outcomes(testbed)[1][0] == "skipped"


def test_a_callback_is_made_only_for_a_step_that_runs(testbed: Testbed) -> None:
    step = {"kind": "invoke-function", "options": {"function": "archive", "wait_for": "callback"}}
    instance = prepared(testbed, {**step, "when": "gone"})
    testbed.terminate(instance)
    testbed.finish()
    assert outcomes(testbed)[0][0] == "skipped"
    assert testbed.region.calls["lambda", "Invoke"] == 0
    names = [each.name for each in testbed.execution.operations if each.name]
    assert not [name for name in names if name.startswith("callback-")]


def test_metadata_carries_conditions(testbed: Testbed) -> None:
    instance = prepared(testbed, EVENT)
    metadata = json.dumps({"plan": {"steps": [{**EVENT, "when": ["spot", "rebalance"], "unless": "gone"}]}})
    testbed.autoscaling.put_hook(GROUP, TERMINATE_HOOK, "TERMINATING", NotificationMetadata=metadata)
    began_by(testbed, instance, "scale-in")
    testbed.finish()
    assert outcomes(testbed)[0][1].startswith(
        "skipped (when spot or rebalance): the instance is on-demand; Auto Scaling"
    )
