"""What is done with an instance on its way in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from asg_lifecycle_simulator.services.status_checks import Checks

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

HOOK = "asg-lifecycle-launch"


def launch(stage: Stage, *steps: dict[str, Any], **plan: Any) -> str:
    """Launch an instance under a plan; return it, waiting."""
    stage.region.create_group("web", capacity=0, max_size=5)
    metadata = json.dumps({"plan": {"steps": list(steps), **plan}})
    stage.region.put_hook("web", HOOK, "LAUNCHING", HeartbeatTimeout=300, NotificationMetadata=metadata)
    stage.region.scale("web", 1)
    (instance,) = stage.region.instances("web")
    return instance


def in_service_at(stage: Stage) -> float:
    (entry,) = stage.log(LogKind.COMPLETED)
    assert entry.detail == "CONTINUE CompleteLifecycleAction"
    return entry.time - stage.started


def details(stage: Stage) -> list[str]:
    return [step.detail for step in stage.record().steps]


def test_status_checks_are_waited_for(stage: Stage) -> None:
    stage.status_checks.behave(Checks(passes_after=130))
    instance = launch(stage, {"kind": "wait-for-status-checks"})
    stage.run(30)
    assert stage.record().detail == (
        f"wait-for-status-checks: waiting for the status checks of instance {instance}: "
        "system is initializing, instance is initializing"
    )
    stage.finish()

    assert 130 <= in_service_at(stage) <= 150
    assert details(stage) == ["both status checks passed"]


@pytest.mark.parametrize("check", ["system", "instance"])
def test_a_check_that_fails_keeps_the_instance_out_until_it_passes_or_its_time_is_over(
    stage: Stage, check: str
) -> None:
    failing = Checks(system="impaired") if check == "system" else Checks(instance="impaired")
    stage.status_checks.behave(failing)
    launch(stage, {"kind": "wait-for-status-checks", "timeout": "20m", "on_failure": "abandon"})
    stage.run(900)
    assert f"{check} is impaired" in (stage.record().detail or "")
    stage.region.scale("web", 0)
    stage.run(400)

    ended = stage.log(LogKind.COMPLETED)[0]
    assert (ended.detail, round(ended.time - stage.started, -2)) == ("ABANDON CompleteLifecycleAction", 1200)


def test_a_stopped_instance_has_no_checks(stage: Stage) -> None:
    instance = launch(stage, {"kind": "wait-for-status-checks"})
    with stage.region.unobserved():
        stage.region.client("ec2").stop_instances(InstanceIds=[instance])
    stage.run(60)
    assert stage.record().status is Status.HELD
    assert "it is stopped, expected running" in (stage.record().problem or "")


def test_the_agent_is_waited_for_and_then_told_what_to_do(stage: Stage) -> None:
    command = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["up"]}}}
    stage.run_command.behave(Behaviour(duration=20))
    instance = launch(stage, {"kind": "wait-for-managed"}, command)
    stage.run(100)
    assert "Systems Manager does not know the instance yet" in (stage.record().detail or "")
    stage.run_command.manage(instance, ping_status="ConnectionLost")
    stage.run(60)
    assert "it is ConnectionLost" in (stage.record().detail or "")
    stage.run_command.manage(instance)
    stage.finish()

    assert 180 <= in_service_at(stage) <= 230
    assert details(stage)[0] == "the Systems Manager agent is online"


def test_targets_are_registered_and_waited_for(stage: Stage) -> None:
    stage.target_group("blue")
    stage.target_group("green")
    stage.target_groups.healthy_after = 75
    instance = launch(stage, {"kind": "register-targets", "options": {"names": ["blue", "green"]}})
    stage.run(10)
    assert "waiting to be healthy: blue says initial, green says initial" in (stage.record().detail or "")
    stage.finish()

    assert 75 <= in_service_at(stage) <= 95
    assert details(stage) == ["registered with blue, green and healthy"]
    assert {str(entry) for entry in stage.target_groups.registrations(instance)} == {"blue:80", "green:80"}


@pytest.mark.parametrize("by", ["name", "arn"])
def test_targets_may_be_registered_on_another_port_without_waiting(stage: Stage, by: str) -> None:
    arn = stage.target_group("blue")
    stage.target_groups.healthy_after = 1000
    where = {"names": ["blue"]} if by == "name" else {"arns": [arn]}
    options = {**where, "port": 8080, "until_healthy": False}
    instance = launch(stage, {"kind": "register-targets", "options": options})
    stage.finish()

    assert in_service_at(stage) < 10
    assert [str(entry) for entry in stage.target_groups.registrations(instance)] == ["blue:8080"]


def test_targets_of_a_group_that_no_load_balancer_uses_are_not_waited_for(stage: Stage) -> None:
    stage.target_group("blue")
    stage.target_groups.need_listener = True
    launch(stage, {"kind": "register-targets", "options": {"names": ["blue"]}})
    stage.finish()
    assert in_service_at(stage) < 10


def test_a_target_group_that_takes_addresses_gets_the_address(stage: Stage) -> None:
    with stage.region.unobserved():
        vpc = stage.region.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        stage.region.client("elbv2").create_target_group(
            Name="blue", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip"
        )
    instance = launch(stage, {"kind": "register-targets", "options": {"names": ["blue"]}})
    stage.finish()

    with stage.region.unobserved():
        found = stage.region.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert [entry.target for entry in stage.target_groups.registrations()] == [found["PrivateIpAddress"]]


@pytest.mark.parametrize("where", [{"names": ["blue", "gone"]}, {"arns": ["arn:aws:x:y:z:targetgroup/gone/1"]}])
def test_a_target_group_there_is_not_keeps_the_instance_out(stage: Stage, where: dict[str, Any]) -> None:
    stage.target_group("blue")
    instance = launch(stage, {"kind": "register-targets", "options": where})
    stage.run(60)

    assert stage.record().status is Status.HELD
    assert "there is no target group" in (stage.record().problem or "")
    assert stage.target_groups.registrations(instance) == []


def test_registering_twice_is_registering_once(stage: Stage) -> None:
    stage.target_group("blue")
    stage.region.faults.lose_response("elbv2", "RegisterTargets")
    instance = launch(stage, {"kind": "register-targets", "options": {"names": ["blue"]}})
    stage.finish()
    assert len(stage.target_groups.registrations(instance)) == 1


@pytest.mark.parametrize(("duration", "length"), [("90s", 90), ("1h30m", 5400), ("0s", 0)])
def test_a_wait_takes_its_time_and_few_wake_ups(stage: Stage, duration: str, length: float) -> None:
    launch(stage, {"kind": "wait", "options": {"duration": duration}})
    stage.finish()

    assert length <= in_service_at(stage) <= length + 15
    beats = len(stage.beats())
    assert len(stage.execution.runs) <= beats + 4


def test_a_dry_run_of_them_all(stage: Stage) -> None:
    stage.target_group("blue")
    instance = launch(
        stage,
        {"kind": "wait-for-status-checks"},
        {"kind": "wait-for-managed"},
        {"kind": "wait", "options": {"duration": "5m"}},
        {"kind": "register-targets", "options": {"names": ["blue", "gone"]}},
        dry_run=True,
    )
    stage.finish()

    assert details(stage) == [
        f"dry run: would wait for the status checks of instance {instance}; now: system ok, instance ok",
        f"dry run: would wait for the agent of instance {instance}; now: unknown to Systems Manager",
        "dry run: would wait 5m",
        f"dry run: would register with blue as {instance}:80; there is no target group gone",
    ]
    assert stage.target_groups.registrations(instance) == []


def test_a_container_instance_is_waited_for_until_it_takes_tasks(stage: Stage) -> None:
    instance = launch(stage, {"kind": "wait-for-ecs", "options": {"cluster": "prod"}})
    stage.ecs.register("i-other", "prod")
    stage.run(400)
    assert stage.record().detail == f"wait-for-ecs: waiting for instance {instance} to register with cluster prod"
    there = stage.ecs.register(instance, "prod", status="REGISTERING")
    stage.run(2)
    there.status = "ACTIVE"
    stage.ecs.tell(there)
    stage.run(2)

    # Heard of, not looked for: the next look would have come after as much time again.
    assert 400 <= in_service_at(stage) <= 405
    assert details(stage)[0].endswith("of cluster prod is ACTIVE")


def test_an_agent_that_is_not_connected_is_waited_for(stage: Stage) -> None:
    instance = launch(stage, {"kind": "wait-for-ecs"})
    there = stage.ecs.register(instance, "prod", connected=False)
    stage.run(60)
    assert "it is ACTIVE and its agent is not connected" in (stage.record().detail or "")
    there.connected = True
    stage.finish()
    assert "UpdateContainerInstancesState" not in stage.calls("ecs")


@pytest.mark.parametrize("activate", [True, False])
def test_one_that_comes_back_draining_is_activated_where_the_plan_says_so(stage: Stage, *, activate: bool) -> None:
    instance = launch(stage, {"kind": "wait-for-ecs", "options": {"activate": activate}, "timeout": "10m"})
    there = stage.ecs.register(instance, "prod", status="DRAINING")
    stage.run(700)
    assert there.status == ("ACTIVE" if activate else "DRAINING")
    assert stage.record().status is (Status.COMPLETED if activate else Status.HELD)


def test_a_registration_that_failed_fails_the_step(stage: Stage) -> None:
    instance = launch(stage, {"kind": "wait-for-ecs"})
    stage.ecs.register(instance, "prod", status="REGISTRATION_FAILED")
    stage.run(60)
    assert "could not register with cluster" in (stage.record().problem or "")


def test_a_dry_run_says_how_the_container_instance_is(stage: Stage) -> None:
    launch(stage, {"kind": "wait-for-ecs"}, dry_run=True)
    stage.finish()
    assert "now it is not registered" in details(stage)[0]
