from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.classic_load_balancers.service import ClassicLoadBalancers

if TYPE_CHECKING:
    from collections.abc import Iterator

DRAINING = ("InService", "Instance deregistration currently in progress.")
NOT_REGISTERED = ("OutOfService", "Instance is not currently registered with the LoadBalancer.")
HEALTHY = ("InService", "N/A")


class Testbed:
    def __init__(self, autoscaling: AutoScaling, timeline: VirtualTimeline, balancers: ClassicLoadBalancers) -> None:
        self.autoscaling = autoscaling
        self.region = region = autoscaling.region
        self.timeline = timeline
        self.balancers = balancers
        self.elb = region.client("elb")
        self.client = region.client("autoscaling")
        (self.instance,) = autoscaling.create_group("web")

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
        answer = self.client.describe_load_balancers(AutoScalingGroupName="web")["LoadBalancers"]
        return {entry["LoadBalancerName"]: entry["State"] for entry in answer}


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    timeline = VirtualTimeline()
    region = Region(timeline)
    autoscaling = region.add(AutoScaling(region))
    balancers = region.add(ClassicLoadBalancers(region, autoscaling))
    with region:
        yield Testbed(autoscaling, timeline, balancers)


def test_a_deregistered_instance_drains_in_service_and_is_known_after_that(testbed: Testbed) -> None:
    testbed.balancers.make("blue", timeout=60)
    testbed.register()
    assert testbed.health() == {testbed.instance: HEALTHY}
    testbed.deregister()
    testbed.deregister()
    testbed.timeline.run_for(59)
    assert testbed.health("blue", testbed.instance) == {testbed.instance: DRAINING}
    testbed.timeline.run_for(1)
    assert testbed.health("blue", testbed.instance) == {testbed.instance: NOT_REGISTERED}
    assert testbed.health() == {}
    testbed.deregister()


def test_an_instance_that_never_was_registered_is_not_found(testbed: Testbed) -> None:
    testbed.balancers.make("blue")
    for ask in (testbed.deregister, lambda: testbed.health("blue", testbed.instance)):
        with pytest.raises(ClientError, match=f"Could not find EC2 instance {testbed.instance}") as caught:
            ask()
        assert caught.value.response["Error"]["Code"] == "InvalidInstance"


def test_a_load_balancer_there_is_not(testbed: Testbed) -> None:
    for ask in (testbed.deregister, testbed.register, testbed.health):
        with pytest.raises(ClientError) as caught:
            ask()
        assert caught.value.response["Error"]["Code"] == "LoadBalancerNotFound"


def test_one_that_is_made_again_has_forgotten_its_instances(testbed: Testbed) -> None:
    testbed.balancers.make("blue", testbed.instance)
    testbed.elb.delete_load_balancer(LoadBalancerName="blue")
    testbed.balancers.make("blue")
    assert testbed.health() == {}


@pytest.mark.parametrize("draining", [{"Enabled": True, "Timeout": 0}, {"Enabled": True, "Timeout": 3601}])
def test_a_timeout_out_of_range_is_refused(testbed: Testbed, draining: dict[str, Any]) -> None:
    testbed.balancers.make("blue")
    with pytest.raises(ClientError, match="1 to 3600"):
        testbed.elb.modify_load_balancer_attributes(
            LoadBalancerName="blue", LoadBalancerAttributes={"ConnectionDraining": draining}
        )


def test_the_timeout_is_shown_where_draining_is_disabled(testbed: Testbed) -> None:
    testbed.balancers.make("blue", timeout=0)
    shown = testbed.elb.describe_load_balancer_attributes(LoadBalancerName="blue")["LoadBalancerAttributes"]
    assert shown["ConnectionDraining"] == {"Enabled": False, "Timeout": 300}


def test_r26_attached_ones_are_drained_before_the_hook(testbed: Testbed) -> None:
    testbed.autoscaling.put_hook("web", "hook", "TERMINATING", HeartbeatTimeout=300)
    testbed.balancers.make("blue", timeout=90)
    testbed.client.attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    assert testbed.health() == {testbed.instance: HEALTHY}
    testbed.autoscaling.terminate(testbed.instance)
    testbed.timeline.run_for(89)
    assert testbed.autoscaling.instance_state(testbed.instance) == "Terminating"
    assert testbed.health("blue", testbed.instance) == {testbed.instance: DRAINING}
    testbed.timeline.run_for(1)
    assert testbed.autoscaling.instance_state(testbed.instance) == "Terminating:Wait"


def test_what_is_launched_later_is_registered(testbed: Testbed) -> None:
    testbed.balancers.make("blue")
    testbed.client.attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    testbed.autoscaling.scale("web", 2)
    testbed.timeline.run_for(60)
    assert testbed.health() == dict.fromkeys(testbed.autoscaling.instances("web"), HEALTHY)


def test_detaching_takes_the_time_of_the_drain(testbed: Testbed) -> None:
    testbed.balancers.make("blue", timeout=60)
    testbed.client.attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    assert testbed.attached() == {"blue": "Added"}
    testbed.client.detach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    assert testbed.attached() == {"blue": "Removing"}
    testbed.timeline.run_for(60)
    assert testbed.attached() == {}


def test_what_does_not_exist_cannot_be_attached(testbed: Testbed) -> None:
    with pytest.raises(ClientError, match="may not be valid"):
        testbed.client.attach_load_balancers(AutoScalingGroupName="web", LoadBalancerNames=["blue"])
    with pytest.raises(ClientError, match="not found"):
        testbed.client.describe_load_balancers(AutoScalingGroupName="other")
