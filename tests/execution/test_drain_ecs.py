"""Container instances are drained until their tasks have stopped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status, blockers_of
from asg_lifecycle_simulator.deployment.parameters import Parameters
from tests.execution.conftest import Testbed

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.ecs.model import ContainerInstance


def drain(testbed: Testbed, cluster: str | None = "prod", **options: Any) -> str:
    chosen = {**({"cluster": cluster} if cluster else {}), **options}
    (instance,) = testbed.group(plan={"steps": [{"kind": "drain-ecs", "options": chosen}]})
    return instance


def registered(testbed: Testbed, instance: str, cluster: str = "prod", **more: Any) -> ContainerInstance:
    return testbed.ecs.register(instance, cluster, **more)


def tag(testbed: Testbed, instance: str, key: str, value: str) -> None:
    with testbed.region.unobserved():
        testbed.region.client("ec2").create_tags(Resources=[instance], Tags=[{"Key": key, "Value": value}])


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
    tag(testbed, instance, "asg-lifecycle:ecs-cluster", "prod")
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[1].endswith("of cluster prod is drained")
    assert "ListClusters" not in testbed.calls("ecs")


def test_more_than_a_hundred_tasks() -> None:
    # Without signals: the end of each task would be one, and they are not what this is about.
    with Testbed(Parameters(signals=False)) as testbed:
        instance = drain(testbed)
        there = registered(testbed, instance)
        testbed.ecs.run(there, "web:1", service="web", takes=60, count=105)
        testbed.terminate(instance)
        testbed.run(30)
        assert "waiting for 105 of 105 tasks" in (testbed.record().detail or "")
        assert (testbed.record().detail or "").endswith(", …")
        testbed.finish()
        assert ended(testbed)[0] >= 60


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


@pytest.mark.usefixtures("over_soon")
def test_a_task_that_never_stops_keeps_the_instance_until_the_deadline(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.ecs.run(registered(testbed, instance), "stuck:1", service="stuck", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(4_000)
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
    assert ended(testbed)[1].endswith("is drained")
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


@pytest.mark.parametrize("deleted", [True, False])
@pytest.mark.parametrize("tagged", [True, False])
def test_a_cluster_there_is_not_fails_the_step(testbed: Testbed, *, deleted: bool, tagged: bool) -> None:
    instance = drain(testbed, None if tagged else "porduction")
    registered(testbed, instance, "production")
    if tagged:
        tag(testbed, instance, "asg-lifecycle:ecs-cluster", "porduction")
    if deleted:
        testbed.ecs.delete_cluster("porduction")
    testbed.terminate(instance)
    testbed.run(120)
    assert testbed.record().status is Status.HELD
    assert "there is no ECS cluster porduction" in (testbed.record().problem or "")
    assert "UpdateContainerInstancesState" not in testbed.calls("ecs")


def test_a_cluster_that_is_deleted_midway_has_been_left(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.ecs.run(registered(testbed, instance), "web:1", service="web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(60)
    testbed.ecs.delete_cluster("prod")
    testbed.finish()
    assert ended(testbed)[1] == f"instance {instance} has left its cluster"


@pytest.mark.parametrize("clusters", [0, 3])
def test_an_instance_that_ecs_manages_and_no_cluster_knows_is_not_released(testbed: Testbed, clusters: int) -> None:
    instance = drain(testbed, None)
    tag(testbed, instance, "AmazonECSManaged", "")
    for number in range(clusters):
        registered(testbed, "i-other", f"cluster-{number}")
    testbed.terminate(instance)
    testbed.run(120)
    assert testbed.record().status is Status.HELD
    problem = testbed.record().problem or ""
    assert "is tagged AmazonECSManaged" in problem
    assert ("of any of the 3 clusters of the Region: cluster-0, cluster-1, cluster-2" in problem) is bool(clusters)


def test_what_is_not_found_is_looked_for_once_more(testbed: Testbed) -> None:
    # ECS is eventually consistent: the list does not have the container instance yet.
    instance = drain(testbed)
    registered(testbed, "i-other")
    testbed.terminate(instance)
    testbed.run(5)
    assert "looked for once more" in (testbed.record().detail or "")
    testbed.ecs.run(registered(testbed, instance), "web:1", service="web", takes=100)
    testbed.finish()
    assert ended(testbed)[0] >= 100


@pytest.mark.parametrize("registrations", [1, 2])
def test_one_that_a_later_list_leaves_out_is_looked_for_once_more(testbed: Testbed, registrations: int) -> None:
    instance = drain(testbed)
    made = [registered(testbed, instance) for _ in range(registrations)]
    testbed.ecs.run(made[0], "web:1", service="web", takes=math.inf)
    testbed.terminate(instance)
    testbed.run(60)
    known = testbed.ecs.clusters["prod"]
    known.remove(made[0])
    while "found no longer" not in (testbed.record().detail or ""):
        assert testbed.completions() == []
        testbed.run(1)
    known.append(made[0])
    testbed.run(900)
    assert testbed.completions() == []
    assert "waiting for 1 of 1 tasks" in (testbed.record().detail or "")
    known.remove(made[0])
    testbed.finish()


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_cluster_that_cannot_be_read_may_know_the_instance(testbed: Testbed, code: str) -> None:
    instance = drain(testbed, None)
    registered(testbed, "i-other", "unread")
    there = registered(testbed, instance)
    testbed.region.faults.fail("ecs", "ListContainerInstances", code=code, times=20 if code.startswith("T") else 1)
    testbed.terminate(instance)
    testbed.run(90)
    assert testbed.completions() == []
    assert "ecs:ListContainerInstances" in (testbed.record().detail or "")
    if code.startswith("A"):
        # What could be found drains already.
        assert there.status == "DRAINING"
        assert testbed.record().status is Status.HELD
    else:
        testbed.finish()
        assert ended(testbed)[1].endswith("is drained")


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


# Registered more than once


REGISTRATIONS = [
    (first, second, connected, again)
    for first in ("ACTIVE", "DRAINING")
    for second in ("ACTIVE", "DRAINING")
    for connected in (0, 1, 2)
    for again in ("prod", "other", None)
]
"""The status of each of two registrations, which of their agents is connected (2: both), and where the second is: in
the same cluster, in another one, or in the same one with the cluster named by the plan."""


@pytest.mark.parametrize(
    ("first", "second", "connected", "again"),
    [
        pytest.param(*case, marks=[] if number % 7 == 0 else pytest.mark.one_of(99))
        for number, case in enumerate(REGISTRATIONS)
    ],
)
def test_every_registration_is_drained_and_its_tasks_are_waited_for(
    testbed: Testbed, first: str, second: str, connected: int, again: str | None
) -> None:
    instance = drain(testbed, "prod" if again is None else None)
    there = [
        registered(testbed, instance, status=first),
        registered(testbed, instance, again or "prod", status=second),
    ]
    for number, each in enumerate(there):
        testbed.ecs.run(each, f"job:{number}", ends_after=60 + 60 * number)
    for number, each in enumerate(there):
        if connected == 1 - number:
            testbed.ecs.disconnect(each)
    testbed.terminate(instance)
    testbed.run(300)
    assert [each.status for each in there] == ["DRAINING", "DRAINING"]
    if connected != 2:
        # Its task has ended, or has not: nobody knows before its agent is back.
        assert testbed.completions() == []
        testbed.ecs.connect(there[1 - connected])
    testbed.finish()
    assert ended(testbed)[0] >= 120
    assert "are drained" in ended(testbed)[1]


@pytest.mark.parametrize("more", [2, 5])
def test_registrations_come_in_pages(testbed: Testbed, more: int) -> None:
    testbed.region.page_size = 2
    instance = drain(testbed)
    there = [registered(testbed, instance, connected=number == 0) for number in range(more)]
    testbed.ecs.run(there[0], "web:1", service="web", takes=30)
    testbed.terminate(instance)
    testbed.finish()
    assert {each.status for each in there} == {"DRAINING"}


def orphaned(testbed: Testbed, **options: Any) -> str:
    instance = drain(testbed, **options)
    old = registered(testbed, instance)
    testbed.ecs.run(old, "web:17", service="web", takes=5)
    testbed.ecs.disconnect(old)
    testbed.ecs.run(registered(testbed, instance), "web:18", service="web", takes=100)
    testbed.terminate(instance)
    return instance


def test_tasks_that_nobody_stops_hold_the_instance_and_are_named(testbed: Testbed) -> None:
    instance = orphaned(testbed)
    testbed.run(3600)
    record = testbed.record()
    assert testbed.completions() == []
    assert "1 orphaned task that nobody stops (orphaned_tasks: ignore leaves them)" in (record.detail or "")
    old, new = (each.arn.rpartition("/")[2] for each in testbed.ecs.clusters["prod"])
    agent, task = blockers_of(testbed.record())
    assert (agent.kind, agent.name) == ("agent", old)
    assert (task.kind, task.name) == ("task", testbed.ecs.clusters["prod"][0].tasks[0].arn)
    assert "nobody stops it" in task.reason
    assert f"the instance has registered again as {new}" in task.reason
    testbed.ecs.instances_terminated([instance])


def test_tasks_that_nobody_stops_are_left_where_the_plan_says_so(testbed: Testbed) -> None:
    orphaned(testbed, orphaned_tasks="ignore")
    testbed.finish()
    elapsed, detail = ended(testbed)
    assert elapsed >= 100
    assert "1 orphaned task left: web:17" in detail


def test_tasks_of_the_only_registration_are_never_orphaned(testbed: Testbed) -> None:
    instance = drain(testbed, orphaned_tasks="ignore")
    there = registered(testbed, instance)
    testbed.ecs.run(there, "web:17", service="web", takes=5)
    testbed.ecs.disconnect(there)
    testbed.terminate(instance)
    testbed.run(3600)
    assert testbed.completions() == []
    assert "the agent of container instance" in (testbed.record().detail or "")
    assert "is not connected, its 1 task cannot stop" in (testbed.record().detail or "")
    testbed.ecs.connect(there)
    testbed.finish()
    assert ended(testbed)[1].endswith("is drained")


def test_a_registration_that_ecs_does_not_drain_may_get_new_tasks(testbed: Testbed) -> None:
    instance = drain(testbed)
    there = registered(testbed, instance)
    testbed.ecs.refused[there.arn] = "AGENT"
    testbed.terminate(instance)
    testbed.run(900)
    assert testbed.completions() == []
    assert "could not be set to DRAINING: AGENT" in (testbed.record().detail or "")
    assert [each.kind for each in blockers_of(testbed.record())] == ["container-instance"]
    testbed.ecs.refused.clear()
    testbed.finish()
    assert there.status == "DRAINING"


def test_a_task_that_is_listed_and_not_described_has_not_stopped(testbed: Testbed) -> None:
    instance = drain(testbed)
    (task,) = testbed.ecs.run(registered(testbed, instance), "job:1", ends_after=900)
    testbed.ecs.undescribed.add(task.arn)
    testbed.terminate(instance)
    testbed.run(600)
    assert testbed.completions() == []
    testbed.finish()
    assert ended(testbed)[0] >= 900


def test_a_task_that_was_placed_just_before_and_is_not_listed_yet_is_waited_for(testbed: Testbed) -> None:
    instance = drain(testbed)
    (task,) = testbed.ecs.run(registered(testbed, instance), "web:1", service="web", takes=300)
    task.listed_at = testbed.timeline.now() + 3
    testbed.terminate(instance)
    testbed.finish()
    assert ended(testbed)[0] >= 300
