from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish, Nudge, Skip
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

DRAIN_THEN_RUN = {
    "steps": [
        {"kind": "deregister-targets", "options": {"names": ["blue"]}},
        {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["true"]}}},
    ]
}


def draining(stage: Stage, delay: int = 3600) -> str:
    (instance,) = stage.group(plan=DRAIN_THEN_RUN, heartbeat=1800)
    stage.target_group("blue", instance, delay=delay)
    stage.run_command.manage(instance)
    stage.run_command.behave(Behaviour(duration=600))
    stage.terminate(instance)
    stage.run(30)
    return instance


@pytest.mark.parametrize("result", list(ActionResult))
def test_finish_ends_the_action_now(stage: Stage, result: ActionResult) -> None:
    draining(stage)
    stage.deployment.say(stage.record(), Finish(result, "the night shift"))
    execution = stage.finish(within=10)

    assert execution.result == {
        "outcome": "completed",
        "result": result.value,
        "reason": f"finish {result}, said the night shift",
    }
    assert stage.record().messages == (f"finish {result}, said the night shift",)
    assert stage.completions() == [f"{result} CompleteLifecycleAction"]


def test_finish_cancels_the_command_that_is_under_way(stage: Stage) -> None:
    instance = draining(stage, delay=0)
    assert len(stage.run_command.runs(instance)) == 1
    stage.deployment.say(stage.record(), Finish(ActionResult.ABANDON))
    execution = stage.finish(within=10)
    stage.run(5)

    assert "was asked to stop" in execution.result["reason"]
    (run,) = stage.run_command.runs(instance)
    assert run.ended
    assert "CancelCommand" in stage.calls("ssm")


def test_skip_leaves_the_current_step_and_goes_on_with_the_next(stage: Stage) -> None:
    instance = draining(stage)
    stage.deployment.say(stage.record(), Skip("the night shift"))
    stage.run(30)
    during = stage.record()

    assert [(step.kind, step.outcome) for step in during.steps] == [("deregister-targets", "skipped")]
    assert (during.detail or "").startswith("run-command: ")

    execution = stage.finish(within=1000)

    assert execution.result["result"] == "CONTINUE"
    assert [step.outcome for step in stage.record().steps] == ["skipped", "done"]
    assert len(stage.run_command.runs(instance)) == 1


def test_skipping_the_last_step_ends_the_work(stage: Stage) -> None:
    instance = draining(stage, delay=0)
    stage.deployment.say(stage.record(), Skip())
    execution = stage.finish(within=30)

    assert execution.result["result"] == "CONTINUE"
    assert "CancelCommand" in stage.calls("ssm")
    assert len(stage.run_command.runs(instance)) == 1


def test_a_nudge_looks_again_now(stage: Stage) -> None:
    instance = draining(stage)
    stage.target_groups.connections_end_after(instance, 100)
    looks = stage.calls("elbv2")["DescribeTargetHealth"]
    stage.run(5)
    assert stage.calls("elbv2")["DescribeTargetHealth"] == looks
    stage.deployment.say(stage.record(), Nudge())
    stage.run(2)

    assert stage.calls("elbv2")["DescribeTargetHealth"] == looks + 1
    assert stage.calls("elbv2")["DeregisterTargets"] == 1


def test_many_nudges_never_run_the_command_twice(stage: Stage) -> None:
    instance = draining(stage, delay=0)
    for _ in range(10):
        stage.deployment.say(stage.record(), Nudge())
        stage.run(7)
    execution = stage.finish()

    assert execution.result["result"] == "CONTINUE"
    assert len(stage.run_command.runs(instance)) == 1
    assert stage.calls("ssm")["SendCommand"] == 1


def test_a_message_nobody_understands_is_recorded_and_ignored(stage: Stage) -> None:
    draining(stage, delay=600)
    stage.deployment.say(stage.record(), b'{"message": "explode"}')
    stage.run(5)

    assert stage.record().messages == ('unknown message, ignored: {"message": "explode"}',)
    assert stage.record().status == "working"
    assert stage.finish().result["result"] == "CONTINUE"


def test_a_callback_that_was_failed_is_no_message(stage: Stage) -> None:
    draining(stage, delay=600)
    stage.deployment.service.send_callback_failure(stage.record().callback or "", "by mistake")
    stage.run(5)

    assert "by mistake" in stage.record().messages[0]
    assert stage.finish().result["result"] == "CONTINUE"


def test_no_beat_follows_the_end(stage: Stage) -> None:
    draining(stage)
    for _ in range(3):
        stage.deployment.say(stage.record(), Nudge())
        stage.run(3)
    stage.deployment.say(stage.record(), Finish(ActionResult.CONTINUE))
    stage.finish()
    stage.run(7200)

    ended = stage.log(LogKind.COMPLETED)[0].time
    assert [entry for entry in stage.log(LogKind.HEARTBEAT, LogKind.HEARTBEAT_REFUSED) if entry.time > ended] == []


def test_a_failed_step_is_held_until_an_operator_has_mended_it(stage: Stage) -> None:
    (instance,) = stage.group(plan={"steps": [DRAIN_THEN_RUN["steps"][1]]}, heartbeat=60)
    stage.terminate(instance)
    stage.run(600)
    held = stage.record()

    assert held.status == "held"
    assert "is not managed by Systems Manager" in (held.problem or "")
    assert stage.completions() == []

    stage.run_command.manage(instance)
    stage.deployment.say(held, Nudge("the night shift"))
    execution = stage.finish(within=1000)

    assert execution.result["result"] == "CONTINUE"
    assert len(stage.run_command.runs(instance)) == 1


def test_the_first_nudge_finds_the_inbox_of_every_round(stage: Stage) -> None:
    draining(stage)
    seen = set()
    for _ in range(5):
        record = stage.record()
        seen.add(record.callback)
        stage.deployment.say(record, Nudge())
        stage.run(1)
    assert len(seen) == 5
