"""CloudWatch metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence, Failure

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

    from asg_lifecycle.aws.clients import Clients

ACTION = "cloudwatch:GetMetricData"

COMPLETE, FORBIDDEN = "Complete", "Forbidden"
"""Of the `StatusCode` of a result: all values are told; metrics of another account may not be read."""

QUERY = "value"
"""Id of the one series that is returned."""


class Metric(Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        namespace: its namespace.
        name: its name.
        dimensions: by name.
        statistic: `Average`, `Sum`, `Maximum`, `p99`, …
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str


class Metrics:
    """The metrics of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def values(
        self, metrics: Mapping[str, Metric], expression: str | None, *, period: int, since: float, until: float
    ) -> tuple[tuple[float, float], ...]:
        """Return the values of a metric, or of metric math over several, newest first.

        Args:
            metrics: by the ids that the expression uses; without an expression, exactly one.
            expression: metric math, None for the metric itself.
            period: length of a period, seconds.
            since: seconds since the epoch; the first period begins here.
            until: likewise; the last period ends here.

        Returns:
            The beginning of each period that has a value, seconds since the epoch, and the value.

        Raises:
            CallFailed: no answer, throttled, denied, an expression that is not valid, or values that are not all told.
        """
        queries: list[MetricDataQueryTypeDef] = [
            {
                "Id": name if expression is not None else QUERY,
                "MetricStat": {
                    "Metric": {
                        "Namespace": metric.namespace,
                        "MetricName": metric.name,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in metric.dimensions.items()],
                    },
                    "Period": period,
                    "Stat": metric.statistic,
                },
                "ReturnData": expression is None,
            }
            for name, metric in metrics.items()
        ]
        if expression is not None:
            queries.append({"Id": QUERY, "Expression": expression, "Period": period})
        found: dict[float, float] = {}
        status = "nothing"
        with calling("cloudwatch:GetMetricData"):
            for page in self._clients.cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries,
                StartTime=datetime.fromtimestamp(since, UTC),
                EndTime=datetime.fromtimestamp(until, UTC),
                ScanBy="TimestampDescending",
            ):
                for result in page["MetricDataResults"]:
                    if result.get("Id") == QUERY:
                        times = (time.timestamp() for time in result.get("Timestamps", []))
                        found |= dict(zip(times, result.get("Values", []), strict=True))
                        status = result.get("StatusCode", COMPLETE)
        if status != COMPLETE:
            raise CallFailed(_incomplete(status))
        return tuple(sorted(found.items(), reverse=True))


def _incomplete(status: str) -> Failure:
    """Return what it means that CloudWatch has not told all values: those that are missing may be there."""
    consequence = Consequence.DENIED if status == FORBIDDEN else Consequence.TRANSIENT
    message = f"CloudWatch answered {status} for the metric, expected {COMPLETE}"
    return Failure(consequence=consequence, action=ACTION, code=status, message=message)
