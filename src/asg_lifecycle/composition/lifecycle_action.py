"""Puts together the parts that a durable execution works with."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.executions import Executions
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.aws.plan_store import PlanStore
from asg_lifecycle.aws.scaling_activities import ScalingActivities
from asg_lifecycle.composition.observer import compose_observer
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.composition.struct_types import make_struct_types_ready
from asg_lifecycle.execution.dependencies import Dependencies
from asg_lifecycle.plans.selection import Planning
from asg_lifecycle.store.drain_slots import DrainSlots
from asg_lifecycle.store.outages import Outages
from asg_lifecycle.store.records import Records
from asg_lifecycle.store.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.execution.action_events import ActionEvents
    from asg_lifecycle.http_apis.network import Network
    from asg_lifecycle.settings import Settings


def compose(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    chance: Callable[[], float] = random.random,
    network: Network | None = None,
) -> Dependencies:
    """Return the parts for `settings`, which any thread may use. No client is made and nothing is called yet.

    Args:
        settings: what the deployment decides.
        clock: seconds since the epoch.
        chance: a random number from 0 to 1.
        network: where the names of HTTP APIs lead; None for the network there is, which a test alone replaces.
    """
    clients = Clients()
    action_events = _compose_action_events(settings)
    make_struct_types_ready()
    signals = Signals(clients, settings.table) if settings.signals else None
    services = compose_services(
        clients,
        LifecycleActions(clients, clock),
        clock,
        signals=signals,
        plan_path=settings.plan_path,
        network=network,
    )
    return Dependencies(
        settings=settings,
        lifecycle_actions=services.lifecycle_actions,
        instances=services.instances,
        records=Records(clients, settings.table),
        executions=Executions(clients, settings.function),
        drain_slots=DrainSlots(clients, settings.table),
        outages=Outages(clients, settings.table),
        planning=Planning(
            PlanStore(clients, settings.plan_path, clock), services.instances, settings.built_in_features
        ),
        scaling_activities=ScalingActivities(clients),
        services=services,
        checkpoint_client=lambda: clients.functions,
        observer=compose_observer(settings.stack, by_group=settings.metrics_by_group, redact=services.known_secrets),
        clock=clock,
        chance=chance,
        action_events=action_events,
    )


def _compose_action_events(settings: Settings) -> ActionEvents | None:
    if not settings.action_events and not settings.action_topic:
        return None
    # Loaded where it is used alone, and before the struct types are made ready.
    from asg_lifecycle.composition.action_event_channels import compose_channels  # noqa: PLC0415 - as the line above says
    from asg_lifecycle.execution.action_events import ActionEvents  # noqa: PLC0415 - likewise

    return ActionEvents(compose_channels(bus=settings.action_events, topic=settings.action_topic))
