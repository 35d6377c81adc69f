"""Logs and metrics: one set of keys, one list of names."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from aws_lambda_powertools.metrics import MetricUnit

from asg_lifecycle.model.failures import Consequence
from asg_lifecycle.model.log_keys import ACTION_KEYS
from asg_lifecycle.model.metrics import DEFINITIONS, Metric
from asg_lifecycle.model.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aws_lambda_powertools import Logger

    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.blockers import BlockerKind
    from asg_lifecycle.model.failures import Failure

__all__ = ["KEYS", "Metric", "MetricSet", "Observer"]


KEYS = tuple(ACTION_KEYS)


class MetricSet(Protocol):
    """Values under one set of dimensions, as Powertools collects and writes them."""

    metric_set: dict[str, object]

    def add_metric(self, name: str, unit: MetricUnit, value: float) -> None:
        """Add one value."""

    def flush_metrics(self) -> None:
        """Write the values as one line."""


class Observer:
    """The logs and metrics of the application.

    Every line carries the keys group, hook, instance, token and execution, and the key step where a step is running.
    Call it inside durable steps and checks, which do not run again on replay. Outside of them use the durable
    context's logger, which stays silent on replay; `logger` is set as the one it writes to.
    """

    def __init__(
        self,
        logger: Logger,
        metrics_of: Callable[[Mapping[str, str]], MetricSet],
        *,
        by_group: bool = False,
        redact: Callable[[str], str] = redacted,
    ) -> None:
        self.logger = logger
        self._redact = redact
        self._metrics_of = metrics_of
        self._by_group = by_group
        self._group = ""
        self._metrics: dict[tuple[tuple[str, str], ...], MetricSet] = {}

    def unbind(self) -> None:
        """Remove the keys of the last event's action: one Lambda environment answers many events."""
        self._group = ""
        self.logger.remove_keys(KEYS)

    def bind(self, action: LifecycleAction, execution: str) -> None:
        """Add the keys of this action to every line from now on, and its group to metrics that are written by group."""
        self._group = action.group
        self.logger.append_keys(
            group=action.group, hook=action.hook, instance=action.instance, token=action.token, execution=execution
        )

    def info(self, message: str, *, step: str = "") -> None:
        """Log what happened."""
        self.logger.info(self._redact(message), extra={"step": step}, stacklevel=3)

    def warning(self, message: str, *, step: str = "") -> None:
        """Log what is not as it should be and needs nobody."""
        self.logger.warning(self._redact(message), extra={"step": step}, stacklevel=3)

    def error(self, message: str, *, step: str = "", with_traceback: bool = False) -> None:
        """Log what a person has to look into."""
        self.logger.error(self._redact(message), extra={"step": step}, exc_info=with_traceback, stacklevel=3)

    def ended(self, message: str, *, status: str, result: str, seconds: float, operations: int) -> None:
        """Log the end of an action as data: the only line with these keys, one for each action.

        Args:
            message: how it ended, a sentence.
            status: the status of the record.
            result: what it was completed with, empty where it was not.
            seconds: from its event to its end.
            operations: durable operations that its execution has used.
        """
        times = {"seconds": round(seconds, 3), "operations": operations}
        extra = {"step": "", "status": status, "result": result, **times}
        self.logger.info(self._redact(message), extra=extra, stacklevel=2)

    def count(self, metric: Metric) -> None:
        """Count one occurrence."""
        self.measure(metric, 1)

    def measure(self, metric: Metric, value: float) -> None:
        """Record a value of the present action's, for its group as well where the stack's parameter says so."""
        self._add(metric, value)
        if self._group:
            self.gauge_of_group(metric, self._group, value)

    def gauge(self, metric: Metric, value: float) -> None:
        """Record how much of something there is now."""
        self._add(metric, value)

    def gauge_of_group(self, metric: Metric, group: str, value: float) -> None:
        """Record how much of something there is of one group, where metrics are written by group and this one is."""
        # CloudWatch takes ASCII alone as a dimension's value; a group's name may be anything (R29).
        if self._by_group and group.isascii() and DEFINITIONS[metric].by_group:
            self._add(metric, value, ("group", group))

    def by_cause(self, metric: Metric, values: Mapping[BlockerKind, float]) -> None:
        """Record a value for each cause."""
        for cause, value in values.items():
            self._add(metric, value, ("cause", cause.value))

    def unpublished(self, failure: Failure) -> None:
        """Count and log that an event about an action could not be published."""
        self.count(Metric.EVENT_UNPUBLISHED)
        if failure.consequence is Consequence.DENIED:
            self.count(Metric.PERMISSION_MISSING)
        self.warning(f"an event about the action could not be published, it is left out: {failure}")

    def _add(self, metric: Metric, value: float, *dimensions: tuple[str, str]) -> None:
        # Branches of a race are threads: `setdefault` lets two of them write to the same set.
        metrics = self._metrics.get(dimensions)
        if metrics is None:
            metrics = self._metrics.setdefault(dimensions, self._metrics_of(dict(dimensions)))
        unit = MetricUnit.Seconds if metric.is_time else MetricUnit.Count
        metrics.add_metric(name=metric.value, unit=unit, value=value)

    @contextmanager
    def writing_metrics(self) -> Iterator[None]:
        """Write what is counted inside, however it ends: a line for each set of dimensions."""
        try:
            yield
        finally:
            written, self._metrics = self._metrics, {}
            for metrics in written.values():
                if metrics.metric_set:
                    metrics.flush_metrics()
