"""Addresses and network interfaces of a pool come and go with instances, and no two have the same."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.messages import Skip
from asg_lifecycle.model.records import Status, action_of, blockers_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash
from asg_lifecycle_simulator.services.durable_executions.function import NAMES
from tests.execution.conftest import GROUP, LAUNCH_HOOK, TERMINATE_HOOK
from tests.execution.some_of import some_of

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from tests.execution.conftest import Testbed

POOL = "web"
EIP = {"what": "elastic-ip", "pool": POOL}
INTERFACE = {"what": "network-interface", "pool": POOL}
CHANGES = ("AssociateAddress", "AttachNetworkInterface", "AssignPrivateIpAddresses")
RETURNS = ("DisassociateAddress", "DetachNetworkInterface", "UnassignPrivateIpAddresses")


def plan(options: dict[str, Any], **step: Any) -> dict[str, Any]:
    return {"steps": [{"kind": "move-address", "options": options, **step}]}


def grow(testbed: Testbed, count: int, launch: Any, terminate: Any = None) -> list[str]:
    """Make the group with a plan on each hook, launch instances, and return them."""
    testbed.autoscaling.create_group(GROUP, capacity=0, max_size=100)
    for hook, transition, chosen in ((LAUNCH_HOOK, "LAUNCHING", launch), (TERMINATE_HOOK, "TERMINATING", terminate)):
        if chosen is not None:
            metadata = json.dumps({"plan": chosen})
            testbed.autoscaling.put_hook(GROUP, hook, transition, HeartbeatTimeout=900, NotificationMetadata=metadata)
    testbed.autoscaling.scale(GROUP, count)
    return testbed.autoscaling.instances(GROUP)


def leaving(testbed: Testbed, options: dict[str, Any], **step: Any) -> str:
    """Make the group with the step on its terminate hook; return its instance."""
    (instance,) = testbed.group(plan=plan(options, **step))
    return instance


def ended(testbed: Testbed) -> str:
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "done"
    return step.detail


def asked(testbed: Testbed, *operations: str) -> int:
    return sum(testbed.calls("ec2").get(operation, 0) for operation in operations)


def secondary(testbed: Testbed, *numbers: int) -> list[str]:
    """Return addresses in the first subnet that no instance is likely to get."""
    with testbed.region.unobserved():
        subnets = testbed.region.client("ec2").describe_subnets()["Subnets"]
    first = min(subnets, key=lambda subnet: subnet["AvailabilityZone"])["CidrBlock"].partition("/")[0]
    return [f"{first.rpartition('.')[0].rpartition('.')[0]}.15.{number}" for number in numbers]


def members(testbed: Testbed, what: str, count: int) -> tuple[dict[str, Any], list[str]]:
    """Make a pool; return the options that name it, and its members."""
    if what == "elastic-ip":
        return EIP, [testbed.elastic_ips.allocate(POOL) for _ in range(count)]
    if what == "network-interface":
        return INTERFACE, [testbed.network_interfaces.make(POOL) for _ in range(count)]
    addresses = secondary(testbed, *range(100, 100 + count))
    return {"what": "private-ip", "addresses": addresses}, addresses


def holders(testbed: Testbed, what: str, names: list[str]) -> dict[str, list[str]]:
    """Return who has each of some members, as EC2 knows it: the instances, of which there must not be two."""
    if what == "private-ip":
        had = testbed.private_addresses.holders()
        return {name: had.get(name, []) for name in names}
    service = testbed.elastic_ips if what == "elastic-ip" else testbed.network_interfaces
    return {name: [holder] if (holder := service.holders()[name]) else [] for name in names}


every_kind = pytest.mark.parametrize("what", ["elastic-ip", "network-interface", "private-ip"])


@every_kind
def test_one_is_given_at_launch_and_taken_back_at_the_end(testbed: Testbed, what: str) -> None:
    options, (name,) = members(testbed, what, 1)
    (instance,) = grow(testbed, 1, plan(options), plan(options))
    testbed.finish()
    assert holders(testbed, what, [name]) == {name: [instance]}
    assert asked(testbed, *CHANGES) == 1
    assert testbed.record().step_outcomes[0].detail.endswith(f" instance {instance}")

    testbed.terminate(instance)
    testbed.run(1.2)
    testbed.finish()
    assert holders(testbed, what, [name]) == {name: []}
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 2
    assert asked(testbed, *RETURNS) == 1
    # The address was free before the instance was gone.
    (lost,) = [entry for entry in testbed.log(LogKind.SERVICE) if "ec2 has lost" in entry.detail]
    assert lost.time <= testbed.log(LogKind.COMPLETED)[-1].time


@every_kind
def test_what_one_has_already_it_keeps(testbed: Testbed, what: str) -> None:
    options, names = members(testbed, what, 3)
    (instance,) = grow(testbed, 1, plan(options))
    if what == "elastic-ip":
        testbed.elastic_ips.give(names[1], instance)
    elif what == "network-interface":
        testbed.network_interfaces.attach(names[1], instance)
    else:
        testbed.private_addresses.assign(names[1], instance)
    testbed.finish()
    assert holders(testbed, what, names) == {names[0]: [], names[1]: [instance], names[2]: []}
    assert asked(testbed, *CHANGES) == 0


@pytest.mark.one_of(3)
@every_kind
def test_in_a_storm_no_two_get_the_same_and_the_rest_get_theirs_as_others_go(
    testbed: Testbed, what: str, *, thorough: bool
) -> None:
    free, launched = (8, 14) if thorough else (4, 7)
    options, names = members(testbed, what, free)
    testbed.region.page_size = 5 if thorough else 3
    testbed.elastic_ips.views.delay = testbed.network_interfaces.views.delay = 7
    # The group is in one zone, where the interfaces are.
    testbed.autoscaling.create_group(GROUP, capacity=0, max_size=100)
    storm(testbed, options, what, names, launched=launched)


def storm(testbed: Testbed, options: dict[str, Any], what: str, names: list[str], *, launched: int) -> None:
    metadata = json.dumps({"plan": plan(options)})
    for hook, transition in ((LAUNCH_HOOK, "LAUNCHING"), (TERMINATE_HOOK, "TERMINATING")):
        testbed.autoscaling.put_hook(GROUP, hook, transition, HeartbeatTimeout=900, NotificationMetadata=metadata)
    testbed.autoscaling.scale(GROUP, launched)
    testbed.run(90)
    served = completed(testbed)
    assert len(served) == len(names)
    assert one_each(testbed, what, names) == served
    waiting = [record for record in testbed.deployment.records() if record.in_flight and record.entry == "current"]
    assert len(waiting) == launched - len(names)
    assert all("waiting for a free" in (record.detail or "") for record in waiting)
    blockers = {blocker.name: blocker.reason for record in waiting for blocker in blockers_of(record)}
    assert set(blockers) <= set(names)
    assert all("has it" in reason for reason in blockers.values())

    while gone := sorted(served)[:3]:
        for instance in gone:
            testbed.autoscaling.terminate(instance)
        testbed.run(150)
        now = {holder for each in holders(testbed, what, names).values() for holder in each}
        assert not now & set(gone)
        if len(completed(testbed)) >= launched + launched - len(names):
            break
        served = now
        one_each(testbed, what, names)
    assert {entry.instance for entry in testbed.log(LogKind.COMPLETED)} >= served
    assert testbed.elastic_ips.taken_away == []


def completed(testbed: Testbed) -> set[str]:
    return {str(entry.instance) for entry in testbed.log(LogKind.COMPLETED)}


def one_each(testbed: Testbed, what: str, names: list[str]) -> set[str]:
    """Return who has one; nobody has two, and no two have the same."""
    had = [holder for each in holders(testbed, what, names).values() for holder in each]
    assert len(had) == len(set(had)) <= len(names)
    assert all(len(each) <= 1 for each in holders(testbed, what, names).values())
    return set(had)


def test_a_storm_on_a_pool_that_is_too_small(testbed: Testbed, *, thorough: bool) -> None:
    instances, addresses = (50, 30) if thorough else (12, 7)
    names = [testbed.elastic_ips.allocate(POOL) for _ in range(addresses)]
    launched = grow(testbed, instances, plan(EIP), plan(EIP))
    testbed.run(60)
    served = completed(testbed)
    assert len(served) == addresses
    assert one_each(testbed, "elastic-ip", names) == served
    leaving = sorted(served)[: instances - addresses]
    for instance in leaving:
        testbed.terminate(instance)
    testbed.run(150)
    assert completed(testbed) == set(launched)
    assert one_each(testbed, "elastic-ip", names) == set(launched) - set(leaving)
    assert testbed.elastic_ips.taken_away == []
    # They do not all try the same ones.
    assert asked(testbed, "AssociateAddress") < 4 * instances


def test_one_that_waits_says_who_has_them(testbed: Testbed) -> None:
    first, second = sorted(testbed.elastic_ips.allocate(POOL) for _ in range(2))
    (other,) = testbed.autoscaling.create_group("other", capacity=1)
    testbed.elastic_ips.give(first, other)
    testbed.elastic_ips.give(second, other)
    testbed.elastic_ips.take(first)
    interface = testbed.network_interfaces.make()
    with testbed.region.unobserved():
        ec2 = testbed.region.client("ec2")
        (found,) = ec2.describe_addresses(PublicIps=[first])["Addresses"]
        ec2.associate_address(AllocationId=found["AllocationId"], NetworkInterfaceId=interface)
    testbed.elastic_ips.give(second, other)
    grow(testbed, 1, plan(EIP))
    testbed.run(60)
    record = testbed.record()
    assert {(each.kind, each.name, each.reason) for each in blockers_of(record)} == {
        ("address", first, f"network interface {interface} has it"),
        ("address", second, f"instance {other} has it"),
    }
    assert "waiting for a free Elastic IP of pool web: " in (record.detail or "")
    testbed.elastic_ips.take(second)
    testbed.finish()
    assert ended(testbed).startswith(f"Elastic IP {second}")


@pytest.mark.one_of(3)
@every_kind
def test_the_timeout_of_the_step_ends_the_wait(testbed: Testbed, what: str) -> None:
    options, (name,) = members(testbed, what, 1)
    _, waiting = grow(testbed, 2, plan(options, timeout="5m", on_failure="continue"))
    testbed.run(400)
    assert len(completed(testbed)) == 2
    assert len(holders(testbed, what, [name])[name]) == 1
    del waiting


def test_a_pool_that_nobody_knows_is_not_nothing_to_do(testbed: Testbed) -> None:
    testbed.elastic_ips.allocate("webb")
    grow(testbed, 1, plan(EIP))
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "there is no Elastic IP with the tag asg-lifecycle:pool = 'web'" in (testbed.record().problem or "")


def test_a_pool_that_nobody_knows_is_not_nothing_to_take_back(testbed: Testbed) -> None:
    instance = leaving(testbed, INTERFACE)
    testbed.terminate(instance)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "there is no network interface with the tag" in (testbed.record().problem or "")


def test_the_pool_is_exactly_the_one_of_the_plan(testbed: Testbed) -> None:
    # EC2's filters take * for any letters.
    testbed.elastic_ips.allocate("web-blue")
    wanted = testbed.elastic_ips.allocate("web*")
    (instance,) = grow(testbed, 1, plan({"what": "elastic-ip", "pool": "{group}*"}))
    testbed.finish()
    assert testbed.elastic_ips.of(instance) == [wanted]


def test_an_address_of_another_pool_is_not_replaced(testbed: Testbed) -> None:
    testbed.elastic_ips.allocate(POOL)
    own = testbed.elastic_ips.allocate("other")
    (instance,) = grow(testbed, 1, plan(EIP))
    testbed.elastic_ips.give(own, instance)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert f"it has the Elastic IP {own}, which is not of pool web" in (testbed.record().problem or "")
    assert testbed.elastic_ips.of(instance) == [own]


def test_only_what_is_of_the_pool_is_taken_back(testbed: Testbed) -> None:
    instance = leaving(testbed, EIP)
    testbed.elastic_ips.allocate(POOL)
    own = testbed.elastic_ips.allocate("other")
    testbed.elastic_ips.give(own, instance)
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed) == f"instance {instance} has nothing to give back of pool web"
    assert asked(testbed, *RETURNS) == 0


def test_one_that_somebody_else_gets_at_once_is_left_there(testbed: Testbed) -> None:
    instance = leaving(testbed, EIP)
    (other,) = testbed.autoscaling.create_group("other", capacity=1)
    address = testbed.elastic_ips.allocate(POOL)
    testbed.elastic_ips.give(address, instance)
    testbed.elastic_ips.views.delay = 20
    testbed.run(60)
    testbed.elastic_ips.give(address, other)
    testbed.terminate(instance)
    testbed.finish()
    # EC2 still showed it with the instance when it was read; its association had ended.
    assert testbed.elastic_ips.of(other) == [address]
    assert ended(testbed) == f"took back Elastic IP {address} of pool web"


@every_kind
def test_what_ec2_shows_late_is_asked_for_once(testbed: Testbed, what: str) -> None:
    options, names = members(testbed, what, 3)
    testbed.elastic_ips.views.delay = testbed.network_interfaces.views.delay = 30
    (instance,) = grow(testbed, 1, plan(options), plan(options))
    testbed.finish()
    assert testbed.elapsed >= 30
    assert [name for name, had in holders(testbed, what, names).items() if had] != []
    assert asked(testbed, *CHANGES) == 1
    testbed.terminate(instance)
    testbed.run(1.2)
    testbed.finish()
    assert asked(testbed, *RETURNS) == 1
    assert not any(holders(testbed, what, names).values())


@pytest.mark.one_of(2)
@every_kind
@pytest.mark.parametrize("trouble", ["lose_response", "lose_request", "throttle"])
def test_any_call_may_fail_for_a_while(testbed: Testbed, what: str, trouble: str) -> None:
    options, names = members(testbed, what, 4)
    for operation in (*CHANGES, *RETURNS, "DescribeAddresses", "DescribeNetworkInterfaces", "DescribeSubnets"):
        getattr(testbed.region.faults, trouble)("ec2", operation, times=2)
    (instance,) = grow(testbed, 1, plan(options), plan(options))
    testbed.finish()
    assert [had for had in holders(testbed, what, names).values() if had] == [[instance]]
    testbed.terminate(instance)
    testbed.run(1.2)
    testbed.finish()
    assert not any(holders(testbed, what, names).values())
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 2


@pytest.mark.one_of(3)
@every_kind
@pytest.mark.parametrize("after", [False, True])
def test_the_lambda_may_die_at_any_call_of_a_launch(
    testbed: Testbed, what: str, *, after: bool, thorough: bool
) -> None:
    every_place = [(invocation, call) for invocation in range(1, 7) for call in range(1, 6)]
    places = some_of(every_place, 4, thorough=thorough)
    options, names = members(testbed, what, len(places) + 3)
    testbed.elastic_ips.views.delay = testbed.network_interfaces.views.delay = 5
    testbed.deployment.service.call_crashes.extend(
        CallCrash(invocation=invocation, call=call, after=after, execution=execution_name(number))
        for number, (invocation, call) in enumerate(places, start=1)
    )
    launched = grow(testbed, len(places), plan(options))
    testbed.run(600)
    assert completed(testbed) == set(launched)
    assert one_each(testbed, what, names) == set(launched)
    assert testbed.elastic_ips.taken_away == []
    assert sum(run.crashed for execution in testbed.deployment.executions for run in execution.runs) >= len(places) / 3


@pytest.mark.one_of(3)
@every_kind
def test_the_lambda_may_die_at_any_call_of_a_release(testbed: Testbed, what: str, *, thorough: bool) -> None:
    every_place = [(invocation, call) for invocation in range(1, 4) for call in range(1, 6)]
    places = some_of(every_place, 4, thorough=thorough)
    options, names = members(testbed, what, len(places))
    testbed.elastic_ips.views.delay = testbed.network_interfaces.views.delay = 5
    launched = grow(testbed, len(places), plan(options), plan(options))
    testbed.run(120)
    assert one_each(testbed, what, names) == set(launched)
    testbed.deployment.service.call_crashes.extend(
        CallCrash(invocation=invocation, call=call, after=True, execution=execution_name(len(places) + number))
        for number, (invocation, call) in enumerate(places, start=1)
    )
    for instance in launched:
        testbed.terminate(instance)
    testbed.run(600)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 2 * len(places)
    assert not any(holders(testbed, what, names).values())
    assert sum(run.crashed for execution in testbed.deployment.executions for run in execution.runs) >= len(places) / 3


def execution_name(number: int) -> str:
    """Return the name of an execution by the order of starts, from 1."""
    return str(uuid.uuid5(NAMES, f"lifecycle-action {number}"))


@every_kind
def test_an_event_that_comes_twice_gives_one(testbed: Testbed, what: str) -> None:
    testbed.region.events.deliveries = lambda event: (1.0, 1.5) if event["source"] == "aws.autoscaling" else ()
    options, names = members(testbed, what, 4)
    (instance,) = grow(testbed, 1, plan(options), plan(options))
    testbed.finish()
    assert [had for had in holders(testbed, what, names).values() if had] == [[instance]]
    testbed.terminate(instance)
    testbed.run(2)
    testbed.finish()
    assert not any(holders(testbed, what, names).values())
    assert (asked(testbed, *CHANGES), asked(testbed, *RETURNS)) == (1, 1)


@pytest.mark.one_of(3)
@pytest.mark.parametrize("after", [1.5, 2.5, 4.0])
@every_kind
def test_who_takes_over_goes_on_with_what_was_chosen(testbed: Testbed, what: str, after: float) -> None:
    options, names = members(testbed, what, 4)
    testbed.elastic_ips.views.delay = testbed.network_interfaces.views.delay = 30
    (instance,) = grow(testbed, 1, plan(options))
    testbed.run(after)
    take_over(testbed)
    testbed.finish()
    assert [had for had in holders(testbed, what, names).values() if had] == [[instance]]
    assert testbed.elastic_ips.taken_away == []
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def take_over(testbed: Testbed) -> SimulatedExecution:
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
    testbed.deployment.start(payload(start))
    return testbed.execution


def test_what_is_skipped_stays_with_the_instance(testbed: Testbed) -> None:
    address = testbed.elastic_ips.allocate(POOL)
    testbed.elastic_ips.views.delay = 60
    (instance,) = grow(testbed, 1, plan(EIP))
    testbed.run(10)
    testbed.deployment.send_message(testbed.record(), Skip())
    testbed.finish()
    assert testbed.elastic_ips.of(instance) == [address]
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "skipped"
    assert f"instance {instance} keeps Elastic IP {address}, if it has got it" in step.detail


def test_a_dry_run_changes_nothing(testbed: Testbed) -> None:
    address = testbed.elastic_ips.allocate(POOL)
    grow(testbed, 1, plan(EIP) | {"dry_run": True})
    testbed.finish()
    said = f"dry run: would give it Elastic IP {address}, or another of pool web that is free"
    assert ended(testbed) == said
    assert testbed.elastic_ips.holders() == {address: None}


def test_a_denied_call_names_its_permission(testbed: Testbed) -> None:
    testbed.elastic_ips.allocate(POOL)
    testbed.region.faults.deny("ec2", "AssociateAddress")
    grow(testbed, 1, plan(EIP))
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "permission ec2:AssociateAddress is missing" in (testbed.record().problem or "")


def test_what_ec2_refuses_and_shows_as_free_fails_the_step(testbed: Testbed) -> None:
    testbed.elastic_ips.allocate(POOL)
    testbed.region.faults.fail("ec2", "AssociateAddress", code="Resource.AlreadyAssociated", times=9)
    grow(testbed, 1, plan(EIP))
    testbed.run(50)
    assert "EC2 refuses it, and does not show yet who has it" in blockers_of(testbed.record())[0].reason
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "shows" in (testbed.record().problem or "")
    assert asked(testbed, "AssociateAddress") == 2


def test_one_that_is_released_from_the_account_is_replaced_by_another(testbed: Testbed) -> None:
    names = [testbed.elastic_ips.allocate(POOL) for _ in range(2)]
    testbed.region.faults.fail("ec2", "AssociateAddress", code="InvalidAllocationID.NotFound")
    (instance,) = grow(testbed, 1, plan(EIP))
    testbed.run(3)
    chosen = next(name for name in names if name in (testbed.record().detail or ""))
    with testbed.region.unobserved():
        ec2 = testbed.region.client("ec2")
        (found,) = ec2.describe_addresses(PublicIps=[chosen])["Addresses"]
        ec2.release_address(AllocationId=found["AllocationId"])
    testbed.finish()
    assert testbed.elastic_ips.of(instance) == [name for name in names if name != chosen]


def test_an_instance_that_is_gone_has_nothing_to_give_back(testbed: Testbed) -> None:
    instance = leaving(testbed, EIP)
    address = testbed.elastic_ips.allocate(POOL)
    testbed.elastic_ips.give(address, instance)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(120)
    record = testbed.deployment.record(GROUP, TERMINATE_HOOK, instance)
    assert record is not None
    (step,) = record.step_outcomes
    assert step.detail == f"instance {instance} has nothing to give back of pool web, it is terminated"
    assert testbed.elastic_ips.holders() == {address: None}
    assert asked(testbed, *RETURNS) == 0


def test_an_instance_that_goes_while_it_waits_for_one(testbed: Testbed) -> None:
    address = testbed.elastic_ips.allocate(POOL)
    (other,) = testbed.autoscaling.create_group("other", capacity=1)
    testbed.elastic_ips.give(address, other)
    (instance,) = grow(testbed, 1, plan(EIP))
    testbed.run(30)
    with testbed.region.unobserved():
        testbed.region.client("ec2").terminate_instances(InstanceIds=[instance])
    testbed.run(120)
    record = testbed.deployment.record(GROUP, LAUNCH_HOOK, instance)
    assert record is not None
    assert record.in_flight is None
    assert testbed.elastic_ips.of(other) == [address]


def test_a_pending_instance_is_waited_for(testbed: Testbed) -> None:
    address = testbed.elastic_ips.allocate(POOL)
    (instance,) = grow(testbed, 1, plan(EIP))
    testbed.addresses.hold_back(instance)
    testbed.run(20)
    (blocker,) = blockers_of(testbed.record())
    assert (blocker.kind, blocker.reason) == ("instance", "it is pending")
    testbed.addresses.bring_up(instance, "203.0.113.9")
    testbed.finish()
    assert testbed.elastic_ips.of(instance) == [address]


def test_in_a_warm_pool_an_instance_has_none_before_it_comes_out(testbed: Testbed) -> None:
    address = testbed.elastic_ips.allocate(POOL)
    testbed.autoscaling.create_group(GROUP, capacity=0, max_size=3)
    metadata = json.dumps({"plan": plan(EIP)})
    testbed.autoscaling.put_hook(GROUP, LAUNCH_HOOK, "LAUNCHING", HeartbeatTimeout=900, NotificationMetadata=metadata)
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").put_warm_pool(AutoScalingGroupName=GROUP, MinSize=1)
    testbed.run(120)
    assert testbed.elastic_ips.holders() == {address: None}
    details = [step.detail for record in testbed.deployment.records() for step in record.step_outcomes]
    assert details
    assert all(detail.endswith("goes into the warm pool: it gets one when it comes out") for detail in details)
    testbed.autoscaling.scale(GROUP, 1)
    testbed.run(120)
    assert testbed.elastic_ips.holders()[address] in testbed.autoscaling.instances(GROUP)


def test_who_returns_into_the_warm_pool_keeps_it(testbed: Testbed) -> None:
    address = testbed.elastic_ips.allocate(POOL)
    instance = leaving(testbed, EIP)
    testbed.elastic_ips.give(address, instance)
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").put_warm_pool(
            AutoScalingGroupName=GROUP, InstanceReusePolicy={"ReuseOnScaleIn": True}
        )
    testbed.autoscaling.scale(GROUP, 0)
    testbed.run(60)
    record = testbed.deployment.record(GROUP, TERMINATE_HOOK, instance)
    assert record is not None
    (step,) = record.step_outcomes
    assert (step.outcome, step.detail) == ("skipped", f"skipped: instance {instance} survives")
    assert testbed.elastic_ips.of(instance) == [address]


def test_a_network_interface_is_waited_for_and_kept(testbed: Testbed) -> None:
    name = testbed.network_interfaces.make(POOL)
    testbed.network_interfaces.attaches_after = 15
    testbed.network_interfaces.deleted_with_instance = True
    (instance,) = grow(testbed, 1, plan(INTERFACE | {"device_index": 3}))
    testbed.run(10)
    assert blockers_of(testbed.record())[0].reason == "it is being attached"
    testbed.finish()
    assert testbed.network_interfaces.holders()[name] == instance
    assert testbed.network_interfaces.is_kept(name)
    testbed.terminate(instance)
    testbed.run(120)
    assert testbed.network_interfaces.holders()[name] is None


def test_network_interfaces_of_other_zones_are_of_no_use(testbed: Testbed) -> None:
    name = testbed.network_interfaces.make(POOL, zone="eu-west-1c")
    grow(testbed, 1, plan(INTERFACE))
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert f"{name}: it is in eu-west-1c" in (testbed.record().problem or "")


def test_another_interface_at_the_device_index_is_in_the_way(testbed: Testbed) -> None:
    testbed.network_interfaces.make(POOL)
    other = testbed.network_interfaces.make()
    (instance,) = grow(testbed, 1, plan(INTERFACE))
    testbed.network_interfaces.attach(other, instance)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert f"it has {other} at device index 1, which is not of pool web" in (testbed.record().problem or "")


@pytest.mark.parametrize("force", [False, True])
def test_a_network_interface_that_does_not_go_is_forced_only_when_told(testbed: Testbed, *, force: bool) -> None:
    name = testbed.network_interfaces.make(POOL)
    instance = leaving(testbed, INTERFACE | ({"force": True} if force else {}))
    testbed.network_interfaces.attach(name, instance)
    testbed.network_interfaces.detaches_after = None
    testbed.terminate(instance)
    testbed.run(50)
    assert testbed.network_interfaces.forced == []
    testbed.run(60)
    assert testbed.network_interfaces.forced == ([name] if force else [])
    assert (testbed.completions() == ["CONTINUE CompleteLifecycleAction"]) is force


def test_a_network_interface_that_takes_its_time_is_waited_for(testbed: Testbed) -> None:
    name = testbed.network_interfaces.make(POOL)
    instance = leaving(testbed, INTERFACE)
    testbed.network_interfaces.attach(name, instance)
    testbed.network_interfaces.detaches_after = 25
    testbed.terminate(instance)
    testbed.run(20)
    assert testbed.completions() == []
    testbed.finish()
    assert testbed.elapsed >= 25
    assert asked(testbed, "DetachNetworkInterface") == 1


def test_the_first_interface_of_an_instance_stays(testbed: Testbed) -> None:
    instance = leaving(testbed, INTERFACE)
    with testbed.region.unobserved():
        ec2 = testbed.region.client("ec2")
        (found,) = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])[
            "NetworkInterfaces"
        ]
        first = found["NetworkInterfaceId"]
        ec2.create_tags(Resources=[first], Tags=[{"Key": "asg-lifecycle:pool", "Value": POOL}])
    testbed.terminate(instance)
    testbed.finish()
    assert f"network interface {first} is its first, which goes with it" in ended(testbed)
    assert asked(testbed, "DetachNetworkInterface") == 0


def test_private_addresses_of_other_subnets_are_of_no_use(testbed: Testbed) -> None:
    grow(testbed, 1, plan({"what": "private-ip", "addresses": ["192.0.2.7"]}))
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "there is no address among those of the plan that is in subnet-" in (testbed.record().problem or "")
    assert asked(testbed, *CHANGES) == 0


def test_the_first_private_address_of_an_instance_stays(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={"steps": []})
    own = testbed.addresses.private(instance)
    metadata = json.dumps({"plan": plan({"what": "private-ip", "addresses": [own]})})
    testbed.autoscaling.put_hook(
        GROUP, TERMINATE_HOOK, "TERMINATING", HeartbeatTimeout=300, NotificationMetadata=metadata
    )
    testbed.terminate(instance)
    testbed.finish()
    assert f"private address {own} is its first, which goes with it" in ended(testbed)


def test_too_many_private_addresses_fail_the_step(testbed: Testbed) -> None:
    options, _ = members(testbed, "private-ip", 1)
    (instance,) = grow(testbed, 1, plan(options))
    for address in secondary(testbed, *range(1, 15)):
        testbed.private_addresses.assign(address, instance)
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "PrivateIpAddressLimitExceeded" in (testbed.record().problem or "")
