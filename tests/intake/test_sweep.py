"""The sweep against the simulated region: what no event told is found, and nothing else is touched."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.intake.conftest import Town


def test_a_lost_event_is_found_and_its_instance_drained_once(town_of: Callable[..., Town]) -> None:
    town = town_of(sweep_every=300)
    (instance,) = town.group()
    town.lose_events()
    town.region.terminate(instance)
    town.run(1500)

    assert town.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(town.run_command.runs(instance)) == 1
    assert town.outcomes() == ["completed"]


def test_a_quiet_sweep_of_500_groups_stays_within_its_calls(town: Town) -> None:
    for number in range(500):
        town.region.create_group(f"group-{number}", capacity=0)
    answer = town.deployment.sweep()

    assert answer["groups"] == 500
    assert dict(town.region.calls) == {
        ("autoscaling", "DescribeAutoScalingGroups"): 5,
        ("dynamodb", "Query"): 1,
    }


def test_an_action_in_good_hands_is_left_alone(town: Town) -> None:
    (instance,) = town.group(duration=600)
    town.region.terminate(instance)
    town.run(60)
    owner = town.record(instance).execution
    town.region.calls.clear()
    answer = town.deployment.sweep()

    assert answer["started"] == []
    assert answer["waiting"] == 1
    assert town.record(instance).execution == owner
    assert town.region.calls["autoscaling", "RecordLifecycleActionHeartbeat"] == 0
    assert town.region.calls["lambda", "GetDurableExecution"] == 1


def test_a_dead_execution_is_taken_over_once(town_of: Callable[..., Town]) -> None:
    town = town_of(sweep_every=300)
    (instance,) = town.group(duration=1200)
    town.region.terminate(instance)
    town.run(60)
    town.deployment.service.stop(town.record(instance).execution)
    town.run(3000)

    assert town.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(town.run_command.runs(instance)) == 1
    assert town.outcomes() == ["completed"]
    assert len(town.deployment.executions) == 2


def test_an_execution_that_timed_out_is_taken_over(town_of: Callable[..., Town]) -> None:
    town = town_of(sweep_every=300, execution_timeout=700)
    (instance,) = town.group(duration=1200)
    town.region.terminate(instance)
    town.run(3600)

    assert town.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert len(town.run_command.runs(instance)) == 1
    assert [each.status for each in town.deployment.executions] == ["TIMED_OUT", "SUCCEEDED"]


def test_a_dead_execution_of_an_action_that_is_over_has_its_record_closed(town_of: Callable[..., Town]) -> None:
    town = town_of(sweep_every=3000)
    (instance,) = town.group(duration=math.inf)
    town.region.terminate(instance)
    town.run(60)
    town.deployment.service.stop(town.record(instance).execution)
    town.run(3600)

    record = town.record(instance)
    assert (record.status, record.in_flight) == ("over", None)
    assert town.completions() == ["ABANDON heartbeat timeout"]


def test_a_late_event_after_the_sweep_changes_nothing(town_of: Callable[..., Town]) -> None:
    town = town_of(sweep_every=300)
    (instance,) = town.group(duration=600)
    town.region.events.deliveries = lambda _: (500.0,)
    town.region.terminate(instance)
    town.run(2000)

    assert sorted(town.outcomes()) == ["completed", "duplicate"]
    assert len(town.run_command.runs(instance)) == 1


def test_hooks_of_others_are_never_touched(town: Town) -> None:
    (instance,) = town.region.create_group("web")
    town.region.put_hook("web", "ecs-managed-draining-termination-hook", "TERMINATING", HeartbeatTimeout=900)
    town.region.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=900)
    town.region.terminate(instance)
    town.run(60)
    answer = town.deployment.sweep()
    town.run(60)

    assert answer["started"] == []
    assert town.region.log.of(LogKind.HEARTBEAT, LogKind.HEARTBEAT_REFUSED) == []
    assert town.region.calls["autoscaling", "RecordLifecycleActionHeartbeat"] == 0


def test_a_sibling_that_holds_the_instance_does_not_start_ours_again(town: Town) -> None:
    (instance,) = town.group(duration=10)
    town.region.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=7200)
    town.region.terminate(instance)
    town.run(600)
    town.region.calls.clear()
    answer = town.deployment.sweep()

    assert town.region.instance_state(instance) == "Terminating:Wait"
    assert answer["started"] == []
    assert town.region.calls["autoscaling", "RecordLifecycleActionHeartbeat"] == 0


def test_a_launch_under_a_sibling_is_probed_and_left_alone(town: Town) -> None:
    town.region.create_group("web", capacity=0)
    town.region.put_hook("web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=900)
    town.region.put_hook("web", "somebody-elses", "LAUNCHING", HeartbeatTimeout=7200)
    town.region.scale("web", 1)
    town.run(600)
    (instance,) = town.region.instances("web")
    assert town.region.instance_state(instance) == "Pending:Wait"
    answer = town.deployment.sweep()

    assert answer["started"] == []
    assert len(town.region.log.of(LogKind.HEARTBEAT_REFUSED)) == 1


@pytest.mark.parametrize("transition", ["LAUNCHING", "TERMINATING"])
def test_a_lost_event_of_a_warm_pool_is_found(town_of: Callable[..., Town], transition: str) -> None:
    town = town_of(sweep_every=300)
    town.region.create_group("web", capacity=0, max_size=5)
    client = town.region.client("autoscaling")
    policy = {"ReuseOnScaleIn": True}
    client.put_warm_pool(AutoScalingGroupName="web", MinSize=1, PoolState="Stopped", InstanceReusePolicy=policy)
    town.run(400)
    town.region.scale("web", 1)
    town.run(600)
    town.region.put_hook("web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=900)
    town.region.put_hook("web", "asg-lifecycle-terminate", "TERMINATING", HeartbeatTimeout=900)
    town.lose_events()
    if transition == "TERMINATING":
        town.region.scale("web", 0)
    else:
        town.region.scale("web", 2)
    town.run(1800)

    waiting = [town.region.instance_state(instance) or "" for instance in town.region.instances("web")]
    assert not any(state.endswith(":Wait") for state in waiting)
    assert town.completions()
    assert set(town.completions()) == {"CONTINUE CompleteLifecycleAction"}


def test_a_group_that_cannot_be_read_does_not_stop_the_rest(town: Town) -> None:
    (first,) = town.group("a")
    (second,) = town.group("b")
    town.lose_events()
    town.region.terminate(first)
    town.region.terminate(second)
    town.run(10)
    town.region.faults.throttle("autoscaling", "DescribeLifecycleHooks")
    answer = town.deployment.sweep()

    assert len(answer["started"]) == 1
    assert len(answer["problems"]) == 1
    assert "group a could not be looked at" in answer["problems"][0]
    town.run(30)
    answer = town.deployment.sweep()
    assert answer["problems"] == []
    assert len(answer["started"]) == 1


class HurriedClock:
    """A time that each look at it brings on."""

    def __init__(self, now: float, step: float) -> None:
        self.now = now
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_what_one_sweep_has_no_time_for_the_next_ones_find(town: Town) -> None:
    instances = [town.group(f"group-{number}", duration=5)[0] for number in range(6)]
    town.lose_events()
    for instance in instances:
        town.region.terminate(instance)
    town.run(10)
    whole = town.deployment.intake
    answers = []
    for number in range(6):
        clock, chance = HurriedClock(town.timeline.now(), 40), partial(float, number / 6)
        town.deployment.intake = dataclasses.replace(whole, clock=clock, chance=chance)
        answers.append(town.deployment.sweep())
        town.run(60)

    first, *_, last = answers
    assert not first["finished"]
    assert "time of this sweep is over" in first["problems"][-1]
    assert 0 < len(first["started"]) < 6
    assert last["finished"]
    assert town.completions() == ["CONTINUE CompleteLifecycleAction"] * 6


def test_owners_there_is_no_time_to_ask_after_keep_their_actions(town: Town) -> None:
    instances = town.group(capacity=5, duration=4000)
    for instance in instances:
        town.region.terminate(instance)
    town.run(30)
    town.deployment.service.stop(town.record(instances[0]).execution)
    whole = town.deployment.intake
    clock = HurriedClock(town.timeline.now(), 70)
    town.deployment.intake = dataclasses.replace(whole, clock=clock, chance=lambda: 0.99)
    answer = town.deployment.sweep()

    assert "no time to ask after 4 of 5 owners" in answer["problems"][0]
    assert len(answer["started"]) <= 1
    town.deployment.intake = whole
    assert len(town.deployment.sweep()["started"]) + len(answer["started"]) == 1


def test_an_owner_that_cannot_be_asked_after_keeps_its_action(town: Town) -> None:
    (instance,) = town.group(duration=600)
    town.region.terminate(instance)
    town.run(60)
    town.region.faults.deny("lambda", "GetDurableExecution")
    answer = town.deployment.sweep()

    assert answer["started"] == []
    assert "grant it to the function's role" in answer["problems"][0]


def test_early_work_whose_event_is_lost_is_told_by_the_sweep(town_of: Callable[..., Town]) -> None:
    town = town_of(sweep_every=300, early_drain="spot-interruptions-and-rebalance")
    (instance,) = town.group(duration=100)
    town.region.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", CapacityRebalance=True)
    town.region.events.deliveries = lambda event: (1.0,) if event["source"] == "aws.ec2" else ()
    town.region.recommend_rebalance(instance)
    town.run(1500)

    assert [entry.detail for entry in town.region.log.of(LogKind.COMPLETED, instance=instance)] == [
        "CONTINUE CompleteLifecycleAction"
    ]
    assert len(town.run_command.runs(instance)) == 1


def test_gauges_tell_how_things_stand(town: Town, capsys: pytest.CaptureFixture[str]) -> None:
    (instance,) = town.group(NotificationMetadata='{"plan": {"stepz": []}}')
    town.region.terminate(instance)
    town.run(100)
    town.deployment.sweep()

    printed = [line for line in capsys.readouterr().out.splitlines() if "ActionsHeldNow" in line]
    assert len(printed) == 1
    assert '"ActionsHeldNow":[1.0]' in printed[0].replace(" ", "")
