from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def test_an_instance_is_drained_and_only_then_let_go(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DEREGISTER)
    testbed.target_group("blue", instance, delay=600)
    testbed.terminate(instance)

    execution = testbed.finish()

    assert execution.result == {
        "outcome": "completed",
        "result": "CONTINUE",
        "reason": "the work is done: 1 done of 1 steps",
    }
    drained = [entry.time for entry in testbed.log(LogKind.SERVICE) if "drained" in entry.detail]
    completed = [entry.time for entry in testbed.log(LogKind.COMPLETED)]
    assert len(drained) == len(completed) == 1
    assert drained[0] <= completed[0] <= drained[0] + 10
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.autoscaling.instance_state(instance) != "Terminating:Wait"


def test_the_record_says_what_happened(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DEREGISTER)
    testbed.target_group("blue", instance, delay=600)
    testbed.terminate(instance)
    testbed.run(60)
    during = testbed.record()
    testbed.finish()
    after = testbed.record()

    assert during.status == "working"
    assert during.in_flight == "yes"
    assert during.execution == testbed.execution.arn
    assert during.detail is not None
    assert during.detail.startswith("deregister-targets: waiting for 1 target to drain from blue, until ")
    assert (during.heartbeat_timeout, during.global_timeout) == (300, 30_000)
    assert during.deadline == during.event_time + 30_000 - 120
    assert after.status == "completed"
    assert after.in_flight is None
    assert after.result == "CONTINUE"
    assert [(step.kind, step.outcome) for step in after.step_outcomes] == [("deregister-targets", "done")]
    assert after.inbox is None


def test_an_hour_of_draining_is_kept_alive_and_costs_what_was_promised(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=900)
    testbed.target_group("blue", instance, delay=3600)
    testbed.terminate(instance)

    execution = testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert [operation.name for operation in execution.operations] == [
        "claim",
        "inbox-1",
        "set-up",
        "open-round-1",
        "race-1",
        "work-1",
        "finish",
    ]
    looks = testbed.calls("elbv2")["DescribeTargetHealth"]
    assert sum(testbed.calls("elbv2").values()) <= 3 + looks
    beats = testbed.calls("autoscaling")["RecordLifecycleActionHeartbeat"]
    assert sum(testbed.calls("autoscaling").values()) <= 3 + beats
    sentences = 2  # waiting, drained
    assert sum(testbed.calls("dynamodb").values()) <= 4 + sentences


def test_heartbeats_come_at_half_the_timeout(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=300)
    testbed.target_group("blue", instance, delay=1000)
    testbed.terminate(instance)
    testbed.finish()

    beats = testbed.beats()
    first = beats[0]
    assert beats == [first + 150 * number for number in range(len(beats))]
    assert len(beats) == 7


def test_a_terminate_hook_with_nothing_to_drain_takes_one_invocation(testbed: Testbed) -> None:
    (instance,) = testbed.group()
    testbed.terminate(instance)

    execution = testbed.finish()

    assert len(execution.invocations) == 1
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.elapsed < 5


def test_a_launch_hook_lets_the_instance_in(testbed: Testbed) -> None:
    testbed.group(0)
    testbed.autoscaling.scale("web", 1)

    execution = testbed.finish()

    assert execution.result["result"] == "CONTINUE"
    testbed.run(60)
    (instance,) = testbed.autoscaling.instances("web")
    assert testbed.autoscaling.instance_state(instance) == "InService"


@pytest.mark.parametrize("hours", [12, pytest.param(48, marks=pytest.mark.one_of(99))])
def test_as_long_as_a_wait_can_be_runs_in_exact_order_within_the_global_timeout(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    # Auto Scaling allows 48 hours; it is asked how many.
    longest = hours * 3600
    monkeypatch.setattr("asg_lifecycle_simulator.services.autoscaling.model.LONGEST_WAIT", longest)
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=7200)
    testbed.target_group("blue", instance, delay=3600)
    testbed.target_groups.connections_end_after(instance, math.inf)
    testbed.terminate(instance)
    # Registered again every hour by something that does not know better.
    arn = testbed.region.client("elbv2").describe_target_groups(Names=["blue"])["TargetGroups"][0]["TargetGroupArn"]
    for hour in range(1, hours + 12):
        testbed.timeline.call_after(
            3000 * hour,
            lambda: testbed.region.client("elbv2").register_targets(
                TargetGroupArn=arn, Targets=[{"Id": instance, "Port": 80}]
            ),
        )

    execution = testbed.finish(within=200_000)

    assert execution.result == {
        "outcome": "completed",
        "result": "ABANDON",
        "reason": "the deadline came before the work was done, the plan says ABANDON",
    }
    assert longest - 600 < testbed.elapsed < longest
    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    starts = [start for start, _ in execution.invocations]
    assert starts == sorted(starts)
    beats = testbed.beats()
    # Due after 5,400 s; a poll of the target group in the five minutes before sends it.
    gaps = {round(after - before) for before, after in pairwise(beats)}
    assert 5_000 <= min(gaps) <= max(gaps) <= 5_400
