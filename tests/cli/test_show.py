"""`show` and `history`: what happened, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml

from asg_lifecycle.cli.followed_action import ending_of
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish
from asg_lifecycle.model.records import Status
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, HOOK, MISSPELT, SIGNAL, run, waiting

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed


def drained(testbed: Testbed[Deployment], group: str = "web", lasts: float = 120) -> str:
    testbed.run_command.behave(Behaviour(duration=lasts))
    (instance,) = waiting(testbed, group, COMMAND, COMMAND)
    testbed.run(2 * lasts + 60)
    return instance


def listed(target: str) -> list[dict[str, Any]]:
    """Return the timeline, each time as a number."""
    entries: list[dict[str, Any]] = yaml.safe_load(run("show", target, "-o", "yaml").stdout)
    return entries


def test_the_story_of_an_action_stands_in_the_order_of_time(stack: Testbed[Deployment]) -> None:
    instance = drained(stack)
    entries = listed(instance)

    told = {"delivery", "heartbeat", "round", "look", "completion"}
    assert told <= {entry["what"] for entry in entries}
    assert [entry["what"] for entry in entries if entry["what"] not in told] == [
        "waiting",
        "claimed",
        "plan",
        *["step"] * 2,
        *["message"] * 2,
        "ended",
    ]
    first, second = (entry for entry in entries if entry["what"] == "step")
    assert first["detail"].startswith("1/2 run-command done: command ")
    assert 119 <= first["lasted"] <= 125
    assert second["time"] >= first["time"] + first["lasted"]
    assert entries[-1]["detail"] == "completed with CONTINUE: the work is done: 2 done of 2 steps"
    times = [entry["time"] for entry in entries if entry["time"] is not None]
    assert times == sorted(times)


def test_an_action_in_flight_is_shown_until_now(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, COMMAND)
    stack.run(60)
    lines = run("show", instance).stdout.splitlines()
    assert lines[0].split() == ["time", "what", "lasted", "detail"]
    (now,) = (line for line in lines if "now" in line.split())
    assert f"working: wait-for-signal: waiting for signal drained of instance {instance}" in now


def test_what_was_skipped_is_shown_with_its_times(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    stack.run(55)
    assert run("skip", instance, "--reason", "told to", "--yes").exit_code == 0
    stack.run(30)
    entries = listed(instance)
    (step,) = (entry for entry in entries if entry["what"] == "step")
    assert step["detail"].startswith("1/1 wait-for-signal skipped: skip the current step, said arn:aws:sts::")
    assert 55 <= step["lasted"] <= 65


@pytest.mark.parametrize(("ending", "code"), [("finish", 0), ("abandon", 10), ("another", 12)])
def test_a_pipeline_can_wait_for_the_end(stack: Testbed[Deployment], ending: str, code: int) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, heartbeat=60)

    def happen() -> None:
        match ending:
            case "another":
                complete(stack, instance)
            case verb:
                record = stack.deployment.record("web", HOOK, instance)
                assert record is not None
                result = ActionResult.CONTINUE if verb == "finish" else ActionResult.ABANDON
                stack.deployment.send_message(record, Finish(result))

    stack.timeline.call_after(100, happen, name="what happens")
    followed = run("show", instance, "--follow")
    assert followed.exit_code == code
    assert "ended" in followed.stdout


def test_a_timeout_of_auto_scaling_has_an_exit_code_of_its_own(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    record = stack.deployment.record("web", HOOK, instance)
    assert record is not None
    assert ending_of(msgspec.structs.replace(record, status=Status.LOST)) == 11


def complete(testbed: Testbed[Deployment], instance: str) -> None:
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName="web",
            LifecycleHookName=HOOK,
            InstanceId=instance,
            LifecycleActionResult="CONTINUE",
        )


def test_an_action_in_flight_is_found_without_reading_the_whole_table(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    stack.region.calls.clear()
    assert run("show", instance).exit_code == 0
    assert ("dynamodb", "Scan") not in stack.region.calls


def test_it_is_found_by_its_token_too(stack: Testbed[Deployment]) -> None:
    instance = drained(stack)
    record = stack.deployment.record("web", HOOK, instance)
    assert record is not None
    assert record.token is not None
    assert run("show", record.token).stdout == run("show", instance).stdout


def test_what_never_waited_is_said(stack: Testbed[Deployment]) -> None:
    assert stack.completions() == []
    for target in ("i-0123456789abcdef0", "no-such-token"):
        missed = run("show", target)
        assert missed.exit_code == 1
        assert f"there is no record of {target}" in missed.stderr


def test_the_history_begins_with_the_last_one(stack: Testbed[Deployment]) -> None:
    first, second = drained(stack, "first", lasts=30), drained(stack, "second", lasts=60)
    waiting(stack, "still", SIGNAL)
    found = json.loads(run("history", "-o", "json").stdout)

    assert [each["instance"] for each in found] == [second, first]
    assert [each["result"] for each in found] == ["CONTINUE", "CONTINUE"]
    assert found[0]["longest_step"] == "run-command"
    assert 120 <= found[0]["length"] <= 140
    assert [each["instance"] for each in json.loads(run("history", "--group", "first", "-o", "json").stdout)] == [first]
    assert run("history", "--since", "1m").stdout == "no action has ended in the last 1m\n"
    assert run("history", "--failed").stdout == "no action has failed in the last 7d\n"


def test_the_history_of_what_failed(stack: Testbed[Deployment]) -> None:
    drained(stack, "fine", lasts=5)
    stack.run_command.behave(Behaviour(duration=5, exit_code=1))
    (failed,) = waiting(stack, "failed", COMMAND, on_failure="continue")
    stack.run(60)
    found = json.loads(run("history", "--failed", "-o", "json").stdout)
    assert [each["instance"] for each in found] == [failed]


def test_a_length_of_time_that_is_none_is_refused(stack: Testbed[Deployment]) -> None:
    waiting(stack, "web", MISSPELT)
    refused = run("history", "--since", "yesterday")
    assert refused.exit_code == 2
    assert "'yesterday' is not a duration such as '90s'" in refused.stderr


def test_what_operators_said_and_still_holds_stands_below_the_table(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", {**COMMAND, "timeout": "10m"}, COMMAND)
    for words in (("extend", "1h", instance), ("hold", instance, "--reason", "an audit")):
        assert run(*words, "--yes").exit_code == 0
    said = run("show", instance).stdout

    assert ": an audit\ntimeouts moved by 1h, said operators\nprice so far" in said
    assert "\non hold since " in said
    assert "on hold since" not in run("show", instance, "--quiet").stdout


def test_a_failed_step_whose_action_an_operator_ended_has_failed(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", {**COMMAND, "options": {"document": "No-Such-Document"}})
    stack.run(30)
    said = run("why", instance).stdout
    assert "and is held at step 1 of 1 (run-command): step 1 (run-command) failed: " in said
    assert run("abandon", instance, "--reason", "cannot be drained", "--yes").exit_code == 0
    stack.run(30)

    assert instance in run("history", "--failed").stdout
