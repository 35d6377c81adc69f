"""Buckets of tokens against the region's own time."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle_simulator.region.rate_limits import RateLimit, RateLimits
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline


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
    limits.set(RateLimit(service="elbv2", steady=1, burst=1, prefix="Describe"))
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
