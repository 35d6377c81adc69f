"""Starts without a token: the sweep found an instance that waits, and nobody announced it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.start_requests import Start, StartReason, payload

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def found(stage: Stage, instance: str, **changes: Any) -> dict[str, Any]:
    action = LifecycleAction(
        token=None,
        group="web",
        hook="asg-lifecycle-terminate",
        instance=instance,
        transition=Transition.TERMINATING,
        time=stage.timeline.now(),
        metadata='{"plan": ' + msgspec.json.encode(DEREGISTER).decode() + "}",
    )
    return payload(Start(reason=StartReason.SWEEP, action=msgspec.structs.replace(action, **changes)))


def lose_events(stage: Stage) -> None:
    stage.region.events.deliveries = lambda _: ()


def waiting(stage: Stage, *, heartbeat: int = 300) -> str:
    (instance,) = stage.group(plan=DEREGISTER, heartbeat=heartbeat)
    stage.target_group("blue", instance, delay=60)
    stage.terminate(instance)
    stage.run(30)
    return instance


def test_a_wait_that_nobody_announced_is_drained_and_completed_by_its_instance_id(stage: Stage) -> None:
    lose_events(stage)
    instance = waiting(stage)
    stage.deployment.start(found(stage, instance))
    execution = stage.finish()

    assert execution.result["outcome"] == "completed"
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    record = stage.record()
    assert record.token is None
    assert record.status == "completed"


def test_an_event_that_is_merely_late_comes_first(stage: Stage) -> None:
    stage.region.events.deliveries = lambda _: (35.0,)
    instance = waiting(stage)
    stage.deployment.start(found(stage, instance))
    stage.finish()

    by_sweep, by_event = (execution.result["outcome"] for execution in stage.deployment.executions)
    assert (by_sweep, by_event) == ("duplicate", "completed")
    assert stage.record().token is not None


@pytest.mark.parametrize("late", [50.0, 400.0])
def test_a_late_event_does_not_drain_again(stage: Stage, late: float) -> None:
    stage.region.events.deliveries = lambda _: (late,)
    instance = waiting(stage)
    stage.deployment.start(found(stage, instance))
    stage.run(500)

    assert [execution.result["outcome"] for execution in stage.deployment.executions] == ["completed", "duplicate"]
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert stage.calls("elbv2")["DeregisterTargets"] == 1


def test_two_sweeps_of_one_wait_do_not_run_twice(stage: Stage) -> None:
    lose_events(stage)
    instance = waiting(stage)
    for _ in range(2):
        stage.deployment.start(found(stage, instance))
        stage.run(15)
    stage.finish()

    assert sorted(execution.result["outcome"] for execution in stage.deployment.executions) == [
        "completed",
        "duplicate",
    ]


def test_what_still_seems_to_wait_right_after_its_end_is_not_taken_for_a_new_wait(stage: Stage) -> None:
    instance = waiting(stage)
    stage.finish()
    stage.run(60)
    stage.deployment.start(found(stage, instance))
    stage.finish()

    assert stage.execution.result["outcome"] == "duplicate"


def test_a_wait_that_is_not_there_is_over_and_keeps_the_record_of_the_one_before(stage: Stage) -> None:
    instance = waiting(stage)
    stage.finish()
    stage.run(600)
    stage.deployment.start(found(stage, instance))
    stage.finish()

    assert stage.execution.result["outcome"] == "over"
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert sorted(record.status for record in stage.deployment.records()) == ["completed", "over"]


def test_the_deadline_counts_from_the_earliest_moment_the_wait_can_have_begun(stage: Stage) -> None:
    lose_events(stage)
    instance = waiting(stage, heartbeat=300)
    at = stage.timeline.now()
    stage.deployment.start(found(stage, instance))
    stage.run(20)

    # Without a heartbeat the wait is younger than its heartbeat timeout.
    assert stage.record().deadline == at - 300 + 30_000 - 120
