"""A limit on how many instances of one group do drain work at once."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish
from asg_lifecycle.model.records import action_of
from asg_lifecycle.model.start_requests import Start, StartReason, payload
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from tests.execution.conftest import Stage

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}


def draining(stage: Stage, count: int, *, at_once: int, duration: float = 100, apart: float = 2) -> list[str]:
    plan: Any = {"steps": [COMMAND], "drains_per_group": at_once}
    instances = stage.group(count, plan=plan)
    for instance in instances:
        stage.run_command.manage(instance)
    stage.run_command.behave(Behaviour(duration=duration))
    for instance in instances:
        stage.terminate(instance)
        stage.run(apart)
    return instances


def record_of(stage: Stage, instance: str) -> Record:
    (record,) = [each for each in stage.deployment.records() if each.instance == instance]
    return record


def under_way(stage: Stage) -> list[tuple[float, float]]:
    runs = [run for run in stage.run_command.invocations() if run.started_at is not None]
    return sorted((run.started_at or 0, run.ended_at or 0) for run in runs)


def most_at_once(stage: Stage) -> int:
    spans = under_way(stage)
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


@pytest.mark.parametrize("at_once", [1, 2])
def test_no_more_than_the_limit_drain_at_once_first_come_first_served(stage: Stage, at_once: int) -> None:
    instances = draining(stage, 5, at_once=at_once)
    stage.finish()

    assert most_at_once(stage) == at_once
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"] * 5
    completed = [entry.instance for entry in stage.log(LogKind.COMPLETED)]
    assert completed == instances


def test_who_waits_is_kept_alive_and_says_so(stage: Stage) -> None:
    _, second, third = draining(stage, 3, at_once=1, duration=2000)
    stage.run(900)

    assert record_of(stage, second).detail == "waiting for a turn: 1 of 1 drains of the group are under way, 0 ahead"
    assert record_of(stage, third).detail == "waiting for a turn: 1 of 1 drains of the group are under way, 1 ahead"
    beats = [entry.time for entry in stage.region.log.of(LogKind.HEARTBEAT, instance=third)]
    assert all(after - before <= 150 for before, after in pairwise(beats))
    stage.finish()


def test_without_a_limit_nobody_waits(stage: Stage) -> None:
    instances = stage.group(3, plan={"steps": [COMMAND]})
    for instance in instances:
        stage.run_command.manage(instance)
        stage.terminate(instance)
    stage.finish()

    assert most_at_once(stage) == 3
    assert not any("turn" in name for execution in stage.deployment.executions for name in names(execution))


def names(execution: Any) -> list[str]:
    return [operation.name for operation in execution.operations]


def test_the_place_of_a_dead_holder_goes_to_who_takes_it_over(stage: Stage) -> None:
    first, second = draining(stage, 2, at_once=1, duration=300)
    stage.run(30)
    dead = record_of(stage, first).execution
    stage.deployment.service.stop(dead)
    stage.run(60)
    action = action_of(record_of(stage, first))
    stage.deployment.start(payload(Start(reason=StartReason.TAKEOVER, action=action, takes_over=dead)))
    stage.finish()

    assert most_at_once(stage) == 1
    assert [entry.instance for entry in stage.log(LogKind.COMPLETED)] == [first, second]


def test_a_place_nobody_gives_back_is_free_when_its_wait_is_over(stage: Stage) -> None:
    first, second = draining(stage, 2, at_once=1, duration=40_000, apart=600)
    stage.deployment.service.stop(record_of(stage, first).execution)
    stage.run(25_000)
    assert record_of(stage, second).detail == "waiting for a turn: 1 of 1 drains of the group are under way, 0 ahead"
    assert not stage.run_command.runs(second)
    stage.run(30_000 - 25_000)

    # A hundred heartbeat timeouts after the first began to wait (R4), its place counts no more.
    assert len(stage.run_command.runs(second)) == 1


def test_an_operator_may_end_what_waits_for_its_turn(stage: Stage) -> None:
    first, second, third = draining(stage, 3, at_once=1, duration=400)
    stage.run(60)
    stage.deployment.say(record_of(stage, second), Finish(ActionResult.CONTINUE))
    stage.finish()

    assert [entry.instance for entry in stage.log(LogKind.COMPLETED)] == [second, first, third]
    assert not stage.run_command.runs(second)
