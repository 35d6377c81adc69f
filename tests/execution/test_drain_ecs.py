"""Container instances are drained until their tasks have stopped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.ecs import ContainerInstance
    from tests.execution.conftest import Testbed


def drain(testbed: Testbed, cluster: str | None = "prod", **options: Any) -> str:
    chosen = {**({"cluster": cluster} if cluster else {}), **options}
    (instance,) = testbed.group(plan={"steps": [{"kind": "drain-ecs", "options": chosen}]})
    return instance


def registered(testbed: Testbed, instance: str, cluster: str = "prod", **more: Any) -> ContainerInstance:
    return testbed.ecs.register(instance, cluster, **more)


def ended(testbed: Testbed) -> tuple[float, str]:
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (step,) = testbed.record().step_outcomes
    return testbed.elapsed, step.detail


@pytest.mark.parametrize("cluster", ["prod", None])
def test_it_is_done_when_the_last_task_has_stopped_and_not_when_it_no_longer_runs(
    testbed: Testbed, cluster: str | None
) -> None:
    instance = drain(testbed, cluster)
    there = registered(testbed, instance)
    registered(testbed, "i-other", "other")
    testbed.ecs.run(there, "web:17", service="web", takes=40)
    testbed.ecs.run(there, "worker:3", service="worker", takes=600)
    testbed.terminate(instance)
    testbed.run(60)
    assert there.status == "DRAINING"
    assert "waiting for 1 of 2 tasks on cluster prod: worker:3 STOPPING" in (testbed.record().detail or "")
    testbed.finish()

    elapsed, detail = ended(testbed)
    assert 600 <= elapsed <= 680
    assert detail.endswith("of cluster prod is drained")


def test_a_tag_of_the_instance_names_the_cluster(testbed: Testbed) -> None:
    instance = drain(testbed, None)
    testbed.ecs.run(registered(testbed, instance), "web:1", service="web", takes=20)
    for number in range(30):
        testbed.ecs.register(f"i-{number:08x}", f"cluster-{number}")
    with testbed.region.unobserved():
        tag = {"Key": "asg-lifecycle:ecs-cluster", "Value": "prod"}
        testbed.region.client("ec2").create_tags(Resources=[instance], Tags=[tag])
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1].endswith("of cluster prod is drained")
    assert "ListClusters" not in testbed.calls("ecs")


def test_more_than_a_hundred_tasks(testbed: Testbed) -> None:
    instance = drain(testbed)
    there = registered(testbed, instance)
    testbed.ecs.run(there, "web:1", service="web", takes=300, count=120)
    testbed.terminate(instance)
    testbed.run(30)
    assert "waiting for 120 of 120 tasks" in (testbed.record().detail or "")
    assert (testbed.record().detail or "").endswith(", …")
    testbed.finish()
    assert ended(testbed)[0] >= 300


def test_tasks_of_no_service_are_waited_for(testbed: Testbed) -> None:
    instance = drain(testbed)
    there = registered(testbed, instance)
    (job,) = testbed.ecs.run(there, "job:1", ends_after=1500)
    testbed.terminate(instance)
    testbed.run(600)
    assert "1 of no service, which end by themselves" in (testbed.record().detail or "")
    testbed.finish()

    assert ended(testbed)[0] >= 1500
    assert job.told_at is None


def test_tasks_of_no_service_are_stopped_where_the_plan_says_so(testbed: Testbed) -> None:
    instance = drain(testbed, standalone="stop")
    there = registered(testbed, instance)
    (job,) = testbed.ecs.run(there, "job:1", takes=20)
    testbed.terminate(instance)
    testbed.finish()

    assert 20 <= ended(testbed)[0] <= 60
    assert job.stopped_because == f"instance {instance} is drained by asg-lifecycle"
    assert testbed.calls("ecs")["StopTask"] == 1


def test_a_task_that_never_stops_keeps_the_instance_until_the_deadline(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.ecs.run(registered(testbed, instance), "stuck:1", service="stuck", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(20_000)
    assert testbed.completions() == []
    assert "stuck:1 STOPPING" in (testbed.record().detail or "")
    testbed.finish()
    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]


@pytest.mark.parametrize("cluster", ["prod", None])
def test_an_instance_that_never_registered_is_done(testbed: Testbed, cluster: str | None) -> None:
    instance = drain(testbed, cluster)
    registered(testbed, "i-other")
    testbed.terminate(instance)
    testbed.finish()
    assert "is no container instance" in ended(testbed)[1]


def test_one_that_leaves_its_cluster_midway_is_done(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.ecs.run(registered(testbed, instance), "web:1", service="web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(60)
    testbed.ecs.instances_terminated([instance])
    testbed.finish()
    assert ended(testbed)[1] == f"instance {instance} has left its cluster"


@pytest.mark.parametrize("status", ["DEREGISTERING", "REGISTRATION_FAILED"])
def test_one_that_can_run_no_task_is_done(testbed: Testbed, status: str) -> None:
    instance = drain(testbed)
    registered(testbed, instance, status=status)
    testbed.terminate(instance)
    testbed.finish()
    assert f"is {status}" in ended(testbed)[1]
    assert "UpdateContainerInstancesState" not in testbed.calls("ecs")


def test_one_that_still_registers_is_explained_and_drained_when_it_can_be(testbed: Testbed) -> None:
    instance = drain(testbed)
    there = registered(testbed, instance, status="REGISTERING")
    testbed.terminate(instance)
    testbed.run(60)
    assert "is REGISTERING and can be drained when it is ACTIVE" in (testbed.record().detail or "")
    there.status = "ACTIVE"
    testbed.finish()
    assert ended(testbed)[1].endswith("is drained")


def test_one_that_is_set_back_to_active_is_drained_again(testbed: Testbed) -> None:
    instance = drain(testbed)
    there = registered(testbed, instance)
    testbed.ecs.run(there, "web:1", service="web", takes=300)
    testbed.terminate(instance)
    testbed.run(60)
    there.status = "ACTIVE"
    testbed.ecs.run(there, "web:1", service="web", takes=100)
    testbed.finish()
    assert testbed.calls("ecs")["UpdateContainerInstancesState"] == 2
    assert ended(testbed)[0] >= 300


def test_a_cluster_there_is_not_holds_the_instance(testbed: Testbed) -> None:
    testbed.terminate(drain(testbed, "porduction"))
    testbed.run(120)
    assert testbed.record().status is Status.HELD
    assert "ClusterNotFoundException" in (testbed.record().problem or "")


def test_where_to_look_first_is_remembered_for_the_group(testbed: Testbed) -> None:
    instances = testbed.group(3, plan={"steps": [{"kind": "drain-ecs"}]})
    for number in range(9):
        testbed.ecs.register(f"i-{number}", f"cluster-{number}")
    for instance in instances:
        testbed.ecs.register(instance, "cluster-8")
    for instance in instances:
        testbed.terminate(instance)
        testbed.run(5)
    testbed.finish()

    assert testbed.calls("ecs")["ListClusters"] == 1
    assert testbed.calls("ecs")["ListContainerInstances"] <= 9 + 2
    assert len(testbed.completions()) == 3


def test_what_is_unknown_of_one_instance_is_not_believed_of_the_next(testbed: Testbed) -> None:
    first, second = testbed.group(2, plan={"steps": [{"kind": "drain-ecs"}]})
    there = registered(testbed, second)
    testbed.ecs.run(there, "web:1", service="web", takes=400)
    testbed.terminate(first)
    testbed.run(10)
    testbed.terminate(second)
    testbed.run(300)
    assert len(testbed.completions()) == 1
    testbed.finish()
    assert len(testbed.completions()) == 2


def test_lost_answers_drain_once(testbed: Testbed) -> None:
    instance = drain(testbed, standalone="stop")
    there = registered(testbed, instance)
    testbed.ecs.run(there, "job:1", takes=20)
    for operation in ("UpdateContainerInstancesState", "StopTask", "ListTasks", "DescribeTasks"):
        testbed.region.faults.lose_response("ecs", operation)
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1].endswith("is drained")


def test_a_dry_run_names_the_tasks(testbed: Testbed) -> None:
    plan = {"steps": [{"kind": "drain-ecs", "options": {"cluster": "prod"}}], "dry_run": True}
    (instance,) = testbed.group(plan=plan)
    there = registered(testbed, instance)
    testbed.ecs.run(there, "web:17", service="web")
    testbed.terminate(instance)
    testbed.finish()

    assert "of cluster prod; it is ACTIVE and has 1 task: web:17 RUNNING" in ended(testbed)[1]
    assert "UpdateContainerInstancesState" not in testbed.calls("ecs")
