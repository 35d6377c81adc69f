from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def test_an_instance_is_drained_and_only_then_let_go(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER)
    stage.target_group("blue", instance, delay=600)
    stage.terminate(instance)

    execution = stage.finish()

    assert execution.result == {
        "outcome": "completed",
        "result": "CONTINUE",
        "reason": "the work is done: 1 done of 1 steps",
    }
    drained = [entry.time for entry in stage.log(LogKind.SERVICE) if "drained" in entry.detail]
    completed = [entry.time for entry in stage.log(LogKind.COMPLETED)]
    assert len(drained) == len(completed) == 1
    assert drained[0] <= completed[0] <= drained[0] + 10
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert stage.region.instance_state(instance) != "Terminating:Wait"


def test_the_record_says_what_happened(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER)
    stage.target_group("blue", instance, delay=600)
    stage.terminate(instance)
    stage.run(60)
    during = stage.record()
    stage.finish()
    after = stage.record()

    assert during.status == "working"
    assert during.in_flight == "yes"
    assert during.execution == stage.execution.arn
    assert during.detail is not None
    assert during.detail.startswith("deregister-targets: waiting for 1 target to drain from blue, until ")
    assert (during.heartbeat_timeout, during.global_timeout) == (300, 30_000)
    assert during.deadline == during.event_time + 30_000 - 120
    assert after.status == "completed"
    assert after.in_flight is None
    assert after.result == "CONTINUE"
    assert [(step.kind, step.outcome) for step in after.steps] == [("deregister-targets", "done")]
    assert after.callback is None


def test_an_hour_of_draining_is_kept_alive_and_costs_what_was_promised(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER)
    stage.target_group("blue", instance, delay=3600)
    stage.terminate(instance)

    execution = stage.finish()

    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(execution.operations) <= 6 + 2
    looks = stage.calls("elbv2")["DescribeTargetHealth"]
    assert sum(stage.calls("elbv2").values()) <= 3 + looks
    beats = stage.calls("autoscaling")["RecordLifecycleActionHeartbeat"]
    assert sum(stage.calls("autoscaling").values()) <= 3 + beats
    sentences = 2  # waiting, drained
    assert sum(stage.calls("dynamodb").values()) <= 4 + sentences


def test_heartbeats_come_at_half_the_timeout(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER, heartbeat=300)
    stage.target_group("blue", instance, delay=1000)
    stage.terminate(instance)
    stage.finish()

    beats = stage.beats()
    first = beats[0]
    assert beats == [first + 150 * number for number in range(len(beats))]
    assert len(beats) == 7


def test_a_terminate_hook_with_nothing_to_drain_takes_one_invocation(stage: Stage) -> None:
    (instance,) = stage.group()
    stage.terminate(instance)

    execution = stage.finish()

    assert len(execution.invocations) == 1
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert stage.elapsed < 5


def test_a_launch_hook_lets_the_instance_in(stage: Stage) -> None:
    stage.group(0)
    stage.region.scale("web", 1)

    execution = stage.finish()

    assert execution.result["result"] == "CONTINUE"
    stage.run(60)
    (instance,) = stage.region.instances("web")
    assert stage.region.instance_state(instance) == "InService"


def test_48_hours_run_in_exact_order_within_the_global_timeout(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER, heartbeat=7200)
    stage.target_group("blue", instance, delay=3600)
    stage.target_groups.connections_end_after(instance, math.inf)
    stage.terminate(instance)
    # Registered again every hour by something that does not know better.
    arn = stage.region.client("elbv2").describe_target_groups(Names=["blue"])["TargetGroups"][0]["TargetGroupArn"]
    for hour in range(1, 60):
        stage.timeline.call_after(
            3000 * hour,
            lambda: stage.region.client("elbv2").register_targets(
                TargetGroupArn=arn, Targets=[{"Id": instance, "Port": 80}]
            ),
        )

    execution = stage.finish(within=200_000)

    assert execution.result == {
        "outcome": "completed",
        "result": "ABANDON",
        "reason": "the deadline came before the work was done, the plan says ABANDON",
    }
    assert stage.elapsed < 172_800
    assert stage.completions() == ["ABANDON CompleteLifecycleAction"]
    starts = [start for start, _ in execution.invocations]
    assert starts == sorted(starts)
    beats = stage.beats()
    assert [round(after - before) for before, after in pairwise(beats)] == [3600] * (len(beats) - 1)
    assert len(execution.operations) <= 6 + 2
