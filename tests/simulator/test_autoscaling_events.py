"""R1, R2, R18, R21, R29, R30: the EventBridge event of a lifecycle action."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling

if TYPE_CHECKING:
    from tests.simulator.conftest import AutoScalingTestbed

GROUP = "web"


@pytest.mark.parametrize(
    ("transition", "detail_type", "places"),
    [
        ("LAUNCHING", "EC2 Instance-launch Lifecycle Action", ("EC2", "AutoScalingGroup")),
        ("TERMINATING", "EC2 Instance-terminate Lifecycle Action", ("AutoScalingGroup", "EC2")),
    ],
)
def test_r1_r21_the_event(
    auto_scaling: AutoScalingTestbed, transition: str, detail_type: str, places: tuple[str, str]
) -> None:
    instance = auto_scaling.held(transition=transition, NotificationMetadata='{"plan": "web"}')
    auto_scaling.timeline.run_for(1)
    (event,) = auto_scaling.events
    assert re.fullmatch(r"[0-9a-f-]{36}", event.pop("id"))
    arn = auto_scaling.client.describe_auto_scaling_groups()["AutoScalingGroups"][0]["AutoScalingGroupARN"]
    assert event == {
        "version": "0",
        "detail-type": detail_type,
        "source": "aws.autoscaling",
        "account": "123456789012",
        "time": "2100-01-01T00:00:00.000Z",
        "region": "eu-west-1",
        "resources": [arn],
        "detail": {
            "LifecycleActionToken": auto_scaling.token(instance),
            "AutoScalingGroupName": GROUP,
            "LifecycleHookName": "drain",
            "EC2InstanceId": instance,
            "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{transition}",
            "NotificationMetadata": '{"plan": "web"}',
            "Origin": places[0],
            "Destination": places[1],
        },
    }
    assert arn.startswith("arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:")
    assert arn.endswith(":autoScalingGroupName/web")


def test_r21_no_metadata_no_field(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.held()
    auto_scaling.timeline.run_for(1)
    assert "NotificationMetadata" not in auto_scaling.events[0]["detail"]


def test_r29_metadata_arrives_to_the_letter(auto_scaling: AutoScalingTestbed) -> None:
    metadata = '{"plan":\t"web"}\r\n<&~'
    auto_scaling.held(NotificationMetadata=metadata)
    auto_scaling.timeline.run_for(1)
    assert auto_scaling.events[0]["detail"]["NotificationMetadata"] == metadata


def test_r30_time_without_milliseconds(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.service.notifications.milliseconds = False
    auto_scaling.held()
    auto_scaling.timeline.run_for(1)
    assert auto_scaling.events[0]["time"] == "2100-01-01T00:00:00Z"


@pytest.mark.parametrize("name", ["with space", "a/b", "n" * 255, "groß-网"])
def test_r29_group_names(auto_scaling: AutoScalingTestbed, name: str) -> None:
    (instance,) = auto_scaling.service.create_group(name)
    auto_scaling.service.put_hook(name, "drain", "TERMINATING")
    auto_scaling.service.terminate(instance)
    auto_scaling.timeline.run_for(1)
    detail = auto_scaling.events[0]["detail"]
    assert detail["AutoScalingGroupName"] == name
    auto_scaling.client.complete_lifecycle_action(
        AutoScalingGroupName=name,
        LifecycleHookName="drain",
        LifecycleActionToken=detail["LifecycleActionToken"],
        LifecycleActionResult="CONTINUE",
    )
    assert auto_scaling.state(instance) == "Terminating:Proceed"


@pytest.mark.parametrize("delay", [0.0, 1.0, 90.0])
def test_the_event_is_delivered_after_the_delay(delay: float) -> None:
    timeline = VirtualTimeline()
    arrivals: list[float] = []
    with Region(timeline, delivery_delay=delay) as region:
        autoscaling = region.add(AutoScaling(region))
        region.subscribe(lambda _: arrivals.append(timeline.now()))
        (instance,) = autoscaling.create_group(GROUP)
        autoscaling.put_hook(GROUP, "drain", "TERMINATING")
        started = timeline.now()
        autoscaling.terminate(instance)
        timeline.run_for(100)
    assert arrivals == [started + delay]


@pytest.mark.parametrize(
    ("delays", "arrivals"), [((), []), ((1.0, 40.0, 7.0), [1.0, 7.0, 40.0])], ids=["lost", "duplicated"]
)
def test_r18_lost_and_duplicated(
    auto_scaling: AutoScalingTestbed, delays: tuple[float, ...], arrivals: list[float]
) -> None:
    auto_scaling.region.events.deliveries = lambda _: delays
    auto_scaling.held()
    auto_scaling.timeline.run_for(50)
    log = auto_scaling.region.log
    assert len(log.of(LogKind.EVENT)) == len(auto_scaling.region.events.emitted) == 1
    assert [entry.time - auto_scaling.started for entry in log.of(LogKind.DELIVERED)] == arrivals
    assert len(auto_scaling.events) == len(arrivals)


def test_two_runs_with_one_seed_are_the_same_and_with_another_are_not() -> None:
    def run(seed: int) -> list[object]:
        timeline = VirtualTimeline()
        with Region(timeline, seed=seed) as region:
            autoscaling = region.add(AutoScaling(region))
            instances = autoscaling.create_group(GROUP, capacity=2)
            autoscaling.put_hook(GROUP, "drain", "TERMINATING")
            autoscaling.terminate(instances[0])
            timeline.run_for(10)
            return [*region.log, *map(str, region.events.emitted)]

    assert run(1) == run(1)
    assert run(1) != run(2)
