"""Logs and metrics: one set of keys, one list of names."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools import Logger, Metrics

    from asg_lifecycle.model.actions import LifecycleAction


KEYS = ("group", "hook", "instance", "token", "execution")


class Metric(StrEnum):
    """The metrics there are: counts of occurrences, and gauges, whose names end in `Now`, `InFlight` or `Seconds`."""

    BLOCKED_NOW = "ActionsBlockedNow"
    CLAIMED = "ActionsClaimed"
    COMPLETED = "ActionsCompleted"
    DEPENDENCY_OUTAGE = "DependencyOutages"
    DUPLICATE = "DuplicateEvents"
    HANDED_OVER = "ActionsHandedOver"
    HELD = "ActionsHeld"
    HELD_NOW = "ActionsHeldNow"
    HEARTBEAT = "Heartbeats"
    HEARTBEAT_FAILED = "HeartbeatsFailed"
    IGNORED = "EventsIgnored"
    IN_FLIGHT = "ActionsInFlight"
    INTERNAL_ERROR = "InternalErrors"
    INVALID = "EventsInvalid"
    JOINED = "ActionsJoined"
    LOST = "ActionsLost"
    OVER = "ActionsOver"
    OLDEST = "OldestActionSeconds"
    PERMISSION_MISSING = "PermissionsMissing"
    RETAINED_NOW = "InstancesRetainedNow"
    SIGNAL_MISSED = "SignalsMissed"
    STEP_FAILED = "StepsFailed"
    SWEEP_PROBLEM = "SweepProblems"
    SWEEP_STARTED = "SweepStarts"
    TAKEN_OVER = "ActionsTakenOver"


class Observer:
    """The logs and metrics of the application.

    Every line carries the keys group, hook, instance, token and execution, and the key step where a step is running.
    Call it inside durable steps and checks, which do not run again on replay. Outside of them use the durable
    context's logger, which stays silent on replay; `logger` is set as the one it writes to.
    """

    def __init__(self, logger: Logger, metrics: Metrics) -> None:
        self.logger = logger
        self._metrics = metrics

    def unbind(self) -> None:
        """Remove the keys of the last event's action: one Lambda environment answers many events."""
        self.logger.remove_keys(KEYS)

    def bind(self, action: LifecycleAction, execution: str) -> None:
        """Add the keys of this action to every line from now on."""
        self.logger.append_keys(
            group=action.group, hook=action.hook, instance=action.instance, token=action.token, execution=execution
        )

    def info(self, message: str, *, step: str = "") -> None:
        """Log what happened."""
        self.logger.info(message, extra={"step": step}, stacklevel=3)

    def warning(self, message: str, *, step: str = "") -> None:
        """Log what is not as it should be and needs nobody."""
        self.logger.warning(message, extra={"step": step}, stacklevel=3)

    def error(self, message: str, *, step: str = "", with_traceback: bool = False) -> None:
        """Log what a person has to look into."""
        self.logger.error(message, extra={"step": step}, exc_info=with_traceback, stacklevel=3)

    def count(self, metric: Metric) -> None:
        """Count one occurrence."""
        self._metrics.add_metric(name=metric.value, unit=MetricUnit.Count, value=1)

    def gauge(self, metric: Metric, value: float) -> None:
        """Record how much of something there is now."""
        unit = MetricUnit.Seconds if metric.value.endswith("Seconds") else MetricUnit.Count
        self._metrics.add_metric(name=metric.value, unit=unit, value=value)

    @contextmanager
    def writing_metrics(self) -> Iterator[None]:
        """Write what is counted inside, however it ends."""
        try:
            yield
        finally:
            if self._metrics.metric_set:
                self._metrics.flush_metrics()
