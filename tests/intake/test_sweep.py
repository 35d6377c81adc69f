"""The sweep against the simulated region: waits without an execution are found, and nothing else is touched."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.intake import owners
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.rate_limits import TOO_MANY_REQUESTS, RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.intake.conftest import IntakeTestbed


def test_a_lost_event_is_found_and_its_instance_drained_once(testbed_of: Callable[..., IntakeTestbed]) -> None:
    testbed = testbed_of(sweep_every=300)
    (instance,) = testbed.group()
    testbed.lose_events()
    testbed.autoscaling.terminate(instance)
    testbed.run(1500)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    assert testbed.outcomes() == ["completed"]


def test_a_quiet_sweep_of_many_groups_stays_within_its_calls(testbed: IntakeTestbed, *, thorough: bool) -> None:
    groups = 500 if thorough else 200
    for number in range(groups):
        testbed.autoscaling.create_group(f"group-{number}", capacity=0)
    answer = testbed.deployment.sweep()

    assert answer["groups"] == groups
    assert dict(testbed.region.calls) == {
        ("autoscaling", "DescribeAutoScalingGroups"): groups // 100,
        ("dynamodb", "Query"): 1,
    }


def test_an_action_with_a_live_execution_is_left_alone(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group(duration=600)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    owner = testbed.record(instance).execution
    testbed.region.calls.clear()
    answer = testbed.deployment.sweep()

    assert answer["started"] == []
    assert answer["waiting"] == 1
    assert testbed.record(instance).execution == owner
    assert testbed.region.calls["autoscaling", "RecordLifecycleActionHeartbeat"] == 0
    assert testbed.region.calls["lambda", "GetDurableExecution"] == 0
    assert testbed.region.calls["lambda", "ListDurableExecutionsByFunction"] == 3


def test_a_dead_execution_is_taken_over_once(testbed_of: Callable[..., IntakeTestbed]) -> None:
    testbed = testbed_of(sweep_every=300)
    (instance,) = testbed.group(duration=1200)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    testbed.deployment.service.stop(testbed.record(instance).execution)
    testbed.run(3000)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    assert testbed.outcomes() == ["completed"]
    assert len(testbed.deployment.executions) == 2


def test_an_execution_that_timed_out_is_taken_over(testbed_of: Callable[..., IntakeTestbed]) -> None:
    testbed = testbed_of(sweep_every=300, execution_timeout=700)
    (instance,) = testbed.group(duration=1200)
    testbed.autoscaling.terminate(instance)
    testbed.run(3600)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    assert [each.status for each in testbed.deployment.executions] == ["TIMED_OUT", "SUCCEEDED"]


def test_a_dead_execution_of_an_action_that_is_over_has_its_record_closed(
    testbed_of: Callable[..., IntakeTestbed],
) -> None:
    testbed = testbed_of(sweep_every=3000)
    (instance,) = testbed.group(duration=math.inf)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    testbed.deployment.service.stop(testbed.record(instance).execution)
    testbed.run(3600)

    record = testbed.record(instance)
    assert (record.status, record.in_flight) == ("over", None)
    assert testbed.completions() == ["ABANDON heartbeat timeout"]


def test_a_late_event_after_the_sweep_changes_nothing(testbed_of: Callable[..., IntakeTestbed]) -> None:
    testbed = testbed_of(sweep_every=300)
    (instance,) = testbed.group(duration=600)
    testbed.region.events.deliveries = lambda _: (500.0,)
    testbed.autoscaling.terminate(instance)
    testbed.run(2000)

    assert sorted(testbed.outcomes()) == ["completed", "duplicate"]
    assert len(testbed.run_command.runs(instance)) == 1


def test_hooks_of_others_are_never_touched(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", "ecs-managed-draining-termination-hook", "TERMINATING", HeartbeatTimeout=900)
    testbed.autoscaling.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=900)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    answer = testbed.deployment.sweep()
    testbed.run(60)

    assert answer["started"] == []
    assert testbed.region.log.of(LogKind.HEARTBEAT, LogKind.HEARTBEAT_REFUSED) == []
    assert testbed.region.calls["autoscaling", "RecordLifecycleActionHeartbeat"] == 0


def test_a_sibling_that_holds_the_instance_does_not_start_ours_again(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group(duration=10)
    testbed.autoscaling.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=7200)
    testbed.autoscaling.terminate(instance)
    testbed.run(600)
    testbed.region.calls.clear()
    answer = testbed.deployment.sweep()

    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"
    assert answer["started"] == []
    assert testbed.region.calls["autoscaling", "RecordLifecycleActionHeartbeat"] == 0


def test_a_launch_under_a_sibling_is_probed_and_left_alone(testbed: IntakeTestbed) -> None:
    testbed.autoscaling.create_group("web", capacity=0)
    testbed.autoscaling.put_hook("web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=900)
    testbed.autoscaling.put_hook("web", "somebody-elses", "LAUNCHING", HeartbeatTimeout=7200)
    testbed.autoscaling.scale("web", 1)
    testbed.run(600)
    (instance,) = testbed.autoscaling.instances("web")
    assert testbed.autoscaling.instance_state(instance) == "Pending:Wait"
    answer = testbed.deployment.sweep()

    assert answer["started"] == []
    assert len(testbed.region.log.of(LogKind.HEARTBEAT_REFUSED)) == 1


@pytest.mark.parametrize("transition", ["LAUNCHING", "TERMINATING"])
def test_a_lost_event_of_a_warm_pool_is_found(testbed_of: Callable[..., IntakeTestbed], transition: str) -> None:
    testbed = testbed_of(sweep_every=300)
    testbed.autoscaling.create_group("web", capacity=0, max_size=5)
    client = testbed.region.client("autoscaling")
    policy = {"ReuseOnScaleIn": True}
    client.put_warm_pool(AutoScalingGroupName="web", MinSize=1, PoolState="Stopped", InstanceReusePolicy=policy)
    testbed.run(400)
    testbed.autoscaling.scale("web", 1)
    testbed.run(600)
    testbed.autoscaling.put_hook("web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=900)
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING", HeartbeatTimeout=900)
    testbed.lose_events()
    if transition == "TERMINATING":
        testbed.autoscaling.scale("web", 0)
    else:
        testbed.autoscaling.scale("web", 2)
    testbed.run(1800)

    waiting = [testbed.autoscaling.instance_state(instance) or "" for instance in testbed.autoscaling.instances("web")]
    assert not any(state.endswith(":Wait") for state in waiting)
    assert testbed.completions()
    assert set(testbed.completions()) == {"CONTINUE CompleteLifecycleAction"}


def test_a_group_that_cannot_be_read_does_not_stop_the_rest(testbed: IntakeTestbed) -> None:
    (first,) = testbed.group("a")
    (second,) = testbed.group("b")
    testbed.lose_events()
    testbed.autoscaling.terminate(first)
    testbed.autoscaling.terminate(second)
    testbed.run(10)
    testbed.region.faults.throttle("autoscaling", "DescribeLifecycleHooks", times=7)
    answer = testbed.deployment.sweep()

    assert len(answer["started"]) == 1
    assert len(answer["problems"]) == 1
    assert "group a could not be read" in answer["problems"][0]
    testbed.run(30)
    answer = testbed.deployment.sweep()
    assert answer["problems"] == []
    assert len(answer["started"]) == 1


class HurriedClock:
    """A clock that each reading moves on."""

    def __init__(self, now: float, step: float) -> None:
        self.now = now
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_the_next_sweeps_find_what_one_sweep_has_no_time_for(testbed: IntakeTestbed) -> None:
    instances = [testbed.group(f"group-{number}", duration=5)[0] for number in range(6)]
    testbed.lose_events()
    for instance in instances:
        testbed.autoscaling.terminate(instance)
    testbed.run(10)
    whole = testbed.deployment.intake
    answers = []
    for number in range(6):
        clock, chance = HurriedClock(testbed.timeline.now(), 40), partial(float, number / 6)
        testbed.deployment.intake = dataclasses.replace(whole, clock=clock, chance=chance)
        answers.append(testbed.deployment.sweep())
        testbed.run(60)

    first, *_, last = answers
    assert not first["finished"]
    assert "time of this sweep is over" in first["problems"][-1]
    assert 0 < len(first["started"]) < 6
    assert last["finished"]
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 6


def test_executions_that_are_not_asked_after_keep_their_actions(
    testbed: IntakeTestbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "MOST_ASKED", 1)
    instances = testbed.group(capacity=5, duration=4000)
    for instance in instances:
        testbed.autoscaling.terminate(instance)
    testbed.run(30)
    for instance in instances[:3]:
        testbed.deployment.service.stop(testbed.record(instance).execution)
    answer = testbed.deployment.sweep()

    assert answer["problems"] == ["2 of 5 executions were not asked after, the next sweeps do it"]
    assert len(answer["started"]) == 1
    testbed.run(30)
    assert len(testbed.deployment.sweep()["started"]) == 1
    testbed.run(30)
    assert len(testbed.deployment.sweep()["started"]) == 1


def test_an_execution_that_is_not_listed_is_asked_after_before_it_is_taken_for_dead(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group(duration=600)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    testbed.region.faults.deny("lambda", "ListDurableExecutionsByFunction")
    answer = testbed.deployment.sweep()

    assert answer["started"] == []
    assert "the executions could not be listed" in answer["problems"][0]
    assert testbed.region.calls["lambda", "GetDurableExecution"] == 1


def test_an_execution_that_cannot_be_checked_keeps_its_action(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group(duration=600)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    testbed.deployment.service.stop(testbed.record(instance).execution)
    testbed.region.faults.deny("lambda", "GetDurableExecution")
    answer = testbed.deployment.sweep()

    assert answer["started"] == []
    assert "grant it to the function's role" in answer["problems"][0]


@pytest.mark.parametrize("operation", ["ListDurableExecutionsByFunction", "GetDurableExecution"])
def test_too_many_requests_are_no_problem_of_the_sweep(testbed: IntakeTestbed, operation: str) -> None:
    (instance,) = testbed.group(duration=600)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    testbed.deployment.service.stop(testbed.record(instance).execution)
    testbed.region.faults.fail("lambda", operation, code="TooManyRequestsException", status=429, times=2)
    answer = testbed.deployment.sweep()

    assert answer["problems"] == []
    testbed.run(60)
    assert len(testbed.deployment.sweep()["started"] + answer["started"]) == 1


def test_what_lambda_has_no_room_for_is_started_by_the_next_sweep(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group(duration=600)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    testbed.deployment.service.stop(testbed.record(instance).execution)
    testbed.region.limits.set(
        RateLimit(service="lambda", operations="Invoke", steady=1 / 60, burst=0.5, refusal=TOO_MANY_REQUESTS)
    )
    answer = testbed.deployment.sweep()

    assert (answer["problems"], answer["started"]) == ([], [])
    assert testbed.region.limits.throttled["lambda", "Invoke"]
    testbed.run(60)
    testbed.region.limits.set()
    assert len(testbed.deployment.sweep()["started"]) == 1


def test_no_more_than_fifteen_executions_are_asked_after_in_a_second(testbed: IntakeTestbed) -> None:
    instances = testbed.group(capacity=25, duration=4000)
    for instance in instances:
        testbed.autoscaling.terminate(instance)
    testbed.run(30)
    for instance in instances:
        testbed.deployment.service.stop(testbed.record(instance).execution)
    testbed.run(1)
    testbed.region.pauses.slept.clear()
    asked = testbed.region.calls["lambda", "GetDurableExecution"]
    testbed.deployment.sweep()

    assert sum(testbed.region.pauses.slept) >= 25 / 15
    assert testbed.region.calls["lambda", "GetDurableExecution"] == asked + 25
    assert testbed.region.limits.throttled == {}


@pytest.mark.parametrize(("timeout", "kept"), [(900, True), (300, False)])
def test_a_paused_execution_holds_its_action_and_the_sweep_keeps_it_alive(
    testbed_of: Callable[..., IntakeTestbed], timeout: int, *, kept: bool
) -> None:
    testbed = testbed_of(sweep_every=300)
    (instance,) = testbed.group(duration=3_500, HeartbeatTimeout=timeout)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    owner = testbed.record(instance).execution
    testbed.deployment.service.pause(owner)
    testbed.run(3_000)

    assert (testbed.completions() == []) is kept
    assert f"its execution is paused, resume it: {owner}; the sweep " in (testbed.record(instance).problem or "")
    assert ("cannot keep it alive" in (testbed.record(instance).problem or "")) is not kept
    if not kept:
        return
    assert testbed.deployment.executions[-1].arn == owner
    testbed.deployment.service.resume_paused(owner)
    testbed.run(800)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.record(instance).paused_since is None
    assert testbed.record(instance).problem is None


def test_what_held_an_action_before_its_execution_was_paused_is_not_forgotten(
    testbed_of: Callable[..., IntakeTestbed],
) -> None:
    testbed = testbed_of(sweep_every=300)
    (instance,) = testbed.group(NotificationMetadata='{"plan": "nobody wrote it"}')
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    problem = testbed.record(instance).problem
    assert "nobody wrote it" in (problem or "")
    testbed.deployment.service.pause(testbed.record(instance).execution)
    testbed.run(600)
    assert f"{problem}; and its execution is paused" in (testbed.record(instance).problem or "")
    testbed.deployment.service.resume_paused(testbed.record(instance).execution)
    testbed.run(600)

    assert testbed.record(instance).problem == problem
    assert testbed.record(instance).status == "held"


def test_a_sweep_over_many_groups_finds_every_lost_event_though_two_of_five_calls_are_throttled(
    testbed: IntakeTestbed, *, thorough: bool
) -> None:
    groups = 500 if thorough else 200
    lost = [testbed.group(f"group-{number:03}", duration=5)[0] for number in range(0, groups, 25)]
    for number in range(groups):
        if number % 25:
            testbed.autoscaling.create_group(f"group-{number:03}", capacity=0)
    testbed.lose_events()
    for instance in lost:
        testbed.autoscaling.terminate(instance)
    testbed.run(10)
    testbed.region.faults.throttle_share("autoscaling", 0.4, seed=12)
    answer = testbed.deployment.sweep()
    testbed.region.faults.throttle_share("autoscaling", 0.0)

    assert (answer["groups"], answer["problems"], answer["finished"]) == (groups, [], True)
    assert len(answer["started"]) == len(lost) == groups // 25
    assert 0 < sum(testbed.region.pauses.slept) < 240
    testbed.run(600)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * len(lost)


def test_the_sweep_finds_the_wait_of_work_that_began_early_and_whose_event_is_lost(
    testbed_of: Callable[..., IntakeTestbed],
) -> None:
    testbed = testbed_of(sweep_every=300, early_drain="spot-interruptions-and-rebalance")
    (instance,) = testbed.group(duration=100)
    testbed.region.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", CapacityRebalance=True)
    testbed.region.events.deliveries = lambda event: (1.0,) if event["source"] == "aws.ec2" else ()
    testbed.spot.recommend_rebalance(instance)
    testbed.run(1500)

    assert [entry.detail for entry in testbed.region.log.of(LogKind.COMPLETED, instance=instance)] == [
        "CONTINUE CompleteLifecycleAction"
    ]
    assert len(testbed.run_command.runs(instance)) == 1


def test_gauges_count_the_actions_that_are_held(testbed: IntakeTestbed, capsys: pytest.CaptureFixture[str]) -> None:
    (instance,) = testbed.group(NotificationMetadata='{"plan": {"stepz": []}}')
    testbed.autoscaling.terminate(instance)
    testbed.run(100)
    testbed.deployment.sweep()

    printed = [line for line in capsys.readouterr().out.splitlines() if "ActionsHeldNow" in line]
    assert len(printed) == 1
    assert '"ActionsHeldNow":[1.0]' in printed[0].replace(" ", "")
