"""Puts together the doors that start executions."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.container_instances import ContainerInstances
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.aws.groups import Groups
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.composition.naming import METRICS_NAMESPACE, SERVICE
from asg_lifecycle.intake.interruptions import InterruptionIntake
from asg_lifecycle.intake.notifications import NotificationIntake
from asg_lifecycle.intake.signals import SignalIntake
from asg_lifecycle.intake.starter import Starter
from asg_lifecycle.intake.sweep import Sweep
from asg_lifecycle.observer import Observer
from asg_lifecycle.store.record_queries import RecordQueries
from asg_lifecycle.store.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.settings import IntakeSettings


@dataclass(frozen=True, kw_only=True)
class Intake:
    """The parts the doors are made of.

    Attributes:
        settings: what the deployment decides.
        clients: the AWS clients.
        executions: the durable executions.
        container_instances: the ECS container instances.
        observer: logs and metrics.
        clock: seconds since the epoch.
        chance: a random number from 0 to 1.
    """

    settings: IntakeSettings
    clients: Clients
    executions: Executions
    container_instances: ContainerInstances
    observer: Observer
    clock: Callable[[], float]
    chance: Callable[[], float]

    def sweep(self) -> Sweep:
        """Return a sweep that begins now."""
        return Sweep(
            groups=Groups(self.clients),
            lifecycle_actions=LifecycleActions(self.clients, self.clock),
            records=RecordQueries(self.clients, self.settings.table),
            executions=self.executions,
            starter=Starter(self.executions),
            observer=self.observer,
            clock=self.clock,
            chance=self.chance,
            hook_name_prefix=self.settings.hook_name_prefix,
        )

    def notification_intake(self) -> NotificationIntake:
        """Return the door for messages of SQS and SNS."""
        return NotificationIntake(self.executions, self.observer, self.settings.hook_name_prefix)

    def interruption_intake(self) -> InterruptionIntake:
        """Return the door for events of EC2."""
        return InterruptionIntake(
            Groups(self.clients), Starter(self.executions), self.observer, self.settings.hook_name_prefix
        )

    def signal_intake(self) -> SignalIntake:
        """Return the door for what may end a step's wait."""
        return SignalIntake(
            records=RecordQueries(self.clients, self.settings.table),
            signals=Signals(self.clients, self.settings.table),
            executions=self.executions,
            container_instances=self.container_instances,
            observer=self.observer,
            clock=self.clock,
        )


def compose_intake(
    settings: IntakeSettings, *, clock: Callable[[], float] = time.time, chance: Callable[[], float] = random.random
) -> Intake:
    """Return the parts for `settings`. No client is made and nothing is called yet.

    Args:
        settings: what the deployment decides.
        clock: seconds since the epoch.
        chance: a random number from 0 to 1.
    """
    clients = Clients()
    return Intake(
        settings=settings,
        clients=clients,
        executions=Executions(clients, settings.function),
        container_instances=ContainerInstances(clients, clock),
        observer=Observer(Logger(service=SERVICE), Metrics(service=SERVICE, namespace=METRICS_NAMESPACE)),
        clock=clock,
        chance=chance,
    )
