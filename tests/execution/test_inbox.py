from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish, Nudge, Resume, Skip
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DRAIN_THEN_RUN = {
    "steps": [
        {"kind": "deregister-targets", "options": {"names": ["blue"]}},
        {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["true"]}}},
    ]
}


def draining(testbed: Testbed, delay: int = 3600) -> str:
    (instance,) = testbed.group(plan=DRAIN_THEN_RUN, heartbeat=1800)
    testbed.target_group("blue", instance, delay=delay)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=600))
    testbed.terminate(instance)
    testbed.run(30)
    return instance


@pytest.mark.parametrize("result", list(ActionResult))
def test_finish_ends_the_action_now(testbed: Testbed, result: ActionResult) -> None:
    draining(testbed)
    testbed.deployment.send_message(testbed.record(), Finish(result, "the night shift"))
    execution = testbed.finish(within=10)

    assert execution.result == {
        "outcome": "completed",
        "result": result.value,
        "reason": f"finish {result}, said the night shift",
    }
    assert testbed.record().messages == (f"finish {result}, said the night shift",)
    assert testbed.completions() == [f"{result} CompleteLifecycleAction"]


def test_finish_cancels_the_command_that_is_under_way(testbed: Testbed) -> None:
    instance = draining(testbed, delay=0)
    assert len(testbed.run_command.runs(instance)) == 1
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.ABANDON))
    execution = testbed.finish(within=10)
    testbed.run(5)

    assert "was asked to stop" in execution.result["reason"]
    (run,) = testbed.run_command.runs(instance)
    assert run.ended
    assert "CancelCommand" in testbed.calls("ssm")


def test_skip_leaves_the_current_step_and_goes_on_with_the_next(testbed: Testbed) -> None:
    instance = draining(testbed)
    testbed.deployment.send_message(testbed.record(), Skip("the night shift"))
    testbed.run(30)
    during = testbed.record()

    assert [(step.kind, step.outcome) for step in during.step_outcomes] == [("deregister-targets", "skipped")]
    assert (during.detail or "").startswith("run-command: ")

    execution = testbed.finish(within=1000)

    assert execution.result["result"] == "CONTINUE"
    assert [step.outcome for step in testbed.record().step_outcomes] == ["skipped", "done"]
    assert len(testbed.run_command.runs(instance)) == 1


def test_skipping_the_last_step_ends_the_work(testbed: Testbed) -> None:
    instance = draining(testbed, delay=0)
    testbed.deployment.send_message(testbed.record(), Skip())
    execution = testbed.finish(within=30)

    assert execution.result["result"] == "CONTINUE"
    assert "CancelCommand" in testbed.calls("ssm")
    assert len(testbed.run_command.runs(instance)) == 1


def test_a_nudge_looks_again_now(testbed: Testbed) -> None:
    instance = draining(testbed)
    testbed.target_groups.connections_end_after(instance, 100)
    looks = testbed.calls("elbv2")["DescribeTargetHealth"]
    testbed.run(5)
    assert testbed.calls("elbv2")["DescribeTargetHealth"] == looks
    testbed.deployment.send_message(testbed.record(), Nudge())
    testbed.run(2)

    assert testbed.calls("elbv2")["DescribeTargetHealth"] == looks + 1
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1


def test_many_nudges_never_run_the_command_twice(testbed: Testbed) -> None:
    instance = draining(testbed, delay=0)
    for _ in range(10):
        testbed.deployment.send_message(testbed.record(), Nudge())
        testbed.run(7)
    execution = testbed.finish()

    assert execution.result["result"] == "CONTINUE"
    assert len(testbed.run_command.runs(instance)) == 1
    assert testbed.calls("ssm")["SendCommand"] == 1


def test_a_message_nobody_understands_is_recorded_and_ignored(testbed: Testbed) -> None:
    draining(testbed, delay=600)
    testbed.deployment.send_message(testbed.record(), b'{"message": "explode"}')
    testbed.run(5)

    assert testbed.record().messages == ('unknown message, ignored: {"message": "explode"}',)
    assert testbed.record().status == "working"
    assert testbed.finish().result["result"] == "CONTINUE"


def test_a_callback_that_was_failed_is_no_message(testbed: Testbed) -> None:
    draining(testbed, delay=600)
    testbed.deployment.service.callbacks.fail(testbed.record().inbox or "", "by mistake")
    testbed.run(5)

    assert "by mistake" in testbed.record().messages[0]
    assert testbed.finish().result["result"] == "CONTINUE"


def test_no_beat_follows_the_end(testbed: Testbed) -> None:
    draining(testbed)
    for _ in range(3):
        testbed.deployment.send_message(testbed.record(), Nudge())
        testbed.run(3)
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.CONTINUE))
    testbed.finish()
    testbed.run(7200)

    ended = testbed.log(LogKind.COMPLETED)[0].time
    assert [entry for entry in testbed.log(LogKind.HEARTBEAT, LogKind.HEARTBEAT_REFUSED) if entry.time > ended] == []


def test_a_failed_step_is_held_until_an_operator_has_mended_it(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [DRAIN_THEN_RUN["steps"][1]]}, heartbeat=60)
    testbed.terminate(instance)
    testbed.run(600)
    held = testbed.record()

    assert held.status == "held"
    assert "is not managed by Systems Manager" in (held.problem or "")
    assert testbed.completions() == []

    testbed.run_command.manage(instance)
    testbed.deployment.send_message(held, Resume("the night shift"))
    execution = testbed.finish(within=1000)

    assert execution.result["result"] == "CONTINUE"
    assert len(testbed.run_command.runs(instance)) == 1


def test_the_first_nudge_finds_the_inbox_of_every_round(testbed: Testbed) -> None:
    draining(testbed)
    seen = set()
    for _ in range(5):
        record = testbed.record()
        seen.add(record.inbox)
        testbed.deployment.send_message(record, Nudge())
        testbed.run(1)
    assert len(seen) == 5


@pytest.mark.parametrize("heartbeat", [60, 900, 7_200])
def test_a_held_action_hears_a_message_within_five_minutes_though_lambda_notices_it_late(
    testbed: Testbed, heartbeat: int
) -> None:
    (instance,) = testbed.group(plan="nobody wrote it", heartbeat=heartbeat)
    testbed.terminate(instance)
    testbed.run(1_000)
    assert testbed.record().status == "held"
    testbed.deployment.service.notices_late = True
    for by in ("anna", "bert"):
        testbed.deployment.send_message(testbed.record(), Nudge(by=by))
        testbed.run(301)
        assert f"look again now, said {by}" in testbed.record().messages
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.CONTINUE, by="anna"))
    testbed.run(301)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_working_action_hears_a_message_at_its_next_poll_though_lambda_notices_it_late(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DRAIN_THEN_RUN, heartbeat=900)
    testbed.target_group("blue", instance, delay=3600)
    testbed.terminate(instance)
    testbed.run(1_000)
    testbed.deployment.service.notices_late = True
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.CONTINUE, by="anna"))
    testbed.run(451)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_while_a_round_cannot_be_opened_the_action_is_kept_alive(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DRAIN_THEN_RUN, heartbeat=900)
    testbed.target_group("blue", instance, delay=3600)
    testbed.terminate(instance)
    testbed.run(100)
    record = testbed.record()
    testbed.region.faults.fail("dynamodb", "UpdateItem", code="InternalServerError", status=500, times=200)
    testbed.deployment.send_message(record, Nudge())
    testbed.run(2_500)
    assert [after - before <= 451 for before, after in pairwise(testbed.beats())] == [True] * (len(testbed.beats()) - 1)
    assert testbed.elapsed - testbed.beats()[-1] <= 451
    assert testbed.record().in_flight == "yes"
