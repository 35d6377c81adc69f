"""`ps --retained` and `terminate-retained`: instances that an abandoned terminate hook left running (R10)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.action_commands import HOOK, SIGNAL, run, waiting

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

WHY = ("--reason", "looked into", "--yes")
TERMINATE = ("autoscaling", "TerminateInstanceInAutoScalingGroup")


def retained(testbed: Testbed[Deployment], group: str = "web", count: int = 1) -> list[str]:
    """Let the instances of a new group be abandoned and retained, an hour ago."""
    instances = waiting(testbed, group, SIGNAL, count=count)
    testbed.autoscaling.retain(group)
    assert run("abandon", "--group", group, "--reason", "does not stop", "--yes").exit_code == 0
    testbed.run(3_600)
    assert {testbed.autoscaling.instance_state(each) for each in instances} == {"Terminating:Retained"}
    return instances


def ec2_state(testbed: Testbed[Deployment], instance: str) -> str:
    with testbed.region.unobserved():
        described = testbed.region.client("ec2").describe_instances(InstanceIds=[instance])
    return str(described["Reservations"][0]["Instances"][0]["State"]["Name"])


def listed(*words: str) -> list[dict[str, Any]]:
    found = run("ps", "--retained", "--output", "json", *words)
    assert found.exit_code == 0, found.output
    return list(json.loads(found.stdout))


def test_they_are_listed_with_their_group_and_since_when(stack: Testbed[Deployment]) -> None:
    (instance,) = retained(stack)
    (other,) = retained(stack, "other")
    waiting(stack, "third", SIGNAL)
    first, second = listed()

    assert (first["instance"], first["group"], second["instance"], second["group"]) == (other, "other", instance, "web")
    assert first["type"] == "t4g.small"
    assert first["state"] == "Terminating:Retained"
    assert first["for"] == pytest.approx(3_600, abs=60)
    assert stack.timeline.now() - first["since"] == pytest.approx(first["for"])
    assert [each["instance"] for each in listed("--group", "web")] == [instance]
    assert "2h" in next(line for line in run("ps", "--retained").stdout.splitlines() if instance in line)


def test_those_of_a_warm_pool_are_listed_too(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("web", capacity=0, max_size=3)
    stack.autoscaling.put_hook("web", "others", "TERMINATING", HeartbeatTimeout=60)
    stack.autoscaling.retain("web")
    with stack.region.unobserved():
        client = stack.region.client("autoscaling")
        client.put_warm_pool(AutoScalingGroupName="web", MinSize=1)
        client.delete_warm_pool(AutoScalingGroupName="web", ForceDelete=True)
        client.put_warm_pool(AutoScalingGroupName="web", MinSize=0, MaxGroupPreparedCapacity=0)
    stack.run(120)
    found = listed("--group", "web")
    assert {each["state"] for each in found} == {"Warmed:Terminating:Retained"}
    assert {each["since"] for each in found} == {None}


def test_none_is_retained(stack: Testbed[Deployment]) -> None:
    waiting(stack, "web", SIGNAL)
    assert listed() == []
    assert run("ps", "--retained").stdout == "no instance is retained\n"
    assert run("ps", "--retained", "--group", "none").exit_code == 1
    assert run("ps", "--retained", "--status", "held").exit_code == 2


def test_one_is_terminated_and_seen_to_go(stack: Testbed[Deployment]) -> None:
    first, second = retained(stack, count=2)
    done = run("terminate-retained", first, *WHY)
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(f"{first}: gone\n")
    assert ec2_state(stack, first) in {"shutting-down", "terminated"}
    assert ec2_state(stack, second) == "running"


def test_all_of_a_group_are_terminated_and_the_desired_capacity_stays(stack: Testbed[Deployment]) -> None:
    instances = retained(stack, count=2)
    stack.autoscaling.scale("web", 1)
    (other,) = retained(stack, "other")
    assert run("terminate-retained", "--group", "web", *WHY).exit_code == 0
    assert {ec2_state(stack, each) for each in instances} <= {"shutting-down", "terminated"}
    assert ec2_state(stack, other) == "running"
    (left,) = stack.autoscaling.instances("web")
    assert stack.autoscaling.instance_state(left) == "InService"
    again = run("terminate-retained", "--group", "web", *WHY)
    assert (again.exit_code, again.stderr) == (1, "asg-lifecycle: there is nothing to terminate\n")


def test_what_is_not_retained_is_left_alone(stack: Testbed[Deployment]) -> None:
    (instance,) = retained(stack)
    (lives,) = stack.autoscaling.create_group("other")
    stack.region.calls.clear()
    mixed = run("terminate-retained", instance, lives, "i-0123456789abcdef0", *WHY)
    assert mixed.exit_code == 1
    assert f"{lives}: it is InService in group other, not retained" in mixed.stderr
    assert "i-0123456789abcdef0: no Auto Scaling group has it" in mixed.stderr
    assert stack.region.calls[TERMINATE] == 1
    assert stack.autoscaling.instance_state(lives) == "InService"
    assert run("terminate-retained", lives, *WHY).exit_code == 1


def test_a_lost_request_is_not_taken_for_done(stack: Testbed[Deployment]) -> None:
    (instance,) = retained(stack)
    stack.region.faults.lose_request(*TERMINATE)
    done = run("terminate-retained", instance, *WHY)
    assert done.exit_code == 1
    assert "still lists it as retained after 120 s" in done.stderr
    stack.region.faults.throttle(*TERMINATE, times=2)
    assert run("terminate-retained", instance, *WHY).exit_code == 0


def test_it_needs_a_reason_and_somebody_who_agrees(stack: Testbed[Deployment]) -> None:
    (instance,) = retained(stack)
    assert run("terminate-retained", instance, "--yes").exit_code == 2
    assert run("terminate-retained", instance, "--reason", "x").exit_code == 2
    assert run("terminate-retained", "--reason", "x").exit_code == 2
    assert run("terminate-retained", "web", *WHY).exit_code == 2
    dry = run("terminate-retained", instance, "--reason", "x", "--dry-run")
    assert (dry.exit_code, dry.stdout.splitlines()[-1]) == (0, "dry run: nothing was done")
    assert stack.autoscaling.instance_state(instance) == "Terminating:Retained"


@pytest.mark.parametrize("typed", ["their id", "another"])
def test_the_id_is_typed(stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    (instance,) = retained(stack)
    monkeypatch.setattr("asg_lifecycle.cli.confirmation.is_interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda _: instance if typed == "their id" else typed)
    done = run("terminate-retained", instance, "--reason", "x")
    assert done.exit_code == (0 if typed == "their id" else 1)
    assert (stack.autoscaling.instance_state(instance) is None) is (typed == "their id")


def test_the_sweep_counts_them(stack: Testbed[Deployment], capsys: pytest.CaptureFixture[str]) -> None:
    retained(stack, count=2)
    assert stack.deployment.record("web", HOOK, stack.autoscaling.instances("web")[0]) is not None
    stack.region.calls.clear()
    capsys.readouterr()
    stack.deployment.sweep()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "InstancesRetainedNow" in line]
    assert lines[0]["InstancesRetainedNow"] == [2.0]
    assert stack.region.calls["autoscaling", "DescribeAutoScalingGroups"] == 1
    assert stack.region.calls["autoscaling", "DescribeWarmPool"] == 0
