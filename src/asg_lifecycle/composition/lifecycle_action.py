"""Puts together what carries out lifecycle actions."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger, Metrics

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.aws.instances import Instances
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.aws.plan_store import PlanStore
from asg_lifecycle.composition.naming import METRICS_NAMESPACE, SERVICE
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.execution.dependencies import Dependencies
from asg_lifecycle.observer import Observer
from asg_lifecycle.plans.selection import Planning
from asg_lifecycle.store.drain_slots import DrainSlots
from asg_lifecycle.store.outages import Outages
from asg_lifecycle.store.records import Records
from asg_lifecycle.store.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.settings import Settings


def compose(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
) -> Dependencies:
    """Return the application for `settings`. No client is made and nothing is called yet.

    Args:
        settings: what the deployment decides.
        clock: seconds since the epoch.
        chance: a random number from 0 to 1.
    """
    clients = Clients()
    lifecycle_actions = LifecycleActions(clients, clock)
    instances = Instances(clients)
    return Dependencies(
        settings=settings,
        lifecycle_actions=lifecycle_actions,
        instances=instances,
        records=Records(clients, settings.table),
        executions=Executions(clients, function=""),
        drain_slots=DrainSlots(clients, settings.table),
        outages=Outages(clients, settings.table),
        planning=Planning(PlanStore(clients, settings.plan_path, clock), instances, settings.built_in_features),
        services=compose_services(
            clients, lifecycle_actions, clock, signals=Signals(clients, settings.table) if settings.signals else None
        ),
        observer=Observer(Logger(service=SERVICE), Metrics(service=SERVICE, namespace=METRICS_NAMESPACE)),
        clock=clock,
        chance=chance,
    )
