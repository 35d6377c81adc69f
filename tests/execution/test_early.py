"""Work that begins at a Spot interruption warning or a rebalance recommendation, before the instance waits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Transition
from asg_lifecycle.model.messages import Finish, Nudge
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import Start, StartReason, payload
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
PLAN = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}, COMMAND]}


def warned(
    stage: Stage, *, delay: int = 60, until: float | None = None, plan: Any = PLAN, command: Behaviour | None = None
) -> str:
    (instance,) = stage.group(plan=plan)
    stage.target_group("blue", instance, delay=delay)
    stage.run_command.manage(instance)
    stage.run_command.behave(command or Behaviour(duration=30))
    action = LifecycleAction(
        token=None,
        group="web",
        hook="asg-lifecycle-terminate",
        instance=instance,
        transition=Transition.TERMINATING,
        time=stage.timeline.now(),
        metadata=json.dumps({"plan": plan}),
    )
    reason = StartReason.REBALANCE if until is None else StartReason.SPOT_INTERRUPTION
    limit = None if until is None else stage.timeline.now() + until
    stage.deployment.start(payload(Start(reason=reason, action=action, until=limit)))
    return instance


def outcomes(stage: Stage) -> list[str]:
    return [execution.result["outcome"] for execution in stage.deployment.executions]


def test_the_work_begins_before_the_instance_waits_and_no_heartbeat_is_tried(stage: Stage) -> None:
    warned(stage)
    stage.run(20)

    record = stage.record()
    assert record.early == "rebalance"
    assert record.detail is not None
    assert record.detail.startswith("deregister-targets: waiting for 1 target")
    assert "RecordLifecycleActionHeartbeat" not in stage.calls("autoscaling")


def test_the_hooks_event_joins_the_work_under_way(stage: Stage) -> None:
    instance = warned(stage)
    stage.run(20)
    stage.terminate(instance)
    stage.finish()

    assert outcomes(stage) == ["completed", "joined"]
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert stage.calls("elbv2")["DeregisterTargets"] == 1
    assert len(stage.run_command.runs(instance)) == 1
    record = stage.record()
    assert record.early is None
    assert record.token == stage.log(LogKind.WAIT_STARTED)[0].token
    assert record.execution == stage.deployment.executions[0].arn


def test_work_that_is_done_waits_for_the_event_and_then_completes_at_once(stage: Stage) -> None:
    instance = warned(stage)
    stage.run(3600)
    assert stage.record().detail == "2 done of 2 steps, waiting for the hook's event"
    assert stage.record().status == "working"
    at = stage.elapsed
    stage.terminate(instance)
    stage.finish()

    assert outcomes(stage) == ["completed", "joined"]
    assert stage.log(LogKind.COMPLETED)[0].time - stage.started - at < 10
    assert len(stage.run_command.runs(instance)) == 1
    assert stage.calls("elbv2")["DeregisterTargets"] == 1


def test_an_event_delivered_three_times_joins_once(stage: Stage) -> None:
    stage.region.events.deliveries = lambda _: (1.0, 1.0, 8.0)
    instance = warned(stage)
    stage.run(20)
    stage.terminate(instance)
    stage.finish()

    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(stage.run_command.runs(instance)) == 1
    assert outcomes(stage)[0] == "completed"
    assert set(outcomes(stage)[1:]) <= {"joined", "duplicate"}


def test_a_warning_twice_begins_once(stage: Stage) -> None:
    warned(stage)
    (first,) = stage.deployment.executions
    stage.run(10)
    stage.deployment.start(json.loads(first.payload))
    stage.run(10)

    assert stage.execution.result["outcome"] == "duplicate"


def test_two_minutes_are_all_that_a_spot_instance_has(stage: Stage) -> None:
    warned(stage, delay=600, until=120)
    stage.run(125)
    record = stage.record()
    assert record.detail == "the time EC2 left the instance is over, waiting for the hook's event"
    stage.run(1000)

    assert outcomes(stage) == ["over"]
    assert stage.record().reason == "the hook's event never came"


def test_an_event_after_the_end_of_a_spot_instance_finds_it_gone_and_completes(stage: Stage) -> None:
    instance = warned(stage, delay=600, until=120)
    stage.timeline.call_after(
        120, lambda: stage.region.client("ec2").terminate_instances(InstanceIds=[instance]), name="reclaimed"
    )
    stage.run(130)
    stage.finish(within=600)

    assert outcomes(stage)[:2] == ["completed", "joined"]
    assert [entry.detail for entry in stage.region.log.of(LogKind.COMPLETED, instance=instance)] == [
        "CONTINUE CompleteLifecycleAction"
    ]


def test_early_work_that_is_held_stays_held_under_the_action(stage: Stage) -> None:
    instance = warned(stage, delay=20, command=Behaviour(duration=5, exit_code=1))
    stage.run(120)
    assert stage.record().status == "held"
    stage.terminate(instance)
    stage.run(600)
    assert stage.record().status == "held"
    assert stage.beats()
    stage.deployment.say(stage.record(), Finish(ActionResult.CONTINUE))
    stage.finish()

    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_operator_can_end_early_work(stage: Stage) -> None:
    warned(stage, delay=600)
    stage.run(20)
    stage.deployment.say(stage.record(), Finish(ActionResult.CONTINUE))
    stage.finish()

    assert outcomes(stage) == ["over"]
    assert "nothing to complete" in (stage.record().reason or "")


def test_a_nudge_looks_again(stage: Stage) -> None:
    instance = warned(stage, delay=600)
    stage.run(20)
    stage.target_groups.connections_end_after(instance, 1)
    stage.deployment.say(stage.record(), Nudge())
    stage.run(5)
    stage.terminate(instance)
    stage.finish()

    assert outcomes(stage) == ["completed", "joined"]
    assert len(stage.run_command.runs(instance)) == 1


def test_early_work_whose_execution_died_is_taken_over_by_the_event(stage: Stage) -> None:
    instance = warned(stage, delay=300)
    stage.run(20)
    stage.deployment.service.stop(stage.record().execution)
    stage.terminate(instance)
    stage.run(5)
    stage.finish()

    (dead, owner) = stage.deployment.executions
    assert owner.result["outcome"] == "completed"
    assert stage.record().execution == owner.arn
    assert stage.calls("elbv2")["DeregisterTargets"] == 1
    assert len(stage.run_command.runs(instance)) == 1
    assert dead.is_complete


def test_early_work_whose_execution_died_is_taken_over_by_the_sweep(stage: Stage) -> None:
    instance = warned(stage, delay=300)
    stage.run(20)
    dead = stage.record().execution
    stage.deployment.service.stop(dead)
    action = action_of(stage.record())
    stage.deployment.start(payload(Start(reason=StartReason.TAKEOVER, action=action, takes_over=dead)))
    stage.run(30)
    assert stage.record().early == "rebalance"
    stage.terminate(instance)
    stage.finish()

    assert [execution.result["outcome"] for execution in stage.deployment.executions[1:]] == ["completed", "joined"]
    assert stage.calls("elbv2")["DeregisterTargets"] == 1
    assert len(stage.run_command.runs(instance)) == 1


@pytest.mark.parametrize(
    ("on_timeout", "status", "completions"),
    [
        ("continue", "completed", ["CONTINUE CompleteLifecycleAction"]),
        ("abandon", "completed", ["ABANDON CompleteLifecycleAction"]),
        ("hold", "held", []),
    ],
)
def test_early_work_that_is_late_is_decided_when_the_instance_waits(
    stage: Stage, on_timeout: str, status: str, completions: list[str]
) -> None:
    plan = {**PLAN, "timeout": "10m", "on_timeout": on_timeout}
    instance = warned(stage, plan=plan, command=Behaviour(duration=5000))
    stage.run(1000)
    assert stage.record().detail == "the work was not done within 10m, waiting for the hook's event"
    stage.terminate(instance)
    stage.run(300)

    assert stage.completions() == completions
    assert stage.record().status == status
