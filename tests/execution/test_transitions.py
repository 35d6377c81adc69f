from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def test_a_root_volume_replacement_is_two_actions_of_an_instance_that_survives(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DEREGISTER)
    testbed.target_group("blue", instance, delay=60)
    testbed.autoscaling.replace_root_volume(instance)
    testbed.run(600)

    records = {record.hook: record for record in testbed.deployment.records()}
    assert {hook: record.status for hook, record in records.items()} == {
        "asg-lifecycle-terminate": "completed",
        "asg-lifecycle-launch": "completed",
    }
    assert records["asg-lifecycle-terminate"].operation == "ReplaceRootVolume"
    assert testbed.autoscaling.instance_state(instance) == "InService"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 2


def test_two_instances_are_drained_side_by_side(testbed: Testbed) -> None:
    instances = testbed.group(2, plan=DEREGISTER)
    testbed.target_group("blue", *instances, delay=120)
    for instance in instances:
        testbed.terminate(instance)
    testbed.run(300)

    assert [execution.result["result"] for execution in testbed.deployment.executions] == ["CONTINUE", "CONTINUE"]
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 2
    assert {record.instance for record in testbed.deployment.records()} == set(instances)


def test_a_sibling_hook_of_another_system_is_never_touched(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DEREGISTER)
    testbed.autoscaling.put_hook("web", "ecs-managed-draining-termination-hook", "TERMINATING", HeartbeatTimeout=600)
    testbed.autoscaling.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=600)
    testbed.target_group("blue", instance, delay=30)
    testbed.terminate(instance)
    testbed.run(300)

    (completed,) = testbed.log(LogKind.COMPLETED)
    assert completed.hook == "asg-lifecycle-terminate"
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Wait"
    assert sorted(execution.result["outcome"] for execution in testbed.deployment.executions) == [
        "completed",
        "ignored",
        "ignored",
    ]
    assert {entry.hook for entry in testbed.log(LogKind.HEARTBEAT)} == {"asg-lifecycle-terminate"}


def test_an_abandoned_instance_is_retained_where_the_group_says_so(testbed: Testbed) -> None:
    plan = {"steps": [{"kind": "run-command", "options": {"document": "Gone"}}], "on_failure": "abandon"}
    (instance,) = testbed.group(plan=plan)
    testbed.region.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName="web",
        InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "retain"}},
    )
    testbed.terminate(instance)
    testbed.run(60)

    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]
    assert testbed.autoscaling.instance_state(instance) == "Terminating:Retained"
