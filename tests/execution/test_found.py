"""Starts without a token: the sweep found an instance that waits, and nobody announced it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def found(testbed: Testbed, instance: str, **changes: Any) -> dict[str, Any]:
    action = LifecycleAction(
        token=None,
        group="web",
        hook="asg-lifecycle-terminate",
        instance=instance,
        transition=Transition.TERMINATING,
        time=testbed.timeline.now(),
        metadata='{"plan": ' + msgspec.json.encode(DEREGISTER).decode() + "}",
    )
    return payload(StartRequest(reason=StartReason.SWEEP, action=msgspec.structs.replace(action, **changes)))


def lose_events(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: ()


def waiting(testbed: Testbed, *, heartbeat: int = 300) -> str:
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=heartbeat)
    testbed.target_group("blue", instance, delay=60)
    testbed.terminate(instance)
    testbed.run(30)
    return instance


def test_a_wait_that_nobody_announced_is_drained_and_completed_by_its_instance_id(testbed: Testbed) -> None:
    lose_events(testbed)
    instance = waiting(testbed)
    testbed.deployment.start(found(testbed, instance))
    execution = testbed.finish()

    assert execution.result["outcome"] == "completed"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    record = testbed.record()
    assert record.token is None
    assert record.status == "completed"


def test_an_event_that_is_merely_late_comes_first(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: (35.0,)
    instance = waiting(testbed)
    testbed.deployment.start(found(testbed, instance))
    testbed.finish()

    by_sweep, by_event = (execution.result["outcome"] for execution in testbed.deployment.executions)
    assert (by_sweep, by_event) == ("duplicate", "completed")
    assert testbed.record().token is not None


@pytest.mark.parametrize("late", [50.0, 400.0])
def test_a_late_event_does_not_drain_again(testbed: Testbed, late: float) -> None:
    testbed.region.events.deliveries = lambda _: (late,)
    instance = waiting(testbed)
    testbed.deployment.start(found(testbed, instance))
    testbed.run(500)

    assert [execution.result["outcome"] for execution in testbed.deployment.executions] == ["completed", "duplicate"]
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1


def test_two_sweeps_of_one_wait_do_not_run_twice(testbed: Testbed) -> None:
    lose_events(testbed)
    instance = waiting(testbed)
    for _ in range(2):
        testbed.deployment.start(found(testbed, instance))
        testbed.run(15)
    testbed.finish()

    assert sorted(execution.result["outcome"] for execution in testbed.deployment.executions) == [
        "completed",
        "duplicate",
    ]


def test_what_still_seems_to_wait_right_after_its_end_is_not_taken_for_a_new_wait(testbed: Testbed) -> None:
    instance = waiting(testbed)
    testbed.finish()
    testbed.run(60)
    testbed.deployment.start(found(testbed, instance))
    testbed.finish()

    assert testbed.execution.result["outcome"] == "duplicate"


def test_a_wait_that_is_not_there_is_over_and_keeps_the_record_of_the_one_before(testbed: Testbed) -> None:
    instance = waiting(testbed)
    testbed.finish()
    testbed.run(600)
    testbed.deployment.start(found(testbed, instance))
    testbed.finish()

    assert testbed.execution.result["outcome"] == "over"
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert sorted(record.status for record in testbed.deployment.records()) == ["completed", "over"]


def test_the_deadline_counts_from_the_earliest_moment_the_wait_can_have_begun(testbed: Testbed) -> None:
    lose_events(testbed)
    instance = waiting(testbed, heartbeat=300)
    at = testbed.timeline.now()
    testbed.deployment.start(found(testbed, instance))
    testbed.run(20)

    # Without a heartbeat the wait is younger than its heartbeat timeout.
    assert testbed.record().deadline == at - 300 + 30_000 - 120
