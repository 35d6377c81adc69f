"""What keeps tasks of ECS on an instance is named, and ended where the plan says so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.blockers import BlockerKind
from asg_lifecycle.model.records import Status, blockers_of

if TYPE_CHECKING:
    from asg_lifecycle_simulator.services.ecs.model import ContainerInstance
    from tests.execution.conftest import Testbed


def drain(testbed: Testbed, **options: Any) -> tuple[str, ContainerInstance]:
    planned = {"kind": "drain-ecs", "options": {"cluster": "prod", **options}}
    (instance,) = testbed.group(plan={"steps": [planned]}, heartbeat=900)
    return instance, testbed.ecs.register(instance, "prod")


def detail(testbed: Testbed) -> str:
    return testbed.record().detail or ""


def reasons(testbed: Testbed, kind: BlockerKind) -> list[str]:
    return [each.reason for each in blockers_of(testbed.record()) if each.kind is kind]


def test_a_protected_task_is_waited_for_and_told(testbed: Testbed) -> None:
    instance, there = drain(testbed)
    (task,) = testbed.ecs.run(there, "web:1", service="web", takes=5)
    testbed.ecs.protect(task, 1800)
    testbed.terminate(instance)
    testbed.run(300)
    assert "1 task protected from scale-in until" in detail(testbed)
    (reason,) = reasons(testbed, BlockerKind.TASK)
    assert "web:1 is RUNNING: it is protected from scale-in until" in reason
    assert "protected_tasks: unprotect ends that" in reason
    assert task.told_at is None
    testbed.finish()
    assert 1800 <= testbed.elapsed <= 2000
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert "UpdateTaskProtection" not in testbed.calls("ecs")


def test_protection_is_ended_where_the_plan_says_so(testbed: Testbed) -> None:
    instance, there = drain(testbed, protected_tasks="unprotect")
    tasks = testbed.ecs.run(there, "web:1", service="web", takes=5, count=12)
    for task in tasks:
        testbed.ecs.protect(task, 172_000)
    testbed.terminate(instance)
    testbed.finish()
    assert testbed.elapsed <= 300
    assert testbed.calls("ecs")["UpdateTaskProtection"] == 2
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_service_that_cannot_start_its_tasks_elsewhere_is_told_with_what_it_says(testbed: Testbed) -> None:
    instance, there = drain(testbed)
    web = testbed.ecs.service("web", "prod", places=False)
    testbed.ecs.run(there, "web:1", service="web", takes=5)
    testbed.terminate(instance)
    testbed.run(300)
    assert testbed.record().status is Status.WORKING
    (says,) = reasons(testbed, BlockerKind.SERVICE)
    assert says.startswith("service web says: (service web) was unable to place a task")
    assert says in detail(testbed)
    (reason,) = reasons(testbed, BlockerKind.TASK)
    assert "service web cannot start it elsewhere" in reason
    testbed.ecs.place(web)
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_old_message_of_a_service_is_no_trouble_now(testbed: Testbed) -> None:
    instance, there = drain(testbed)
    web = testbed.ecs.service("web", "prod")
    web.events.insert(0, (testbed.timeline.now() - 60, "(service web) was unable to place a task"))
    (task,) = testbed.ecs.run(there, "web:1", service="web", takes=5)
    testbed.ecs.protect(task, 600)
    testbed.terminate(instance)
    testbed.run(300)
    assert reasons(testbed, BlockerKind.SERVICE) == []


def test_the_task_of_a_daemon_is_waited_for_after_the_others(testbed: Testbed) -> None:
    instance, there = drain(testbed)
    testbed.ecs.service("agents", "prod", daemon=True)
    testbed.ecs.run(there, "agent:1", service="agents", takes=5)
    testbed.ecs.run(there, "web:1", service="web", takes=600)
    testbed.terminate(instance)
    testbed.run(300)
    assert "1 task of a DAEMON, which ECS stops after the others" in detail(testbed)
    assert any("service agents is a DAEMON" in reason for reason in reasons(testbed, BlockerKind.TASK))
    testbed.finish()
    assert 600 <= testbed.elapsed <= 700
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.parametrize("service", ["unplaced", "daemon"])
def test_tasks_that_ecs_does_not_stop_are_stopped_after_the_time_of_the_plan(testbed: Testbed, service: str) -> None:
    instance, there = drain(testbed, stop_after="10m")
    testbed.ecs.service("web", "prod", daemon=service == "daemon", places=False)
    (task,) = testbed.ecs.run(there, "web:1", service="web", takes=5)
    testbed.terminate(instance)
    testbed.run(540)
    assert task.told_at is None
    testbed.finish()
    assert 600 <= testbed.elapsed <= 700
    assert "ECS has not stopped this task" in (task.stopped_because or "")


def test_what_is_protected_is_not_stopped_by_time(testbed: Testbed) -> None:
    instance, there = drain(testbed, stop_after="10m")
    (task,) = testbed.ecs.run(there, "web:1", service="web", takes=5)
    testbed.ecs.protect(task, 3600)
    testbed.terminate(instance)
    testbed.run(3000)
    assert task.told_at is None
    assert testbed.record().status is Status.WORKING


def test_ecs_is_not_asked_why_before_a_minute_has_passed_nor_about_tasks_that_stop(testbed: Testbed) -> None:
    instance, there = drain(testbed)
    testbed.ecs.run(there, "web:1", service="web", takes=900)
    testbed.terminate(instance)
    testbed.finish()
    assert not {"DescribeServices", "GetTaskProtection"} & set(testbed.calls("ecs"))


@pytest.mark.parametrize("operation", ["DescribeServices", "GetTaskProtection"])
def test_what_could_not_be_found_out_is_said_and_keeps_nothing(testbed: Testbed, operation: str) -> None:
    testbed.region.faults.deny("ecs", operation)
    instance, there = drain(testbed)
    (task,) = testbed.ecs.run(there, "web:1", service="web", takes=5)
    testbed.ecs.protect(task, 600)
    testbed.terminate(instance)
    testbed.run(300)
    assert f"what keeps them could not be found out: permission ecs:{operation} is missing" in detail(testbed)
    testbed.finish()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_task_whose_agent_is_gone_is_told_by_its_agent(testbed: Testbed) -> None:
    instance, there = drain(testbed)
    testbed.ecs.run(there, "web:1", service="web", takes=math.inf)
    testbed.ecs.disconnect(there)
    testbed.terminate(instance)
    testbed.run(300)
    assert "is not connected, its 1 task cannot stop" in detail(testbed)
    assert not {"DescribeServices", "GetTaskProtection"} & set(testbed.calls("ecs"))
