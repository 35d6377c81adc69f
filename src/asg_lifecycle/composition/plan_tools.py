"""Puts together what the commands about plans work with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.groups import Groups
from asg_lifecycle.aws.lifecycle_actions import LifecycleActions
from asg_lifecycle.aws.plan_store import PlanStore
from asg_lifecycle.composition.services import compose_services
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES
from asg_lifecycle.plans.selection import Planning

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.aws.instances import Instances
    from asg_lifecycle.steps.services import Services


@dataclass(frozen=True, kw_only=True)
class PlanTools:
    """The plans, and the groups and instances that they are tried with.

    Attributes:
        store: the named plans.
        planning: chooses the plan of an action.
        groups: the Auto Scaling groups.
        instances: the EC2 calls.
        services: what steps call.
        function: ARN of the deployed function, empty where it is not known.
        clock: seconds since the epoch.
    """

    store: PlanStore
    planning: Planning
    groups: Groups
    instances: Instances
    services: Services
    function: str
    clock: Callable[[], float]


def compose_plan_tools(path: str, features: frozenset[str] = DEFAULT_FEATURES, *, function: str = "") -> PlanTools:
    """Return the parts. Nothing is called yet.

    Args:
        path: where named plans are in Parameter Store.
        features: the features of steps that the stack has switched on.
        function: ARN of the deployed function, empty where it is not known.
    """
    clients = Clients()
    services = compose_services(clients, LifecycleActions(clients, time.time), time.time)
    store = PlanStore(clients, path.rstrip("/"), time.time)
    return PlanTools(
        store=store,
        planning=Planning(store, services.instances, features),
        groups=Groups(clients),
        instances=services.instances,
        services=services,
        function=function,
        clock=time.time,
    )
