from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def test_a_root_volume_replacement_is_two_actions_of_an_instance_that_survives(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER)
    stage.target_group("blue", instance, delay=60)
    stage.region.autoscaling.replace_root_volume(instance)
    stage.run(600)

    records = {record.hook: record for record in stage.deployment.records()}
    assert {hook: record.status for hook, record in records.items()} == {
        "asg-lifecycle-terminate": "completed",
        "asg-lifecycle-launch": "completed",
    }
    assert records["asg-lifecycle-terminate"].operation == "ReplaceRootVolume"
    assert stage.region.instance_state(instance) == "InService"
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"] * 2


def test_two_instances_are_drained_side_by_side(stage: Stage) -> None:
    instances = stage.group(2, plan=DEREGISTER)
    stage.target_group("blue", *instances, delay=120)
    for instance in instances:
        stage.terminate(instance)
    stage.run(300)

    assert [execution.result["result"] for execution in stage.deployment.executions] == ["CONTINUE", "CONTINUE"]
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"] * 2
    assert {record.instance for record in stage.deployment.records()} == set(instances)


def test_a_sibling_hook_of_another_system_is_never_touched(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER)
    stage.region.put_hook("web", "ecs-managed-draining-termination-hook", "TERMINATING", HeartbeatTimeout=600)
    stage.region.put_hook("web", "somebody-elses", "TERMINATING", HeartbeatTimeout=600)
    stage.target_group("blue", instance, delay=30)
    stage.terminate(instance)
    stage.run(300)

    (completed,) = stage.log(LogKind.COMPLETED)
    assert completed.hook == "asg-lifecycle-terminate"
    assert stage.region.instance_state(instance) == "Terminating:Wait"
    assert sorted(execution.result["outcome"] for execution in stage.deployment.executions) == [
        "completed",
        "ignored",
        "ignored",
    ]
    assert {entry.hook for entry in stage.log(LogKind.HEARTBEAT)} == {"asg-lifecycle-terminate"}


def test_an_abandoned_instance_is_retained_where_the_group_says_so(stage: Stage) -> None:
    plan = {"steps": [{"kind": "run-command", "options": {"document": "Gone"}}], "on_failure": "abandon"}
    (instance,) = stage.group(plan=plan)
    stage.region.client("autoscaling").update_auto_scaling_group(
        AutoScalingGroupName="web",
        InstanceLifecyclePolicy={"RetentionTriggers": {"TerminateHookAbandon": "retain"}},
    )
    stage.terminate(instance)
    stage.run(60)

    assert stage.completions() == ["ABANDON CompleteLifecycleAction"]
    assert stage.region.instance_state(instance) == "Terminating:Retained"
