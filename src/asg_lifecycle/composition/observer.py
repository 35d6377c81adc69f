"""Makes the logs and metrics that every function of the application writes under the same names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from asg_lifecycle.model.metrics import NAMESPACE, SERVICE
from asg_lifecycle.model.redaction import redacted, redacted_values
from asg_lifecycle.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def compose_observer(stack: str, *, by_group: bool = False, redact: Callable[[str], str] = redacted) -> Observer:
    """Return the logs and metrics of this Lambda environment.

    Args:
        stack: name of the CloudFormation stack, a dimension of each metric: two stacks in one Region must not raise the
            alarms of each other.
        by_group: whether metrics are written for each group, too. CloudWatch bills each group's as metrics of their
            own.
        redact: hides secrets in what is logged.
    """

    def metrics_of(dimensions: Mapping[str, str]) -> EphemeralMetrics:
        metrics = EphemeralMetrics(service=SERVICE, namespace=NAMESPACE)
        for name, value in {"stack": stack, **dimensions}.items():
            metrics.add_dimension(name=name, value=value)
        return metrics

    def line(values: dict[str, Any]) -> str:
        # The whole line, so that the traceback of an exception is read through as well, and the exception itself.
        return json.dumps(
            redacted_values(values, redact),
            default=lambda value: redact(str(value)),
            separators=(",", ":"),
            ensure_ascii=False,
        )

    return Observer(Logger(service=SERVICE, json_serializer=line), metrics_of, by_group=by_group, redact=redact)
