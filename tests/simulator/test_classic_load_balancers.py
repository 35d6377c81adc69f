from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.region import SimulatedRegion
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.classic_load_balancers.service import ClassicLoadBalancers

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAINING = ("InService", "Instance deregistration currently in progress.")
NOT_REGISTERED = ("OutOfService", "Instance is not currently registered with the LoadBalancer.")
HEALTHY = ("InService", "N/A")


class Stage:
    def __init__(self, region: SimulatedRegion, timeline: VirtualTimeline, balancers: ClassicLoadBalancers) -> None:
        self.region = region
        self.timeline = timeline
        self.balancers = balancers
        self.elb = region.client("elb")
        self.autoscaling = region.client("autoscaling")
        (self.instance,) = region.create_group("web")

    def health(self, name: str = "blue", *instances: str) -> dict[str, tuple[str, str]]:
        asked = {"Instances": [{"InstanceId": instance} for instance in instances]} if instances else {}
        states = self.elb.describe_instance_health(LoadBalancerName=name, **asked)["InstanceStates"]
        return {entry["InstanceId"]: (entry["State"], entry["Description"]) for entry in states}

    def register(self, name: str = "blue") -> None:
        self.elb.register_instances_with_load_balancer(LoadBalancerName=name, Instances=[{"InstanceId": self.instance}])

    def deregister(self, name: str = "blue") -> None:
        self.elb.deregister_instances_from_load_balancer(
            LoadBalancerName=name, Instances=[{"InstanceId": self.instance}]
        )

    def attached(self) -> dict[str, str]:
        answer = self.autoscaling.describe_load_balancers(AutoScalingGroupName="web")["LoadBalancers"]
        return {entry["LoadBalancerName"]: entry["State"] for entry in answer}


@pytest.fixture
def stage() -> Iterator[Stage]:
    timeline = VirtualTimeline()
    region = SimulatedRegion(timeline)
    balancers = ClassicLoadBalancers()
    region.add(balancers)
    with region:
        yield Stage(region, timeline, balancers)


def test_a_deregistered_instance_drains_in_service_and_is_known_after_that(stage: Stage) -> None:
    stage.balancers.make("blue", timeout=60)
    stage.register()
    assert stage.health() == {stage.instance: HEALTHY}
    stage.deregister()
    stage.deregister()
    stage.timeline.run_for(59)
    assert stage.health("blue", stage.instance) == {stage.instance: DRAINING}
    stage.timeline.run_for(1)
    assert stage.health("blue", stage.instance) == {stage.instance: NOT_REGISTERED}
    assert stage.health() == {}
    stage.deregister()


def test_an_instance_that_never_was_registered_is_not_found(stage: Stage) -> None:
    stage.balancers.make("blue")
    for ask in (stage.deregister, lambda: stage.health("blue", stage.instance)):
        with pytest.raises(ClientError, match=f"Could not find EC2 instance {stage.instance}") as caught:
            ask()
        assert caught.value.response["Error"]["Code"] == "InvalidInstance"


def test_a_load_balancer_there_is_not(stage: Stage) -> None:
    for ask in (stage.deregister, stage.register, stage.health):
        with pytest.raises(ClientError) as caught:
            ask()
        assert caught.value.response["Error"]["Code"] == "LoadBalancerNotFound"


def test_one_that_is_made_again_has_forgotten_its_instances(stage: Stage) -> None:
    stage.balancers.make("blue", stage.instance)
    stage.elb.delete_load_balancer(LoadBalancerName="blue")
    stage.balancers.make("blue")
    assert stage.health() == {}


@pytest.mark.parametrize("draining", [{"Enabled": True, "Timeout": 0}, {"Enabled": True, "Timeout": 3601}])
def test_a_timeout_out_of_range_is_refused(stage: Stage, draining: dict[str, Any]) -> None:
    stage.balancers.make("blue")
    with pytest.raises(ClientError, match="1 to 3600"):
        stage.elb.modify_load_balancer_attributes(
            LoadBalancerName="blue", LoadBalancerAttributes={"ConnectionDraining": draining}
        )


def test_the_timeout_is_shown_where_draining_is_disabled(stage: Stage) -> None:
    stage.balancers.make("blue", timeout=0)
    shown = stage.elb.describe_load_balancer_attributes(LoadBalancerName="blue")["LoadBalancerAttributes"]
    assert shown["ConnectionDraining"] == {"Enabled": False, "Timeout": 300}


def test_r26_attached_ones_are_drained_before_the_hook(stage: Stage) -> None:
    stage.region.put_hook("web", "hook", "TERMINATING", HeartbeatTimeout=300)
    stage.balancers.make("blue", timeout=90)
    stage.autoscaling.attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    assert stage.health() == {stage.instance: HEALTHY}
    stage.region.terminate(stage.instance)
    stage.timeline.run_for(89)
    assert stage.region.instance_state(stage.instance) == "Terminating"
    assert stage.health("blue", stage.instance) == {stage.instance: DRAINING}
    stage.timeline.run_for(1)
    assert stage.region.instance_state(stage.instance) == "Terminating:Wait"


def test_what_is_launched_later_is_registered(stage: Stage) -> None:
    stage.balancers.make("blue")
    stage.autoscaling.attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    stage.region.scale("web", 2)
    stage.timeline.run_for(60)
    assert stage.health() == dict.fromkeys(stage.region.instances("web"), HEALTHY)


def test_detaching_takes_the_time_of_the_drain(stage: Stage) -> None:
    stage.balancers.make("blue", timeout=60)
    stage.autoscaling.attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    assert stage.attached() == {"blue": "Added"}
    stage.autoscaling.detach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    assert stage.attached() == {"blue": "Removing"}
    stage.timeline.run_for(60)
    assert stage.attached() == {}


def test_what_does_not_exist_cannot_be_attached(stage: Stage) -> None:
    with pytest.raises(ClientError, match="may not be valid"):
        stage.autoscaling.attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    with pytest.raises(ClientError, match="not found"):
        stage.autoscaling.describe_load_balancers(AutoScalingGroupName="other")
