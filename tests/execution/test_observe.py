"""A plan that only observes can run beside the handler that exists: it says what it would do and touches nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status
from asg_lifecycle.plans.validation import find_problems
from asg_lifecycle_simulator.region.log import LogKind
from tests.execution.conftest import GROUP, TERMINATE_HOOK

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}
COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
PLAN = {
    "steps": [DEREGISTER, {"parallel": [COMMAND, {"kind": "wait", "options": {"duration": "5m"}}]}],
    "observe": True,
}
READING = ("Describe", "Get", "List", "BatchGet", "Query")
OUR_OWN = {("dynamodb", "PutItem"), ("dynamodb", "UpdateItem")}


def observe(testbed: Testbed, plan: Any = PLAN) -> str:
    (instance,) = testbed.group(plan=plan)
    testbed.target_group("blue", instance)
    testbed.run_command.manage(instance)
    testbed.region.calls.clear()
    testbed.terminate(instance)
    return instance


def touched(testbed: Testbed) -> set[tuple[str, str]]:
    return {call for call in testbed.region.calls if not call[1].startswith(READING)} - OUR_OWN


def test_the_record_says_what_each_step_would_do_and_nothing_is_touched(testbed: Testbed) -> None:
    instance = observe(testbed)
    testbed.run(120)

    record = testbed.record()
    assert (record.status, record.in_flight, record.problem) == (Status.OBSERVED, None, None)
    assert [(step.kind, step.outcome, step.detail) for step in record.step_outcomes] == [
        ("deregister-targets", "observed", "would deregister from blue (1)"),
        ("run-command", "observed", f"would send AWS-RunShellScript to instance {instance}, whose agent is Online"),
        ("wait", "observed", "would wait 5m"),
    ]
    assert touched(testbed) == set()
    assert testbed.execution.result is not None
    assert testbed.execution.result["outcome"] == "observed"
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"


def test_the_other_handler_keeps_it_alive_and_the_sweep_leaves_it_alone(testbed: Testbed) -> None:
    instance = observe(testbed)
    for _ in range(12):
        testbed.run(250)
        testbed.deployment.sweep()
        assert touched(testbed) == set()
        with testbed.region.unobserved():
            testbed.region.client("autoscaling").record_lifecycle_action_heartbeat(
                AutoScalingGroupName=GROUP, LifecycleHookName=TERMINATE_HOOK, InstanceId=instance
            )
    assert len(testbed.deployment.executions) == 1
    assert testbed.record().status is Status.OBSERVED


def test_without_another_handler_the_hooks_own_timeout_decides(testbed: Testbed) -> None:
    observe(testbed)
    testbed.run(300 + 10)

    assert touched(testbed) == set()
    assert [entry.time - testbed.started for entry in testbed.log(LogKind.COMPLETED)] == [300]


@pytest.mark.parametrize(
    "mistake",
    [
        {"steps": [{"kind": "no-such-kind"}], "observe": True},
        {"steps": [DEREGISTER], "observe": "yes"},
        {"steps": [DEREGISTER], "observe": True, "dry_run": True},
    ],
)
def test_a_plan_with_mistakes_observes_too_and_says_what_is_wrong(testbed: Testbed, mistake: Any) -> None:
    observe(testbed, mistake)
    testbed.run(120)

    record = testbed.record()
    assert record.status is Status.OBSERVED
    assert record.problem
    assert touched(testbed) == set()


def test_while_the_plan_cannot_be_read_the_action_is_kept_alive(testbed: Testbed) -> None:
    testbed.deployment.put_plan(GROUP, PLAN)
    testbed.region.faults.throttle("ssm", "GetParameters", times=6)
    observe(testbed, None)
    testbed.run(3600)

    assert testbed.record().status is Status.OBSERVED
    assert 0 < len(testbed.beats()) < 5
    assert touched(testbed) == {("autoscaling", "RecordLifecycleActionHeartbeat")}


def test_what_a_step_would_do_is_said_even_if_it_cannot_be_found_out(testbed: Testbed) -> None:
    testbed.region.faults.deny("elbv2", "DescribeTargetGroups")
    observe(testbed)
    testbed.run(120)

    assert testbed.record().status is Status.OBSERVED
    assert "could not be found out" in testbed.record().step_outcomes[0].detail
    assert "elasticloadbalancing:DescribeTargetGroups" in testbed.record().step_outcomes[0].detail


def test_a_record_that_cannot_be_written_is_written_later(testbed: Testbed) -> None:
    testbed.region.faults.throttle("dynamodb", "UpdateItem", times=12)
    observe(testbed)
    testbed.run(1800)

    assert testbed.record().status is Status.OBSERVED
    assert touched(testbed) == set()


def test_a_dry_run_and_an_observation_at_once_are_refused() -> None:
    (problem,) = find_problems(json.loads(json.dumps(PLAN | {"dry_run": True})))
    assert "write one of the two" in problem.sentence
