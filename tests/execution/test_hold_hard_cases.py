"""Holds, resumes and extensions where something else happens at the same time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.execution.race.decision import BranchResults, Round, next_round
from asg_lifecycle.execution.work.work_state import PlanResult
from asg_lifecycle.model.messages import Extend, Nudge, Resume, Skip, Wake
from asg_lifecycle.model.progress import Failed
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash
from tests.execution.test_drain_slots import draining as queueing
from tests.execution.test_drain_slots import record_of
from tests.execution.test_early import warned
from tests.execution.test_hold import COMMAND, COMPLETED, HOLD, HOUR, drain, outcomes, say

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

CALL = {"kind": "invoke-function", "options": {"function": "archive", "wait_for": "callback", "timeout": "5h"}}


def take_over(testbed: Testbed) -> None:
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
    testbed.deployment.start(payload(start))
    testbed.run(20)


def callback(testbed: Testbed) -> str:
    return str(testbed.functions.events["archive"][-1]["callback"])


def fail() -> None:
    raise RuntimeError("the bucket is gone")


@pytest.mark.parametrize("heartbeat", [60, 900])
def test_a_callback_that_an_action_on_hold_waits_for_is_asked_for_again_by_whoever_takes_over(
    testbed: Testbed, heartbeat: int
) -> None:
    testbed.functions.deploy("archive", lambda _: None)
    drain(testbed, CALL, COMMAND, heartbeat=heartbeat)
    say(testbed, HOLD)
    first = callback(testbed)
    take_over(testbed)
    assert callback(testbed) != first
    testbed.deployment.service.callbacks.succeed(callback(testbed), b"archived")
    testbed.run(1_000)
    assert (outcomes(testbed), testbed.record().status, testbed.completions()) == (["done"], "held", [])
    say(testbed, Resume())
    testbed.finish()
    assert testbed.completions() == COMPLETED


@pytest.mark.parametrize("how", ["handed over", "taken over"])
def test_a_step_that_failed_beside_another_begins_again_only_when_it_is_resumed(testbed: Testbed, how: str) -> None:
    testbed.functions.deploy("archive", lambda _: fail())
    if how == "handed over":
        testbed.deployment.hand_over_at(60)
    fails = {"kind": "invoke-function", "options": {"function": "archive"}}
    drain(testbed, {"parallel": [COMMAND, fails]}, duration=2 * HOUR)
    assert any(isinstance(memory.progress, Failed) for memory in testbed.record().present_steps)
    if how == "handed over":
        for _ in range(20):
            say(testbed, Nudge())
    else:
        take_over(testbed)
    testbed.run(60)
    assert len(testbed.deployment.executions) > 1
    assert len(testbed.functions.events["archive"]) == 1


@pytest.mark.parametrize("held", [True, False])
def test_a_step_that_failed_early_begins_again_when_the_instance_waits_unless_it_is_on_hold(
    testbed: Testbed, *, held: bool
) -> None:
    testbed.functions.deploy("archive", lambda _: fail())
    plan = {"steps": [{"kind": "invoke-function", "options": {"function": "archive"}}], "on_failure": "abandon"}
    instance = warned(testbed, plan=plan)
    testbed.run(60)
    testbed.functions.deploy("archive", lambda _: "archived")
    if held:
        say(testbed, HOLD)
    testbed.terminate(instance)
    testbed.run(60)
    assert testbed.completions() == ([] if held else COMPLETED)
    if held:
        assert "failed" in (testbed.record().problem or "")
        say(testbed, Resume())
        assert testbed.completions() == COMPLETED


def test_an_extension_of_the_plan_outlives_a_skipped_step(testbed: Testbed) -> None:
    drain(testbed, COMMAND, COMMAND, duration=3_000, timeout="10m", on_timeout="abandon")
    say(testbed, Extend(seconds=2 * HOUR))
    say(testbed, Skip(by="ben"))
    testbed.finish()
    assert testbed.completions() == COMPLETED


def test_an_extension_of_the_plan_outlives_a_hold(testbed: Testbed) -> None:
    drain(testbed, COMMAND, duration=3_000, timeout="10m", on_timeout="abandon")
    say(testbed, Extend(seconds=2 * HOUR))
    say(testbed, HOLD)
    say(testbed, Resume())
    testbed.finish()
    assert testbed.completions() == COMPLETED


def test_an_instance_whose_first_step_failed_keeps_its_slot_while_it_is_on_hold(testbed: Testbed) -> None:
    first, second = queueing(testbed, 2, at_once=1, duration=20, exit_code=1, apart=2)
    testbed.run(100)
    assert record_of(testbed, first).status == "held"
    testbed.region.faults.stand("dynamodb", "Query", Fault(FaultKind.REQUEST_LOST))
    testbed.deployment.send_message(record_of(testbed, first), Resume())
    testbed.run(5)
    testbed.deployment.send_message(record_of(testbed, first), HOLD)
    testbed.run(5)
    testbed.region.faults.allow("dynamodb", "Query")
    testbed.run(900)
    assert (record_of(testbed, first).status, record_of(testbed, first).hold) == ("held", "ann: an audit")
    assert (len(testbed.run_command.runs(first)), len(testbed.run_command.runs(second))) == (1, 0)


def test_the_queue_is_left_when_the_table_answers_again_and_asked_seldom_until_then(testbed: Testbed) -> None:
    _, second, third = queueing(testbed, 3, at_once=1, duration=2 * HOUR, apart=2)
    testbed.region.faults.stand("dynamodb", "Query", Fault(FaultKind.REQUEST_LOST))
    testbed.deployment.send_message(record_of(testbed, second), HOLD)
    testbed.run(1_200)
    assert record_of(testbed, second).status == "working"
    execution = next(each for each in testbed.deployment.executions if each.arn == record_of(testbed, second).execution)
    assert execution.metered_operations < 100
    testbed.region.faults.allow("dynamodb", "Query")
    testbed.run(900)
    assert record_of(testbed, second).status == "held"
    assert "0 ahead" in (record_of(testbed, third).detail or "")


@pytest.mark.parametrize("digits", [5, 30, 200, 400])
def test_more_time_than_any_action_may_take_is_no_message(testbed: Testbed, digits: int) -> None:
    drain(testbed, COMMAND, duration=60)
    text = b'{"message": "extend", "seconds": 2' + b"0" * digits + b"}"
    inbox = testbed.record().inbox
    assert inbox is not None
    testbed.deployment.service.callbacks.succeed(inbox, text)
    testbed.finish()
    assert testbed.completions() == COMPLETED
    assert testbed.record().messages[0].startswith("unknown message, ignored")


def test_the_sentence_of_a_timeout_tells_of_the_time_it_was_given(testbed: Testbed) -> None:
    drain(testbed, {**COMMAND, "timeout": "10m", "on_failure": "continue"}, duration=2 * HOUR)
    say(testbed, Extend(seconds=1_200))
    testbed.finish()
    assert "not done within 30m" in testbed.record().step_outcomes[0].detail


def test_the_sentence_of_the_plans_timeout_tells_of_the_time_it_was_given(testbed: Testbed) -> None:
    drain(testbed, COMMAND, duration=2 * HOUR, timeout="10m", on_timeout="abandon")
    say(testbed, Extend(seconds=1_200))
    testbed.finish()
    assert "not done within 30m" in (testbed.record().reason or "")


@pytest.mark.one_of(3)
@pytest.mark.parametrize("message", [Nudge(), Wake(by="an event"), "takeover"])
@pytest.mark.parametrize("heartbeat", [120, 900])
def test_the_time_of_the_plan_counts_from_the_moment_at_which_it_was_resumed(
    testbed: Testbed, message: Nudge | Wake | str, heartbeat: int
) -> None:
    drain(testbed, COMMAND, duration=3_000, timeout="10m", on_timeout="continue", heartbeat=heartbeat)
    say(testbed, HOLD)
    say(testbed, Resume())
    assert testbed.record().work_began_at is not None
    for _ in range(2):
        testbed.run(200)
        if isinstance(message, str):
            take_over(testbed)
        else:
            say(testbed, message)
    testbed.finish()
    assert testbed.elapsed <= 700
    assert testbed.completions() == COMPLETED


def test_a_hold_is_not_lost_where_the_execution_has_no_more_operations_while_the_table_is_down(
    testbed: Testbed,
) -> None:
    testbed.deployment.hand_over_at(60)
    drain(testbed, COMMAND, duration=2 * HOUR)
    while testbed.execution.metered_operations < 31:
        say(testbed, Nudge())
    testbed.region.faults.stand("dynamodb", "UpdateItem", Fault(FaultKind.REQUEST_LOST))
    say(testbed, HOLD)
    testbed.run(900)
    testbed.region.faults.allow("dynamodb", "UpdateItem")
    testbed.run(120)
    assert len(testbed.deployment.executions) == 2
    assert testbed.record().hold == "ann: an audit"


def test_whoever_takes_early_work_over_keeps_the_hold(testbed: Testbed) -> None:
    instance = warned(testbed, delay=60)
    testbed.run(10)
    say(testbed, HOLD)
    take_over(testbed)
    testbed.run(900)
    assert (outcomes(testbed), testbed.record().hold) == (["done"], "ann: an audit")
    assert testbed.run_command.runs(instance) == []


@pytest.mark.one_of(3)
@pytest.mark.parametrize("call", range(1, 7))
@pytest.mark.parametrize("after", [True, False])
def test_more_time_is_given_once_although_the_lambda_dies(testbed: Testbed, call: int, *, after: bool) -> None:
    drain(testbed, {**COMMAND, "timeout": "10m"}, duration=2 * HOUR, timeout="20m")
    died = len(testbed.execution.invocations) + 1
    testbed.deployment.service.call_crashes.append(CallCrash(invocation=died, call=call, after=after))
    say(testbed, Extend(seconds=600))
    testbed.run(60)
    record = testbed.record()
    assert (record.extended_seconds, record.present_steps[0].extended_seconds) == (600, 600)


def test_a_callback_is_made_for_a_step_under_way_and_for_none_that_a_hold_keeps_from_beginning() -> None:
    work = PlanResult(how="needs_callback", index=1)
    assert next_round(Round(), BranchResults(work=work), "").needs_callback == 1
    assert next_round(Round(hold="ann"), BranchResults(work=work), "").needs_callback == 1
    assert next_round(Round(), BranchResults(message=HOLD, work=work), "").needs_callback is None
