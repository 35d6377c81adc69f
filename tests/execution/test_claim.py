from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

DEREGISTER = {"steps": [{"kind": "deregister-targets", "options": {"names": ["blue"]}}]}


def events_of(stage: Stage) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    stage.region.subscribe(events.append)
    return events


def test_an_event_delivered_three_times_is_worked_on_once(stage: Stage) -> None:
    events = events_of(stage)
    (instance,) = stage.group(plan=DEREGISTER)
    stage.target_group("blue", instance, delay=120)
    stage.terminate(instance)
    stage.run(10)
    before = dict(stage.calls("autoscaling"))
    copies = [stage.deployment.start(events[-1]) for _ in range(2)]
    stage.run(1)

    assert [copy.result["outcome"] for copy in copies] == ["duplicate", "duplicate"]
    assert [len(copy.operations) for copy in copies] == [1, 1]
    assert stage.calls("autoscaling") == before

    stage.finish()
    late = stage.deployment.start(events[-1])
    stage.run(10)

    assert late.result["outcome"] == "duplicate"
    assert "completed" in late.result["reason"]
    assert stage.calls("elbv2")["DeregisterTargets"] == 1
    assert stage.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_event_that_comes_after_the_action_is_over_drains_nothing(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER, heartbeat=30)
    stage.target_group("blue", instance, delay=120)
    stage.region.events.deliveries = lambda _: (400.0,)
    stage.terminate(instance)

    execution = stage.finish()

    assert execution.result["outcome"] == "over"
    assert stage.record().status == "over"
    assert "DeregisterTargets" not in stage.calls("elbv2")
    assert stage.completions() == ["ABANDON heartbeat timeout"]


def test_a_warm_pool_instance_that_meets_its_launch_hook_again_is_a_new_action(stage: Stage) -> None:
    stage.group(0)
    stage.region.scale("web", 1)
    stage.finish()
    first = stage.record()
    stage.run(100)
    event = {
        **events_like(first.instance, stage),
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
    second = stage.deployment.start(event)
    stage.run(10)

    assert second.result["outcome"] == "over"  # the simulator knows no such token: but it was claimed and looked at
    entries = {record.entry: record for record in stage.deployment.records()}
    assert entries["current"].token == "11111111-4321-4321-4321-210987654321"  # noqa: S105 - a sample token
    (kept,) = [record for entry, record in entries.items() if entry != "current"]
    assert (kept.token, kept.status) == (first.token, "completed")


def events_like(instance: str, stage: Stage) -> dict[str, Any]:
    del instance
    return {
        "source": "aws.autoscaling",
        "detail-type": "EC2 Instance-launch Lifecycle Action",
        "time": "2100-01-01T00:05:00Z",
        "account": "123456789012",
        "region": stage.region.name,
    }


def test_a_table_that_is_down_keeps_the_event_for_the_dead_letter_queue(stage: Stage) -> None:
    (instance,) = stage.group(heartbeat=7200)
    stage.region.faults.deny("dynamodb", "PutItem")
    stage.terminate(instance)

    execution = stage.finish()

    assert execution.status == "FAILED"
    assert "dynamodb:PutItem is missing" in str(execution.error)
    assert stage.log(LogKind.HEARTBEAT) == []
    assert stage.completions() == []


def test_a_claim_whose_answer_was_lost_is_still_ours(stage: Stage) -> None:
    (instance,) = stage.group()
    stage.region.faults.lose_response("dynamodb", "PutItem", times=2)
    stage.terminate(instance)

    assert stage.finish().result["outcome"] == "completed"


def test_an_event_whose_time_cannot_be_right_counts_from_now(stage: Stage) -> None:
    stage.region.events.deliveries = lambda _: ()
    (instance,) = stage.group(plan=DEREGISTER, heartbeat=300)
    stage.target_group("blue", instance, delay=120)
    stage.terminate(instance)
    stage.run(10)
    (emitted,) = stage.region.events.emitted
    stage.deployment.start({**emitted, "time": "2021-01-13T00:12:37.214Z"})
    execution = stage.finish(within=300)

    assert execution.result["result"] == "CONTINUE"
    assert stage.calls("elbv2")["DeregisterTargets"] == 1


def test_an_event_older_than_any_wait_of_an_instance_that_is_gone_is_over_without_a_beat(stage: Stage) -> None:
    stage.region.events.deliveries = lambda _: (40_000.0,)
    (instance,) = stage.group(plan=DEREGISTER, heartbeat=300)
    stage.target_group("blue", instance, delay=120)
    stage.terminate(instance)
    execution = stage.finish()

    assert execution.result["outcome"] == "over"
    assert stage.log(LogKind.HEARTBEAT, LogKind.HEARTBEAT_REFUSED) == []
    assert "DeregisterTargets" not in stage.calls("elbv2")


def test_an_execution_whose_action_was_taken_over_completes_nothing(stage: Stage) -> None:
    (instance,) = stage.group(plan=DEREGISTER)
    stage.target_group("blue", instance, delay=120)
    stage.terminate(instance)
    stage.run(20)
    (emitted,) = stage.region.events.emitted
    detail: Any = emitted["detail"]
    newer = {**detail, "LifecycleActionToken": "11111111-4321-4321-4321-210987654321"}
    stage.deployment.start({**emitted, "time": "2100-01-01T00:00:15Z", "detail": newer})
    stage.run(200)
    first = stage.deployment.executions[0]

    assert first.result["outcome"] == "taken"
    assert stage.completions() == []
    assert "CompleteLifecycleAction" not in stage.calls("autoscaling")


def test_a_permission_that_is_missing_is_named_and_holds_the_instance(stage: Stage) -> None:
    stage.region.faults.deny("elbv2", "DeregisterTargets")
    (instance,) = stage.group(plan=DEREGISTER)
    stage.target_group("blue", instance, delay=120)
    stage.terminate(instance)
    stage.run(600)

    assert stage.record().status == "held"
    assert "permission elasticloadbalancing:DeregisterTargets is missing" in (stage.record().problem or "")
    assert stage.completions() == []
