"""Work that begins at a Spot warning or a rebalance recommendation (R27)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from handlers import interruption

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.intake.conftest import IntakeTestbed

ALL = "spot-interruptions-and-rebalance"


def rebalancing(testbed: IntakeTestbed, **hook: Any) -> str:
    (instance,) = testbed.group(**hook)
    testbed.region.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="web", CapacityRebalance=True)
    return instance


def completions(testbed: IntakeTestbed, instance: str) -> list[str]:
    return [entry.detail for entry in testbed.region.log.of(LogKind.COMPLETED, instance=instance)]


def warning(instance: str, **changes: Any) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads(Path("events/spot-interruption.json").read_text(encoding="utf-8"))
    sample["detail"]["instance-id"] = instance
    return sample | changes


def receive(testbed: IntakeTestbed, event: object) -> dict[str, Any]:
    return interruption.handle(event, testbed.deployment.intake)


@pytest.mark.parametrize("early", ["off", "spot-interruptions"])
def test_an_interruption_with_and_without_an_early_start(testbed_of: Callable[..., IntakeTestbed], early: str) -> None:
    testbed = testbed_of(early_drain=early)
    (instance,) = testbed.group(duration=60)
    testbed.spot.interrupt(instance)
    testbed.run(600)

    # Without Capacity Rebalancing the hook holds the instance only when it is gone (R27, R28).
    ran = [run.started_at for run in testbed.run_command.runs(instance)]
    assert len(ran) == (0 if early == "off" else 1)
    assert completions(testbed, instance) == ["CONTINUE CompleteLifecycleAction"]


def test_an_instance_that_waits_at_its_warning_is_drained_once(testbed_of: Callable[..., IntakeTestbed]) -> None:
    testbed = testbed_of(early_drain=ALL)
    instance = rebalancing(testbed)
    testbed.spot.interrupt(instance)
    testbed.run(600)

    assert completions(testbed, instance) == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1


def test_a_rebalance_recommendation_begins_the_work_and_the_replacement_ends_the_instance(
    testbed_of: Callable[..., IntakeTestbed],
) -> None:
    testbed = testbed_of(early_drain=ALL)
    instance = rebalancing(testbed)
    testbed.spot.recommend_rebalance(instance)
    testbed.run(600)

    assert completions(testbed, instance) == ["CONTINUE CompleteLifecycleAction"]
    assert len(testbed.run_command.runs(instance)) == 1
    assert sorted(testbed.outcomes()) == ["completed", "joined"]


def test_without_capacity_rebalancing_a_recommendation_changes_nothing(
    testbed_of: Callable[..., IntakeTestbed],
) -> None:
    testbed = testbed_of(early_drain=ALL)
    (instance,) = testbed.group()
    testbed.spot.recommend_rebalance(instance)
    testbed.run(600)

    assert testbed.deployment.executions == []
    assert testbed.autoscaling.instance_state(instance) == "InService"


def test_an_instance_of_nobody_is_ignored(testbed: IntakeTestbed) -> None:
    answer = receive(testbed, warning("i-0123456789abcdef0"))
    assert answer["outcome"] == "ignored"
    assert "is in no Auto Scaling group" in answer["reason"]


def test_a_group_without_our_hook_is_ignored(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=900)
    testbed.run(60)
    assert "no terminate hook of ours" in receive(testbed, warning(instance))["reason"]


def test_a_warning_begins_nothing_under_a_launch_hook_of_ours(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=900)
    assert "no terminate hook of ours" in receive(testbed, warning(instance))["reason"]
    testbed.run(60)
    assert testbed.deployment.executions == []


def test_a_warning_begins_the_drain_under_the_terminate_hook_alone(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group()
    testbed.autoscaling.put_hook("web", "asg-lifecycle-launch", "LAUNCHING", HeartbeatTimeout=900)
    assert receive(testbed, warning(instance))["hooks"] == ["asg-lifecycle-terminate"]
    testbed.run(60)
    assert len(testbed.deployment.executions) == 1


def test_an_instance_that_waits_already_is_ignored(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group()
    testbed.autoscaling.terminate(instance)
    testbed.run(2)
    assert "is Terminating:Wait, not InService" in receive(testbed, warning(instance))["reason"]


def test_a_warning_that_comes_twice_starts_once(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group()
    event = warning(instance)
    assert receive(testbed, event)["outcome"] == "started"
    assert receive(testbed, event)["outcome"] == "started"
    testbed.run(60)
    assert len(testbed.deployment.executions) == 1


@pytest.mark.parametrize("action", ["stop", "hibernate"])
def test_an_instance_that_is_not_terminated_is_ignored(testbed: IntakeTestbed, action: str) -> None:
    detail = {"instance-id": "i-0123456789abcdef0", "instance-action": action}
    assert action in receive(testbed, warning("", detail=detail))["reason"]


def test_an_event_that_cannot_be_understood_is_reported_and_not_tried_again(testbed: IntakeTestbed) -> None:
    answer = receive(testbed, warning("i-xyz", time="yesterday"))
    assert answer["outcome"] == "invalid"
    assert "detail.instance-id" in answer["reason"]
    assert "time: expected a time with its zone" in answer["reason"]
