"""R8 to R10, R22 to R26, R28: the ways of an instance into, through and out of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.simulator.conftest import AutoScalingTestbed

GROUP = "web"
RETAIN = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}


def retain(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.client.update_auto_scaling_group(AutoScalingGroupName=GROUP, InstanceLifecyclePolicy=RETAIN)


def abandon(auto_scaling: AutoScalingTestbed, instance: str) -> None:
    auto_scaling.complete(instance, "ABANDON")


def time_out(auto_scaling: AutoScalingTestbed, _: str) -> None:
    auto_scaling.timeline.run_for(60)


@pytest.mark.parametrize("end", [abandon, time_out])
def test_r10_retained_after_an_abandoned_termination(
    auto_scaling: AutoScalingTestbed, end: Callable[[AutoScalingTestbed, str], None]
) -> None:
    instance = auto_scaling.held()
    retain(auto_scaling)
    end(auto_scaling, instance)
    auto_scaling.timeline.run_for(86_400)
    assert auto_scaling.state(instance) == "Terminating:Retained"
    assert auto_scaling.ec2_state(instance) == "running"
    groups = auto_scaling.client.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert groups[0]["InstanceLifecyclePolicy"] == RETAIN
    auto_scaling.service.terminate(instance)
    assert auto_scaling.ec2_state(instance) == "terminated"


@pytest.mark.parametrize("default", ["CONTINUE", "ABANDON"])
def test_r10_only_an_abandon_retains(auto_scaling: AutoScalingTestbed, default: str) -> None:
    instance = auto_scaling.held(DefaultResult=default)
    auto_scaling.service.retain(GROUP)
    auto_scaling.timeline.run_for(61)
    assert auto_scaling.state(instance) == (None if default == "CONTINUE" else "Terminating:Retained")


def test_r10_an_abandoned_launch_is_not_retained(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held(transition="LAUNCHING")
    retain(auto_scaling)
    auto_scaling.complete(instance, "ABANDON")
    auto_scaling.timeline.run_for(1)
    assert auto_scaling.ec2_state(instance) == "terminated"


def test_r10_policy_given_at_creation(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group(0)
    auto_scaling.client.create_auto_scaling_group(
        AutoScalingGroupName="kept",
        LaunchConfigurationName="simulated",
        MinSize=0,
        MaxSize=1,
        AvailabilityZones=["eu-west-1a"],
        InstanceLifecyclePolicy=RETAIN,
    )
    assert auto_scaling.service.engine.groups["kept"].retains


def warm_pool(
    auto_scaling: AutoScalingTestbed, capacity: int = 0, *, reuse: bool = False, state: str = "Stopped"
) -> None:
    auto_scaling.group(capacity, max_size=capacity + 1)
    for transition in ("LAUNCHING", "TERMINATING"):
        auto_scaling.hook(transition.lower(), transition)
    auto_scaling.client.put_warm_pool(
        AutoScalingGroupName=GROUP,
        PoolState=state,
        MaxGroupPreparedCapacity=capacity + 1,
        InstanceReusePolicy={"ReuseOnScaleIn": reuse},
    )


def ways(auto_scaling: AutoScalingTestbed, instance: str) -> list[tuple[str, str, str]]:
    """Return hook, Origin and Destination of every event about `instance`."""
    details = [event["detail"] for event in auto_scaling.events]
    return [
        (detail["LifecycleHookName"], detail["Origin"], detail["Destination"])
        for detail in details
        if detail["EC2InstanceId"] == instance
    ]


def finish(auto_scaling: AutoScalingTestbed, instance: str, hook: str, result: str = "CONTINUE") -> None:
    auto_scaling.complete(instance, result, hook)
    auto_scaling.timeline.run_for(1)


@pytest.mark.parametrize(
    ("pool_state", "ec2_state"), [("Stopped", "stopped"), ("Running", "running"), ("Hibernated", "stopped")]
)
def test_r22_the_launch_hook_fires_on_the_way_in_and_on_the_way_out(
    auto_scaling: AutoScalingTestbed, pool_state: str, ec2_state: str
) -> None:
    warm_pool(auto_scaling, state=pool_state)
    (instance,) = auto_scaling.service.instances(GROUP)
    assert auto_scaling.state(instance) == "Warmed:Pending:Wait"
    finish(auto_scaling, instance, "launching")
    assert (auto_scaling.state(instance), auto_scaling.ec2_state(instance)) == (f"Warmed:{pool_state}", ec2_state)
    pool = auto_scaling.client.describe_warm_pool(AutoScalingGroupName=GROUP)
    assert [one["LifecycleState"] for one in pool["Instances"]] == [f"Warmed:{pool_state}"]
    assert auto_scaling.client.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"] == []
    auto_scaling.service.scale(GROUP, 1)
    assert (auto_scaling.state(instance), auto_scaling.ec2_state(instance)) == ("Pending:Wait", "running")
    finish(auto_scaling, instance, "launching")
    assert auto_scaling.state(instance) == "InService"
    assert ways(auto_scaling, instance) == [
        ("launching", "EC2", "WarmPool"),
        ("launching", "WarmPool", "AutoScalingGroup"),
    ]


def test_r22_scale_in_with_reuse_is_a_terminate_event_the_instance_survives(auto_scaling: AutoScalingTestbed) -> None:
    warm_pool(auto_scaling, 1, reuse=True)
    spare = auto_scaling.service.instances(GROUP)[1]
    finish(auto_scaling, spare, "launching")
    instance = auto_scaling.service.instances(GROUP)[0]
    auto_scaling.service.scale(GROUP, 0)
    assert auto_scaling.state(instance) == "Warmed:Pending:Wait"
    finish(auto_scaling, instance, "terminating")
    assert ways(auto_scaling, instance) == [("terminating", "AutoScalingGroup", "WarmPool")]
    assert "Warmed:Stopped" in auto_scaling.states(instance)


@pytest.mark.parametrize(("retains", "left"), [(False, None), (True, "Warmed:Pending:Retained")])
def test_r22_r9_r10_an_abandoned_return_to_the_pool(
    auto_scaling: AutoScalingTestbed, left: str | None, *, retains: bool
) -> None:
    warm_pool(auto_scaling, 1, reuse=True)
    instance = auto_scaling.service.instances(GROUP)[0]
    auto_scaling.service.retain(GROUP, on_terminate_abandon=retains)
    auto_scaling.service.scale(GROUP, 0)
    finish(auto_scaling, instance, "terminating", "ABANDON")
    assert auto_scaling.state(instance) == left


def test_r22_scale_in_without_reuse_terminates(auto_scaling: AutoScalingTestbed) -> None:
    warm_pool(auto_scaling, 1)
    instance = auto_scaling.service.instances(GROUP)[0]
    auto_scaling.service.scale(GROUP, 0)
    finish(auto_scaling, instance, "terminating")
    assert ways(auto_scaling, instance) == [("terminating", "AutoScalingGroup", "EC2")]
    assert auto_scaling.ec2_state(instance) == "terminated"


def test_r22_leaving_the_warm_pool_for_good(auto_scaling: AutoScalingTestbed) -> None:
    warm_pool(auto_scaling)
    (instance,) = auto_scaling.service.instances(GROUP)
    finish(auto_scaling, instance, "launching")
    auto_scaling.client.delete_warm_pool(AutoScalingGroupName=GROUP)
    assert auto_scaling.state(instance) == "Warmed:Terminating:Wait"
    finish(auto_scaling, instance, "terminating")
    assert ways(auto_scaling, instance)[1:] == [("terminating", "WarmPool", "EC2")]
    assert auto_scaling.ec2_state(instance) == "terminated"


def test_r22_an_abandoned_warm_up_is_replaced_in_the_pool(auto_scaling: AutoScalingTestbed) -> None:
    warm_pool(auto_scaling)
    (instance,) = auto_scaling.service.instances(GROUP)
    finish(auto_scaling, instance, "launching", "ABANDON")
    (other,) = auto_scaling.service.instances(GROUP)
    assert (other != instance, auto_scaling.state(other)) == (True, "Warmed:Pending:Wait")


def test_r23_root_volume_out_and_in(auto_scaling: AutoScalingTestbed) -> None:
    (instance,) = auto_scaling.group()
    for transition in ("LAUNCHING", "TERMINATING"):
        auto_scaling.hook(transition.lower(), transition)
    auto_scaling.service.replace_root_volume(instance)
    assert auto_scaling.state(instance) == "ReplacingRootVolume:Wait"
    finish(auto_scaling, instance, "terminating")
    assert auto_scaling.state(instance) == "Pending:Wait"
    finish(auto_scaling, instance, "launching")
    assert auto_scaling.states(instance)[2:] == [
        *("ReplacingRootVolume", "ReplacingRootVolume:Wait", "ReplacingRootVolume:Proceed", "RootVolumeReplaced"),
        *("Pending", "Pending:Wait", "Pending:Proceed", "InService"),
    ]
    assert auto_scaling.ec2_state(instance) == "running"
    assert [event["detail"]["Action"] for event in auto_scaling.events] == ["ReplaceRootVolume"] * 2
    assert ways(auto_scaling, instance) == [
        ("terminating", "AutoScalingGroup", "AutoScalingGroup"),
        ("launching", "AutoScalingGroup", "AutoScalingGroup"),
    ]


@pytest.mark.parametrize(("transition", "result"), [("LAUNCHING", "ABANDON"), ("TERMINATING", "CONTINUE")])
def test_r24_deleting_a_hook_completes_its_actions(
    auto_scaling: AutoScalingTestbed, transition: str, result: str
) -> None:
    instance = auto_scaling.held(transition=transition)
    auto_scaling.client.delete_lifecycle_hook(AutoScalingGroupName=GROUP, LifecycleHookName="drain")
    assert [entry.detail for entry in auto_scaling.ends(instance)] == [f"{result} DeleteLifecycleHook"]
    auto_scaling.timeline.run_for(1)
    assert auto_scaling.ec2_state(instance) == "terminated"


def test_r25_no_hook_for_attach_detach_standby_and_forced_deletion(auto_scaling: AutoScalingTestbed) -> None:
    client, ec2 = auto_scaling.client, auto_scaling.region.client("ec2")
    auto_scaling.group(2)
    for transition in ("LAUNCHING", "TERMINATING"):
        auto_scaling.hook(transition.lower(), transition)
    stray = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    client.attach_instances(AutoScalingGroupName=GROUP, InstanceIds=[stray])
    assert auto_scaling.state(stray) == "InService"
    named = {"AutoScalingGroupName": GROUP, "InstanceIds": [stray]}
    client.enter_standby(**named, ShouldDecrementDesiredCapacity=True)
    assert auto_scaling.state(stray) == "Standby"
    client.exit_standby(**named)
    assert auto_scaling.state(stray) == "InService"
    client.detach_instances(**named, ShouldDecrementDesiredCapacity=True)
    assert (auto_scaling.state(stray), auto_scaling.ec2_state(stray)) == (None, "running")
    members = auto_scaling.service.instances(GROUP)
    with pytest.raises(ClientError, match="ResourceInUse"):
        client.delete_auto_scaling_group(AutoScalingGroupName=GROUP)
    client.delete_auto_scaling_group(AutoScalingGroupName=GROUP, ForceDelete=True)
    assert {auto_scaling.ec2_state(member) for member in members} == {"terminated"}
    auto_scaling.timeline.run_for(10)
    assert auto_scaling.events == []
    assert client.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_r25_an_action_under_way_ends_with_the_forced_deletion(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held()
    auto_scaling.client.delete_auto_scaling_group(AutoScalingGroupName=GROUP, ForceDelete=True)
    with pytest.raises(ClientError, match="No active Lifecycle Action"):
        auto_scaling.beat(instance)
    auto_scaling.timeline.run_for(3_600)
    assert [entry.kind for entry in auto_scaling.ends(instance)] == [LogKind.SKIPPED]


def target_group(auto_scaling: AutoScalingTestbed) -> str:
    vpc = auto_scaling.region.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
    created = auto_scaling.region.client("elbv2").create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc)
    return str(created["TargetGroups"][0]["TargetGroupArn"])


def test_r26_attached_target_groups_are_drained_before_the_hook_starts(auto_scaling: AutoScalingTestbed) -> None:
    elbv2 = auto_scaling.region.client("elbv2")
    arn = target_group(auto_scaling)
    drains: list[tuple[str, Sequence[str]]] = []

    def drain(instance: str, arns: Sequence[str], then: Callable[[], None]) -> None:
        drains.append((instance, arns))
        auto_scaling.timeline.call_after(300, then)

    auto_scaling.service.fleet.drain_targets = drain
    (instance,) = auto_scaling.group(target_group_arns=[arn])
    health = elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert [one["Target"] for one in health] == [{"Id": instance, "Port": 80}]
    attached = auto_scaling.client.describe_load_balancer_target_groups(AutoScalingGroupName=GROUP)
    assert attached["LoadBalancerTargetGroups"][0]["LoadBalancerTargetGroupARN"] == arn
    auto_scaling.hook()
    auto_scaling.service.scale(GROUP, 0)
    auto_scaling.timeline.run_for(299)
    assert (drains, auto_scaling.state(instance), auto_scaling.events) == ([(instance, (arn,))], "Terminating", [])
    auto_scaling.timeline.run_for(1)
    assert auto_scaling.state(instance) == "Terminating:Wait"


def test_r26_target_groups_attached_later_are_drained_too(auto_scaling: AutoScalingTestbed) -> None:
    arn = target_group(auto_scaling)
    drained: list[str] = []
    auto_scaling.service.fleet.drain_targets = lambda instance, _, __: drained.append(instance)
    (instance,) = auto_scaling.group()
    auto_scaling.client.attach_load_balancer_target_groups(AutoScalingGroupName=GROUP, TargetGroupARNs=[arn])
    auto_scaling.service.terminate(instance)
    assert drained == [instance]


@pytest.mark.parametrize("phase", ["InService", "Pending:Wait"])
def test_r28_terminated_through_ec2_the_hook_fires_for_what_is_gone(
    auto_scaling: AutoScalingTestbed, phase: str
) -> None:
    instance = auto_scaling.group()[0] if phase == "InService" else auto_scaling.held("warm", transition="LAUNCHING")
    auto_scaling.hook()
    auto_scaling.region.client("ec2").terminate_instances(InstanceIds=[instance])
    assert (auto_scaling.state(instance), auto_scaling.ec2_state(instance)) == (phase, "terminated")
    auto_scaling.timeline.run_for(2)
    assert (auto_scaling.state(instance), auto_scaling.ec2_state(instance)) == ("Terminating:Wait", "terminated")
    assert ways(auto_scaling, instance)[-1] == ("drain", "AutoScalingGroup", "EC2")
    finish(auto_scaling, instance, "drain")
    assert auto_scaling.state(instance) is None
    assert len(auto_scaling.service.instances(GROUP)) == 1  # its replacement


def test_r28_gone_while_its_terminate_hook_waits_changes_nothing(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held()
    auto_scaling.region.client("ec2").terminate_instances(InstanceIds=[instance])
    auto_scaling.timeline.run_for(10)
    assert auto_scaling.state(instance) == "Terminating:Wait"
    assert len(auto_scaling.region.log.of(LogKind.WAIT_STARTED)) == 1


def test_r28_nobody_waits_for_the_drain_of_what_is_gone(auto_scaling: AutoScalingTestbed) -> None:
    drained: list[str] = []
    auto_scaling.service.fleet.drain_targets = lambda instance, _, __: drained.append(instance)
    (instance,) = auto_scaling.group(target_group_arns=[target_group(auto_scaling)])
    auto_scaling.hook()
    auto_scaling.region.client("ec2").terminate_instances(InstanceIds=[instance])
    auto_scaling.timeline.run_for(1)
    assert (drained, auto_scaling.state(instance)) == ([instance], "Terminating:Wait")


@pytest.mark.parametrize(("decrement", "size"), [(True, 1), (False, 2)])
def test_terminate_in_group_replaces_unless_capacity_is_decremented(
    auto_scaling: AutoScalingTestbed, size: int, *, decrement: bool
) -> None:
    first, second = auto_scaling.group(2)
    auto_scaling.service.terminate(first, decrement=decrement)
    members = auto_scaling.service.instances(GROUP)
    assert (len(members), members[0]) == (size, second)
    group = auto_scaling.client.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert group["DesiredCapacity"] == size


def test_scale_in_takes_the_oldest_and_spares_the_protected(auto_scaling: AutoScalingTestbed) -> None:
    first, second, third = auto_scaling.group(3)
    auto_scaling.client.set_instance_protection(
        AutoScalingGroupName=GROUP, InstanceIds=[first], ProtectedFromScaleIn=True
    )
    auto_scaling.service.scale(GROUP, 2)
    assert auto_scaling.service.instances(GROUP) == [first, third]
    assert auto_scaling.ec2_state(second) == "terminated"


def test_scale_in_during_a_launch_takes_effect_when_the_instance_is_in_service(
    auto_scaling: AutoScalingTestbed,
) -> None:
    instance = auto_scaling.held(transition="LAUNCHING")
    auto_scaling.service.scale(GROUP, 0)
    assert auto_scaling.state(instance) == "Pending:Wait"
    finish(auto_scaling, instance, "drain")
    assert auto_scaling.ec2_state(instance) == "terminated"


def test_several_instances_are_attached_and_put_into_standby_at_once(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group(1, max_size=3)
    ec2 = auto_scaling.region.client("ec2")
    strays = [one["InstanceId"] for one in ec2.run_instances(ImageId="ami-1", MinCount=2, MaxCount=2)["Instances"]]
    named = {"AutoScalingGroupName": GROUP, "InstanceIds": strays}
    auto_scaling.client.attach_instances(**named)
    auto_scaling.client.enter_standby(**named, ShouldDecrementDesiredCapacity=True)
    assert [auto_scaling.state(one) for one in strays] == ["Standby"] * 2
    auto_scaling.client.exit_standby(**named)
    assert [auto_scaling.state(one) for one in auto_scaling.service.instances(GROUP)] == ["InService"] * 3


def test_hundreds_of_instances_without_hooks_come_and_go(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group(0, max_size=300)
    auto_scaling.service.scale(GROUP, 200)
    auto_scaling.service.scale(GROUP, 0)
    assert auto_scaling.service.instances(GROUP) == []
