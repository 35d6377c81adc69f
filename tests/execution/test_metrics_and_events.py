"""Steps that wait for a metric, and steps that tell others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from tests.execution.conftest import Stage

BUSY = {"namespace": "Workers", "name": "Busy", "dimensions": {"InstanceId": "{instance}"}}
IDLE = {"metrics": {"busy": BUSY}, "comparison": "<=", "threshold": 0}


def measure(stage: Stage, value: float, *, instance: str, name: str = "Busy") -> None:
    with stage.region.unobserved():
        stage.region.client("cloudwatch").put_metric_data(
            Namespace="Workers",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "InstanceId", "Value": instance}],
                    "Timestamp": datetime.fromtimestamp(stage.timeline.now(), UTC),
                    "Value": value,
                }
            ],
        )


def measured(stage: Stage, instance: str, until_idle: float, *, every: float = 60, delay: float = 0) -> None:
    """Let the instance say each minute how busy it is, and say 0 from `until_idle` seconds on."""
    began = stage.timeline.now()

    def say() -> None:
        measure(stage, 3 if stage.timeline.now() - began < until_idle else 0, instance=instance)
        if stage.timeline.now() < began + 4 * until_idle + 3600:
            stage.timeline.call_after(every, say, name="metric")

    stage.timeline.call_after(delay, say, name="metric")


def drain(stage: Stage, kind: str, options: dict[str, Any], **plan: Any) -> str:
    (instance,) = stage.group(plan={"steps": [{"kind": kind, "options": options}], **plan})
    return instance


def step_detail(stage: Stage) -> str:
    (step,) = stage.record().steps
    assert step.outcome == "done"
    return step.detail


# Metrics


@pytest.mark.parametrize(("periods", "soonest"), [(1, 600), (3, 720)])
def test_a_metric_is_waited_for_until_it_has_held_long_enough(stage: Stage, periods: int, soonest: float) -> None:
    instance = drain(stage, "wait-for-metric", {**IDLE, "periods": periods})
    measured(stage, instance, 600)
    stage.terminate(instance)
    stage.run(300)
    assert (stage.record().detail or "").startswith("wait-for-metric: waiting for Busy <= 0 for ")
    assert f"0 of {periods} periods so far" in (stage.record().detail or "")
    stage.finish()

    assert soonest <= stage.elapsed <= soonest + 200
    assert step_detail(stage).endswith(", ".join(["0"] * periods))
    assert stage.calls("cloudwatch")["GetMetricData"] <= stage.elapsed / 60 + 2


def test_a_metric_of_others_says_nothing_of_this_instance(stage: Stage) -> None:
    instance = drain(stage, "wait-for-metric", IDLE)
    measured(stage, "i-other", 0)
    stage.terminate(instance)
    stage.run(1200)
    assert stage.completions() == []


@pytest.mark.parametrize("without_values", ["waiting", "met"])
def test_a_metric_without_values(stage: Stage, without_values: str) -> None:
    stage.terminate(drain(stage, "wait-for-metric", {**IDLE, "without_values": without_values}))
    stage.run(600)
    assert bool(stage.completions()) == (without_values == "met")


@pytest.mark.parametrize(
    ("comparison", "threshold", "done"),
    [("<", 3, False), ("<=", 3, True), ("==", 3, True), (">=", 3, True), (">", 3, False), (">", 2.5, True)],
)
def test_each_comparison(stage: Stage, comparison: str, threshold: float, done: object) -> None:
    options = {"metrics": {"m": BUSY}, "comparison": comparison, "threshold": threshold}
    instance = drain(stage, "wait-for-metric", options)
    measured(stage, instance, 100_000)
    stage.run(120)
    stage.terminate(instance)
    stage.run(300)
    assert bool(stage.completions()) == done


def test_metric_math(stage: Stage) -> None:
    everything = {**BUSY, "name": "All"}
    options = {
        "metrics": {"busy": BUSY, "all": everything},
        "expression": "busy - all",
        "comparison": "<",
        "threshold": 0,
    }
    instance = drain(stage, "wait-for-metric", options)
    measure(stage, 1, instance=instance)
    measure(stage, 4, instance=instance, name="All")
    stage.terminate(instance)
    stage.run(100)

    (asked,) = {operation for service, operation in stage.region.calls if service == "cloudwatch"}
    assert asked == "GetMetricData"
    assert "busy - all < 0" in (stage.record().detail or "")


def test_a_metric_that_may_not_be_read_names_the_permission_and_its_plan_holds(stage: Stage) -> None:
    stage.region.faults.deny("cloudwatch", "GetMetricData")
    stage.terminate(drain(stage, "wait-for-metric", IDLE))
    stage.run(600)
    assert stage.record().status is Status.HELD
    assert "permission cloudwatch:GetMetricData is missing" in (stage.record().problem or "")


# Events


def listening(stage: Stage, *, topic: bool, bus: str = "default") -> tuple[str, str]:
    """Make a queue behind a topic, or behind a rule for our source; return its URL and the topic's ARN."""
    with stage.region.unobserved():
        sqs, events = stage.region.client("sqs"), stage.region.client("events")
        url = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if topic:
            sns = stage.region.client("sns")
            made = str(sns.create_topic(Name="drained")["TopicArn"])
            sns.subscribe(TopicArn=made, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
            return url, made
        if bus != "default":
            events.create_event_bus(Name=bus)
        events.put_rule(Name="ours", EventBusName=bus, EventPattern=json.dumps({"source": ["asg-lifecycle"]}))
        events.put_targets(Rule="ours", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return url, ""


def heard(stage: Stage, url: str) -> list[dict[str, Any]]:
    with stage.region.unobserved():
        messages = stage.region.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


@pytest.mark.parametrize("bus", ["default", "mine"])
def test_an_event_says_which_action_has_come_how_far(stage: Stage, bus: str) -> None:
    url, _ = listening(stage, topic=False, bus=bus)
    options = {"detail_type": "Web Server Drained", "detail": {"team": "blue"}, "bus": bus}
    instance = drain(stage, "publish-event", options)
    stage.terminate(instance)
    stage.finish()

    (event,) = heard(stage, url)
    token = stage.record().token
    assert (event["source"], event["detail-type"]) == ("asg-lifecycle", "Web Server Drained")
    assert event["detail"] == {
        "id": f"{token}-1",
        "group": "web",
        "hook": "asg-lifecycle-terminate",
        "instance": instance,
        "transition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "token": token,
        "more": {"team": "blue"},
    }
    assert step_detail(stage) == f"published 'Web Server Drained' to bus {bus}"


def test_a_message_to_a_topic(stage: Stage) -> None:
    url, topic = listening(stage, topic=True)
    stage.terminate(drain(stage, "publish-event", {"topic": topic}))
    stage.finish()

    (message,) = heard(stage, url)
    assert message["group"] == "web"
    assert step_detail(stage) == f"published 'Lifecycle Step Reached' to topic {topic}"


def test_what_is_said_twice_has_one_id(stage: Stage) -> None:
    url, _ = listening(stage, topic=False)
    stage.region.faults.lose_response("events", "PutEvents")
    stage.terminate(drain(stage, "publish-event", {}))
    stage.finish()

    assert len({event["detail"]["id"] for event in heard(stage, url)}) == 1


def test_a_topic_there_is_not_fails_the_step(stage: Stage) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:nobody"
    stage.terminate(drain(stage, "publish-event", {"topic": topic}))
    stage.run(300)
    assert stage.record().status is Status.HELD
    assert "sns:Publish failed" in (stage.record().problem or "")


def test_a_dry_run_says_what_would_be_published(stage: Stage) -> None:
    url, _ = listening(stage, topic=False)
    stage.terminate(drain(stage, "publish-event", {"detail_type": "X"}, dry_run=True))
    stage.finish()

    assert "would publish 'X' to bus default" in step_detail(stage)
    assert heard(stage, url) == []
