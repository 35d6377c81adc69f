"""What is done with an instance on its way in."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from asg_lifecycle_simulator.services.status_checks import Checks

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

RARELY = pytest.mark.one_of(99)
HOOK = "asg-lifecycle-launch"


def launch(testbed: Testbed, *steps: dict[str, Any], **plan: Any) -> str:
    """Launch an instance under a plan; return it, waiting."""
    testbed.autoscaling.create_group("web", capacity=0, max_size=5)
    metadata = json.dumps({"plan": {"steps": list(steps), **plan}})
    testbed.autoscaling.put_hook("web", HOOK, "LAUNCHING", HeartbeatTimeout=300, NotificationMetadata=metadata)
    testbed.autoscaling.scale("web", 1)
    (instance,) = testbed.autoscaling.instances("web")
    return instance


def in_service_at(testbed: Testbed) -> float:
    (entry,) = testbed.log(LogKind.COMPLETED)
    assert entry.detail == "CONTINUE CompleteLifecycleAction"
    return entry.time - testbed.started


def details(testbed: Testbed) -> list[str]:
    return [step.detail for step in testbed.record().step_outcomes]


def test_status_checks_are_waited_for(testbed: Testbed) -> None:
    testbed.status_checks.behave(Checks(passes_after=130))
    instance = launch(testbed, {"kind": "wait-for-status-checks"})
    testbed.run(30)
    assert testbed.record().detail == (
        f"wait-for-status-checks: waiting for the status checks of instance {instance}: "
        "system is initializing, instance is initializing"
    )
    testbed.finish()

    assert 130 <= in_service_at(testbed) <= 150
    assert details(testbed) == ["both status checks passed"]


@pytest.mark.parametrize("check", ["system", pytest.param("instance", marks=RARELY)])
def test_a_check_that_fails_keeps_the_instance_out_until_it_passes_or_its_time_is_over(
    testbed: Testbed, check: str
) -> None:
    failing = Checks(system="impaired") if check == "system" else Checks(instance="impaired")
    testbed.status_checks.behave(failing)
    launch(testbed, {"kind": "wait-for-status-checks", "timeout": "20m", "on_failure": "abandon"})
    testbed.run(900)
    assert f"{check} is impaired" in (testbed.record().detail or "")
    testbed.autoscaling.scale("web", 0)
    testbed.run(400)

    ended = testbed.log(LogKind.COMPLETED)[0]
    assert (ended.detail, round(ended.time - testbed.started, -2)) == ("ABANDON CompleteLifecycleAction", 1200)


def test_a_stopped_instance_has_no_checks(testbed: Testbed) -> None:
    instance = launch(testbed, {"kind": "wait-for-status-checks"})
    with testbed.region.unobserved():
        testbed.region.client("ec2").stop_instances(InstanceIds=[instance])
    testbed.run(60)
    assert testbed.record().status is Status.HELD
    assert "it is stopped, expected running" in (testbed.record().problem or "")


def test_the_agent_is_waited_for_and_then_told_what_to_do(testbed: Testbed) -> None:
    command = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["up"]}}}
    testbed.run_command.behave(Behaviour(duration=20))
    instance = launch(testbed, {"kind": "wait-for-managed"}, command)
    testbed.run(100)
    assert "Systems Manager does not know the instance yet" in (testbed.record().detail or "")
    testbed.run_command.manage(instance, ping_status="ConnectionLost")
    testbed.run(60)
    assert "it is ConnectionLost" in (testbed.record().detail or "")
    testbed.run_command.manage(instance)
    testbed.finish()

    assert 180 <= in_service_at(testbed) <= 230
    assert details(testbed)[0] == "the Systems Manager agent is online"


def test_targets_are_registered_and_waited_for(testbed: Testbed) -> None:
    testbed.target_group("blue")
    testbed.target_group("green")
    testbed.target_groups.healthy_after = 75
    instance = launch(testbed, {"kind": "register-targets", "options": {"names": ["blue", "green"]}})
    testbed.run(10)
    assert "waiting to be healthy: blue says initial, green says initial" in (testbed.record().detail or "")
    testbed.finish()

    assert 75 <= in_service_at(testbed) <= 95
    assert details(testbed) == ["registered with blue, green and healthy"]
    assert {str(entry) for entry in testbed.target_groups.registrations(instance)} == {"blue:80", "green:80"}


@pytest.mark.parametrize("by", ["name", "arn"])
def test_targets_may_be_registered_on_another_port_without_waiting(testbed: Testbed, by: str) -> None:
    arn = testbed.target_group("blue")
    testbed.target_groups.healthy_after = 1000
    where = {"names": ["blue"]} if by == "name" else {"arns": [arn]}
    options = {**where, "port": 8080, "until_healthy": False}
    instance = launch(testbed, {"kind": "register-targets", "options": options})
    testbed.finish()

    assert in_service_at(testbed) < 10
    assert [str(entry) for entry in testbed.target_groups.registrations(instance)] == ["blue:8080"]


def test_targets_of_a_group_that_no_load_balancer_uses_are_not_waited_for(testbed: Testbed) -> None:
    testbed.target_group("blue")
    testbed.target_groups.need_listener = True
    launch(testbed, {"kind": "register-targets", "options": {"names": ["blue"]}})
    testbed.finish()
    assert in_service_at(testbed) < 10


def test_a_target_group_that_takes_addresses_gets_the_address(testbed: Testbed) -> None:
    with testbed.region.unobserved():
        vpc = testbed.region.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        testbed.region.client("elbv2").create_target_group(
            Name="blue", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip"
        )
    instance = launch(testbed, {"kind": "register-targets", "options": {"names": ["blue"]}})
    testbed.finish()

    with testbed.region.unobserved():
        found = testbed.region.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][
            0
        ]
    assert [entry.target for entry in testbed.target_groups.registrations()] == [found["PrivateIpAddress"]]


@pytest.mark.parametrize(
    "where",
    [{"names": ["blue", "gone"]}, {"arns": ["arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/gone/1"]}],
)
def test_a_target_group_there_is_not_fails_the_step_when_the_others_have_the_instance(
    testbed: Testbed, where: dict[str, Any]
) -> None:
    testbed.target_group("blue")
    instance = launch(testbed, {"kind": "register-targets", "options": where})
    testbed.run(60)

    assert testbed.record().status is Status.HELD
    assert "there is no target group" in (testbed.record().problem or "")
    assert len(testbed.target_groups.registrations(instance)) == ("names" in where)


def test_registering_twice_is_registering_once(testbed: Testbed) -> None:
    testbed.target_group("blue")
    testbed.region.faults.lose_response("elbv2", "RegisterTargets")
    instance = launch(testbed, {"kind": "register-targets", "options": {"names": ["blue"]}})
    testbed.finish()
    assert len(testbed.target_groups.registrations(instance)) == 1


@pytest.mark.parametrize(("duration", "length"), [("90s", 90), ("1h30m", 5400), ("0s", 0)])
def test_a_wait_takes_its_time_and_few_wake_ups(testbed: Testbed, duration: str, length: float) -> None:
    launch(testbed, {"kind": "wait", "options": {"duration": duration}})
    testbed.finish()

    assert length <= in_service_at(testbed) <= length + 15
    beats = len(testbed.beats())
    assert len(testbed.execution.runs) <= beats + 4


def test_a_dry_run_of_them_all(testbed: Testbed) -> None:
    testbed.target_group("blue")
    instance = launch(
        testbed,
        {"kind": "wait-for-status-checks"},
        {"kind": "wait-for-managed"},
        {"kind": "wait", "options": {"duration": "5m"}},
        {"kind": "register-targets", "options": {"names": ["blue", "gone"]}},
        dry_run=True,
    )
    testbed.finish()

    assert details(testbed) == [
        f"dry run: would wait for the status checks of instance {instance}; now: system ok, instance ok",
        f"dry run: would wait for the agent of instance {instance}; now: unknown to Systems Manager",
        "dry run: would wait 5m",
        f"dry run: would register with blue as {instance}:80; there is no target group named gone",
    ]
    assert testbed.target_groups.registrations(instance) == []


def test_a_container_instance_is_waited_for_until_it_takes_tasks(testbed: Testbed) -> None:
    instance = launch(testbed, {"kind": "wait-for-ecs", "options": {"cluster": "prod"}})
    testbed.ecs.register("i-other", "prod")
    testbed.run(400)
    assert testbed.record().detail == f"wait-for-ecs: waiting for instance {instance} to register with cluster prod"
    there = testbed.ecs.register(instance, "prod", status="REGISTERING")
    testbed.run(2)
    there.status = "ACTIVE"
    testbed.ecs.tell(there)
    testbed.run(2)

    # Heard of, not looked for: the next look would have come after as much time again.
    assert 400 <= in_service_at(testbed) <= 405
    assert details(testbed)[0].endswith("of cluster prod is ACTIVE")


def test_an_agent_that_is_not_connected_is_waited_for(testbed: Testbed) -> None:
    instance = launch(testbed, {"kind": "wait-for-ecs"})
    there = testbed.ecs.register(instance, "prod", connected=False)
    testbed.run(60)
    assert "it is ACTIVE and its agent is not connected" in (testbed.record().detail or "")
    testbed.ecs.connect(there)
    testbed.finish()
    assert "UpdateContainerInstancesState" not in testbed.calls("ecs")


@pytest.mark.parametrize(
    ("status", "again", "first"),
    [
        pytest.param(*case, marks=[] if number in {0, 3, 5, 6} else RARELY)
        for number, case in enumerate(product(("ACTIVE", "DRAINING"), ("prod", "other"), (True, False)))
    ],
)
def test_the_registration_whose_agent_is_connected_counts(
    testbed: Testbed, status: str, again: str, *, first: bool
) -> None:
    instance = launch(testbed, {"kind": "wait-for-ecs"})
    old, new = (testbed.ecs.register(instance, name, connected=False) for name in ("prod", again))
    old, new = (old, new) if first else (new, old)
    testbed.run(120)
    assert testbed.completions() == []
    new.status = status
    testbed.ecs.connect(new)
    testbed.finish()
    assert new.status == "ACTIVE"
    assert new.arn.rpartition("/")[2] in details(testbed)[0]


@pytest.mark.parametrize("first", ["ACTIVE", "DRAINING"])
def test_of_two_whose_agents_are_connected_the_one_that_takes_tasks_counts(testbed: Testbed, first: str) -> None:
    instance = launch(testbed, {"kind": "wait-for-ecs", "options": {"activate": False}})
    for status in (first, "DRAINING" if first == "ACTIVE" else "ACTIVE"):
        testbed.ecs.register(instance, "prod", status=status)
    testbed.finish()
    assert in_service_at(testbed) < 60
    assert "is ACTIVE" in details(testbed)[0]


@pytest.mark.parametrize("failed", [True, False])
def test_a_registration_that_failed_beside_one_that_works_is_not_a_failure(testbed: Testbed, *, failed: bool) -> None:
    instance = launch(testbed, {"kind": "wait-for-ecs"})
    testbed.ecs.register(instance, "prod", status="REGISTRATION_FAILED", connected=failed)
    there = testbed.ecs.register(instance, "prod", connected=False)
    testbed.run(300)
    assert testbed.record().problem is None
    testbed.ecs.connect(there)
    testbed.finish()
    assert "is ACTIVE" in details(testbed)[0]


@pytest.mark.parametrize("activate", [True, False])
def test_one_that_comes_back_draining_is_activated_where_the_plan_says_so(testbed: Testbed, *, activate: bool) -> None:
    instance = launch(testbed, {"kind": "wait-for-ecs", "options": {"activate": activate}, "timeout": "10m"})
    there = testbed.ecs.register(instance, "prod", status="DRAINING")
    testbed.run(700)
    assert there.status == ("ACTIVE" if activate else "DRAINING")
    assert testbed.record().status is (Status.COMPLETED if activate else Status.HELD)


def test_a_registration_that_failed_fails_the_step(testbed: Testbed) -> None:
    instance = launch(testbed, {"kind": "wait-for-ecs"})
    testbed.ecs.register(instance, "prod", status="REGISTRATION_FAILED")
    testbed.run(60)
    assert "could not register with cluster" in (testbed.record().problem or "")


def test_a_dry_run_says_how_the_container_instance_is(testbed: Testbed) -> None:
    launch(testbed, {"kind": "wait-for-ecs"}, dry_run=True)
    testbed.finish()
    assert "now it is not registered" in details(testbed)[0]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("TargetGroupNotFound", "elasticloadbalancing:RegisterTargets failed: TargetGroupNotFound"),
        ("AccessDenied", "permission elasticloadbalancing:RegisterTargets is missing"),
    ],
)
def test_what_goes_wrong_while_targets_are_registered_is_told_apart(testbed: Testbed, code: str, said: str) -> None:
    testbed.target_group("blue")
    testbed.region.faults.fail("elbv2", "RegisterTargets", code=code)
    launch(testbed, {"kind": "register-targets", "options": {"names": ["blue"]}})
    testbed.run(60)

    assert testbed.record().status is Status.HELD
    assert said in (testbed.record().problem or "")


def test_a_target_that_somebody_takes_out_meanwhile_is_registered_again(testbed: Testbed) -> None:
    arn = testbed.target_group("blue")
    testbed.target_groups.healthy_after = 120
    instance = launch(testbed, {"kind": "register-targets", "options": {"names": ["blue"]}})
    testbed.run(60)
    with testbed.region.unobserved():
        testbed.region.client("elbv2").modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
        )
        testbed.region.client("elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": instance}])
    testbed.run(600)
    assert in_service_at(testbed) > 60 + 120
    assert [str(each) for each in testbed.target_groups.registrations(instance)] == ["blue:80"]
