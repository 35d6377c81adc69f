"""An execution that has used nearly all of its operations hands its action over to a fresh one."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Transition
from asg_lifecycle.model.messages import Finish, Nudge
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.execution.conftest import TERMINATE_HOOK, Testbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.model.records import Record

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}
CALL_BACK = {"kind": "invoke-function", "options": {"function": "archive", "wait_for": "callback", "timeout": "10h"}}
SAID = "to be handed over to a fresh execution: this one may have no more operations"


def drain(testbed: Testbed, *steps: Any, heartbeat: int = 300, at: int = 60, lasts: float = 2_000) -> str:
    """Begin to drain an instance with executions that hand over at so many operations."""
    testbed.deployment.hand_over_at(at)
    (instance,) = testbed.group(plan={"steps": list(steps)}, heartbeat=heartbeat)
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=lasts))
    testbed.target_group("blue", instance, delay=300)
    testbed.functions.deploy("archive", lambda _: None)
    testbed.terminate(instance)
    testbed.run(5)
    return instance


def nudged_until_handed_over(testbed: Testbed) -> Record:
    """Send messages until the action is handed over; return the record with the last inbox of the first execution."""
    last = testbed.record()
    while testbed.record().execution == last.execution:
        inbox = testbed.record().inbox
        testbed.deployment.send_message(testbed.record(), Nudge())
        while testbed.record().inbox == inbox:
            testbed.timeline.advance()
        last = testbed.record()
        testbed.run(5)
    return last


def longest_gap(testbed: Testbed) -> float:
    return max(after - before for before, after in pairwise(testbed.beats()))


@pytest.mark.parametrize("heartbeat", [30, pytest.param(900, marks=pytest.mark.one_of(99))])
def test_a_sender_that_does_not_stop_costs_handovers_and_nothing_else(testbed: Testbed, heartbeat: int) -> None:
    instance = drain(testbed, COMMAND, heartbeat=heartbeat, lasts=250)
    while testbed.record().in_flight is not None:
        if testbed.record().inbox is not None:
            testbed.deployment.send_message(testbed.record(), Nudge())
        testbed.run(7)
    testbed.run(200)

    executions = testbed.deployment.executions
    assert len(executions) > 3
    assert [each.result["outcome"] for each in executions] == ["handed_over"] * (len(executions) - 1) + ["completed"]
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    assert longest_gap(testbed) <= heartbeat / 2 + 1
    assert max(each.metered_operations for each in executions) <= 60 + 25
    assert SAID in testbed.record().messages


def test_the_step_goes_on_where_it_stands(testbed: Testbed) -> None:
    instance = drain(testbed, DEREGISTER, COMMAND, lasts=400)
    testbed.run(400)
    began = testbed.record().step_began_at
    nudged_until_handed_over(testbed)

    assert testbed.record().step_began_at == began
    testbed.finish()
    assert [(step.kind, step.outcome) for step in testbed.record().step_outcomes] == [
        ("deregister-targets", "done"),
        ("run-command", "done"),
    ]
    assert len(testbed.run_command.runs(instance)) == 1


def test_a_message_to_the_inbox_before_arrives(testbed: Testbed) -> None:
    drain(testbed, COMMAND)
    last = nudged_until_handed_over(testbed)
    testbed.deployment.send_message(last, Finish(ActionResult.ABANDON, by="anna"))
    testbed.run(60)

    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    assert "finish ABANDON, said anna" in testbed.record().messages


def test_the_callback_of_a_function_stays_with_the_execution_that_handed_it_out(testbed: Testbed) -> None:
    drain(testbed, CALL_BACK, COMMAND, lasts=10)
    for _ in range(3):
        nudged_until_handed_over(testbed)
    (told,) = testbed.functions.events["archive"]
    testbed.run(3_600)
    testbed.deployment.service.callbacks.succeed(told["callback"], b"archived")
    testbed.finish()

    assert testbed.record().step_outcomes[0].detail == "function archive answered: archived"
    *earlier, last = [each.result["outcome"] for each in testbed.deployment.executions]
    assert set(earlier) == {"handed_over"}
    assert last == "completed"


def test_a_callback_that_fails_is_handed_on_as_a_failure(testbed: Testbed) -> None:
    drain(testbed, CALL_BACK)
    nudged_until_handed_over(testbed)
    (told,) = testbed.functions.events["archive"]
    testbed.deployment.service.callbacks.fail(told["callback"], "disk full")
    testbed.run(300)

    assert testbed.record().status == "held"
    assert "function archive did not succeed: disk full" in (testbed.record().problem or "")


def test_an_execution_that_holds_a_callback_ends_with_its_step(testbed: Testbed) -> None:
    drain(testbed, {**CALL_BACK, "timeout": "20m", "on_failure": "continue"}, COMMAND, lasts=10_000)
    nudged_until_handed_over(testbed)
    first = testbed.deployment.executions[0]
    testbed.run(600)
    assert not first.is_complete
    testbed.run(1_200)

    assert first.result["outcome"] == "handed_over"
    assert (testbed.record().detail or "").startswith("run-command: waiting")
    assert first.metered_operations <= 60 + 50


@pytest.mark.parametrize("fault", ["throttled", "denied", pytest.param("lost", marks=pytest.mark.one_of(99))])
def test_while_no_execution_can_be_started_the_action_is_kept_alive(
    testbed: Testbed, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    drain(testbed, COMMAND, heartbeat=60, at=30)
    faults = testbed.region.faults
    break_it: dict[str, Callable[[], None]] = {
        "throttled": lambda: faults.fail("lambda", "Invoke", code="TooManyRequestsException", status=429, times=30),
        "denied": lambda: faults.deny("lambda", "Invoke"),
        "lost": lambda: faults.lose_request("lambda", "Invoke", times=30),
    }
    break_it[fault]()
    for _ in range(4):
        if testbed.record().inbox is not None and SAID not in testbed.record().messages:
            testbed.deployment.send_message(testbed.record(), Nudge())
        testbed.run(5)
    testbed.run(400)
    assert testbed.record().in_flight == "yes"
    assert longest_gap(testbed) <= 31
    faults.allow("lambda", "Invoke")
    testbed.finish()
    testbed.run(100)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.deployment.executions[0].result["outcome"] == "handed_over"
    assert testbed.deployment.executions[0].metered_operations <= 400
    said = [record.getMessage() for record in caplog.records if record.name == "asg-lifecycle"]
    handed = [each.result["outcome"] for each in testbed.deployment.executions].count("handed_over")
    assert said.count(SAID) == sum(line.startswith("handed over to arn:") for line in said) == handed >= 1


@pytest.mark.usefixtures("over_soon")
def test_when_the_deadline_comes_first_the_plan_decides(testbed: Testbed) -> None:
    drain(testbed, COMMAND, heartbeat=120, at=30, lasts=100_000)
    testbed.region.faults.deny("lambda", "Invoke")
    testbed.finish()

    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    assert testbed.elapsed < 2_400
    assert "the deadline came before the action was handed over" in (testbed.record().reason or "")


def test_no_heartbeat_is_sent_past_the_deadline_though_nobody_can_write_that_it_has_come(testbed: Testbed) -> None:
    drain(testbed, COMMAND, heartbeat=30, at=30, lasts=100_000)
    testbed.region.faults.deny("lambda", "Invoke")
    testbed.run(2_000)
    deadline = (testbed.record().deadline or 0.0) - testbed.started
    for operation in ("GetItem", "Query", "UpdateItem", "PutItem"):
        testbed.region.faults.deny("dynamodb", operation)
    testbed.run(2_000)

    assert deadline - 30 <= max(testbed.beats()) <= deadline
    assert testbed.completions() == ["ABANDON heartbeat timeout"]


@pytest.mark.usefixtures("over_soon")
def test_an_action_whose_record_is_gone_is_kept_alive_until_its_deadline(testbed: Testbed) -> None:
    drain(testbed, COMMAND, heartbeat=30, at=30, lasts=100_000)
    testbed.region.faults.deny("lambda", "Invoke")
    testbed.run(100)
    record = testbed.record()
    with testbed.region.unobserved():
        key = {"wait": {"S": record.wait}, "entry": {"S": record.entry}}
        testbed.region.client("dynamodb").delete_item(TableName="asg-lifecycle", Key=key)
    testbed.region.faults.allow("lambda", "Invoke")
    testbed.run(250)
    assert longest_gap(testbed) <= 16
    assert testbed.completions() == []
    testbed.finish()

    assert testbed.elapsed > 500


def test_an_action_that_ends_meanwhile_is_over(testbed: Testbed) -> None:
    drain(testbed, COMMAND, heartbeat=60, at=30, lasts=100_000)
    testbed.region.faults.deny("lambda", "Invoke")
    testbed.run(600)
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName="web",
            LifecycleHookName="asg-lifecycle-terminate",
            LifecycleActionToken=testbed.record().token,
            LifecycleActionResult="CONTINUE",
        )
    testbed.finish()

    assert testbed.record().status == "over"


def test_early_work_is_handed_over_too(testbed: Testbed) -> None:
    testbed.deployment.hand_over_at(60)
    (instance,) = testbed.group(plan={"steps": [COMMAND]})
    testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=1_000))
    testbed.deployment.start(payload(early(testbed, instance)))
    testbed.run(5)
    nudged_until_handed_over(testbed)
    assert testbed.record().early_reason == "rebalance"
    testbed.terminate(instance)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    outcomes = [each.result["outcome"] for each in testbed.deployment.executions]
    assert outcomes[0] == "handed_over"
    assert outcomes.count("completed") == 1


def early(testbed: Testbed, instance: str) -> StartRequest:
    action = LifecycleAction(
        token=None,
        group="web",
        hook=TERMINATE_HOOK,
        instance=instance,
        transition=Transition.TERMINATING,
        time=testbed.timeline.now(),
        metadata=json.dumps({"plan": {"steps": [COMMAND]}}),
    )
    return StartRequest(reason=StartReason.REBALANCE, action=action)
