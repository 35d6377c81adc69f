"""Upgrade, downgrade and deletion while instances wait: what docs/upgrading.md promises."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.messages import Skip
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.region.log import LogKind
from tests.execution.conftest import GROUP, TERMINATE_HOOK
from tests.execution.test_takeover import PLAN, drained, stop, take_over

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

WAIT = {"steps": [{"kind": "wait", "options": {"duration": "10m"}}]}


def version_of(execution: str) -> str:
    """Return the version of the function in the ARN of an execution."""
    return execution.split(":")[7].partition("/")[0]


def write(testbed: Testbed, **attributes: Any) -> None:
    """Change attributes of the only record as another version would, each as DynamoDB has it."""
    with testbed.region.unobserved():
        testbed.region.client("dynamodb").update_item(
            TableName=testbed.deployment.parameters.table,
            Key={"wait": stored(testbed)["wait"], "entry": {"S": "current"}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            ExpressionAttributeNames={f"#{name}": name for name in attributes},
            ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
        )


def stored(testbed: Testbed) -> dict[str, Any]:
    """Return the only record as the table has it."""
    with testbed.region.unobserved():
        (item,) = testbed.region.client("dynamodb").scan(TableName=testbed.deployment.parameters.table)["Items"]
    return dict(item)


def test_an_upgrade_leaves_what_is_under_way_on_its_version(testbed: Testbed) -> None:
    first, second = testbed.group(capacity=2, plan=WAIT)
    testbed.terminate(first)
    testbed.run(60)
    testbed.deployment.redeploy()
    testbed.terminate(second)
    testbed.finish()

    versions = {record.instance: version_of(record.execution) for record in testbed.deployment.records()}
    assert versions == {first: "1", second: "2"}
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 2
    assert len(testbed.deployment.executions) == 2
    assert max(after - before for before, after in pairwise(testbed.beats())) <= 150


def test_a_takeover_after_an_upgrade_is_the_new_versions(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    testbed.deployment.redeploy()
    take_over(testbed, stop(testbed))
    testbed.finish()

    assert version_of(testbed.record().execution) == "2"
    assert [step.outcome for step in testbed.record().step_outcomes] == ["done", "done"]
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1


def test_after_a_downgrade_attributes_of_the_newer_version_are_passed_over_and_kept(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    step = stored(testbed)["present_steps"]
    step["L"][0]["M"]["weather"] = {"S": "fair"}
    write(testbed, version={"N": "2"}, weather={"S": "fair"}, present_steps=step)
    take_over(testbed, stop(testbed))
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1
    assert (stored(testbed)["weather"], stored(testbed)["version"]) == ({"S": "fair"}, {"N": "2"})


def test_a_message_that_only_a_newer_version_knows_is_recorded_and_ignored(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    testbed.deployment.send_message(testbed.record(), b'{"message": "postpone", "by": "somebody"}')
    testbed.run(30)
    assert testbed.record().status is Status.WORKING
    testbed.finish()

    assert any(each.startswith("unknown message, ignored: ") for each in testbed.record().messages)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_step_that_only_a_newer_version_knows_keeps_the_instance_and_says_so(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    dead = stop(testbed)
    decision = testbed.record().plan_decision
    assert decision is not None
    write(testbed, plan_decision={"S": decision.replace("run-command", "wait-for-moon")})
    take_over(testbed, dead)
    testbed.run(3_600)

    assert testbed.completions() == []
    assert "wait-for-moon" in (testbed.record().problem or "")
    assert testbed.elapsed - testbed.beats()[-1] <= 150
    testbed.deployment.send_message(testbed.record(), Skip("somebody"))
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_chosen_plan_that_cannot_be_read_is_held_and_kept_alive(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    stop(testbed)
    decision = json.loads(testbed.record().plan_decision or "")
    decision["plan"]["weather"] = "fair"
    write(testbed, plan_decision={"S": json.dumps(decision)})
    for _ in range(12):
        testbed.deployment.sweep()
        testbed.run(120)

    assert testbed.completions() == []
    assert testbed.record().status is Status.HELD
    assert "unknown field `weather`" in (testbed.record().problem or "")
    assert testbed.elapsed - testbed.beats()[-1] <= 150


def test_a_start_that_cannot_be_read_is_refused_and_the_sweep_starts_its_own(testbed: Testbed) -> None:
    drained(testbed)
    testbed.run(60)
    dead = stop(testbed)
    action = action_of(testbed.record())
    start = payload(StartRequest(reason=StartReason.HAND_OVER, action=action, takes_over=dead))
    start["start"]["weather"] = "fair"
    testbed.deployment.start(start)
    testbed.run(30)
    assert testbed.execution.result["outcome"] == "invalid"
    testbed.deployment.sweep()
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert [step.outcome for step in testbed.record().step_outcomes] == ["done", "done"]


def test_an_instance_whose_record_cannot_be_read_is_kept_and_nothing_is_begun_for_it(testbed: Testbed) -> None:
    instance = drained(testbed)
    testbed.run(60)
    stop(testbed)
    write(testbed, status={"S": "resting"})
    before = len(testbed.deployment.executions)
    for _ in range(5):
        testbed.run(200)
        swept = testbed.deployment.sweep()
        assert [instance in problem and "resting" in problem for problem in swept["problems"]] == [True]

    # More than three times the hook's 300 s went by: the heartbeats of the sweeps kept it.
    assert testbed.completions() == []
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"
    assert len(testbed.deployment.executions) == before
    write(testbed, status={"S": "working"})
    testbed.deployment.sweep()
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_record_that_cannot_be_read_holds_up_no_other(testbed: Testbed) -> None:
    unreadable, other = testbed.group(capacity=2, plan=WAIT)
    testbed.terminate(unreadable)
    testbed.run(60)
    stop(testbed)
    write(testbed, status={"S": "resting"})
    testbed.region.events.deliveries = lambda event: ()  # noqa: ARG005 - the event of the second instance is lost
    testbed.terminate(other)
    testbed.run(30)
    swept = testbed.deployment.sweep()

    assert [other in started for started in swept["started"]] == [True]
    testbed.run(700)
    assert testbed.autoscaling.instance_state(other) is None


@pytest.mark.parametrize("default", ["ABANDON", "CONTINUE"])
def test_r6_without_the_stack_what_waits_has_its_default_when_the_heartbeat_runs_out(
    testbed: Testbed, default: str
) -> None:
    first, second = testbed.group(capacity=2, plan=PLAN, DefaultResult=default)
    testbed.target_group("blue", first, second, delay=3_600)
    testbed.terminate(first)
    testbed.run(100)
    beats = len(testbed.beats())
    testbed.deployment.delete()
    deleted = testbed.elapsed
    testbed.terminate(second)
    testbed.run(1_000)

    assert len(testbed.beats()) == beats
    assert len(testbed.deployment.executions) == 1
    assert testbed.completions() == [f"{default} heartbeat timeout"] * 2
    ended = [entry.time - testbed.started for entry in testbed.log(LogKind.COMPLETED)]
    # The last beat restarted the timer (R5) before the deletion; the second instance began to wait after it.
    assert deleted < ended[0] <= deleted + 300
    assert ended[1] == pytest.approx(deleted + 300, abs=2)


def test_without_hooks_the_deleted_stack_leaves_nobody_waiting(testbed: Testbed) -> None:
    first, second = testbed.group(capacity=2, plan=WAIT)
    testbed.terminate(first)
    testbed.finish()
    with testbed.region.unobserved():
        client = testbed.region.client("autoscaling")
        for hook in client.describe_lifecycle_hooks(AutoScalingGroupName=GROUP)["LifecycleHooks"]:
            client.delete_lifecycle_hook(AutoScalingGroupName=GROUP, LifecycleHookName=hook["LifecycleHookName"])
    testbed.deployment.delete()
    testbed.terminate(second)
    testbed.run(60)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.autoscaling.instance_state(second) is None
    assert testbed.deployment.record(GROUP, TERMINATE_HOOK, second) is None
