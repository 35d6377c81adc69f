from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.target_groups import TargetGroups

if TYPE_CHECKING:
    from collections.abc import Iterator

DELAY = "deregistration_delay.timeout_seconds"


class Testbed:
    def __init__(
        self, region: Region, timeline: VirtualTimeline, autoscaling: AutoScaling, target_groups: TargetGroups
    ) -> None:
        self.region = region
        self.autoscaling = autoscaling
        self.timeline = timeline
        self.target_groups = target_groups
        self.elbv2 = region.client("elbv2")
        self.ec2 = region.client("ec2")

    def instance(self) -> str:
        launched = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
        return str(launched["Instances"][0]["InstanceId"])

    def group(self, name: str = "web", *, target_type: str = "instance", delay: int | None = None) -> str:
        vpc = self.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
        group = self.elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType=target_type)[
            "TargetGroups"
        ][0]["TargetGroupArn"]
        if delay is not None:
            self.elbv2.modify_target_group_attributes(
                TargetGroupArn=group, Attributes=[{"Key": DELAY, "Value": str(delay)}]
            )
        return str(group)

    def register(self, group: str, target: str, *ports: int) -> None:
        targets = [{"Id": target, "Port": port} for port in ports] or [{"Id": target}]
        self.elbv2.register_targets(TargetGroupArn=group, Targets=targets)

    def deregister(self, group: str, target: str, *ports: int) -> None:
        targets = [{"Id": target, "Port": port} for port in ports] or [{"Id": target}]
        self.elbv2.deregister_targets(TargetGroupArn=group, Targets=targets)

    def health(self, group: str, *targets: dict[str, Any]) -> dict[tuple[str, int], tuple[str, str | None]]:
        asked = {"Targets": list(targets)} if targets else {}
        answer = self.elbv2.describe_target_health(TargetGroupArn=group, **asked)["TargetHealthDescriptions"]
        return {
            (entry["Target"]["Id"], entry["Target"]["Port"]): (
                entry["TargetHealth"]["State"],
                entry["TargetHealth"].get("Reason"),
            )
            for entry in answer
        }

    def told(self, target: str) -> list[tuple[float, str]]:
        return [
            (entry.time - self.started, entry.detail)
            for entry in self.region.log.of(LogKind.SERVICE, instance=target)
            if entry.detail.startswith("elbv2 ")
        ]

    @property
    def started(self) -> float:
        return VirtualTimeline().now()


HEALTHY = ("healthy", None)
DRAINING = ("draining", "Target.DeregistrationInProgress")
NOT_REGISTERED = ("unused", "Target.NotRegistered")


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    timeline = VirtualTimeline()
    region = Region(timeline)
    autoscaling = region.add(AutoScaling(region))
    target_groups = region.add(TargetGroups(region, autoscaling))
    with region:
        yield Testbed(region, timeline, autoscaling, target_groups)


def test_a_target_is_registered_once_per_port(testbed: Testbed) -> None:
    group, instance = testbed.group(), testbed.instance()
    testbed.register(group, instance, 80, 8080)
    testbed.register(group, instance)
    assert testbed.health(group) == {(instance, 80): HEALTHY, (instance, 8080): HEALTHY}


def test_a_target_that_is_not_registered_on_the_port_asked_for_is_unused(testbed: Testbed) -> None:
    group, instance = testbed.group(), testbed.instance()
    testbed.register(group, instance, 8080)
    assert testbed.health(group, {"Id": instance, "Port": 8080}, {"Id": instance, "Port": 9090}) == {
        (instance, 8080): HEALTHY,
        (instance, 9090): NOT_REGISTERED,
    }


@pytest.mark.parametrize(("delay", "drained_after"), [(None, 300), (45, 45), (3600, 3600)])
def test_a_deregistered_target_drains_for_the_deregistration_delay(
    testbed: Testbed, delay: int | None, drained_after: int
) -> None:
    group, instance = testbed.group(delay=delay), testbed.instance()
    testbed.register(group, instance)
    testbed.deregister(group, instance)
    testbed.timeline.run_for(drained_after - 0.1)
    assert testbed.health(group) == {(instance, 80): DRAINING}
    testbed.timeline.run_for(0.2)
    assert testbed.health(group) == {}
    assert testbed.health(group, {"Id": instance, "Port": 80}) == {(instance, 80): NOT_REGISTERED}


def test_without_delay_a_deregistered_target_is_gone_at_once(testbed: Testbed) -> None:
    group, instance = testbed.group(delay=0), testbed.instance()
    testbed.register(group, instance)
    testbed.deregister(group, instance)
    assert testbed.health(group) == {}


def test_the_delay_is_read_back_as_it_was_set(testbed: Testbed) -> None:
    group = testbed.group(delay=3600)
    attributes = testbed.elbv2.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    assert {entry["Key"]: entry["Value"] for entry in attributes}[DELAY] == "3600"


def test_a_delay_beyond_an_hour_is_refused(testbed: Testbed) -> None:
    with pytest.raises(ClientError, match="ValidationError"):
        testbed.group(delay=3601)


def test_deregistering_without_a_port_means_the_port_of_the_group(testbed: Testbed) -> None:
    group, instance = testbed.group(), testbed.instance()
    testbed.register(group, instance, 80, 8080)
    testbed.deregister(group, instance)
    assert testbed.health(group) == {(instance, 80): DRAINING, (instance, 8080): HEALTHY}


def test_deregistering_again_does_not_prolong_the_drain(testbed: Testbed) -> None:
    group, instance = testbed.group(), testbed.instance()
    testbed.register(group, instance)
    testbed.deregister(group, instance)
    testbed.timeline.run_for(200)
    testbed.deregister(group, instance)
    testbed.timeline.run_for(1000)
    assert testbed.told(instance)[1:] == [(0, "elbv2 deregistered web:80"), (300, "elbv2 drained web:80")]


def test_a_changed_delay_counts_for_the_next_drain_only(testbed: Testbed) -> None:
    group, instance = testbed.group(delay=60), testbed.instance()
    testbed.register(group, instance)
    testbed.deregister(group, instance)
    testbed.elbv2.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": DELAY, "Value": "600"}])
    testbed.timeline.run_for(61)
    assert testbed.health(group) == {}


def test_a_target_registered_again_while_it_drains_stays(testbed: Testbed) -> None:
    group, instance = testbed.group(), testbed.instance()
    testbed.register(group, instance)
    testbed.deregister(group, instance)
    testbed.timeline.run_for(10)
    testbed.register(group, instance)
    testbed.timeline.run_for(1000)
    assert testbed.health(group) == {(instance, 80): HEALTHY}


def test_a_drain_ends_with_the_last_connection_and_never_after_the_delay(testbed: Testbed) -> None:
    group, early, late = testbed.group(), testbed.instance(), testbed.instance()
    testbed.target_groups.connections_end_after(early, 20)
    testbed.target_groups.connections_end_after(late, 5000)
    for instance in (early, late):
        testbed.register(group, instance)
        testbed.deregister(group, instance)
    testbed.timeline.run_for(21)
    assert testbed.health(group) == {(late, 80): DRAINING}
    testbed.timeline.run_for(280)
    assert testbed.health(group) == {}


def test_deregistering_what_is_not_registered_succeeds(testbed: Testbed) -> None:
    testbed.deregister(testbed.group(), testbed.instance(), 80, 9090)


def test_deregistering_what_is_not_registered_can_be_refused(testbed: Testbed) -> None:
    group, registered, other = testbed.group(), testbed.instance(), testbed.instance()
    testbed.target_groups.refuse_unregistered = True
    testbed.register(group, registered)
    with pytest.raises(testbed.elbv2.exceptions.InvalidTargetException):
        testbed.elbv2.deregister_targets(TargetGroupArn=group, Targets=[{"Id": registered}, {"Id": other}])
    assert testbed.health(group) == {(registered, 80): HEALTHY}


def test_what_cannot_be_a_target_of_the_group_is_refused(testbed: Testbed) -> None:
    of_instances, of_addresses = testbed.group(), testbed.group("addresses", target_type="ip")
    for group, target in ((of_instances, "10.0.0.7"), (of_addresses, testbed.instance()), (of_instances, "i-0bad")):
        with pytest.raises(testbed.elbv2.exceptions.InvalidTargetException):
            testbed.register(group, target)
    for call in (testbed.elbv2.deregister_targets, testbed.elbv2.describe_target_health):
        with pytest.raises(testbed.elbv2.exceptions.InvalidTargetException):
            call(TargetGroupArn=of_instances, Targets=[{"Id": "10.0.0.7"}])


def test_a_stopped_instance_cannot_be_registered_and_is_unused_where_it_is(testbed: Testbed) -> None:
    group, instance = testbed.group(), testbed.instance()
    testbed.register(group, instance)
    testbed.ec2.stop_instances(InstanceIds=[instance])
    assert testbed.health(group) == {(instance, 80): ("unused", "Target.InvalidState")}
    with pytest.raises(testbed.elbv2.exceptions.InvalidTargetException):
        testbed.register(group, instance, 8080)


def test_addresses_drain_like_instances(testbed: Testbed) -> None:
    group = testbed.group("addresses", target_type="ip", delay=30)
    testbed.register(group, "10.0.0.7", 8443)
    testbed.deregister(group, "10.0.0.7", 8443)
    assert testbed.health(group) == {("10.0.0.7", 8443): DRAINING}
    testbed.timeline.run_for(30)
    assert testbed.health(group) == {}


def test_an_unknown_target_group_is_not_found(testbed: Testbed) -> None:
    group, instance = testbed.group(), testbed.instance()
    testbed.elbv2.delete_target_group(TargetGroupArn=group)
    for call in (
        lambda: testbed.register(group, instance),
        lambda: testbed.deregister(group, instance),
        lambda: testbed.health(group),
        lambda: testbed.elbv2.describe_target_group_attributes(TargetGroupArn=group),
        lambda: testbed.elbv2.describe_target_groups(Names=["web"]),
    ):
        with pytest.raises(testbed.elbv2.exceptions.TargetGroupNotFoundException):
            call()


def test_targets_of_a_group_without_load_balancer_are_unused_when_a_listener_is_needed(testbed: Testbed) -> None:
    testbed.target_groups.need_listener = True
    group, instance = testbed.group(), testbed.instance()
    testbed.register(group, instance)
    assert testbed.health(group) == {(instance, 80): ("unused", "Target.NotInUse")}


def test_a_terminated_instance_drains_from_its_target_groups(testbed: Testbed) -> None:
    group, instance = testbed.group(delay=30), testbed.instance()
    testbed.register(group, instance)
    testbed.ec2.terminate_instances(InstanceIds=[instance])
    assert testbed.health(group) == {(instance, 80): DRAINING}
    testbed.timeline.run_for(30)
    assert testbed.health(group) == {}


def test_r26_attached_groups_are_drained_on_every_port_before_the_word_is_given(testbed: Testbed) -> None:
    slow, quick, other, instance = (
        testbed.group("slow", delay=90),
        testbed.group("quick", delay=10),
        testbed.group("other"),
        testbed.instance(),
    )
    testbed.register(slow, instance, 80, 8080)
    testbed.register(quick, instance)
    testbed.register(other, instance)
    words: list[float] = []
    testbed.target_groups.drain_attached(instance, [slow, quick], lambda: words.append(testbed.timeline.now()))
    testbed.timeline.run_for(1000)
    assert words == [testbed.started + 90]
    assert testbed.health(other) == {(instance, 80): HEALTHY}


def test_r26_nothing_to_drain_gives_the_word_at_once(testbed: Testbed) -> None:
    words: list[str] = []
    testbed.autoscaling.fleet.drain_targets(testbed.instance(), [testbed.group()], lambda: words.append("drained"))
    assert words == ["drained"]


def test_r26_a_drain_under_way_is_waited_for(testbed: Testbed) -> None:
    group, instance = testbed.group(delay=60), testbed.instance()
    testbed.register(group, instance)
    testbed.deregister(group, instance)
    testbed.timeline.run_for(40)
    words: list[float] = []
    testbed.autoscaling.fleet.drain_targets(instance, [group], lambda: words.append(testbed.timeline.now()))
    testbed.timeline.run_for(100)
    assert words == [testbed.started + 60]


def test_the_log_tells_when_each_target_was_deregistered_and_drained(testbed: Testbed) -> None:
    group, instance = testbed.group(delay=60), testbed.instance()
    testbed.register(group, instance, 8080)
    testbed.timeline.run_for(5)
    testbed.deregister(group, instance, 8080)
    testbed.timeline.run_for(100)
    assert testbed.told(instance) == [
        (0, "elbv2 registered web:8080"),
        (5, "elbv2 deregistered web:8080"),
        (65, "elbv2 drained web:8080"),
    ]


def test_target_groups_are_found_by_tag(testbed: Testbed) -> None:
    wanted, other = testbed.group("wanted"), testbed.group("other")
    testbed.elbv2.add_tags(ResourceArns=[wanted], Tags=[{"Key": "service", "Value": "web"}])
    testbed.elbv2.add_tags(ResourceArns=[other], Tags=[{"Key": "service", "Value": "mail"}])
    pages = (
        testbed.region.client("resourcegroupstaggingapi")
        .get_paginator("get_resources")
        .paginate(
            TagFilters=[{"Key": "service", "Values": ["web"]}],
            ResourceTypeFilters=["elasticloadbalancing:targetgroup"],
        )
    )
    assert [entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"]] == [wanted]


def test_in_a_region_that_was_left_nothing_drains(testbed: Testbed) -> None:
    group, instance = testbed.group(), testbed.instance()
    testbed.register(group, instance)
    testbed.deregister(group, instance)
    testbed.region.close()
    testbed.timeline.run_for(1_000)  # its timers are set, and do nothing
    assert [detail for _, detail in testbed.told(instance)] == ["elbv2 registered web:80", "elbv2 deregistered web:80"]
