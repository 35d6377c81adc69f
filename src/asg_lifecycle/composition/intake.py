"""Puts together the doors that start executions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.composition.naming import METRICS_NAMESPACE, SERVICE
from asg_lifecycle.intake.starter import Starter
from asg_lifecycle.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.settings import IntakeSettings


@dataclass(frozen=True, kw_only=True)
class Intake:
    """The parts the doors are made of.

    Attributes:
        clients: the AWS clients.
        executions: the durable executions.
        starter: starts them.
        observer: logs and metrics.
        clock: seconds since the epoch.
    """

    settings: IntakeSettings
    clients: Clients
    executions: Executions
    starter: Starter
    observer: Observer
    clock: Callable[[], float]


def compose_intake(settings: IntakeSettings, *, clock: Callable[[], float] = time.time) -> Intake:
    """Return the parts for `settings`. No client is made and nothing is called yet.

    Args:
        settings: what the deployment decides.
        clock: seconds since the epoch.
    """
    clients = Clients()
    executions = Executions(clients, settings.function)
    return Intake(
        settings=settings,
        clients=clients,
        executions=executions,
        starter=Starter(executions),
        observer=Observer(Logger(service=SERVICE), Metrics(service=SERVICE, namespace=METRICS_NAMESPACE)),
        clock=clock,
    )
