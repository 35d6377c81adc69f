"""An instance goes when there is enough without it, and is not kept for a replacement that never comes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status
from asg_lifecycle_simulator.services.target_groups import make_target_group
from tests.execution.conftest import GROUP, LAUNCH_HOOK, TERMINATE_HOOK

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from asg_lifecycle.model.step_memory import StepOutcome
    from tests.execution.conftest import Testbed


def plan(**options: Any) -> dict[str, Any]:
    timeout = options.pop("timeout", "30m")
    return {"steps": [{"kind": "wait-for-capacity", "options": options, "timeout": timeout}]}


def group(testbed: Testbed, capacity: int, **options: Any) -> list[str]:
    """Make the group, whose launches a hook of somebody else holds until `launch_all`."""
    instances = testbed.group(capacity, plan=plan(**options))
    testbed.region.client("autoscaling").delete_lifecycle_hook(
        AutoScalingGroupName=GROUP, LifecycleHookName=LAUNCH_HOOK
    )
    testbed.autoscaling.put_hook(GROUP, "somebody-else", "LAUNCHING", HeartbeatTimeout=7200)
    return instances


def launch_all(testbed: Testbed) -> None:
    for instance in testbed.autoscaling.instances(GROUP):
        if testbed.autoscaling.instance_state(instance) == "Pending:Wait":
            testbed.region.client("autoscaling").complete_lifecycle_action(
                AutoScalingGroupName=GROUP,
                LifecycleHookName="somebody-else",
                InstanceId=instance,
                LifecycleActionResult="CONTINUE",
            )


def records(testbed: Testbed) -> list[Record]:
    return [each for each in testbed.deployment.records() if each.entry == "current"]


def detail(testbed: Testbed) -> str:
    return testbed.record().detail or ""


def outcome(testbed: Testbed) -> StepOutcome:
    (only,) = testbed.record().step_outcomes
    return only


def healthy_without(testbed: Testbed, instance: str) -> int:
    engine = testbed.autoscaling.engine
    return sum(each.state == "InService" and each.id != instance for each in engine.members(GROUP))


def ended_with(testbed: Testbed, instance: str) -> int:
    """Let the instance go, and return how many others were in service before that moment."""
    there = 0
    while testbed.autoscaling.instance_state(instance) == "Terminating:Wait":
        there = healthy_without(testbed, instance)
        testbed.run(1)
    return there


def test_a_replaced_instance_goes_when_its_replacement_is_in_service(testbed: Testbed) -> None:
    instances = group(testbed, 3)
    testbed.autoscaling.terminate(instances[0], decrement=False)
    testbed.run(120)
    (new,) = set(testbed.autoscaling.instances(GROUP)) - set(instances)
    assert detail(testbed) == (
        f"wait-for-capacity: waiting for 1 more healthy instance in Auto Scaling group web: 2 of 3 without instance "
        f"{instances[0]}; {new}: it is Pending:Wait"
    )
    blockers = testbed.record().present_steps[0].progress.blockers  # type: ignore[union-attr] # it waits
    assert [(each.kind, each.name) for each in blockers] == [("instance", new)]
    assert not testbed.completions()
    launch_all(testbed)
    assert ended_with(testbed, instances[0]) == 3
    assert outcome(testbed).detail == (
        f"Auto Scaling group web has 3 healthy instances without instance {instances[0]}, 3 needed"
    )


def test_scale_in_has_lowered_what_is_desired_and_waits_for_nothing(testbed: Testbed) -> None:
    instances = group(testbed, 3)
    testbed.autoscaling.scale(GROUP, 2)
    testbed.run(20)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert "has 2 healthy instances without instance" in outcome(testbed).detail
    assert len(set(instances) & set(testbed.autoscaling.instances(GROUP))) == 2


def test_no_more_than_desired_is_waited_for(testbed: Testbed) -> None:
    group(testbed, 3, at_least=3)
    testbed.autoscaling.scale(GROUP, 1)
    testbed.run(30)
    assert len(testbed.completions()) == 2
    assert all(
        "has 1 healthy instance without instance" in each.step_outcomes[0].detail
        and each.step_outcomes[0].detail.endswith(", 1 needed, because no more than 1 are desired")
        for each in records(testbed)
    )


def test_a_desired_capacity_that_is_lowered_meanwhile_ends_the_wait_and_says_so(testbed: Testbed) -> None:
    instances = group(testbed, 3)
    testbed.autoscaling.engine.groups[GROUP].launches = False
    testbed.autoscaling.terminate(instances[0], decrement=False)
    testbed.run(300)
    assert not testbed.completions()
    assert "1 instance not launched" in detail(testbed)
    testbed.autoscaling.scale(GROUP, 2)
    testbed.finish()
    assert outcome(testbed).detail.endswith(
        ", 2 needed, because no more than 2 are desired since 3 were when the step began"
    )


def test_what_is_unhealthy_or_stands_by_is_no_capacity(testbed: Testbed) -> None:
    instances = group(testbed, 4)
    testbed.autoscaling.fleet.shown(instances[1]).health_status = "Unhealthy"
    testbed.region.client("autoscaling").enter_standby(
        AutoScalingGroupName=GROUP, InstanceIds=[instances[2]], ShouldDecrementDesiredCapacity=False
    )
    testbed.autoscaling.terminate(instances[0], decrement=False)
    testbed.run(60)
    assert "3 more healthy instances in Auto Scaling group web: 1 of 4" in detail(testbed)
    assert f"{instances[1]}: it is not healthy" in detail(testbed)
    assert instances[2] not in detail(testbed)


def test_instances_in_a_warm_pool_are_no_capacity(testbed: Testbed) -> None:
    instances = group(testbed, 1)
    testbed.region.client("autoscaling").put_warm_pool(AutoScalingGroupName=GROUP, MinSize=2, PoolState="Running")
    launch_all(testbed)
    testbed.run(60)
    testbed.autoscaling.engine.groups[GROUP].launches = False
    testbed.autoscaling.terminate(instances[0], decrement=False)
    testbed.run(60)
    assert "waiting for 1 more healthy instance in Auto Scaling group web: 0 of 1" in detail(testbed)


def test_a_suspended_launch_is_named(testbed: Testbed) -> None:
    instances = group(testbed, 2)
    testbed.region.client("autoscaling").suspend_processes(AutoScalingGroupName=GROUP, ScalingProcesses=["Launch"])
    testbed.autoscaling.terminate(instances[0], decrement=False)
    testbed.run(60)
    said = "1 instance not launched: its process Launch is suspended, so no replacement will come before it is resumed"
    assert f"web: {said}" in detail(testbed)
    testbed.region.client("autoscaling").resume_processes(AutoScalingGroupName=GROUP, ScalingProcesses=["Launch"])
    launch_all(testbed)
    assert ended_with(testbed, instances[0]) == 2


def test_two_that_wait_for_each_other_at_the_maximum_size_end_by_their_timeout(testbed: Testbed) -> None:
    instances = group(testbed, 3, timeout="10m")
    testbed.region.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=GROUP, MaxSize=3)
    testbed.autoscaling.engine.groups[GROUP].launches = False
    for instance in instances[:2]:
        testbed.autoscaling.terminate(instance, decrement=False)
    testbed.run(300)
    for record in records(testbed):
        assert "2 more healthy instances in Auto Scaling group web: 1 of 3" in (record.detail or "")
        said = "it has 3 instances, those on their way out included, and its maximum size is 3"
        assert said in (record.detail or "")
    testbed.run(600)
    assert [record.status for record in records(testbed)] == [Status.HELD, Status.HELD]
    assert all("not done within 10m" in (record.detail or "") for record in records(testbed))


def test_for_a_new_root_volume_no_other_instance_is_waited_for(testbed: Testbed) -> None:
    instances = group(testbed, 2)
    testbed.autoscaling.replace_root_volume(instances[0])
    testbed.run(20)
    assert "has 1 healthy instance without" in outcome(testbed).detail
    assert outcome(testbed).detail.endswith(", 1 needed")


def test_the_healthy_targets_of_a_target_group_are_counted(testbed: Testbed) -> None:
    instances = group(testbed, 3, target_group="blue", at_least=2)
    arn = testbed.target_group("blue", *instances[:2])
    testbed.autoscaling.terminate(instances[0])
    testbed.run(60)
    assert "waiting for 1 more healthy target in target group blue: 1 of 2 without" in detail(testbed)
    testbed.target_groups.healthy_after = 100
    testbed.register(arn, instances[2])
    testbed.run(50)
    assert f"{arn}: {instances[2]} is initial" in detail(testbed)
    testbed.finish()
    assert testbed.timeline.now() >= testbed.started + 160


def test_a_target_on_two_ports_is_one_target_and_healthy_on_both(testbed: Testbed) -> None:
    instances = group(testbed, 3, target_group="blue", at_least=2)
    arn = testbed.target_group("blue", *instances[:2], ports=(80, 81))
    testbed.autoscaling.terminate(instances[0])
    testbed.run(60)
    assert "1 of 2 without" in detail(testbed)
    testbed.register(arn, instances[2])
    testbed.target_groups.healthy_after = 1000
    testbed.register(arn, instances[2], ports=(81,))
    testbed.run(60)
    assert not testbed.completions()


def test_another_instance_on_its_way_out_is_no_target_to_count_on(testbed: Testbed) -> None:
    instances = group(testbed, 4, target_group="blue", at_least=2)
    testbed.target_group("blue", *instances[:3])
    for instance in instances[:2]:
        testbed.autoscaling.terminate(instance)
    testbed.run(120)
    assert not testbed.completions()
    assert all("1 of 2 without" in (record.detail or "") for record in records(testbed))


def test_without_a_number_the_instances_of_the_group_are_counted_and_no_other_targets(testbed: Testbed) -> None:
    instances = group(testbed, 2, target_group="blue")
    others = testbed.autoscaling.create_group("other", capacity=3)
    arn = testbed.target_group("blue", *instances, *others)
    testbed.autoscaling.terminate(instances[0], decrement=False)
    testbed.run(60)
    launch_all(testbed)
    testbed.run(60)
    (new,) = set(testbed.autoscaling.instances(GROUP)) - set(instances)
    assert testbed.autoscaling.instance_state(new) == "InService"
    assert f"1 of 2 without instance {instances[0]}; {new}: it is not registered with the target group" in detail(
        testbed
    )
    testbed.register(arn, new)
    testbed.finish()
    assert "target group blue has 2 healthy instances without" in outcome(testbed).detail


@pytest.mark.parametrize("ipv6", [False, True])
def test_targets_by_address_are_known_by_the_addresses_of_the_instances(testbed: Testbed, *, ipv6: bool) -> None:
    instances = group(testbed, 3, target_group="blue", at_least=2)
    arn = make_target_group(testbed.region, "blue", delay=10, ipv6=True)
    if not ipv6:
        elbv2 = testbed.region.client("elbv2")
        vpc = testbed.region.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        made = elbv2.create_target_group(Name="green", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        arn = made["TargetGroups"][0]["TargetGroupArn"]
        testbed.autoscaling.put_hook(
            GROUP,
            TERMINATE_HOOK,
            "TERMINATING",
            NotificationMetadata=json.dumps({"plan": plan(target_group=arn, at_least=2)}),
        )
    addresses = [
        f"2001:db8::{number}" if ipv6 else testbed.addresses.private(each) for number, each in enumerate(instances)
    ]
    for instance, address in zip(instances, addresses, strict=True):
        if ipv6:
            testbed.addresses.give(instance, address)
    # As somebody writes them by hand.
    written = [each.upper().replace("::", ":0:0:0:0:0:") if ipv6 else each for each in addresses]
    testbed.region.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": each} for each in written[:2]])
    testbed.autoscaling.terminate(instances[0])
    testbed.run(60)
    assert "1 of 2 without" in detail(testbed)
    testbed.region.client("elbv2").register_targets(TargetGroupArn=arn, Targets=[{"Id": written[2]}])
    testbed.finish()


def test_tasks_of_a_service_elsewhere_are_counted(testbed: Testbed) -> None:
    instances = group(testbed, 3, service={"cluster": "prod", "name": "web"})
    here, there, third = (testbed.ecs.register(each, "prod") for each in instances)
    testbed.ecs.service("web", "prod").desired = 3
    testbed.ecs.run(here, "web:1", service="web")
    testbed.ecs.run(here, "worker:1", service="worker")
    testbed.ecs.run(there, "web:1", service="web", count=2)
    testbed.autoscaling.terminate(instances[0])
    testbed.run(60)
    assert "waiting for 1 more running task in ECS service web: 2 of 3 without" in detail(testbed)
    assert not testbed.completions()
    testbed.ecs.run(third, "web:1", service="web")
    testbed.finish()
    assert "ECS service web has 3 running tasks without" in outcome(testbed).detail


def test_tasks_on_another_instance_that_goes_are_not_counted(testbed: Testbed) -> None:
    instances = group(testbed, 3, service={"cluster": "prod", "name": "web"}, at_least=2)
    for each in map(testbed.ecs.register, instances, ["prod"] * 3):
        testbed.ecs.run(each, "web:1", service="web")
    testbed.ecs.services["prod", "web"].desired = 3
    for instance in instances[:2]:
        testbed.autoscaling.terminate(instance)
    testbed.run(120)
    assert not testbed.completions()
    testbed.ecs.services["prod", "web"].desired = 1
    testbed.run(60)
    assert len(testbed.completions()) == 2


def test_a_daemon_is_no_capacity_to_wait_for(testbed: Testbed) -> None:
    instances = group(testbed, 1, service={"cluster": "prod", "name": "agents"})
    testbed.ecs.register(instances[0], "prod")
    testbed.ecs.service("agents", "prod", daemon=True)
    testbed.autoscaling.terminate(instances[0])
    testbed.run(30)
    assert testbed.record().status is Status.HELD
    assert "ECS service agents runs one task on every container instance" in detail(testbed)


def test_available_pods_elsewhere_are_counted(testbed: Testbed) -> None:
    wanted = {"namespace": "default", "name": "web", "cluster": "production"}
    instances = group(testbed, 3, deployment=wanted)
    cluster = testbed.kubernetes.cluster()
    nodes = [cluster.join(each) for each in instances]
    deployment = cluster.deployment("web", replicas=3)
    deployment.expressions = [{"key": "app", "operator": "In", "values": ["web", "shop"]}]
    deployment.expressions += [{"key": "canary", "operator": "DoesNotExist"}]
    cluster.run(nodes[0], "web")
    cluster.run(nodes[0], "worker", count=3)
    cluster.run(nodes[1], "web", count=2)
    testbed.autoscaling.terminate(instances[0])
    testbed.run(60)
    assert "waiting for 1 more available pod in deployment default/web: 2 of 3 without" in detail(testbed)
    (late,) = cluster.run(nodes[2], "web")
    late.ready = False
    testbed.run(60)
    assert "2 of 3 without" in detail(testbed)
    late.ready, deployment.observed = True, False
    testbed.run(60)
    assert "its controller has yet to see it" in detail(testbed)
    deployment.observed = True
    testbed.finish()
    assert "deployment default/web has 3 available pods without" in outcome(testbed).detail


def test_pods_on_another_instance_that_goes_are_not_counted(testbed: Testbed) -> None:
    wanted = {"namespace": "default", "name": "web", "cluster": "production"}
    instances = group(testbed, 3, deployment=wanted, at_least=2)
    cluster = testbed.kubernetes.cluster()
    for each in map(cluster.join, instances):
        cluster.run(each, "web")
    cluster.deployment("web", replicas=3)
    for instance in instances[:2]:
        testbed.autoscaling.terminate(instance)
    testbed.run(120)
    assert not testbed.completions()
    assert all("1 of 2 without" in (record.detail or "") for record in records(testbed))


MISSING: dict[str, dict[str, Any]] = {
    "there is no target group nowhere": {"target_group": "nowhere", "at_least": 1},
    "there is no ECS cluster nowhere": {"service": {"cluster": "nowhere", "name": "web"}},
    "there is no ECS service web in cluster prod": {"service": {"cluster": "prod", "name": "web"}},
    "there is no EKS cluster nowhere": {"deployment": {"namespace": "a", "name": "b", "cluster": "nowhere"}},
    "there is no deployment a/b in cluster production": {
        "deployment": {"namespace": "a", "name": "b", "cluster": "production"}
    },
}


@pytest.mark.parametrize("said", MISSING)
@pytest.mark.parametrize("if_missing", ["fail", "done"])
def test_what_does_not_exist_is_capacity_only_where_the_plan_says_so(
    testbed: Testbed, said: str, if_missing: str
) -> None:
    asked = plan(**MISSING[said])
    asked["steps"][0]["if_missing"] = if_missing
    (instance,) = testbed.group(plan=asked)
    testbed.ecs.clusters["prod"] = []
    testbed.ecs.service("web", "prod").deleted = True
    testbed.kubernetes.cluster().join(instance)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    assert said in detail(testbed) + "".join(each.detail for each in testbed.record().step_outcomes)
    assert bool(testbed.completions()) == (if_missing == "done")


def test_a_group_that_cannot_be_read_keeps_the_instance(testbed: Testbed) -> None:
    instances = group(testbed, 2)
    testbed.region.faults.throttle("autoscaling", "DescribeAutoScalingGroups", times=1000)
    testbed.autoscaling.terminate(instances[0])
    testbed.run(600)
    assert not testbed.completions()


def test_a_dry_run_says_what_would_be_waited_for(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan={**plan(), "dry_run": True})
    testbed.autoscaling.terminate(instance)
    testbed.finish()
    assert outcome(testbed).detail == (
        f"dry run: would wait until Auto Scaling group web has 0 healthy instances without instance {instance}; now: 0"
    )
