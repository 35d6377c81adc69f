"""Work that begins at a Spot interruption warning or a rebalance recommendation, before the instance waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Transition
from asg_lifecycle.model.messages import Finish, Nudge
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
PLAN = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}, COMMAND]}


def warned(
    testbed: Testbed, *, delay: int = 60, until: float | None = None, plan: Any = PLAN, command: Behaviour | None = None
) -> str:
    (instance,) = testbed.group(plan=plan)
    testbed.target_group("blue", instance, delay=delay)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(command or Behaviour(duration=30))
    action = LifecycleAction(
        token=None,
        group="web",
        hook="asg-lifecycle-terminate",
        instance=instance,
        transition=Transition.TERMINATING,
        time=testbed.timeline.now(),
        metadata=json.dumps({"plan": plan}),
    )
    reason = StartReason.REBALANCE if until is None else StartReason.SPOT_INTERRUPTION
    limit = None if until is None else testbed.timeline.now() + until
    testbed.deployment.start(payload(StartRequest(reason=reason, action=action, until=limit)))
    return instance


def outcomes(testbed: Testbed) -> list[str]:
    return [execution.result["outcome"] for execution in testbed.deployment.executions]


def test_the_work_begins_before_the_instance_waits_and_no_heartbeat_is_tried(testbed: Testbed) -> None:
    warned(testbed)
    testbed.run(20)

    record = testbed.record()
    assert record.early_reason == "rebalance"
    assert record.detail is not None
    assert record.detail.startswith("deregister-targets: waiting for 1 target")
    assert "RecordLifecycleActionHeartbeat" not in testbed.calls("autoscaling")


def test_the_hooks_event_joins_the_work_under_way(testbed: Testbed) -> None:
    instance = warned(testbed)
    testbed.run(20)
    testbed.terminate(instance)
    testbed.finish()

    assert outcomes(testbed) == ["completed", "joined"]
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1
    assert len(testbed.run_command.runs(instance)) == 1
    record = testbed.record()
    assert record.early_reason is None
    assert record.token == testbed.log(LogKind.WAIT_STARTED)[0].token
    assert record.execution == testbed.deployment.executions[0].arn


def test_work_that_is_done_waits_for_the_event_and_then_completes_at_once(testbed: Testbed) -> None:
    instance = warned(testbed)
    testbed.run(3600)
    assert testbed.record().detail == "2 done of 2 steps, waiting for the hook's event"
    assert testbed.record().status == "working"
    at = testbed.elapsed
    testbed.terminate(instance)
    testbed.finish()

    assert outcomes(testbed) == ["completed", "joined"]
    assert testbed.log(LogKind.COMPLETED)[0].time - testbed.started - at < 10
    assert len(testbed.run_command.runs(instance)) == 1
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1


def test_an_event_delivered_three_times_joins_once(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: (1.0, 1.0, 8.0)
    instance = warned(testbed)
    testbed.run(20)
    testbed.terminate(instance)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    assert outcomes(testbed)[0] == "completed"
    assert set(outcomes(testbed)[1:]) <= {"joined", "duplicate"}


def test_a_warning_twice_begins_once(testbed: Testbed) -> None:
    warned(testbed)
    (first,) = testbed.deployment.executions
    testbed.run(10)
    testbed.deployment.start(json.loads(first.payload))
    testbed.run(10)

    assert testbed.execution.result["outcome"] == "duplicate"


def test_two_minutes_are_all_that_a_spot_instance_has(testbed: Testbed) -> None:
    warned(testbed, delay=600, until=120)
    testbed.run(125)
    record = testbed.record()
    assert record.detail == "the time EC2 left the instance is over, waiting for the hook's event"
    testbed.run(1000)

    assert outcomes(testbed) == ["over"]
    assert testbed.record().reason == "the hook's event never came"


def test_an_event_after_the_end_of_a_spot_instance_finds_it_gone_and_completes(testbed: Testbed) -> None:
    instance = warned(testbed, delay=600, until=120)
    testbed.timeline.call_after(
        120, lambda: testbed.region.client("ec2").terminate_instances(InstanceIds=[instance]), name="reclaimed"
    )
    testbed.run(130)
    testbed.finish(within=600)

    assert outcomes(testbed)[:2] == ["completed", "joined"]
    assert [entry.detail for entry in testbed.region.log.of(LogKind.COMPLETED, instance=instance)] == [
        "CONTINUE CompleteLifecycleAction"
    ]


def test_early_work_that_is_held_stays_held_under_the_action(testbed: Testbed) -> None:
    instance = warned(testbed, delay=20, command=Behaviour(duration=5, exit_code=1))
    testbed.run(120)
    assert testbed.record().status == "held"
    testbed.terminate(instance)
    testbed.run(600)
    assert testbed.record().status == "held"
    assert testbed.beats()
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.CONTINUE))
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_operator_can_end_early_work(testbed: Testbed) -> None:
    warned(testbed, delay=600)
    testbed.run(20)
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.CONTINUE))
    testbed.finish()

    assert outcomes(testbed) == ["over"]
    assert "nothing to complete" in (testbed.record().reason or "")


def test_a_nudge_looks_again(testbed: Testbed) -> None:
    instance = warned(testbed, delay=600)
    testbed.run(20)
    testbed.target_groups.connections_end_after(instance, 1)
    testbed.deployment.send_message(testbed.record(), Nudge())
    testbed.run(5)
    testbed.terminate(instance)
    testbed.finish()

    assert outcomes(testbed) == ["completed", "joined"]
    assert len(testbed.run_command.runs(instance)) == 1


def test_early_work_whose_execution_died_is_taken_over_by_the_event(testbed: Testbed) -> None:
    instance = warned(testbed, delay=300)
    testbed.run(20)
    testbed.deployment.service.stop(testbed.record().execution)
    testbed.terminate(instance)
    testbed.run(5)
    testbed.finish()

    (dead, owner) = testbed.deployment.executions
    assert owner.result["outcome"] == "completed"
    assert testbed.record().execution == owner.arn
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1
    assert len(testbed.run_command.runs(instance)) == 1
    assert dead.is_complete


def test_early_work_whose_execution_died_is_taken_over_by_the_sweep(testbed: Testbed) -> None:
    instance = warned(testbed, delay=300)
    testbed.run(20)
    dead = testbed.record().execution
    testbed.deployment.service.stop(dead)
    action = action_of(testbed.record())
    testbed.deployment.start(payload(StartRequest(reason=StartReason.TAKEOVER, action=action, takes_over=dead)))
    testbed.run(30)
    assert testbed.record().early_reason == "rebalance"
    testbed.terminate(instance)
    testbed.finish()

    assert [execution.result["outcome"] for execution in testbed.deployment.executions[1:]] == ["completed", "joined"]
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1
    assert len(testbed.run_command.runs(instance)) == 1


@pytest.mark.parametrize(
    ("on_timeout", "status", "completions"),
    [
        ("continue", "completed", ["CONTINUE CompleteLifecycleAction"]),
        ("abandon", "completed", ["ABANDON CompleteLifecycleAction"]),
        ("hold", "held", []),
    ],
)
def test_early_work_that_is_late_is_decided_when_the_instance_waits(
    testbed: Testbed, on_timeout: str, status: str, completions: list[str]
) -> None:
    plan = {**PLAN, "timeout": "10m", "on_timeout": on_timeout}
    instance = warned(testbed, plan=plan, command=Behaviour(duration=5000))
    testbed.run(1000)
    assert testbed.record().detail == "the work was not done within 10m, waiting for the hook's event"
    testbed.terminate(instance)
    testbed.run(300)

    assert testbed.completions() == completions
    assert testbed.record().status == status
