"""Addresses identify an instance: IPv4 and IPv6, of every interface, and only once EC2 knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

IPV6 = "2001:db8::a1"


def by_address(testbed: Testbed, name: str, *, family: str = "ipv4", attributes: dict[str, str] | None = None) -> str:
    """Make a target group that takes addresses, and return its ARN."""
    with testbed.region.unobserved():
        elbv2 = testbed.region.client("elbv2")
        vpc = testbed.region.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        made = elbv2.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", IpAddressType=family
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        given = attributes or {"deregistration_delay.timeout_seconds": "60"}
        elbv2.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": key, "Value": value} for key, value in given.items()]
        )
    return arn


def register(testbed: Testbed, arn: str, address: str) -> None:
    with testbed.region.unobserved():
        testbed.region.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": address, "Port": 80}])


def registered(testbed: Testbed, *targets: str) -> list[str]:
    return [
        each.target
        for each in testbed.target_groups.registrations()
        if each.drained_at is None and (not targets or each.target in targets)
    ]


@pytest.mark.parametrize("written", [IPV6, "2001:DB8:0:0::A1", "2001:0db8:0000:0000:0000:0000:0000:00a1"])
def test_a_target_that_is_an_ipv6_address_is_deregistered_however_it_is_written(testbed: Testbed, written: str) -> None:
    (instance,) = testbed.group(plan={"steps": [{"kind": "deregister-targets", "options": {"names": ["six"]}}]})
    testbed.addresses.give(instance, IPV6)
    register(testbed, by_address(testbed, "six", family="ipv6"), written)
    testbed.terminate(instance)
    testbed.run(30)
    assert testbed.record().status is Status.WORKING
    assert registered(testbed) == []
    testbed.finish()
    assert testbed.record().step_outcomes[0].detail == "drained from six"


def test_a_target_that_is_an_address_of_a_second_interface_is_deregistered(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": [{"kind": "deregister-targets", "options": {"names": ["four"]}}]})
    second = testbed.addresses.second_interface(instance)
    register(testbed, by_address(testbed, "four"), second)
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.record().step_outcomes[0].detail == "drained from four"
    assert registered(testbed) == []


def launch(testbed: Testbed, **options: Any) -> str:
    """Return the instance that launches into a group with a plan that registers it."""
    plan = {"steps": [{"kind": "register-targets", "options": options}]}
    return testbed.launch(plan)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_address_of_the_family_that_the_target_group_takes_is_registered(testbed: Testbed, family: str) -> None:
    by_address(testbed, "blue", family=family)
    testbed.late_instances.known_after = 20
    instance = launch(testbed, names=["blue"])
    testbed.addresses.give(instance, IPV6)
    testbed.finish()
    assert registered(testbed) == [IPV6 if family == "ipv6" else testbed.addresses.private(instance)]
    assert testbed.record().status is Status.COMPLETED


def test_an_instance_without_an_address_of_the_family_is_held_and_the_record_says_so(testbed: Testbed) -> None:
    by_address(testbed, "blue", family="ipv6")
    launch(testbed, names=["blue"])
    testbed.run(120)
    assert testbed.record().status is Status.HELD
    assert "target group blue takes addresses of a family of which the instance has none" in str(testbed.record())


def test_a_target_group_that_is_deleted_while_the_instance_becomes_healthy_is_not_waited_for(testbed: Testbed) -> None:
    testbed.target_groups.healthy_after = 600
    arn = testbed.target_group("blue")
    testbed.target_groups.healthy_after = 600
    launch(testbed, names=["blue"])
    testbed.run(60)
    assert testbed.record().status is Status.WORKING
    with testbed.region.unobserved():
        testbed.region.client("elbv2").delete_target_group(TargetGroupArn=arn)
    testbed.run(120)
    assert testbed.record().status is Status.COMPLETED
    told = "registered with no target group and healthy; deleted since: blue"
    assert testbed.record().step_outcomes[0].detail == told


# EC2 that does not know the instance yet (R32)


def test_an_instance_that_ec2_does_not_know_yet_is_waited_for(testbed: Testbed) -> None:
    by_address(testbed, "blue")
    testbed.late_instances.known_after = 40
    instance = launch(testbed, names=["blue"])
    testbed.run(20)
    record = testbed.record()
    assert record.status is Status.CLAIMED
    assert f"EC2 does not know instance {instance} yet" in (record.detail or "")
    testbed.finish()
    assert registered(testbed) == [testbed.addresses.private(instance)]
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_where_ec2_goes_on_not_knowing_it_nothing_is_skipped(testbed: Testbed) -> None:
    by_address(testbed, "blue")
    testbed.late_instances.known_after = 1500
    instance = launch(testbed, names=["blue"])
    testbed.run(1200)
    record = testbed.record()
    assert record.status is Status.WORKING
    assert f"EC2 does not know instance {instance} yet" in (record.detail or "")
    assert registered(testbed) == []
    testbed.run(900)
    assert registered(testbed) == [testbed.addresses.private(instance)]
    assert testbed.record().status is Status.COMPLETED


@pytest.mark.parametrize("kind", ["wait-for-status-checks", "wait-for-ecs", "wait-for-kubernetes", "wait-for-managed"])
def test_no_step_of_a_launch_takes_an_unknown_instance_for_one_that_is_gone(testbed: Testbed, kind: str) -> None:
    testbed.late_instances.known_after = 1000
    testbed.launch({"steps": [{"kind": kind}]})
    testbed.run(900)
    record = testbed.record()
    assert record.status is Status.WORKING, record.detail
    assert "gone" not in (record.detail or "")


# EC2 that does not answer


def by_ipv6(testbed: Testbed) -> str:
    """Return an instance that is registered under its IPv6 address, and whose plan takes it out."""
    (instance,) = testbed.group(plan={"steps": [{"kind": "deregister-targets", "options": {"names": ["six"]}}]})
    testbed.addresses.give(instance, IPV6)
    register(testbed, by_address(testbed, "six", family="ipv6"), IPV6)
    return instance


def test_an_outage_of_ec2_at_the_set_up_hides_no_registration(testbed: Testbed) -> None:
    instance = by_ipv6(testbed)
    testbed.region.faults.throttle("ec2", "DescribeInstances", times=40)
    testbed.terminate(instance)
    testbed.run(90)
    assert testbed.record().status is Status.WORKING
    assert "ec2:DescribeInstances failed" in (testbed.record().detail or "")
    testbed.finish()
    assert testbed.record().step_outcomes[0].detail == "drained from six"
    assert registered(testbed) == []


def test_where_ec2_may_not_be_asked_the_step_fails(testbed: Testbed) -> None:
    instance = by_ipv6(testbed)
    testbed.region.faults.deny("ec2", "DescribeInstances")
    testbed.terminate(instance)
    testbed.run(300)
    assert testbed.record().status is Status.HELD
    assert "EC2 did not tell the addresses of the instance" in (testbed.record().problem or "")
    assert "permission ec2:DescribeInstances is missing" in (testbed.record().problem or "")


def test_of_an_instance_that_is_gone_the_step_says_what_it_could_not_look_for(testbed: Testbed) -> None:
    instance = by_ipv6(testbed)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.terminate(instance)
    testbed.finish()
    (outcome,) = testbed.record().step_outcomes
    assert outcome.outcome == "done"
    assert "EC2 has forgotten its addresses: targets by address were not looked for" in outcome.detail
