"""CloudWatch metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

    from asg_lifecycle.aws.clients import Clients

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
            CallFailed: no answer, throttled, denied, or an expression that is not valid.
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
        with calling("cloudwatch:GetMetricData"):
            answer = self._clients.cloudwatch.get_metric_data(
                MetricDataQueries=queries,
                StartTime=datetime.fromtimestamp(since, UTC),
                EndTime=datetime.fromtimestamp(until, UTC),
                ScanBy="TimestampDescending",
            )
        found = next((result for result in answer["MetricDataResults"] if result.get("Id") == QUERY), None)
        if found is None:
            return ()
        times, values = found.get("Timestamps", []), found.get("Values", [])
        return tuple((time.timestamp(), value) for time, value in zip(times, values, strict=True))
