"""Wait until a CloudWatch metric meets a condition."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.aws.metrics import Metric
from asg_lifecycle.model.durations import Duration, readable, seconds
from asg_lifecycle.model.progress import Done, Progress, Waiting
from asg_lifecycle.steps.polling_step import PollingStep

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.metrics import Metrics
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

Comparison: TypeAlias = Literal["<", "<=", "==", ">=", ">"]

COMPARISONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, ">=": operator.ge, ">": operator.gt}

INSTANCE = "{instance}"
"""What stands for the instance id in the value of a dimension."""

LATE = 2
"""Periods that are looked back further: a value may come that much after its period."""

MINUTE = 60


class MetricOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One metric.

    Attributes:
        namespace: `AWS/ApplicationELB`.
        name: `ActiveConnectionCount`.
        dimensions: by name; `{instance}` in a value stands for the instance's id.
        statistic: `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`.
    """

    namespace: Annotated[str, Meta(min_length=1, max_length=255)]
    name: Annotated[str, Meta(min_length=1, max_length=255)]
    dimensions: dict[str, str] = {}
    statistic: str = "Maximum"


class WaitForMetricOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What has to hold of which metric, and for how long.

    Attributes:
        metrics: the metrics, by the id that the expression calls them; just one without an expression.
        comparison: `<`, `<=`, `==`, `>=` or `>`.
        threshold: what the value is compared with.
        expression: metric math over them, `busy / all`; nothing for the metric itself.
        periods: for how many periods in a row it has to hold.
        period: length of a period, a multiple of a minute.
        without_values: what a period without a value counts as: `waiting`, or `met` where no value means nothing to do.
    """

    metrics: Annotated[dict[str, MetricOptions], Meta(min_length=1, max_length=20)]
    comparison: Comparison
    threshold: float
    expression: str | None = None
    periods: Annotated[int, Meta(ge=1, le=60)] = 1
    period: Duration = "1m"
    without_values: Literal["waiting", "met"] = "waiting"

    def __post_init__(self) -> None:
        """Refuse what CloudWatch could not answer.

        Raises:
            ValueError: several metrics without an expression, an id that is none, a period that is none.
        """
        if self.expression is None and len(self.metrics) > 1:
            raise ValueError("several metrics need an expression that makes one value of them")
        if wrong := [name for name in self.metrics if not (name[:1].islower() and name.isalnum() and name.isascii())]:
            raise ValueError(f"{wrong[0]!r} cannot be the id of a metric: a small letter, then letters and digits")
        if seconds(self.period) % MINUTE or not seconds(self.period):
            raise ValueError(f"period is {self.period!r}; expected a multiple of a minute")


class WaitForMetric(PollingStep):
    """`wait-for-metric`: connections that end, a queue that empties, workers that fall idle.

    Only periods that are over count, so it waits at least as long as `periods` take. CloudWatch is asked once a period.
    """

    kind: ClassVar[str] = "wait-for-metric"
    options: ClassVar[type[Struct]] = WaitForMetricOptions
    example: ClassVar[dict[str, Any]] = {
        "metrics": {
            "busy": {"namespace": "Workers", "name": "BusyWorkers", "dimensions": {"InstanceId": "{instance}"}}
        },
        "comparison": "<=",
        "threshold": 0,
        "periods": 3,
    }
    permissions: ClassVar[tuple[str, ...]] = ("cloudwatch:GetMetricData",)
    template_parameter: ClassVar[str | None] = "MetricSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = False
    at_most_once: ClassVar[bool] = False

    def __init__(self, chosen: WaitForMetricOptions, metrics: Metrics) -> None:
        self._chosen = chosen
        self._metrics = metrics
        self._period = int(seconds(chosen.period))

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(msgspec.convert(options, WaitForMetricOptions, from_attributes=True), services.metrics)

    def preview(self, target: Target) -> str:
        """Say what would be waited for, and the last value there is."""
        values = self._values(target)
        now = f"{values[0]:g}" if values and values[0] is not None else "no value"
        return f"would wait for {self._condition()}; the last period has {now}"

    def begin(self, target: Target) -> Progress:
        """Look at the periods before now."""
        values = self._values(target)
        met = sum(self._is_met(value) for value in values)
        if met == len(values):
            return Done(f"{self._condition()}: {_listed(values)}")
        return Waiting(
            f"waiting for {self._condition()}: {met} of {len(values)} periods so far", again_after=float(self._period)
        )

    def _values(self, target: Target) -> list[float | None]:
        """Return the value of each of the last periods that are over, newest first."""
        chosen, period = self._chosen, self._period
        metrics = {
            name: Metric(
                namespace=metric.namespace,
                name=metric.name,
                dimensions={
                    key: value.replace(INSTANCE, target.action.instance) for key, value in metric.dimensions.items()
                },
                statistic=metric.statistic,
            )
            for name, metric in chosen.metrics.items()
        }
        until = target.now - target.now % period
        since = until - (chosen.periods + LATE) * period
        found = dict(self._metrics.values(metrics, chosen.expression, period=period, since=since, until=until))
        # What came late is looked for where it may still come: the newest period with a value ends the row.
        newest = next((late for late in range(LATE + 1) if until - (late + 1) * period in found), 0)
        begins = [until - (newest + number + 1) * period for number in range(chosen.periods)]
        return [found.get(begin) for begin in begins]

    def _is_met(self, value: float | None) -> bool:
        if value is None:
            return self._chosen.without_values == "met"
        return bool(COMPARISONS[self._chosen.comparison](value, self._chosen.threshold))

    def _condition(self) -> str:
        chosen = self._chosen
        what = chosen.expression or next(iter(chosen.metrics.values())).name
        length = f"{chosen.periods} periods of {readable(self._period)}" if chosen.periods > 1 else chosen.period
        return f"{what} {chosen.comparison} {chosen.threshold:g} for {length}"


def _listed(values: list[float | None]) -> str:
    return ", ".join("no value" if value is None else f"{value:g}" for value in reversed(values))
