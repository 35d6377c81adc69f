from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.aws.lifecycle_actions import Answer, LifecycleActions
from asg_lifecycle.steps.deregister_targets import DeregisterTargets
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.progress import StepAnswer, Waiting
    from asg_lifecycle.steps.base import Target
    from tests.execution.conftest import Testbed

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}
HEARTBEAT = "RecordLifecycleActionHeartbeat"


def draining(testbed: Testbed, *, heartbeat: int = 300, delay: int = 1000) -> str:
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=heartbeat)
    testbed.target_group("blue", instance, delay=delay)
    testbed.terminate(instance)
    return instance


@pytest.mark.one_of(3)
@pytest.mark.parametrize("heartbeat", [30, 60, 300, 7200])
@pytest.mark.parametrize("failures", [1, 2, 3, 4])
def test_failed_heartbeats_are_tried_again_before_the_timer_lapses(
    testbed: Testbed, heartbeat: int, failures: int
) -> None:
    draining(testbed, heartbeat=heartbeat, delay=min(900, heartbeat * 4))
    testbed.run(3)
    testbed.region.faults.throttle("autoscaling", HEARTBEAT, times=failures)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.parametrize("trouble", ["contend", "lose_request", "lose_response"])
def test_a_passing_error_does_not_end_the_drain(testbed: Testbed, trouble: str) -> None:
    draining(testbed)
    testbed.run(3)
    getattr(testbed.region.faults, trouble)("autoscaling", HEARTBEAT, times=2)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_the_first_heartbeat_comes_before_anything_is_drained(testbed: Testbed) -> None:
    draining(testbed)
    testbed.run(5)
    operations = [call.operation for call in testbed.region.requests]

    assert operations.index(HEARTBEAT) < operations.index("DescribeTargetHealth")
    assert operations.index(HEARTBEAT) < operations.index("DeregisterTargets")


def test_no_active_action_while_the_instance_still_waits_means_not_yet(testbed: Testbed) -> None:
    testbed.autoscaling.timings.not_yet = 12.0
    draining(testbed)
    testbed.finish()

    refused = testbed.log(LogKind.HEARTBEAT_REFUSED)
    assert len(refused) >= 2
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_action_that_somebody_else_completed_is_over_and_the_rest_is_not_begun(testbed: Testbed) -> None:
    plan = {
        "steps": [
            *DEREGISTER["steps"],
            {
                "kind": "run-command",
                "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["true"]}},
            },
        ]
    }
    (instance,) = testbed.group(plan=plan, heartbeat=300)
    testbed.target_group("blue", instance, delay=1000)
    testbed.run_command.manage(instance)
    testbed.terminate(instance)
    testbed.run(20)
    testbed.region.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName="web",
        LifecycleHookName="asg-lifecycle-terminate",
        InstanceId=instance,
        LifecycleActionResult="CONTINUE",
    )
    execution = testbed.finish()

    assert execution.result["outcome"] == "over"
    assert testbed.record().status == "over"
    assert "SendCommand" not in testbed.calls("ssm")
    ended = testbed.log(LogKind.COMPLETED)[0].time
    assert [entry for entry in testbed.log(LogKind.HEARTBEAT) if entry.time > ended] == []


def test_an_action_that_ended_while_a_sibling_hook_holds_the_instance_is_over_after_a_minute(testbed: Testbed) -> None:
    instance = draining(testbed, heartbeat=300, delay=3600)
    testbed.autoscaling.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=7200)
    (other,) = testbed.autoscaling.create_group("other", capacity=1)
    del other
    testbed.run(20)
    testbed.region.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName="web",
        LifecycleHookName="asg-lifecycle-terminate",
        InstanceId=instance,
        LifecycleActionResult="CONTINUE",
    )
    execution = testbed.finish(within=400)

    assert execution.result["outcome"] == "over"


@pytest.mark.usefixtures("over_soon")
def test_no_beat_is_sent_past_the_deadline_and_the_plan_decides(testbed: Testbed) -> None:
    plan = {**DEREGISTER, "on_timeout": "continue"}
    (instance,) = testbed.group(plan=plan, heartbeat=30)
    testbed.target_group("blue", instance, delay=3600)
    testbed.terminate(instance)
    execution = testbed.finish()

    started = testbed.log(LogKind.WAIT_STARTED)[0].time
    deadline = started + 600 - 12
    assert execution.result["result"] == "CONTINUE"
    assert "deadline" in execution.result["reason"]
    assert max(entry.time for entry in testbed.log(LogKind.HEARTBEAT)) < deadline
    assert deadline <= testbed.log(LogKind.COMPLETED)[0].time < started + 600


def test_without_permission_to_beat_the_work_goes_on_and_the_log_says_so(
    testbed: Testbed, caplog: pytest.LogCaptureFixture
) -> None:
    testbed.region.faults.deny("autoscaling", HEARTBEAT)
    draining(testbed, heartbeat=7200, delay=600)
    execution = testbed.finish()

    assert execution.result["outcome"] == "completed"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert "permission autoscaling:RecordLifecycleActionHeartbeat is missing" in caplog.text


def test_without_permission_to_read_the_hook_the_shortest_timeout_is_assumed(
    testbed: Testbed, caplog: pytest.LogCaptureFixture
) -> None:
    testbed.region.faults.deny("autoscaling", "DescribeLifecycleHooks")
    draining(testbed, heartbeat=300, delay=300)
    testbed.run(10)
    record = testbed.record()

    assert (record.heartbeat_timeout, record.global_timeout) == (30, 172_800)
    assert "autoscaling:DescribeLifecycleHooks is missing" in caplog.text
    assert testbed.finish().result["outcome"] == "completed"
    # Beaten every 15 s, as the shortest timeout there is wants it.
    assert max(later - earlier for earlier, later in pairwise(testbed.beats())) <= 15


def test_while_the_hook_cannot_be_read_the_action_is_kept_alive_and_then_the_shortest_timeout_is_assumed(
    testbed: Testbed, caplog: pytest.LogCaptureFixture
) -> None:
    throttled = Fault(FaultKind.REFUSED, "Throttling", "Rate exceeded", 400)
    testbed.region.faults.stand("autoscaling", "DescribeLifecycleHooks", throttled)
    draining(testbed, heartbeat=900, delay=300)
    testbed.run(240)
    assert testbed.record().status == "claimed"
    assert testbed.execution.metered_operations <= 60
    testbed.run(600)
    assert testbed.record().heartbeat_timeout == 30
    assert "the hook's timeouts cannot be read, assuming the shortest" in caplog.text

    assert testbed.finish().result["outcome"] == "completed"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert max(later - earlier for earlier, later in pairwise(testbed.beats())) <= 18


@pytest.mark.parametrize("minutes", [240, 260, 280, 300])
def test_after_a_long_outage_of_the_plans_the_work_begins_within_a_tenth_of_the_timer(
    testbed: Testbed, minutes: int
) -> None:
    throttled = Fault(FaultKind.REFUSED, "ThrottlingException", "Rate exceeded", 400)
    for operation in ("GetParameters", "GetParameter"):
        testbed.region.faults.stand("ssm", operation, throttled)
    (instance,) = testbed.group(heartbeat=7200)
    testbed.target_group("blue", instance)
    testbed.terminate(instance)
    testbed.run(minutes * 60)
    assert testbed.record().status == "claimed"
    for operation in ("GetParameters", "GetParameter"):
        testbed.region.faults.allow("ssm", operation)
    testbed.run(721)
    assert testbed.record().status != "claimed"


def test_a_completion_none_of_whose_answers_comes_is_told_by_the_instance(testbed: Testbed) -> None:
    testbed.region.faults.lose_response("autoscaling", "CompleteLifecycleAction", times=1000)
    (instance,) = testbed.group(plan={"steps": []})
    testbed.terminate(instance)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.record().status == "completed"
    assert "the answer was lost" in (testbed.record().reason or "")
    assert testbed.calls("autoscaling")["CompleteLifecycleAction"] == 1


def test_nothing_is_sent_again_once_the_instance_is_seen_to_have_gone_on(testbed: Testbed) -> None:
    faults = testbed.region.faults
    faults.lose_response("autoscaling", "CompleteLifecycleAction")
    # While its state cannot be read, the instance counts as one that still waits.
    faults.deny("autoscaling", "DescribeAutoScalingInstances")
    (instance,) = testbed.group(plan={"steps": []})
    testbed.terminate(instance)
    testbed.run(1.5)
    faults.allow("autoscaling", "DescribeAutoScalingInstances")
    testbed.finish()

    assert testbed.record().status == "completed"
    assert "the answer was lost" in (testbed.record().reason or "")
    assert testbed.calls("autoscaling")["CompleteLifecycleAction"] == 1


def test_an_instance_that_a_sibling_holds_tells_nothing_of_a_completion(testbed: Testbed) -> None:
    testbed.region.faults.lose_response("autoscaling", "CompleteLifecycleAction", times=5)
    (instance,) = testbed.group(plan={"steps": []})
    testbed.autoscaling.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=7200)
    testbed.terminate(instance)
    testbed.finish()

    assert testbed.record().status == "completed"
    assert testbed.calls("autoscaling")["CompleteLifecycleAction"] == 6


def test_a_completion_whose_answer_was_lost_is_not_taken_for_somebody_elses(testbed: Testbed) -> None:
    testbed.region.faults.lose_response("autoscaling", "CompleteLifecycleAction")
    draining(testbed, delay=60)
    execution = testbed.finish()

    assert execution.result["outcome"] == "completed"
    assert testbed.record().status == "completed"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_completion_that_is_throttled_is_repeated_and_the_wait_kept_alive(testbed: Testbed) -> None:
    testbed.region.faults.throttle("autoscaling", "CompleteLifecycleAction", times=30)
    draining(testbed, heartbeat=30, delay=10)
    execution = testbed.finish()

    assert execution.result["outcome"] == "completed"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_completion_that_is_never_permitted_is_lost_and_says_so(testbed: Testbed) -> None:
    testbed.region.faults.deny("autoscaling", "CompleteLifecycleAction")
    # The wait ends 3000 s after it began, and the work a few minutes before.
    draining(testbed, heartbeat=30, delay=2700)
    execution = testbed.finish()

    assert execution.result["outcome"] == "lost"
    assert testbed.record().status == "lost"
    assert testbed.completions() == ["ABANDON heartbeat timeout"]
    assert testbed.elapsed >= 3000 - 60
    assert "autoscaling:CompleteLifecycleAction is missing" in (testbed.record().reason or "")


def test_a_deleted_hook_ends_the_drain(testbed: Testbed) -> None:
    draining(testbed, heartbeat=300)
    testbed.run(10)
    testbed.region.client("autoscaling").delete_lifecycle_hook(
        AutoScalingGroupName="web", LifecycleHookName="asg-lifecycle-terminate"
    )
    assert testbed.finish().result["outcome"] == "over"


def test_a_heartbeat_does_not_wait_for_a_look_that_takes_long(
    testbed: Testbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both are due 150 s after the beginning, and each waits inside its call until the other is in its own.
    together = threading.Barrier(2, timeout=10)
    met: list[float] = []
    beat, check = LifecycleActions.heartbeat, DeregisterTargets.check

    def meet() -> None:
        if testbed.beats() and testbed.elapsed == testbed.beats()[0] + 150:
            together.wait()
            met.append(testbed.elapsed)

    def slow_beat(self: LifecycleActions, action: LifecycleAction) -> Answer:
        meet()
        return beat(self, action)

    def slow_check(self: DeregisterTargets, target: Target, last: Waiting) -> StepAnswer:
        meet()
        return check(self, target, last)

    monkeypatch.setattr(LifecycleActions, "heartbeat", slow_beat)
    monkeypatch.setattr(DeregisterTargets, "check", slow_check)
    draining(testbed, heartbeat=300, delay=300)
    testbed.finish()

    assert len(met) == 2
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_instance_terminated_through_ec2_completes_at_once(testbed: Testbed) -> None:
    plan = {
        "steps": [
            *DEREGISTER["steps"],
            {
                "kind": "run-command",
                "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["true"]}},
            },
        ]
    }
    (instance,) = testbed.group(plan=plan)
    testbed.target_group("blue", instance, delay=1000)
    testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.finish()

    record = testbed.deployment.record("web", "asg-lifecycle-terminate", instance)
    assert record is not None
    assert record.result == "CONTINUE"
    assert testbed.log(LogKind.COMPLETED)[0].time - testbed.log(LogKind.WAIT_STARTED)[0].time < 10
    assert [step.outcome for step in record.step_outcomes] == ["done", "skipped"]
    assert "SendCommand" not in testbed.calls("ssm")
