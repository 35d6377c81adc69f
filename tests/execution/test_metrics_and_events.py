"""Steps that wait for a metric, and steps that tell others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from tests.execution.conftest import Testbed

BUSY = {"namespace": "Workers", "name": "Busy", "dimensions": {"InstanceId": "{instance}"}}
IDLE = {"metrics": {"busy": BUSY}, "comparison": "<=", "threshold": 0}


def measure(testbed: Testbed, value: float, *, instance: str, name: str = "Busy") -> None:
    with testbed.region.unobserved():
        testbed.region.client("cloudwatch").put_metric_data(
            Namespace="Workers",
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "InstanceId", "Value": instance}],
                    "Timestamp": datetime.fromtimestamp(testbed.timeline.now(), UTC),
                    "Value": value,
                }
            ],
        )


def measured(testbed: Testbed, instance: str, until_idle: float, *, every: float = 60, delay: float = 0) -> None:
    """Let the instance say each minute how busy it is, and say 0 from `until_idle` seconds on."""
    began = testbed.timeline.now()

    def send_message() -> None:
        measure(testbed, 3 if testbed.timeline.now() - began < until_idle else 0, instance=instance)
        if testbed.timeline.now() < began + 4 * until_idle + 3600:
            testbed.timeline.call_after(every, send_message, name="metric")

    testbed.timeline.call_after(delay, send_message, name="metric")


def drain(testbed: Testbed, kind: str, options: dict[str, Any], **plan: Any) -> str:
    (instance,) = testbed.group(plan={"steps": [{"kind": kind, "options": options}], **plan})
    return instance


def step_detail(testbed: Testbed) -> str:
    (step,) = testbed.record().step_outcomes
    assert step.outcome == "done"
    return step.detail


# Metrics


@pytest.mark.parametrize(("periods", "soonest"), [(1, 600), (3, 720)])
def test_a_metric_is_waited_for_until_it_has_held_long_enough(testbed: Testbed, periods: int, soonest: float) -> None:
    instance = drain(testbed, "wait-for-metric", {**IDLE, "periods": periods})
    measured(testbed, instance, 600)
    testbed.terminate(instance)
    testbed.run(300)
    assert (testbed.record().detail or "").startswith("wait-for-metric: waiting for Busy <= 0 for ")
    assert f"0 of {periods} periods so far" in (testbed.record().detail or "")
    testbed.finish()

    assert soonest <= testbed.elapsed <= soonest + 200
    assert step_detail(testbed).endswith(", ".join(["0"] * periods))
    assert testbed.calls("cloudwatch")["GetMetricData"] <= testbed.elapsed / 60 + 2


def test_a_value_that_is_late_does_not_interrupt_the_row(testbed: Testbed) -> None:
    instance = drain(testbed, "wait-for-metric", {**IDLE, "periods": 3})
    for _ in range(5):
        measure(testbed, 0, instance=instance)
        testbed.run(60)
    # Of the minute that is over now, nothing was heard.
    testbed.run(60)
    testbed.terminate(instance)
    testbed.run(30)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert step_detail(testbed).endswith("0, 0, 0")


def test_a_metric_of_others_says_nothing_of_this_instance(testbed: Testbed) -> None:
    instance = drain(testbed, "wait-for-metric", IDLE)
    measured(testbed, "i-other", 0)
    testbed.terminate(instance)
    testbed.run(1200)
    assert testbed.completions() == []


@pytest.mark.parametrize("without_values", ["waiting", "met"])
def test_a_metric_without_values(testbed: Testbed, without_values: str) -> None:
    testbed.terminate(drain(testbed, "wait-for-metric", {**IDLE, "without_values": without_values}))
    testbed.run(600)
    assert bool(testbed.completions()) == (without_values == "met")


@pytest.mark.parametrize(
    ("comparison", "threshold", "done"),
    [("<", 3, False), ("<=", 3, True), ("==", 3, True), (">=", 3, True), (">", 3, False), (">", 2.5, True)],
)
def test_each_comparison(testbed: Testbed, comparison: str, threshold: float, done: object) -> None:
    options = {"metrics": {"m": BUSY}, "comparison": comparison, "threshold": threshold}
    instance = drain(testbed, "wait-for-metric", options)
    measured(testbed, instance, 100_000)
    testbed.run(120)
    testbed.terminate(instance)
    testbed.run(300)
    assert bool(testbed.completions()) == done


def test_metric_math(testbed: Testbed) -> None:
    everything = {**BUSY, "name": "All"}
    options = {
        "metrics": {"busy": BUSY, "all": everything},
        "expression": "busy - all",
        "comparison": "<",
        "threshold": 0,
    }
    instance = drain(testbed, "wait-for-metric", options)
    measure(testbed, 1, instance=instance)
    measure(testbed, 4, instance=instance, name="All")
    testbed.terminate(instance)
    testbed.run(100)

    (asked,) = {operation for service, operation in testbed.region.calls if service == "cloudwatch"}
    assert asked == "GetMetricData"
    assert "busy - all < 0" in (testbed.record().detail or "")


def test_a_metric_that_may_not_be_read_names_the_permission_and_its_plan_holds(testbed: Testbed) -> None:
    testbed.region.faults.deny("cloudwatch", "GetMetricData")
    testbed.terminate(drain(testbed, "wait-for-metric", IDLE))
    testbed.run(600)
    assert testbed.record().status is Status.HELD
    assert "permission cloudwatch:GetMetricData is missing" in (testbed.record().problem or "")


# Events


def listening(testbed: Testbed, *, topic: bool, bus: str = "default") -> tuple[str, str]:
    """Make a queue behind a topic, or behind a rule for our source; return its URL and the topic's ARN."""
    with testbed.region.unobserved():
        sqs, events = testbed.region.client("sqs"), testbed.region.client("events")
        url = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if topic:
            sns = testbed.region.client("sns")
            made = str(sns.create_topic(Name="drained")["TopicArn"])
            sns.subscribe(TopicArn=made, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
            return url, made
        if bus != "default":
            events.create_event_bus(Name=bus)
        events.put_rule(Name="ours", EventBusName=bus, EventPattern=json.dumps({"source": ["asg-lifecycle"]}))
        events.put_targets(Rule="ours", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return url, ""


def heard(testbed: Testbed, url: str) -> list[dict[str, Any]]:
    with testbed.region.unobserved():
        messages = (
            testbed.region.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        )
    return [json.loads(message["Body"]) for message in messages]


@pytest.mark.parametrize("bus", ["default", "mine"])
def test_an_event_says_which_action_has_come_how_far(testbed: Testbed, bus: str) -> None:
    url, _ = listening(testbed, topic=False, bus=bus)
    options = {"detail_type": "Web Server Drained", "detail": {"team": "blue"}, "bus": bus}
    instance = drain(testbed, "publish-event", options)
    testbed.terminate(instance)
    testbed.finish()

    (event,) = heard(testbed, url)
    token = testbed.record().token
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
    assert step_detail(testbed) == f"published 'Web Server Drained' to bus {bus}"


def test_a_message_to_a_topic(testbed: Testbed) -> None:
    url, topic = listening(testbed, topic=True)
    testbed.terminate(drain(testbed, "publish-event", {"topic": topic}))
    testbed.finish()

    (message,) = heard(testbed, url)
    assert message["group"] == "web"
    assert step_detail(testbed) == f"published 'Lifecycle Step Reached' to topic {topic}"


def test_what_is_said_twice_has_one_id(testbed: Testbed) -> None:
    url, _ = listening(testbed, topic=False)
    testbed.region.faults.lose_response("events", "PutEvents")
    testbed.terminate(drain(testbed, "publish-event", {}))
    testbed.finish()

    assert len({event["detail"]["id"] for event in heard(testbed, url)}) == 1


def test_a_topic_there_is_not_fails_the_step(testbed: Testbed) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:nobody"
    testbed.terminate(drain(testbed, "publish-event", {"topic": topic}))
    testbed.run(300)
    assert testbed.record().status is Status.HELD
    assert "sns:Publish failed" in (testbed.record().problem or "")


def test_a_dry_run_says_what_would_be_published(testbed: Testbed) -> None:
    url, _ = listening(testbed, topic=False)
    testbed.terminate(drain(testbed, "publish-event", {"detail_type": "X"}, dry_run=True))
    testbed.finish()

    assert "would publish 'X' to bus default" in step_detail(testbed)
    assert heard(testbed, url) == []
