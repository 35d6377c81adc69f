"""Buckets of tokens against the region's own time."""

from __future__ import annotations

import json

import boto3
import pytest
from aws_durable_execution_sdk_python import durable_execution
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.region.rate_limits import START, TOO_MANY_REQUESTS, RateLimit, RateLimits
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.durable_executions.invocation_queue import InvocationQueue
from asg_lifecycle_simulator.services.durable_executions.service import DurableService


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


@given(
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=200),
    steady=st.floats(0.1, 20),
    burst=st.integers(1, 50),
)
def test_no_span_of_time_has_more_requests_than_its_bucket(gaps: list[float], steady: float, burst: int) -> None:
    clock = Clock()
    limits = RateLimits(clock)
    limits.set(RateLimit(service="elbv2", steady=steady, burst=burst))
    served: list[float] = []
    for gap in gaps:
        clock.now += gap
        if limits.take("elbv2", "DescribeTargetHealth") is None:
            served.append(clock.now)
    for first in range(len(served)):
        for last in range(first, len(served)):
            assert last - first + 1 <= burst + (served[last] - served[first]) * steady + 1e-6
    assert len(served) + sum(limits.throttled.values()) == len(gaps)
    assert len(served) >= min(len(gaps), burst)


def test_only_what_the_limit_names_draws_from_it() -> None:
    limits = RateLimits(Clock())
    limits.set(RateLimit(service="elbv2", steady=1, burst=1, operations="Describe*"))
    assert limits.take("elbv2", "DescribeTargetHealth") is None
    assert limits.take("elbv2", "DescribeTargetGroups") is not None
    assert limits.take("elbv2", "DeregisterTargets") is None
    assert limits.take("ssm", "DescribeInstanceInformation") is None


def test_a_throttled_request_has_no_effect_and_looks_like_one_on_the_wire() -> None:
    timeline = VirtualTimeline()
    with Region(timeline) as region:
        region.limits.set(RateLimit(service="autoscaling", steady=0.1, burst=2))
        client = boto3.client("autoscaling", config=Config(retries={"total_max_attempts": 1}))
        client.describe_auto_scaling_groups()
        client.describe_auto_scaling_groups()
        with pytest.raises(ClientError) as refused:
            client.describe_auto_scaling_groups()
        assert refused.value.response["Error"]["Code"] == "Throttling"
        timeline.run_for(10)
        client.describe_auto_scaling_groups()


@pytest.mark.parametrize(
    ("operation", "rate"),
    [
        ("GetDurableExecution", 30),
        ("GetDurableExecutionHistory", 15),
        ("ListDurableExecutionsByFunction", 15),
        ("SendDurableExecutionCallbackSuccess", 3_000),
        ("SendDurableExecutionCallbackHeartbeat", 3_000),
        ("CheckpointDurableExecution", 10_000),
        (START, 300),
        ("GetDurableExecutionState", None),
        ("Invoke", None),
    ],
)
def test_lambda_has_a_quota_for_each_kind_of_request(operation: str, rate: int | None) -> None:
    clock = Clock()
    limits = RateLimits(clock)
    limits.set(RateLimit(service="elbv2", steady=1, burst=1))
    admitted = sum(limits.take("lambda", operation) is None for _ in range(12_000))

    assert admitted == (12_000 if rate is None else rate)
    clock.now += 0.5
    assert sum(limits.take("lambda", operation) is None for _ in range(12_000)) == (
        12_000 if rate is None else rate // 2
    )


def test_a_caller_that_paces_itself_meets_no_quota_though_its_pauses_take_no_time() -> None:
    with Testbed(Deployment) as testbed:
        client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
        answered = []
        for pause in [0.0] * 31 + [0.1]:
            testbed.region.pauses.sleep(pause)
            try:
                client.get_durable_execution(DurableExecutionArn="arn:none")
            except ClientError as error:
                answered.append(error.response["Error"]["Code"])
    assert answered == ["ResourceNotFoundException"] * 30 + ["TooManyRequestsException", "ResourceNotFoundException"]


def test_events_for_which_there_is_no_room_begin_their_executions_later() -> None:
    with Testbed(Deployment) as testbed:
        service = DurableService(testbed.timeline, durable_execution(lambda *_: "done"))
        queue = InvocationQueue(testbed.region, service)
        for number in range(700):
            queue.put({"number": number})
        testbed.timeline.run_for(0)
        assert len(service.executions) == 300
        testbed.timeline.run_for(1)
        assert len(service.executions) == 600
        testbed.timeline.run_for(2)

        assert sorted(json.loads(each.payload)["number"] for each in service.executions) == list(range(700))
        assert all(each.result == "done" for each in service.executions)


def test_a_drain_whose_checkpoints_are_refused_goes_on_when_there_is_room_again() -> None:
    with Testbed(Deployment) as testbed:
        refused = RateLimit(
            service="lambda", operations="CheckpointDurableExecution", steady=3, burst=4, refusal=TOO_MANY_REQUESTS
        )
        (instance,) = testbed.autoscaling.create_group("web")
        testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING", HeartbeatTimeout=900)
        testbed.region.limits.set(refused)
        testbed.autoscaling.terminate(instance)
        testbed.timeline.run_for(900)

        assert testbed.region.limits.throttled["lambda", "CheckpointDurableExecution"] > 0
        (execution,) = testbed.deployment.executions
        assert execution.status == "SUCCEEDED"
