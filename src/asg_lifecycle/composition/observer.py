"""Makes the logs and metrics that every function of the application writes under the same names."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics

from asg_lifecycle.observer import Observer

SERVICE = "asg-lifecycle"
METRICS_NAMESPACE = "AsgLifecycle"


def compose_observer(stack: str) -> Observer:
    """Return the logs and metrics of this Lambda environment.

    Args:
        stack: name of the CloudFormation stack, a dimension of each metric: two stacks in one Region must not raise the
            alarms of each other.
    """
    metrics = Metrics(service=SERVICE, namespace=METRICS_NAMESPACE)
    metrics.set_default_dimensions(stack=stack)
    return Observer(Logger(service=SERVICE), metrics)
