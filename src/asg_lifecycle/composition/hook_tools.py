"""Puts together what the commands about lifecycle hooks work with."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.aws.clients import SEARCH, Clients
from asg_lifecycle.aws.groups import Groups
from asg_lifecycle.aws.instances import Instances
from asg_lifecycle.aws.lifecycle_hooks import LifecycleHooks
from asg_lifecycle.aws.plan_store import PlanStore
from asg_lifecycle.plans.hook_planning import HookPlanning
from asg_lifecycle.plans.selection import Planning
from asg_lifecycle.store.record_queries import RecordQueries

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.model.hook_proposal import StackParameters


@dataclass(frozen=True, kw_only=True)
class HookTools:
    """The groups and their hooks.

    Attributes:
        groups: the Auto Scaling groups.
        hooks: their lifecycle hooks.
        planning: says which hook a group should have.
        records: reads the records of actions in flight.
        parameters: of the stack.
    """

    groups: Groups
    hooks: LifecycleHooks
    planning: HookPlanning
    records: RecordQueries
    parameters: StackParameters


def compose_hook_tools(  # noqa: PLR0913 - what is told of the stack, and time
    *,
    table: str,
    plan_path: str,
    features: frozenset[str],
    parameters: StackParameters,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> HookTools:
    """Return the parts. Nothing is called yet.

    Args:
        table: name of the table of records.
        plan_path: where named plans are in Parameter Store.
        features: the features of steps that the stack has switched on.
        parameters: of the stack, what hooks depend on.
        clock: seconds since the epoch.
        pause: waits so many seconds.
    """
    # Groups are read one after the other, and throttled calls are worth their retries.
    clients = Clients(SEARCH)
    store = PlanStore(clients, plan_path.rstrip("/"), clock)
    hooks = LifecycleHooks(clients, pause)
    planning = Planning(store, Instances(clients), features)
    return HookTools(
        groups=Groups(clients),
        hooks=hooks,
        planning=HookPlanning(planning, store, hooks, parameters, clock),
        records=RecordQueries(clients, table),
        parameters=parameters,
    )
