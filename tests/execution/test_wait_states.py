"""R17: every place that asks whether an instance waits knows all five states."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.execution.conftest import Testbed

WAIT_STATES = (
    "Pending:Wait",
    "Terminating:Wait",
    "Warmed:Pending:Wait",
    "Warmed:Terminating:Wait",
    "ReplacingRootVolume:Wait",
)
PLAN = json.dumps({"plan": {"steps": [{"kind": "wait", "options": {"duration": "5s"}}]}})
NOT_ACTIVE = "No active Lifecycle Action found with instance ID"
YEARS_AGO = "2001-02-03T04:05:06Z"


def bring_into(testbed: Testbed, state: str) -> None:
    """Bring an instance of the group into a wait under one hook of ours."""
    autoscaling, client = testbed.autoscaling, testbed.region.client("autoscaling")
    in_service = state in {"Terminating:Wait", "ReplacingRootVolume:Wait"}
    instances = autoscaling.create_group("web", capacity=1 if in_service else 0, max_size=1)
    if state == "Warmed:Terminating:Wait":
        client.put_warm_pool(AutoScalingGroupName="web")
        testbed.run(60)
    transition = "LAUNCHING" if state.endswith("Pending:Wait") else "TERMINATING"
    autoscaling.put_hook("web", "asg-lifecycle", transition, HeartbeatTimeout=900, NotificationMetadata=PLAN)
    match state:
        case "Pending:Wait":
            autoscaling.scale("web", 1)
        case "Terminating:Wait":
            testbed.terminate(instances[0])
        case "Warmed:Pending:Wait":
            client.put_warm_pool(AutoScalingGroupName="web")
        case "Warmed:Terminating:Wait":
            client.put_warm_pool(AutoScalingGroupName="web", MaxGroupPreparedCapacity=0)
        case _:
            autoscaling.replace_root_volume(instances[0])
    assert state in [autoscaling.instance_state(instance) for instance in autoscaling.instances("web")]


def assert_completed(testbed: Testbed) -> None:
    testbed.run(300)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.record().status == "completed"


@pytest.mark.parametrize("state", WAIT_STATES)
def test_a_heartbeat_refused_while_the_instance_waits_is_sent_again(testbed: Testbed, state: str) -> None:
    testbed.region.faults.fail(
        "autoscaling", "RecordLifecycleActionHeartbeat", code="ValidationError", message=NOT_ACTIVE, times=2
    )
    bring_into(testbed, state)
    assert_completed(testbed)


@pytest.mark.parametrize("state", WAIT_STATES)
def test_an_event_with_a_wrong_time_is_worked_on_while_the_instance_waits(testbed: Testbed, state: str) -> None:
    events: list[Mapping[str, Any]] = []

    def keep(event: Mapping[str, Any]) -> tuple[float, ...]:
        events.append(event)
        return ()

    testbed.region.events.deliveries = keep
    bring_into(testbed, state)
    testbed.deployment.start({**events[-1], "time": YEARS_AGO})
    assert_completed(testbed)


@pytest.mark.parametrize("state", WAIT_STATES)
def test_a_completion_that_was_lost_is_sent_again_while_the_instance_waits(testbed: Testbed, state: str) -> None:
    testbed.region.faults.lose_request("autoscaling", "CompleteLifecycleAction", times=3)
    bring_into(testbed, state)
    assert_completed(testbed)


@pytest.mark.parametrize("state", WAIT_STATES)
def test_the_sweep_starts_a_wait_without_an_execution(testbed: Testbed, state: str) -> None:
    testbed.region.events.deliveries = lambda _: ()
    bring_into(testbed, state)
    assert len(testbed.deployment.sweep()["started"]) == 1
    assert_completed(testbed)
