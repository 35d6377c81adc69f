"""What ECS knows: services, container instances, tasks. Times are seconds since the epoch, lengths seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

LEAVING = frozenset({"DRAINING", "DEREGISTERING"})
"""States of a container instance whose services' tasks are stopped."""


@dataclass(kw_only=True)
class EcsService:
    """One service.

    Attributes:
        name: its name.
        daemon: it runs one task on every container instance, which is stopped when no other task is left there.
        places: whether a task of it can be started elsewhere; ECS stops none that it cannot replace.
        desired: how many tasks it is to run; None for as many as run.
        deleted: it was deleted, and is described for a while.
        events: messages of its events, the newest first, with their times.
    """

    name: str
    daemon: bool = False
    places: bool = True
    desired: int | None = None
    deleted: bool = False
    events: list[tuple[float, str]] = field(default_factory=list)


@dataclass(kw_only=True)
class ContainerInstance:
    """One registration of an EC2 instance.

    Attributes:
        arn: its ARN.
        instance: the EC2 instance.
        status: `ACTIVE`, `DRAINING`, …
        connected: whether its agent is connected. Use `Ecs.connect`, which tells the agent what it has missed.
        tasks: its tasks, those that stopped included.
    """

    arn: str
    instance: str
    status: str = "ACTIVE"
    connected: bool = True
    tasks: list[Task] = field(default_factory=list)

    @property
    def cluster(self) -> str:
        """The name of its cluster."""
        return self.arn.split("/")[-2]


@dataclass(kw_only=True)
class Task:
    """One task.

    Attributes:
        arn: its ARN.
        definition: family and revision.
        service: what it belongs to, None for one that stands alone.
        takes: seconds from the request to stop until it has stopped; infinite for one that never does.
        on: where it runs.
        ends_at: when it ends by itself.
        told_at: when its stop was requested, None when it was not.
        heard_at: when the agent heard of that, None as long as it has not.
        stopped_because: what `StopTask` said.
        told_of: whether the agent has reported that it stopped, and EventBridge was told.
        listed_at: from when on it is listed, as ECS is eventually consistent.
        protected_until: when its protection from being stopped by services ends; 0 where it has none.
    """

    arn: str
    definition: str
    service: str | None
    takes: float
    on: ContainerInstance = field(repr=False)
    ends_at: float = math.inf
    told_at: float | None = None
    heard_at: float | None = None
    stopped_because: str = ""
    told_of: bool = False
    listed_at: float = 0.0
    protected_until: float = 0.0

    @property
    def stopped_at(self) -> float:
        """When it stops, seconds since the epoch; infinite while nothing stops it."""
        return min(self.ends_at, self.heard_at + self.takes if self.heard_at is not None else math.inf)

    def status(self, now: float) -> str:
        """Return its `lastStatus`: what the agent has last reported."""
        if self.told_of or (now >= self.stopped_at and self.on.connected):
            return "STOPPED"
        if self.heard_at is None:
            return "RUNNING"
        return "DEACTIVATING" if now < self.heard_at + min(self.takes, 30.0) / 3 else "STOPPING"

    def request_stop(self, now: float) -> None:
        """Request its stop. An agent that is not connected does not hear of it."""
        if self.told_at is None:
            self.told_at = now
        if self.on.connected:
            self.hear(now)

    def hear(self, now: float) -> None:
        """Let the agent hear of the request, if there is one that it has not heard of."""
        if self.told_at is not None and self.heard_at is None:
            self.heard_at = now
