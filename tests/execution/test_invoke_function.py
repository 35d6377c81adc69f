"""Functions are invoked with the action, and what they say through their callback is heard, whenever it comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.messages import Nudge, Resume, Skip
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle.plans.validation import find_problems
from tests.execution.conftest import TERMINATE_HOOK

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

HOUR = 3600.0


def invoke(**options: Any) -> dict[str, Any]:
    return {"kind": "invoke-function", "options": {"function": "archive", **options}}


def begun(testbed: Testbed, *steps: dict[str, Any], answer: Any = None, **plan: Any) -> str:
    (instance,) = testbed.group(plan={"steps": list(steps), **plan})
    testbed.functions.deploy("archive", answer if callable(answer) else lambda _: answer)
    testbed.terminate(instance)
    testbed.run(10)
    return instance


def told(testbed: Testbed) -> list[dict[str, Any]]:
    return testbed.functions.events["archive"]


def callback(testbed: Testbed) -> str:
    identity = told(testbed)[-1]["callback"]
    assert isinstance(identity, str)
    return identity


def outcome(testbed: Testbed) -> tuple[Status, str]:
    record = testbed.record()
    return record.status, record.problem or "; ".join(step.detail for step in record.step_outcomes)


def test_the_answer_is_waited_for(testbed: Testbed) -> None:
    instance = begun(testbed, invoke(payload={"bucket": "logs"}), answer={"archived": 12})
    assert outcome(testbed) == (Status.COMPLETED, 'function archive answered: {"archived": 12}')
    (event,) = told(testbed)
    record = testbed.record()
    expected = {"group": "web", "hook": record.hook, "instance": instance, "token": record.token, "callback": None}
    assert {name: event[name] for name in expected} == expected
    assert event["more"] == {"bucket": "logs"}
    assert event["id"].endswith("-1")


def test_a_function_that_raises_fails_the_step(testbed: Testbed) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("the bucket is gone")

    begun(testbed, invoke(), answer=fail)
    status, said = outcome(testbed)
    assert status is Status.HELD
    assert "function archive failed" in said
    assert "the bucket is gone" in said


def test_a_function_there_is_not_fails_the_step(testbed: Testbed) -> None:
    begun(testbed, invoke(function="archives"))
    status, said = outcome(testbed)
    assert (status, "there is no function archives" in said) == (Status.HELD, True)


def test_nothing_is_waited_for_where_the_plan_says_so(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="nothing"), answer=None)
    assert outcome(testbed) == (Status.COMPLETED, "function archive was invoked")


def test_throttled_it_is_invoked_later(testbed: Testbed) -> None:
    testbed.region.faults.throttle("lambda", "Invoke", times=3)
    begun(testbed, invoke(), answer=1)
    testbed.finish()
    assert outcome(testbed)[0] is Status.COMPLETED
    assert len(told(testbed)) == 1


def test_denied_it_names_the_permission(testbed: Testbed) -> None:
    testbed.region.faults.deny("lambda", "Invoke")
    begun(testbed, invoke(), answer=1)
    assert "lambda:InvokeFunction" in outcome(testbed)[1]


def test_a_callback_is_heard_when_it_comes(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback", timeout="10h"))
    testbed.run(2 * HOUR)
    assert testbed.record().detail == "invoke-function: waiting for the callback of function archive, for 10h"
    testbed.deployment.service.callbacks.succeed(callback(testbed), b'{"archived": 12}')
    testbed.run(1)
    assert outcome(testbed) == (Status.COMPLETED, 'function archive answered: {"archived": 12}')
    assert len(told(testbed)) == 1
    # One round to make the callback, one to take the answer.
    assert len(testbed.execution.operations) <= 19


def test_a_callback_that_fails_holds_and_a_resumed_step_asks_again(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback"))
    first = callback(testbed)
    testbed.deployment.service.callbacks.fail(first, "disk full")
    testbed.run(5)
    status, said = outcome(testbed)
    assert status is Status.HELD
    assert "function archive did not succeed: disk full" in said

    testbed.deployment.send_message(testbed.record(), Resume())
    testbed.run(5)
    assert callback(testbed) != first
    testbed.deployment.service.callbacks.succeed(callback(testbed), b"done")
    testbed.run(5)
    assert outcome(testbed) == (Status.COMPLETED, "function archive answered: done")
    asked, again = (event["id"] for event in told(testbed))
    # Who remembers what it has done does it again: an operator wants it.
    assert again == f"{asked}-2"


def test_no_answer_in_time_fails_the_step(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback", timeout="30m"))
    testbed.run(1700)
    assert outcome(testbed)[0] is Status.WORKING
    testbed.run(200)
    status, said = outcome(testbed)
    assert status is Status.HELD
    assert "did not succeed" in said
    assert "timed out" in said.lower()


def test_a_function_that_does_not_say_that_it_works_is_given_up(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback", timeout="2h", heartbeat_timeout="5m"))
    for _ in range(10):
        testbed.run(240)
        testbed.deployment.service.callbacks.beat(callback(testbed))
    assert outcome(testbed)[0] is Status.WORKING
    testbed.run(310)
    assert outcome(testbed)[0] is Status.HELD


def test_the_timeout_of_the_step_stands_above_that_of_the_callback(testbed: Testbed) -> None:
    begun(testbed, {**invoke(wait_for="callback", timeout="5h"), "timeout": "10m", "on_failure": "continue"})
    testbed.finish()
    assert testbed.elapsed < 700
    assert "not done within 10m" in testbed.record().step_outcomes[0].detail
    assert "it may still be at work" in testbed.record().step_outcomes[0].detail


def test_a_message_in_between_loses_nothing(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback"))
    for _ in range(3):
        testbed.deployment.send_message(testbed.record(), Nudge())
        testbed.run(20)
    assert len(told(testbed)) == 1
    testbed.deployment.service.callbacks.succeed(callback(testbed), b"done")
    testbed.run(1)
    assert outcome(testbed)[0] is Status.COMPLETED


def test_two_functions_in_a_row_have_a_callback_each(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback"), invoke(wait_for="callback", payload={"second": True}))
    first = callback(testbed)
    testbed.deployment.service.callbacks.succeed(first, b"one")
    testbed.run(5)
    assert callback(testbed) != first
    testbed.deployment.service.callbacks.succeed(callback(testbed), b"two")
    testbed.run(5)
    assert outcome(testbed) == (Status.COMPLETED, "function archive answered: one; function archive answered: two")


def test_a_skipped_one_is_not_heard_any_more(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback"), {"kind": "wait", "options": {"duration": "5m"}})
    testbed.deployment.send_message(testbed.record(), Skip())
    testbed.run(5)
    testbed.deployment.service.callbacks.succeed(callback(testbed), b"late")
    testbed.run(5)
    assert outcome(testbed)[0] is Status.WORKING
    testbed.finish()
    assert testbed.record().step_outcomes[0].outcome == "skipped"
    assert "may still be at work" in testbed.record().step_outcomes[0].detail
    assert testbed.elapsed >= 300


def test_who_takes_over_asks_again(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback"))
    dead, first = testbed.record().execution, callback(testbed)
    testbed.deployment.service.stop(dead)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(testbed.record()), takes_over=dead)
    testbed.deployment.start(payload(start))
    testbed.run(10)
    assert callback(testbed) != first
    testbed.deployment.service.callbacks.succeed(callback(testbed), b"done")
    testbed.run(5)
    assert outcome(testbed)[0] is Status.COMPLETED


def test_work_that_began_early_keeps_its_callback(testbed: Testbed) -> None:
    plan = {"steps": [invoke(wait_for="callback", timeout="5h")]}
    (instance,) = testbed.group(plan=plan)
    testbed.functions.deploy("archive", lambda _: None)
    action = LifecycleAction(
        token=None,
        group="web",
        hook=TERMINATE_HOOK,
        instance=instance,
        transition=Transition.TERMINATING,
        time=testbed.timeline.now(),
        metadata=json.dumps({"plan": plan}),
    )
    testbed.deployment.start(payload(StartRequest(reason=StartReason.REBALANCE, action=action)))
    testbed.run(60)
    assert testbed.record().early_reason == "rebalance"
    assert len(told(testbed)) == 1
    testbed.terminate(instance)
    testbed.run(60)
    assert testbed.record().token is not None
    testbed.deployment.service.callbacks.succeed(callback(testbed), b"done")
    testbed.run(5)
    assert outcome(testbed) == (Status.COMPLETED, "function archive answered: done")
    assert len(told(testbed)) == 1


def test_a_dry_run_invokes_nothing(testbed: Testbed) -> None:
    begun(testbed, invoke(wait_for="callback"), dry_run=True)
    status, said = outcome(testbed)
    assert status is Status.COMPLETED
    assert said.startswith("dry run: would invoke archive with {")
    assert told(testbed) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"function": "archive", "heartbeat_timeout": "5m"}, "heartbeat_timeout is for wait_for: callback"),
        (
            {"function": "archive", "wait_for": "callback", "timeout": "0s"},
            "option 'timeout': is '0s'; expected a duration such as '90s', '15m', '1h30m' or '2d', a second at least",
        ),
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
