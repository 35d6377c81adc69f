"""Makes the logs and metrics that every function of the application writes under the same names."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics

from asg_lifecycle.observer import Observer

SERVICE = "asg-lifecycle"
METRICS_NAMESPACE = "AsgLifecycle"


def compose_observer() -> Observer:
    """Return the logs and metrics of this Lambda environment."""
    return Observer(Logger(service=SERVICE), Metrics(service=SERVICE, namespace=METRICS_NAMESPACE))
