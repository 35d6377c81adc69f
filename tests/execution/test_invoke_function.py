"""Functions are invoked with the action, and what they say through their callback is heard, whenever it comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.messages import Nudge, Skip
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import Start, StartReason, payload
from asg_lifecycle.plans.validation import find_problems
from tests.execution.conftest import TERMINATE_HOOK

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

HOUR = 3600.0


def invoke(**options: Any) -> dict[str, Any]:
    return {"kind": "invoke-function", "options": {"function": "archive", **options}}


def begun(stage: Stage, *steps: dict[str, Any], answer: Any = None, **plan: Any) -> str:
    (instance,) = stage.group(plan={"steps": list(steps), **plan})
    stage.functions.deploy("archive", answer if callable(answer) else lambda _: answer)
    stage.terminate(instance)
    stage.run(10)
    return instance


def told(stage: Stage) -> list[dict[str, Any]]:
    return stage.functions.events["archive"]


def callback(stage: Stage) -> str:
    identity = told(stage)[-1]["callback"]
    assert isinstance(identity, str)
    return identity


def outcome(stage: Stage) -> tuple[Status, str]:
    record = stage.record()
    return record.status, record.problem or "; ".join(step.detail for step in record.steps)


def test_the_answer_is_waited_for(stage: Stage) -> None:
    instance = begun(stage, invoke(payload={"bucket": "logs"}), answer={"archived": 12})
    assert outcome(stage) == (Status.COMPLETED, 'function archive answered: {"archived": 12}')
    (event,) = told(stage)
    record = stage.record()
    expected = {"group": "web", "hook": record.hook, "instance": instance, "token": record.token, "callback": None}
    assert {name: event[name] for name in expected} == expected
    assert event["more"] == {"bucket": "logs"}
    assert event["id"].endswith("-1")


def test_a_function_that_raises_fails_the_step(stage: Stage) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("the bucket is gone")

    begun(stage, invoke(), answer=fail)
    status, said = outcome(stage)
    assert status is Status.HELD
    assert "function archive failed" in said
    assert "the bucket is gone" in said


def test_a_function_there_is_not_fails_the_step(stage: Stage) -> None:
    begun(stage, invoke(function="archives"))
    status, said = outcome(stage)
    assert (status, "function archives does not exist" in said) == (Status.HELD, True)


def test_nothing_is_waited_for_where_the_plan_says_so(stage: Stage) -> None:
    begun(stage, invoke(wait_for="nothing"), answer=None)
    assert outcome(stage) == (Status.COMPLETED, "function archive was invoked")


def test_throttled_it_is_invoked_later(stage: Stage) -> None:
    stage.region.faults.throttle("lambda", "Invoke", times=3)
    begun(stage, invoke(), answer=1)
    stage.finish()
    assert outcome(stage)[0] is Status.COMPLETED
    assert len(told(stage)) == 1


def test_denied_it_names_the_permission(stage: Stage) -> None:
    stage.region.faults.deny("lambda", "Invoke")
    begun(stage, invoke(), answer=1)
    assert "lambda:InvokeFunction" in outcome(stage)[1]


def test_a_callback_is_heard_when_it_comes(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback", timeout="10h"))
    stage.run(8 * HOUR)
    assert stage.record().detail == "invoke-function: waiting for the callback of function archive, for 10h"
    stage.deployment.service.send_callback_success(callback(stage), b'{"archived": 12}')
    stage.run(1)
    assert outcome(stage) == (Status.COMPLETED, 'function archive answered: {"archived": 12}')
    assert len(told(stage)) == 1
    # One round to make the callback, one to take the answer.
    assert len(stage.execution.operations) <= 19


def test_a_callback_that_fails_holds_and_a_nudge_asks_again(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback"))
    first = callback(stage)
    stage.deployment.service.send_callback_failure(first, "disk full")
    stage.run(5)
    status, said = outcome(stage)
    assert status is Status.HELD
    assert "function archive did not succeed: disk full" in said

    stage.deployment.say(stage.record(), Nudge())
    stage.run(5)
    assert callback(stage) != first
    stage.deployment.service.send_callback_success(callback(stage), b"done")
    stage.run(5)
    assert outcome(stage) == (Status.COMPLETED, "function archive answered: done")
    assert [event["id"] for event in told(stage)] == [told(stage)[0]["id"]] * 2


def test_no_answer_in_time_fails_the_step(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback", timeout="30m"))
    stage.run(1700)
    assert outcome(stage)[0] is Status.WORKING
    stage.run(200)
    status, said = outcome(stage)
    assert status is Status.HELD
    assert "did not succeed" in said
    assert "timed out" in said.lower()


def test_a_function_that_does_not_say_that_it_works_is_given_up(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback", timeout="2h", heartbeat_timeout="5m"))
    for _ in range(10):
        stage.run(240)
        stage.deployment.service.send_callback_heartbeat(callback(stage))
    assert outcome(stage)[0] is Status.WORKING
    stage.run(310)
    assert outcome(stage)[0] is Status.HELD


def test_the_timeout_of_the_step_stands_above_that_of_the_callback(stage: Stage) -> None:
    begun(stage, {**invoke(wait_for="callback", timeout="5h"), "timeout": "10m", "on_failure": "continue"})
    stage.finish()
    assert stage.elapsed < 700
    assert "not done within 10m" in stage.record().steps[0].detail
    assert "it may still be at work" in stage.record().steps[0].detail


def test_a_message_in_between_loses_nothing(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback"))
    for _ in range(3):
        stage.deployment.say(stage.record(), Nudge())
        stage.run(20)
    assert len(told(stage)) == 1
    stage.deployment.service.send_callback_success(callback(stage), b"done")
    stage.run(1)
    assert outcome(stage)[0] is Status.COMPLETED


def test_two_functions_in_a_row_have_a_callback_each(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback"), invoke(wait_for="callback", payload={"second": True}))
    first = callback(stage)
    stage.deployment.service.send_callback_success(first, b"one")
    stage.run(5)
    assert callback(stage) != first
    stage.deployment.service.send_callback_success(callback(stage), b"two")
    stage.run(5)
    assert outcome(stage) == (Status.COMPLETED, "function archive answered: one; function archive answered: two")


def test_a_skipped_one_is_not_heard_any_more(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback"), {"kind": "wait", "options": {"duration": "5m"}})
    stage.deployment.say(stage.record(), Skip())
    stage.run(5)
    stage.deployment.service.send_callback_success(callback(stage), b"late")
    stage.run(5)
    assert outcome(stage)[0] is Status.WORKING
    stage.finish()
    assert stage.record().steps[0].outcome == "skipped"
    assert "may still be at work" in stage.record().steps[0].detail
    assert stage.elapsed >= 300


def test_who_takes_over_asks_again(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback"))
    dead, first = stage.record().execution, callback(stage)
    stage.deployment.service.stop(dead)
    start = Start(reason=StartReason.TAKEOVER, action=action_of(stage.record()), takes_over=dead)
    stage.deployment.start(payload(start))
    stage.run(10)
    assert callback(stage) != first
    stage.deployment.service.send_callback_success(callback(stage), b"done")
    stage.run(5)
    assert outcome(stage)[0] is Status.COMPLETED


def test_work_that_began_early_keeps_its_callback(stage: Stage) -> None:
    plan = {"steps": [invoke(wait_for="callback", timeout="5h")]}
    (instance,) = stage.group(plan=plan)
    stage.functions.deploy("archive", lambda _: None)
    action = LifecycleAction(
        token=None,
        group="web",
        hook=TERMINATE_HOOK,
        instance=instance,
        transition=Transition.TERMINATING,
        time=stage.timeline.now(),
        metadata=json.dumps({"plan": plan}),
    )
    stage.deployment.start(payload(Start(reason=StartReason.REBALANCE, action=action)))
    stage.run(60)
    assert stage.record().early == "rebalance"
    assert len(told(stage)) == 1
    stage.terminate(instance)
    stage.run(60)
    assert stage.record().token is not None
    stage.deployment.service.send_callback_success(callback(stage), b"done")
    stage.run(5)
    assert outcome(stage) == (Status.COMPLETED, "function archive answered: done")
    assert len(told(stage)) == 1


def test_a_dry_run_invokes_nothing(stage: Stage) -> None:
    begun(stage, invoke(wait_for="callback"), dry_run=True)
    status, said = outcome(stage)
    assert status is Status.COMPLETED
    assert said.startswith("dry run: would invoke archive with {")
    assert told(stage) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"function": "archive", "heartbeat_timeout": "5m"}, "heartbeat_timeout is for wait_for: callback"),
        ({"function": "archive", "wait_for": "callback", "timeout": "0s"}, "a timeout of no time"),
        ({"function": "two words"}, "option 'function'"),
        ({"function": "archive", "wait_for": "ever"}, "option 'wait_for'"),
    ],
)
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    (problem,) = find_problems({"steps": [{"kind": "invoke-function", "options": options}]})
    assert said in str(problem)


def test_side_by_side_there_is_no_callback() -> None:
    plan = {"steps": [{"parallel": [invoke(), invoke(wait_for="callback")]}]}
    (problem,) = find_problems(plan)
    assert "parallel step 2: invoke-function waits for a callback, which steps side by side cannot have" in str(problem)
