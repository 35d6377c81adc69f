"""What is attached to a group by AttachTrafficSources, and target groups of VPC Lattice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status, blockers_of

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DEREGISTER = "deregister-targets"
ANOTHER = "10.0.0.250"


def drained(testbed: Testbed, options: dict[str, Any], kind: str = DEREGISTER, **step: Any) -> str:
    """Return an instance of a group whose plan is one step."""
    (instance,) = testbed.group(plan={"steps": [{"kind": kind, "options": options, **step}]}, heartbeat=900)
    return instance


def attach(testbed: Testbed, identifier: str, kind: str) -> None:
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").attach_traffic_sources(
            AutoScalingGroupName="web", TrafficSources=[{"Identifier": identifier, "Type": kind}]
        )


def held_back(testbed: Testbed) -> None:
    """Let Auto Scaling not drain what is attached, so that the step has something to do."""
    testbed.traffic_sources.drains = False


# Attached


def test_a_target_group_that_is_a_traffic_source_belongs_to_the_group(testbed: Testbed) -> None:
    held_back(testbed)
    instance = drained(testbed, {"of_group": True})
    attach(testbed, testbed.target_group("blue", delay=60), "elbv2")
    assert [each.target for each in testbed.target_groups.registrations()] == [instance]
    testbed.terminate(instance)
    testbed.run(30)
    assert testbed.record().status is Status.WORKING
    testbed.finish()
    assert testbed.record().step_outcomes[0].detail == "drained from blue"
    assert testbed.target_groups.registrations() == []


def test_a_classic_load_balancer_that_is_a_traffic_source_belongs_to_the_group(testbed: Testbed) -> None:
    held_back(testbed)
    instance = drained(testbed, {"of_group": True}, kind="deregister-classic-elb")
    testbed.classic_load_balancers.make("old", timeout=60)
    attach(testbed, "old", "elb")
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.record().step_outcomes[0].detail == "drained from old"
    assert testbed.classic_load_balancers.is_out("old", instance)


@pytest.mark.parametrize("requests_end_after", [0.0, 100.0])
def test_a_lattice_target_group_that_is_attached_is_drained_and_awaited(
    testbed: Testbed, requests_end_after: float
) -> None:
    held_back(testbed)
    instance = drained(testbed, {"of_group": True})
    arn = testbed.lattice.target_group("1", requests_end_after=requests_end_after)
    attach(testbed, arn, "vpc-lattice")
    testbed.terminate(instance)
    testbed.run(60)
    if requests_end_after:
        record = testbed.record()
        assert record.status is Status.WORKING
        assert "waiting for 1 target to drain from tg-00000000000000001" in (record.detail or "")
        assert [each.name for each in blockers_of(record)] == [arn]
        assert testbed.lattice.serving(instance) == [arn]
    testbed.finish()
    assert testbed.lattice.serving(instance) == []
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_what_auto_scaling_has_drained_already_costs_no_time(testbed: Testbed) -> None:
    instance = drained(testbed, {"of_group": True})
    attach(testbed, testbed.lattice.target_group("1", requests_end_after=50), "vpc-lattice")
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.record().step_outcomes[0].detail == "not registered in any of 1 target group"


# VPC Lattice


def test_a_lattice_target_group_is_named_by_its_arn(testbed: Testbed) -> None:
    arn = testbed.lattice.target_group("1", ANOTHER)
    instance = drained(testbed, {"arns": [arn]})
    testbed.lattice.register(arn, instance)
    other = testbed.lattice.target_group("2")
    testbed.lattice.register(other, instance)
    testbed.terminate(instance)
    testbed.run(20)
    # Of other targets and other target groups nothing is touched.
    assert testbed.lattice.registered(instance) == [other]
    testbed.finish()
    assert testbed.record().step_outcomes[0].detail == "drained from tg-00000000000000001"
    assert testbed.lattice.registered(ANOTHER) == [arn]


@pytest.mark.parametrize("permitted", [True, False])
def test_a_lattice_target_group_that_carries_the_tags_is_looked_into(testbed: Testbed, *, permitted: bool) -> None:
    arn, other = testbed.lattice.target_group("1"), testbed.lattice.target_group("2")
    testbed.lattice.groups[arn].tags = {"drain": "web", "team": "blue"}
    testbed.lattice.groups[other].tags = {"drain": "other"}
    instance = drained(testbed, {"tags": {"drain": "{group}"}})
    for each in (arn, other):
        testbed.lattice.register(each, instance)
    if not permitted:
        testbed.region.faults.deny("vpc-lattice", "ListTargets")
    testbed.terminate(instance)
    testbed.run(25)
    assert testbed.lattice.registered(instance) == ([other] if permitted else [arn, other])
    testbed.run(600)
    assert testbed.record().status is (Status.COMPLETED if permitted else Status.HELD)


def test_an_address_is_a_target_of_lattice_too(testbed: Testbed) -> None:
    arn = testbed.lattice.target_group("1")
    instance = drained(testbed, {"arns": [arn]})
    testbed.addresses.give(instance, "2001:db8::a1")
    testbed.lattice.register(arn, "2001:DB8:0::A1")
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.lattice.serving("2001:DB8:0::A1") == []


def test_a_deregistration_that_has_no_effect_is_said_again(testbed: Testbed) -> None:
    arn = testbed.lattice.target_group("1", requests_end_after=10)
    instance = drained(testbed, {"arns": [arn]})
    testbed.lattice.register(arn, instance)
    testbed.lattice.groups[arn].lost = 2
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.lattice.serving(instance) == []
    assert testbed.calls("vpc-lattice")["DeregisterTargets"] == 3


def test_every_page_of_targets_is_read(testbed: Testbed) -> None:
    arn = testbed.lattice.target_group("1", *(f"10.0.1.{number}" for number in range(250)))
    instance = drained(testbed, {"arns": [arn]})
    testbed.lattice.register(arn, instance)
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.lattice.serving(instance) == []


def test_a_lattice_target_group_that_does_not_exist_is_missing(testbed: Testbed) -> None:
    arn = "arn:aws:vpc-lattice:eu-central-1:123456789012:targetgroup/tg-0000000000000000f"
    instance = drained(testbed, {"arns": [arn]})
    testbed.terminate(instance)
    testbed.run(300)
    record = testbed.record()
    assert record.status is Status.HELD
    assert f"there is no target group {arn}" in (record.problem or "")


def test_a_lattice_target_group_that_is_deleted_meanwhile_is_done(testbed: Testbed) -> None:
    arn = testbed.lattice.target_group("1", requests_end_after=100_000)
    instance = drained(testbed, {"arns": [arn]})
    testbed.lattice.register(arn, instance)
    testbed.terminate(instance)
    testbed.run(60)
    assert testbed.record().status is Status.WORKING
    del testbed.lattice.groups[arn]
    testbed.run(120)
    assert testbed.record().status is Status.COMPLETED


# Without the permission


def test_attached_ones_are_left_to_auto_scaling_where_the_permission_is_off(testbed: Testbed) -> None:
    instance = drained(testbed, {"of_group": True})
    arn = testbed.lattice.target_group("1")
    attach(testbed, arn, "vpc-lattice")
    testbed.region.faults.deny("vpc-lattice", "ListTargets")
    testbed.terminate(instance)
    testbed.finish()
    detail = testbed.record().step_outcomes[0].detail
    assert f"left to Auto Scaling: {arn}" in detail
    assert "LatticeSteps=on" in detail
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_named_ones_fail_with_the_name_of_the_parameter(testbed: Testbed) -> None:
    arn = testbed.lattice.target_group("1")
    instance = drained(testbed, {"arns": [arn]})
    testbed.lattice.register(arn, instance)
    testbed.region.faults.deny("vpc-lattice", "ListTargets")
    testbed.terminate(instance)
    testbed.run(600)
    record = testbed.record()
    assert record.status is Status.HELD
    assert "deploy with LatticeSteps=on" in (record.problem or "")
    assert testbed.completions() == []
