"""Container instances are drained until their tasks have stopped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.ecs import ContainerInstance
    from tests.execution.conftest import Stage


def drain(stage: Stage, cluster: str | None = "prod", **options: Any) -> str:
    chosen = {**({"cluster": cluster} if cluster else {}), **options}
    (instance,) = stage.group(plan={"steps": [{"kind": "drain-ecs", "options": chosen}]})
    return instance


def registered(stage: Stage, instance: str, cluster: str = "prod", **more: Any) -> ContainerInstance:
    return stage.ecs.register(instance, cluster, **more)


def ended(stage: Stage) -> tuple[float, str]:
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = stage.record().steps
    return stage.elapsed, step.detail


@pytest.mark.parametrize("cluster", ["prod", None])
def test_it_is_done_when_the_last_task_has_stopped_and_not_when_it_no_longer_runs(
    stage: Stage, cluster: str | None
) -> None:
    instance = drain(stage, cluster)
    there = registered(stage, instance)
    registered(stage, "i-other", "other")
    stage.ecs.run(there, "web:17", service="web", takes=40)
    stage.ecs.run(there, "worker:3", service="worker", takes=600)
    stage.terminate(instance)
    stage.run(60)
    assert there.status == "DRAINING"
    assert "waiting for 1 of 2 tasks on cluster prod: worker:3 STOPPING" in (stage.record().detail or "")
    stage.finish()

    elapsed, detail = ended(stage)
    assert 600 <= elapsed <= 680
    assert detail.endswith("of cluster prod is drained")


def test_a_tag_of_the_instance_names_the_cluster(stage: Stage) -> None:
    instance = drain(stage, None)
    stage.ecs.run(registered(stage, instance), "web:1", service="web", takes=20)
    for number in range(30):
        stage.ecs.register(f"i-{number:08x}", f"cluster-{number}")
    with stage.region.unobserved():
        tag = {"Key": "asg-lifecycle:ecs-cluster", "Value": "prod"}
        stage.region.client("ec2").create_tags(Resources=[instance], Tags=[tag])
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1].endswith("of cluster prod is drained")
    assert "ListClusters" not in stage.calls("ecs")


def test_more_than_a_hundred_tasks(stage: Stage) -> None:
    instance = drain(stage)
    there = registered(stage, instance)
    stage.ecs.run(there, "web:1", service="web", takes=300, count=250)
    stage.terminate(instance)
    stage.run(30)
    assert "waiting for 250 of 250 tasks" in (stage.record().detail or "")
    assert (stage.record().detail or "").endswith(", …")
    stage.finish()
    assert ended(stage)[0] >= 300


def test_tasks_of_no_service_are_waited_for(stage: Stage) -> None:
    instance = drain(stage)
    there = registered(stage, instance)
    (job,) = stage.ecs.run(there, "job:1", ends_after=1500)
    stage.terminate(instance)
    stage.run(600)
    assert "1 of no service, which end by themselves" in (stage.record().detail or "")
    stage.finish()

    assert ended(stage)[0] >= 1500
    assert job.told_at is None


def test_tasks_of_no_service_are_stopped_where_the_plan_says_so(stage: Stage) -> None:
    instance = drain(stage, standalone="stop")
    there = registered(stage, instance)
    (job,) = stage.ecs.run(there, "job:1", takes=20)
    stage.terminate(instance)
    stage.finish()

    assert 20 <= ended(stage)[0] <= 60
    assert job.stopped_because == f"instance {instance} is drained by asg-lifecycle"
    assert stage.calls("ecs")["StopTask"] == 1


def test_a_task_that_never_stops_keeps_the_instance_until_the_deadline(stage: Stage) -> None:
    instance = drain(stage)
    stage.ecs.run(registered(stage, instance), "stuck:1", service="stuck", takes=math.inf)
    stage.terminate(instance)
    stage.run(20_000)
    assert stage.completions() == []
    assert "stuck:1 STOPPING" in (stage.record().detail or "")
    stage.finish()
    assert stage.completions() == ["ABANDON CompleteLifecycleAction"]


@pytest.mark.parametrize("cluster", ["prod", None])
def test_an_instance_that_never_registered_is_done(stage: Stage, cluster: str | None) -> None:
    instance = drain(stage, cluster)
    registered(stage, "i-other")
    stage.terminate(instance)
    stage.finish()
    assert "is no container instance" in ended(stage)[1]


def test_one_that_leaves_its_cluster_midway_is_done(stage: Stage) -> None:
    instance = drain(stage)
    stage.ecs.run(registered(stage, instance), "web:1", service="web", takes=math.inf)
    stage.terminate(instance)
    stage.run(60)
    stage.ecs.leave(instance)
    stage.finish()
    assert ended(stage)[1] == f"instance {instance} has left its cluster"


@pytest.mark.parametrize("status", ["DEREGISTERING", "REGISTRATION_FAILED"])
def test_one_that_can_run_no_task_is_done(stage: Stage, status: str) -> None:
    instance = drain(stage)
    registered(stage, instance, status=status)
    stage.terminate(instance)
    stage.finish()
    assert f"is {status}" in ended(stage)[1]
    assert "UpdateContainerInstancesState" not in stage.calls("ecs")


def test_one_that_still_registers_is_explained_and_drained_when_it_can_be(stage: Stage) -> None:
    instance = drain(stage)
    there = registered(stage, instance, status="REGISTERING")
    stage.terminate(instance)
    stage.run(60)
    assert "is REGISTERING and can be drained when it is ACTIVE" in (stage.record().detail or "")
    there.status = "ACTIVE"
    stage.finish()
    assert ended(stage)[1].endswith("is drained")


def test_one_that_is_set_back_to_active_is_drained_again(stage: Stage) -> None:
    instance = drain(stage)
    there = registered(stage, instance)
    stage.ecs.run(there, "web:1", service="web", takes=300)
    stage.terminate(instance)
    stage.run(60)
    there.status = "ACTIVE"
    stage.ecs.run(there, "web:1", service="web", takes=100)
    stage.finish()
    assert there.status == "DRAINING" or not stage.ecs.clusters["prod"]
    assert ended(stage)[0] >= 300


def test_a_cluster_there_is_not_holds_the_instance(stage: Stage) -> None:
    stage.terminate(drain(stage, "porduction"))
    stage.run(120)
    assert stage.record().status is Status.HELD
    assert "ClusterNotFoundException" in (stage.record().problem or "")


def test_where_to_look_first_is_remembered_for_the_group(stage: Stage) -> None:
    instances = stage.group(3, plan={"steps": [{"kind": "drain-ecs"}]})
    for number in range(9):
        stage.ecs.register(f"i-{number}", f"cluster-{number}")
    for instance in instances:
        stage.ecs.register(instance, "cluster-8")
    for instance in instances:
        stage.terminate(instance)
        stage.run(5)
    stage.finish()

    assert stage.calls("ecs")["ListClusters"] == 1
    assert stage.calls("ecs")["ListContainerInstances"] <= 9 + 2
    assert len(stage.completions()) == 3


def test_what_is_unknown_of_one_instance_is_not_believed_of_the_next(stage: Stage) -> None:
    first, second = stage.group(2, plan={"steps": [{"kind": "drain-ecs"}]})
    there = registered(stage, second)
    stage.ecs.run(there, "web:1", service="web", takes=400)
    stage.terminate(first)
    stage.run(10)
    stage.terminate(second)
    stage.run(300)
    assert len(stage.completions()) == 1
    stage.finish()
    assert len(stage.completions()) == 2


def test_lost_answers_drain_once(stage: Stage) -> None:
    instance = drain(stage, standalone="stop")
    there = registered(stage, instance)
    stage.ecs.run(there, "job:1", takes=20)
    for operation in ("UpdateContainerInstancesState", "StopTask", "ListTasks", "DescribeTasks"):
        stage.region.faults.lose_response("ecs", operation)
    stage.terminate(instance)
    stage.finish()
    assert ended(stage)[1].endswith("is drained")


def test_a_dry_run_names_the_tasks(stage: Stage) -> None:
    plan = {"steps": [{"kind": "drain-ecs", "options": {"cluster": "prod"}}], "dry_run": True}
    (instance,) = stage.group(plan=plan)
    there = registered(stage, instance)
    stage.ecs.run(there, "web:17", service="web")
    stage.terminate(instance)
    stage.finish()

    assert "of cluster prod; it is ACTIVE and has 1 task: web:17 RUNNING" in ended(stage)[1]
    assert there.status == "ACTIVE" or not stage.ecs.clusters["prod"]
    assert "UpdateContainerInstancesState" not in stage.calls("ecs")
