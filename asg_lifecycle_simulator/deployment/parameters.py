"""What the application is deployed with in a simulated Region."""

from __future__ import annotations

from dataclasses import dataclass

from asg_lifecycle.plans.built_in import DEFAULT_FEATURES
from asg_lifecycle.settings import HAND_OVER_AT

TABLE = "asg-lifecycle"
PREFIX = "asg-lifecycle"
SWEEP_EVERY = 300.0
"""Seconds between two sweeps, as the template has them."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The parameters of the template. Times in seconds.

    Attributes:
        table: name of the table of records.
        prefix: `HookNamePrefix`.
        sweep_every: between two sweeps; None for none.
        early_drain: `EarlyDrain`.
        drains_per_group: `DrainsPerGroup`; None for no limit.
        execution_timeout: of the durable function.
        signals: `Signals`.
        features: the features of steps that are on.
        hand_over_at: operations at which an execution hands over; no parameter of the template, the code's own number.
        action_events: `ActionEvents`.
        action_topic: ARN of the topic that `ActionTopic` makes; empty for none.
        metrics_by_group: `MetricsByGroup`.
    """

    table: str = TABLE
    prefix: str = PREFIX
    sweep_every: float | None = None
    early_drain: str = "off"
    drains_per_group: int | None = None
    execution_timeout: float = 180_000.0
    signals: bool = True
    features: frozenset[str] = DEFAULT_FEATURES
    hand_over_at: int = HAND_OVER_AT
    action_events: bool = True
    action_topic: str = ""
    metrics_by_group: bool = False
