"""The step kind `wait-for-metric`."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

from msgspec import Meta, Struct

from asg_lifecycle.aws.metrics import Metric
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.durations import PositiveDuration, readable, seconds
from asg_lifecycle.model.progress import Done, Progress, Waiting
from asg_lifecycle.model.resource_names import NameText, Statistic
from asg_lifecycle.steps.base import PollingStep

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target

Comparison: TypeAlias = Literal["<", "<=", "==", ">=", ">"]

COMPARISONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt}

LATE = 2
"""Further periods that are asked for: a value may come that long after its period."""

MINUTE = 60
"""Seconds."""

MetricId: TypeAlias = Annotated[
    str, matching("^[a-z][A-Za-z0-9]*$", "as the id of a metric a small letter, then letters and digits")
]
"""What an expression calls a metric."""


class MetricOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One metric."""

    namespace: Annotated[
        NameText, Meta(min_length=1, max_length=255, description="Its namespace, `AWS/ApplicationELB` for one.")
    ]
    name: Annotated[
        NameText, Meta(min_length=1, max_length=255, description="Its name, `ActiveConnectionCount` for one.")
    ]
    dimensions: Annotated[
        dict[str, NameText], Meta(description="By name; placeholders such as `{instance}` in the values.")
    ] = {}
    statistic: Annotated[
        Statistic,
        Meta(description="`Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`."),
    ] = "Maximum"


class WaitForMetricOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has to hold of which metric, and for how long."""

    metrics: Annotated[
        dict[MetricId, MetricOptions],
        Meta(
            min_length=1,
            max_length=20,
            description="The metrics, by the id that the expression calls them; just one without an expression.",
        ),
    ]
    comparison: Annotated[Comparison, Meta(description="`<`, `<=`, `==`, `>=` or `>`.")]
    threshold: Annotated[float, Meta(description="What the value is compared with.")]
    expression: Annotated[
        str | None, Meta(description="Metric math over them, `busy / all`; nothing for the metric itself.")
    ] = None
    periods: Annotated[int, Meta(ge=1, le=60, description="For how many periods in a row it has to hold.")] = 1
    period: Annotated[PositiveDuration, Meta(description="Length of a period, a multiple of a minute.")] = "1m"
    without_values: Annotated[
        Literal["waiting", "met"],
        Meta(
            description="What a period without a value counts as: `waiting`, or `met` where no value "
            "means nothing to do."
        ),
    ] = "waiting"

    def __post_init__(self) -> None:
        """Refuse what CloudWatch could not answer.

        Raises:
            ValueError: several metrics without an expression, or a period that is not a multiple of a minute.
        """
        if self.expression is None and len(self.metrics) > 1:
            raise ValueError("several metrics need an expression that makes one value of them")
        if seconds(self.period) % MINUTE:
            raise ValueError(f"period is {self.period!r}; expected a multiple of a minute")


class WaitForMetric(PollingStep[WaitForMetricOptions]):
    """Wait until a CloudWatch metric meets a condition.

    Connections that end, a queue that empties, workers that fall idle.

    Only periods that are over count, so it waits at least as long as `periods` take. CloudWatch is asked once a period.
    """

    kind = "wait-for-metric"
    example: ClassVar[dict[str, object]] = {
        "metrics": {
            "busy": {"namespace": "Workers", "name": "BusyWorkers", "dimensions": {"InstanceId": "{instance}"}}
        },
        "comparison": "<=",
        "threshold": 0,
        "periods": 3,
    }
    permissions = ("cloudwatch:GetMetricData",)
    template_parameter = "MetricSteps"

    def preview(self, target: Target) -> str:
        """Say what would be waited for, and the last value there is."""
        values = self._values(target)
        now = f"{values[0]:g}" if values and values[0] is not None else "no value"
        return f"would wait for {self._condition()}; the last period has {now}"

    def poll(self, target: Target) -> Progress:
        """Ask for the values of the periods before now."""
        values = self._values(target)
        met = sum(self._is_met(value) for value in values)
        if met == len(values):
            return Done(f"{self._condition()}: {_listed(values)}")
        return Waiting(
            f"waiting for {self._condition()}: {met} of {len(values)} periods so far",
            again_after=float(self._period),
            blockers=(
                Blocker(kind=BlockerKind.METRIC, name=self._subject(), reason=f"the last are {_listed(values)}"),
            ),
        )

    @property
    def _period(self) -> int:
        return int(seconds(self._options.period))

    def _values(self, target: Target) -> list[float | None]:
        """Return the value of each of the last periods that are over, newest first."""
        options, period = self._options, self._period
        metrics = {
            name: Metric(
                namespace=target.fill(metric.namespace),
                name=target.fill(metric.name),
                dimensions={key: target.fill(value) for key, value in metric.dimensions.items()},
                statistic=metric.statistic,
            )
            for name, metric in options.metrics.items()
        }
        until = target.now - target.now % period
        since = until - (options.periods + LATE) * period
        found = dict(
            self._services.metrics.values(metrics, options.expression, period=period, since=since, until=until)
        )
        # Values may be late: the row of periods ends with the newest one that has a value.
        newest = next((late for late in range(LATE + 1) if until - (late + 1) * period in found), 0)
        begins = [until - (newest + number + 1) * period for number in range(options.periods)]
        return [found.get(begin) for begin in begins]

    def _is_met(self, value: float | None) -> bool:
        if value is None:
            return self._options.without_values == "met"
        return bool(COMPARISONS[self._options.comparison](value, self._options.threshold))

    def _subject(self) -> str:
        return self._options.expression or next(iter(self._options.metrics.values())).name

    def _condition(self) -> str:
        options = self._options
        length = f"{options.periods} periods of {readable(self._period)}" if options.periods > 1 else options.period
        return f"{self._subject()} {options.comparison} {options.threshold:g} for {length}"


def _listed(values: list[float | None]) -> str:
    return ", ".join("no value" if value is None else f"{value:g}" for value in reversed(values))
