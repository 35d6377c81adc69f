from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def events_of(testbed: Testbed) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    testbed.region.subscribe(lambda event: events.append(event) if event["source"] == "aws.autoscaling" else None)
    return events


def test_an_event_delivered_three_times_is_worked_on_once(testbed: Testbed) -> None:
    events = events_of(testbed)
    (instance,) = testbed.group(plan=DEREGISTER)
    testbed.target_group("blue", instance, delay=120)
    testbed.terminate(instance)
    testbed.run(10)
    before = dict(testbed.calls("autoscaling"))
    copies = [testbed.deployment.start(events[-1]) for _ in range(2)]
    testbed.run(1)

    assert [copy.result["outcome"] for copy in copies] == ["duplicate", "duplicate"]
    assert [len(copy.operations) for copy in copies] == [1, 1]
    assert testbed.calls("autoscaling") == before

    testbed.finish()
    late = testbed.deployment.start(events[-1])
    testbed.run(10)

    assert late.result["outcome"] == "duplicate"
    assert "completed" in late.result["reason"]
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_event_that_comes_after_the_action_is_over_drains_nothing(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=30)
    testbed.target_group("blue", instance, delay=120)
    testbed.region.events.deliveries = lambda _: (400.0,)
    testbed.terminate(instance)

    execution = testbed.finish()

    assert execution.result["outcome"] == "over"
    assert testbed.record().status == "over"
    assert "DeregisterTargets" not in testbed.calls("elbv2")
    assert testbed.completions() == ["ABANDON heartbeat timeout"]


def test_a_warm_pool_instance_that_meets_its_launch_hook_again_is_a_new_action(testbed: Testbed) -> None:
    testbed.group(0)
    testbed.autoscaling.scale("web", 1)
    testbed.finish()
    first = testbed.record()
    testbed.run(100)
    event = {
        **events_like(first.instance, testbed),
        "detail": {
            "LifecycleActionToken": "11111111-4321-4321-4321-210987654321",
            "AutoScalingGroupName": "web",
            "LifecycleHookName": first.hook,
            "EC2InstanceId": first.instance,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "Origin": "WarmPool",
            "Destination": "AutoScalingGroup",
        },
    }
    second = testbed.deployment.start(event)
    testbed.run(10)

    assert second.result["outcome"] == "over"  # the simulator knows no such token: but it was claimed and looked at
    entries = {record.entry: record for record in testbed.deployment.records()}
    assert entries["current"].token == "11111111-4321-4321-4321-210987654321"  # noqa: S105 - a sample token
    (kept,) = [record for entry, record in entries.items() if entry != "current"]
    assert (kept.token, kept.status) == (first.token, "completed")


def events_like(instance: str, testbed: Testbed) -> dict[str, Any]:
    del instance
    return {
        "source": "aws.autoscaling",
        "detail-type": "EC2 Instance-launch Lifecycle Action",
        "time": "2100-01-01T00:05:00Z",
        "account": "123456789012",
        "region": testbed.region.name,
    }


def test_a_table_that_is_down_keeps_the_event_for_the_dead_letter_queue(testbed: Testbed) -> None:
    (instance,) = testbed.group(heartbeat=7200)
    testbed.region.faults.deny("dynamodb", "PutItem")
    testbed.terminate(instance)

    execution = testbed.finish()

    assert execution.status == "FAILED"
    assert "dynamodb:PutItem is missing" in str(execution.error)
    assert testbed.log(LogKind.HEARTBEAT) == []
    assert testbed.completions() == []


def test_a_claim_whose_answer_was_lost_is_still_ours(testbed: Testbed) -> None:
    (instance,) = testbed.group()
    testbed.region.faults.lose_response("dynamodb", "PutItem", times=2)
    testbed.terminate(instance)

    assert testbed.finish().result["outcome"] == "completed"


def test_an_event_whose_time_cannot_be_right_counts_from_now(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: ()
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=300)
    testbed.target_group("blue", instance, delay=120)
    testbed.terminate(instance)
    testbed.run(10)
    (emitted,) = testbed.region.events.emitted
    testbed.deployment.start({**emitted, "time": "2021-01-13T00:12:37.214Z"})
    execution = testbed.finish(within=300)

    assert execution.result["result"] == "CONTINUE"
    assert testbed.calls("elbv2")["DeregisterTargets"] == 1


def test_an_event_older_than_any_wait_of_an_instance_that_is_gone_is_over_without_a_beat(testbed: Testbed) -> None:
    testbed.region.events.deliveries = lambda _: (40_000.0,)
    (instance,) = testbed.group(plan=DEREGISTER, heartbeat=300)
    testbed.target_group("blue", instance, delay=120)
    testbed.terminate(instance)
    execution = testbed.finish()

    assert execution.result["outcome"] == "over"
    assert testbed.log(LogKind.HEARTBEAT, LogKind.HEARTBEAT_REFUSED) == []
    assert "DeregisterTargets" not in testbed.calls("elbv2")


def test_an_execution_whose_action_was_taken_over_completes_nothing(testbed: Testbed) -> None:
    (instance,) = testbed.group(plan=DEREGISTER)
    testbed.target_group("blue", instance, delay=120)
    testbed.terminate(instance)
    testbed.run(20)
    emitted = testbed.region.events.emitted[0]
    detail: Any = emitted["detail"]
    newer = {**detail, "LifecycleActionToken": "11111111-4321-4321-4321-210987654321"}
    testbed.deployment.start({**emitted, "time": "2100-01-01T00:00:15Z", "detail": newer})
    testbed.run(200)
    first = testbed.deployment.executions[0]

    assert first.result["outcome"] == "taken_over"
    assert testbed.completions() == []
    assert "CompleteLifecycleAction" not in testbed.calls("autoscaling")


def test_a_permission_that_is_missing_is_named_and_holds_the_instance(testbed: Testbed) -> None:
    testbed.region.faults.deny("elbv2", "DeregisterTargets")
    (instance,) = testbed.group(plan=DEREGISTER)
    testbed.target_group("blue", instance, delay=120)
    testbed.terminate(instance)
    testbed.run(600)

    assert testbed.record().status == "held"
    assert "permission elasticloadbalancing:DeregisterTargets is missing" in (testbed.record().problem or "")
    assert testbed.completions() == []
