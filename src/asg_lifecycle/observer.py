"""Logs and metrics: one set of keys, one list of names."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

    from asg_lifecycle.model.actions import LifecycleAction


KEYS = ("group", "hook", "instance", "token", "execution")


class Metric(StrEnum):
    """The metrics there are: counts of occurrences, and with `…Now`, `…InFlight` and `…Seconds` how things stand."""

    BLOCKED_NOW = "ActionsBlockedNow"
    CLAIMED = "ActionsClaimed"
    COMPLETED = "ActionsCompleted"
    DEPENDENCY_OUTAGE = "DependencyOutages"
    DUPLICATE = "DuplicateEvents"
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
    STEP_FAILED = "StepsFailed"
    SWEEP_PROBLEM = "SweepProblems"
    SWEEP_STARTED = "SweepStarts"
    TAKEN_OVER = "ActionsTakenOver"


class Observer:
    """What the application says about itself.

    Every line carries the keys group, hook, instance, token and execution, and the key step where one is at work.
    Called inside durable steps and checks, which do not run again on replay; outside of them log through the
    durable context's logger, which `logger` is set as.
    """

    def __init__(self, logger: Logger, metrics: Metrics) -> None:
        self.logger = logger
        self._metrics = metrics

    def unbind(self) -> None:
        """Forget the action of an earlier event: one Lambda environment answers many."""
        self.logger.remove_keys(KEYS)

    def bind(self, action: LifecycleAction, execution: str) -> None:
        """Have every line from here on name this action."""
        self.logger.append_keys(
            group=action.group, hook=action.hook, instance=action.instance, token=action.token, execution=execution
        )

    def info(self, message: str, *, step: str = "") -> None:
        """Say what happened."""
        self.logger.info(message, extra={"step": step}, stacklevel=3)

    def warning(self, message: str, *, step: str = "") -> None:
        """Say what is not as it should be and mends itself."""
        self.logger.warning(message, extra={"step": step}, stacklevel=3)

    def error(self, message: str, *, step: str = "", with_traceback: bool = False) -> None:
        """Say what somebody has to look at."""
        self.logger.error(message, extra={"step": step}, exc_info=with_traceback, stacklevel=3)

    def count(self, metric: Metric) -> None:
        """Count one occurrence."""
        self._metrics.add_metric(name=metric.value, unit=MetricUnit.Count, value=1)

    def gauge(self, metric: Metric, value: float) -> None:
        """Say how much of something there is now."""
        unit = MetricUnit.Seconds if metric.value.endswith("Seconds") else MetricUnit.Count
        self._metrics.add_metric(name=metric.value, unit=unit, value=value)

    def flush(self) -> None:
        """Write the metrics counted since the last time."""
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
