"""An operator puts an action on hold, resumes it, and gives it more time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.action_summary import Standing, standing_of
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Extend, Finish, Hold, Nudge, Resume, Skip, Wake
from asg_lifecycle.model.progress import Failed
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle.observer import Metric
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.execution.test_drain_slots import draining as queueing
from tests.execution.test_drain_slots import record_of
from tests.execution.test_early import warned
from tests.execution.test_metrics import Metrics

if TYPE_CHECKING:
    from asg_lifecycle.model.messages import Message
    from tests.execution.conftest import Testbed

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}
HOLD = Hold(by="ann: an audit")
COMPLETED = ["CONTINUE CompleteLifecycleAction"]
HOUR = 3_600
A_WHILE = 1_000
"""Seconds: more than a heartbeat timeout, and than anything here takes that does not wait for somebody."""


def drain(
    testbed: Testbed, *steps: Any, heartbeat: int = 900, duration: float = 60, exit_code: int = 0, **plan: Any
) -> str:
    (instance,) = testbed.group(plan={"steps": [*steps], **plan}, heartbeat=heartbeat)
    testbed.target_group("blue", instance, delay=120)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=duration, exit_code=exit_code))
    testbed.terminate(instance)
    testbed.run(20)
    return instance


def say(testbed: Testbed, message: Message) -> None:
    testbed.deployment.send_message(testbed.record(), message)
    testbed.run(5)


def outcomes(testbed: Testbed) -> list[str]:
    return [step.outcome for step in testbed.record().step_outcomes]


# Hold


@pytest.mark.parametrize("heartbeat", [60, 900])
def test_the_step_under_way_goes_on_and_none_begins_after_it(testbed: Testbed, heartbeat: int) -> None:
    instance = drain(testbed, DEREGISTER, COMMAND, heartbeat=heartbeat)
    say(testbed, HOLD)
    assert testbed.record().hold == "ann: an audit"
    assert standing_of(testbed.record()) is Standing.HELD
    testbed.run(A_WHILE)

    record = testbed.record()
    assert (record.status, record.detail) == ("held", "held: on hold, said ann: an audit")
    assert outcomes(testbed) == ["done"]
    assert testbed.run_command.runs(instance) == []
    assert testbed.completions() == []
    assert testbed.elapsed - testbed.beats()[-1] < heartbeat
    say(testbed, Resume(by="ben"))
    testbed.finish()

    assert testbed.completions() == COMPLETED
    assert (outcomes(testbed), testbed.record().hold) == (["done", "done"], None)
    assert len(testbed.run_command.runs(instance)) == 1


def test_work_that_ends_under_a_hold_completes_nothing_before_it_is_resumed(testbed: Testbed) -> None:
    drain(testbed, DEREGISTER)
    say(testbed, HOLD)
    testbed.run(A_WHILE)
    assert (testbed.record().status, outcomes(testbed), testbed.completions()) == ("held", ["done"], [])
    say(testbed, Resume())
    assert testbed.completions() == COMPLETED


@pytest.mark.parametrize("on_failure", ["continue", "abandon", "hold"])
def test_a_step_that_fails_under_a_hold_ends_nothing_and_begins_again_when_resumed(
    testbed: Testbed, on_failure: str
) -> None:
    instance = drain(testbed, COMMAND, COMMAND, on_failure=on_failure, exit_code=1)
    say(testbed, HOLD)
    testbed.run(A_WHILE)
    assert testbed.completions() == []
    record = testbed.record()
    assert record.status == "held"
    assert "step 1 (run-command) failed" in (record.problem or "")
    testbed.run_command.behave(Behaviour(duration=5))
    say(testbed, Resume())
    testbed.finish()

    assert testbed.completions() == COMPLETED
    assert outcomes(testbed) == ["done", "done"]
    runs = testbed.run_command.runs(instance)
    assert [run.status for run in runs] == ["Failed", "Success", "Success"]
    # By its comment a command is found again that a dying Lambda has sent: each attempt has its own.
    assert len({run.command.comment for run in runs}) == len(runs)


@pytest.mark.usefixtures("over_soon")
def test_a_hold_lasts_until_the_deadline_at_most(testbed: Testbed) -> None:
    drain(testbed, DEREGISTER, on_timeout="continue")
    say(testbed, HOLD)
    testbed.finish()

    assert testbed.completions() == COMPLETED
    assert "the deadline came before the work was done" in (testbed.record().reason or "")
    assert testbed.elapsed > 16_000


def test_the_plans_own_time_does_not_end_a_hold(testbed: Testbed) -> None:
    drain(testbed, COMMAND, duration=3_000, timeout="10m", on_timeout="continue")
    say(testbed, HOLD)
    testbed.run(1_200)
    assert (testbed.completions(), testbed.record().status) == ([], "working")
    say(testbed, Resume())
    testbed.run(570)
    assert testbed.completions() == []
    testbed.run(60)
    # The whole time of the plan, from the moment at which it was resumed.
    assert testbed.completions() == COMPLETED


@pytest.mark.parametrize("message", [Nudge(by="ben"), Wake(by="an event"), Extend(seconds=60, by="ben"), HOLD])
def test_only_resume_ends_a_hold(testbed: Testbed, message: Message) -> None:
    drain(testbed, DEREGISTER, COMMAND)
    say(testbed, HOLD)
    say(testbed, message)
    testbed.run(A_WHILE)
    say(testbed, message)
    testbed.run(A_WHILE)
    assert (testbed.record().status, outcomes(testbed), testbed.completions()) == ("held", ["done"], [])


def test_a_step_is_skipped_under_a_hold_and_the_next_one_does_not_begin(testbed: Testbed) -> None:
    instance = drain(testbed, COMMAND, COMMAND, duration=HOUR)
    say(testbed, HOLD)
    say(testbed, Skip(by="ben"))
    testbed.run(A_WHILE)
    assert (testbed.record().status, outcomes(testbed)) == ("held", ["skipped"])
    assert [run.status for run in testbed.run_command.runs(instance)] == ["Cancelled"]
    say(testbed, Skip(by="ben"))
    assert (testbed.record().status, outcomes(testbed)) == ("held", ["skipped", "skipped"])
    assert testbed.completions() == []


def test_an_operator_ends_an_action_on_hold(testbed: Testbed) -> None:
    drain(testbed, DEREGISTER, COMMAND)
    say(testbed, HOLD)
    say(testbed, Finish(ActionResult.ABANDON, by="ben"))
    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]


def test_steps_side_by_side_go_on_under_a_hold(testbed: Testbed) -> None:
    instance = drain(testbed, {"parallel": [DEREGISTER, COMMAND]}, COMMAND)
    say(testbed, HOLD)
    testbed.run(A_WHILE)
    assert (testbed.record().status, outcomes(testbed)) == ("held", ["done", "done"])
    assert len(testbed.run_command.runs(instance)) == 1


def test_a_step_that_waits_for_a_callback_does_not_begin_under_a_hold(testbed: Testbed) -> None:
    testbed.functions.deploy("archive", lambda _: None)
    call = {"kind": "invoke-function", "options": {"function": "archive", "wait_for": "callback"}}
    drain(testbed, DEREGISTER, call)
    say(testbed, HOLD)
    testbed.run(A_WHILE)
    assert testbed.functions.events["archive"] == []
    say(testbed, Resume())
    (event,) = testbed.functions.events["archive"]
    testbed.deployment.service.callbacks.succeed(event["callback"], b"archived")
    testbed.run(5)
    assert testbed.completions() == COMPLETED


@pytest.mark.parametrize("under_way", [True, False])
def test_whoever_takes_over_keeps_the_hold(testbed: Testbed, *, under_way: bool) -> None:
    instance = drain(testbed, DEREGISTER, COMMAND)
    say(testbed, HOLD)
    testbed.run(20 if under_way else A_WHILE)
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
    testbed.deployment.start(payload(start))
    testbed.run(A_WHILE)

    record = testbed.record()
    assert (record.status, record.hold, outcomes(testbed)) == ("held", "ann: an audit", ["done"])
    assert testbed.run_command.runs(instance) == []
    say(testbed, Resume())
    testbed.finish()
    assert testbed.completions() == COMPLETED


def test_a_successor_keeps_the_hold(testbed: Testbed) -> None:
    testbed.deployment.hand_over_at(60)
    instance = drain(testbed, DEREGISTER, COMMAND)
    say(testbed, HOLD)
    for _ in range(20):
        say(testbed, Nudge())
    testbed.run(A_WHILE)

    assert len(testbed.deployment.executions) > 1
    assert (testbed.record().status, testbed.record().hold) == ("held", "ann: an audit")
    assert testbed.run_command.runs(instance) == []


@pytest.mark.parametrize("resumed", [True, False])
def test_work_that_began_early_keeps_its_hold_when_the_instance_waits(testbed: Testbed, *, resumed: bool) -> None:
    instance = warned(testbed, delay=30)
    testbed.run(10)
    say(testbed, HOLD)
    testbed.run(300)
    assert (outcomes(testbed), standing_of(testbed.record())) == (["done"], Standing.HELD)
    if resumed:
        say(testbed, Resume())
        testbed.run(60)
        assert outcomes(testbed) == ["done", "done"]
    testbed.terminate(instance)
    testbed.run(A_WHILE)
    assert testbed.completions() == (COMPLETED if resumed else [])
    if not resumed:
        say(testbed, Resume())
        testbed.finish()
        assert testbed.completions() == COMPLETED
    assert len(testbed.run_command.runs(instance)) == 1


def test_an_action_that_waits_for_its_turn_lets_others_go_first_while_it_is_on_hold(testbed: Testbed) -> None:
    first, second, third = queueing(testbed, 3, at_once=1, duration=100, apart=2)
    testbed.deployment.send_message(record_of(testbed, second), HOLD)
    testbed.run(1_000)
    assert [record_of(testbed, each).status for each in (first, second, third)] == ["completed", "held", "completed"]
    testbed.deployment.send_message(record_of(testbed, second), Resume())
    testbed.finish()
    assert testbed.completions() == COMPLETED * 3


def test_a_hold_is_told_and_counted_as_no_failure(testbed: Testbed, capsys: pytest.CaptureFixture[str]) -> None:
    drain(testbed, DEREGISTER, COMMAND)
    say(testbed, HOLD)
    testbed.run(A_WHILE)
    told = [event for event in testbed.region.events.emitted if event["source"] == "asg-lifecycle.action"]
    assert [event["detail-type"] for event in told][1:] == ["Lifecycle Action Held"]
    assert "ann: an audit" in str(told[1]["detail"])
    assert Metrics(capsys).values(Metric.HELD) == []


def test_a_hold_that_the_table_does_not_take_at_once_is_taken_later(testbed: Testbed) -> None:
    drain(testbed, DEREGISTER, COMMAND)
    testbed.region.faults.stand("dynamodb", "UpdateItem", Fault(FaultKind.REQUEST_LOST))
    say(testbed, HOLD)
    testbed.run(200)
    testbed.region.faults.allow("dynamodb", "UpdateItem")
    testbed.run(A_WHILE)
    assert (testbed.record().status, testbed.record().hold) == ("held", "ann: an audit")
    assert testbed.completions() == []


def test_a_hold_that_comes_with_the_end_of_the_work_comes_first(testbed: Testbed) -> None:
    instance = drain(testbed, DEREGISTER)
    testbed.target_groups.connections_end_after(instance, 1)
    testbed.deployment.service.notices_late = True
    testbed.deployment.send_message(testbed.record(), HOLD)
    testbed.run(A_WHILE)
    assert testbed.completions() == []
    assert outcomes(testbed) == ["done"]


# Resume


def test_a_nudge_does_not_begin_a_step_that_failed_again(testbed: Testbed) -> None:
    instance = drain(testbed, COMMAND, duration=5, exit_code=1)
    testbed.run(60)
    assert testbed.record().status == "held"
    for _ in range(3):
        say(testbed, Nudge())
    testbed.run(60)
    assert testbed.record().status == "held"
    assert len(testbed.run_command.runs(instance)) == 1


def test_a_message_does_not_begin_a_step_again_that_failed_beside_another(testbed: Testbed) -> None:
    instance = drain(testbed, {"parallel": [DEREGISTER, COMMAND]}, duration=5, exit_code=1)
    testbed.run(20)
    assert any(isinstance(memory.progress, Failed) for memory in testbed.record().present_steps)
    assert len(testbed.run_command.runs(instance)) == 1
    for message in (Nudge(), Wake(by="an event"), Extend(seconds=60)):
        say(testbed, message)
    assert len(testbed.run_command.runs(instance)) == 1


def test_to_resume_what_is_not_held_changes_nothing(testbed: Testbed) -> None:
    instance = drain(testbed, DEREGISTER, COMMAND, timeout="10m", on_timeout="continue", duration=HOUR)
    for _ in range(3):
        say(testbed, Resume())
    testbed.finish()
    assert 595 <= testbed.elapsed <= 640
    assert len(testbed.run_command.runs(instance)) == 1


# Extend


def test_the_timeout_of_the_step_is_moved(testbed: Testbed) -> None:
    drain(testbed, {**COMMAND, "timeout": "10m", "on_failure": "continue"}, duration=2 * HOUR)
    say(testbed, Extend(seconds=1_200))
    testbed.run(1_700)
    assert (testbed.record().status, testbed.record().present_steps[0].extended_seconds) == ("working", 1_200)
    testbed.finish()
    assert 1_800 <= testbed.elapsed <= 1_860
    assert outcomes(testbed) == ["failed"]


def test_the_timeout_of_the_plan_is_moved(testbed: Testbed) -> None:
    drain(testbed, COMMAND, COMMAND, duration=700, timeout="10m", on_timeout="abandon")
    say(testbed, Extend(seconds=900))
    assert testbed.record().extended_seconds == 900
    testbed.finish()
    assert testbed.completions() == COMPLETED
    assert outcomes(testbed) == ["done", "done"]


def test_two_extensions_add_up_and_survive_a_takeover(testbed: Testbed) -> None:
    drain(testbed, {**COMMAND, "timeout": "10m"}, duration=2 * HOUR, timeout="20m", on_failure="continue")
    say(testbed, Extend(seconds=600))
    say(testbed, Extend(seconds=600))
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
    testbed.deployment.start(payload(start))
    testbed.finish()
    assert 1_800 <= testbed.elapsed <= 1_860
    assert outcomes(testbed) == ["failed"]


@pytest.mark.usefixtures("over_soon")
def test_nothing_moves_the_deadline(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [{**COMMAND, "timeout": "3m"}]}, heartbeat=30)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(never_ends=True))
    testbed.terminate(instance)
    testbed.run(20)
    say(testbed, Extend(seconds=172_800))
    testbed.finish()
    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    assert 500 < testbed.elapsed < 600


def test_more_time_that_comes_with_the_end_of_the_time_counts(testbed: Testbed) -> None:
    drain(testbed, COMMAND, duration=900, timeout="10m", on_timeout="abandon")
    testbed.run(570)
    testbed.deployment.service.notices_late = True
    testbed.deployment.send_message(testbed.record(), Extend(seconds=900))
    testbed.run(2 * HOUR)
    assert testbed.completions() == COMPLETED
