"""A limit on how many instances of one group do drain work at once."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from tests.execution.conftest import Testbed

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}


def draining(
    testbed: Testbed, count: int, *, at_once: int, duration: float = 100, apart: float = 2, **command: Any
) -> list[str]:
    plan: Any = {"steps": [COMMAND], "drains_per_group": at_once}
    instances = testbed.group(count, plan=plan)
    for instance in instances:
        testbed.run_command.manage(instance)
    testbed.run_command.behave(Behaviour(duration=duration, **command))
    for instance in instances:
        testbed.terminate(instance)
        testbed.run(apart)
    return instances


def record_of(testbed: Testbed, instance: str) -> Record:
    (record,) = [each for each in testbed.deployment.records() if each.instance == instance]
    return record


def under_way(testbed: Testbed) -> list[tuple[float, float]]:
    runs = [run for run in testbed.run_command.invocations() if run.started_at is not None]
    return sorted((run.started_at or 0, run.ended_at or 0) for run in runs)


def most_at_once(testbed: Testbed) -> int:
    spans = under_way(testbed)
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


@pytest.mark.parametrize("at_once", [1, 2])
def test_no_more_than_the_limit_drain_at_once_first_come_first_served(testbed: Testbed, at_once: int) -> None:
    instances = draining(testbed, 4, at_once=at_once)
    testbed.finish()

    assert most_at_once(testbed) == at_once
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"] * 4
    completed = [entry.instance for entry in testbed.log(LogKind.COMPLETED)]
    assert completed == instances


def test_who_waits_is_kept_alive_and_says_so(testbed: Testbed) -> None:
    _, second, third = draining(testbed, 3, at_once=1, duration=700)
    testbed.run(500)

    assert record_of(testbed, second).detail == "waiting for a drain slot: 1 of 1 are taken, 0 ahead"
    assert record_of(testbed, third).detail == "waiting for a drain slot: 1 of 1 are taken, 1 ahead"
    beats = [entry.time for entry in testbed.region.log.of(LogKind.HEARTBEAT, instance=third)]
    assert all(after - before <= 150 for before, after in pairwise(beats))


def test_without_a_limit_nobody_waits(testbed: Testbed) -> None:
    instances = testbed.group(3, plan={"steps": [COMMAND]})
    for instance in instances:
        testbed.run_command.manage(instance)
        testbed.terminate(instance)
    testbed.finish()

    assert most_at_once(testbed) == 3
    assert not any("slot-wait" in name for execution in testbed.deployment.executions for name in names(execution))


def names(execution: Any) -> list[str]:
    return [operation.name for operation in execution.operations]


def test_the_place_of_a_dead_holder_goes_to_who_takes_it_over(testbed: Testbed) -> None:
    first, second = draining(testbed, 2, at_once=1, duration=300)
    testbed.run(30)
    dead = record_of(testbed, first).execution
    testbed.deployment.service.stop(dead)
    testbed.run(60)
    action = action_of(record_of(testbed, first))
    testbed.deployment.start(payload(StartRequest(reason=StartReason.TAKEOVER, action=action, takes_over=dead)))
    testbed.finish()

    assert most_at_once(testbed) == 1
    assert [entry.instance for entry in testbed.log(LogKind.COMPLETED)] == [first, second]


@pytest.mark.usefixtures("over_soon")
def test_a_place_nobody_gives_back_is_free_when_its_wait_is_over(testbed: Testbed) -> None:
    first, second = draining(testbed, 2, at_once=1, duration=8_000, apart=600)
    testbed.deployment.service.stop(record_of(testbed, first).execution)
    testbed.run(4_000)
    assert record_of(testbed, second).detail == "waiting for a drain slot: 1 of 1 are taken, 0 ahead"
    assert not testbed.run_command.runs(second)
    testbed.run(6_000 - 4_000)

    # When the first cannot wait any longer (R4), its place counts no more.
    assert len(testbed.run_command.runs(second)) == 1


def test_an_operator_may_end_what_waits_for_its_turn(testbed: Testbed) -> None:
    first, second, third = draining(testbed, 3, at_once=1, duration=400)
    testbed.run(60)
    testbed.deployment.send_message(record_of(testbed, second), Finish(ActionResult.CONTINUE))
    testbed.finish()

    assert [entry.instance for entry in testbed.log(LogKind.COMPLETED)] == [second, first, third]
    assert not testbed.run_command.runs(second)


def test_a_record_that_cannot_be_closed_is_tried_ever_less_often(
    testbed: Testbed, caplog: pytest.LogCaptureFixture
) -> None:
    wait = {"kind": "wait", "options": {"duration": "1m"}}
    (instance,) = testbed.group(plan={"steps": [wait], "drains_per_group": 1})
    testbed.terminate(instance)
    testbed.run(10)
    testbed.region.faults.deny("dynamodb", "UpdateItem")
    testbed.run(1800)

    tries = [record for record in caplog.records if record.getMessage().startswith("the record could not be closed")]
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert 10 < len(tries) < 50, "one every two seconds would be hundreds"
