"""Container instances and tasks of ECS, as plain data."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.model.failures import Failure


class ContainerInstance(Struct, frozen=True, kw_only=True):
    """One registration of an EC2 instance. An agent that has lost its data registers its instance once more.

    Attributes:
        arn: its ARN.
        cluster: ARN or name of its cluster.
        status: `ACTIVE`, `DRAINING`, `REGISTERING`, `REGISTRATION_FAILED`, `DEREGISTERING` or `INACTIVE`.
        connected: whether its agent is connected.
    """

    arn: str
    cluster: str
    status: str
    connected: bool = False

    @property
    def name(self) -> str:
        """Its name for people: the end of its ARN."""
        return self.arn.rpartition("/")[2]

    @property
    def cluster_name(self) -> str:
        """The name of its cluster."""
        return self.cluster.rpartition("/")[2]


class Search(Struct, frozen=True, kw_only=True):
    """What some clusters know of one EC2 instance.

    Attributes:
        found: its registrations that are not INACTIVE.
        clusters: the clusters that were looked into.
        unread: why a cluster could not be looked into, None when all could.
    """

    found: tuple[ContainerInstance, ...]
    clusters: tuple[str, ...]
    unread: Failure | None = None


class Task(Struct, frozen=True, kw_only=True):
    """One task.

    Attributes:
        arn: its ARN.
        definition: family and revision, `web:17`.
        status: `RUNNING`, `STOPPING`, `STOPPED`, …
        service: the service it belongs to, None for a task of no service.
        stopping: whether it has been told to stop.
    """

    arn: str
    definition: str
    status: str
    service: str | None
    stopping: bool


class Protection(Struct, frozen=True):
    """A task's protection from scale-in, and when it ends, seconds since the epoch; None where that is not said."""

    until: float | None


class ServiceMessage(Struct, frozen=True, kw_only=True):
    """What a service says of itself, and when, seconds since the epoch."""

    at: float
    text: str


class EcsServiceState(Struct, frozen=True, kw_only=True):
    """How a service stands.

    Attributes:
        daemon: it runs one task on every container instance.
        messages: its latest messages, newest first.
        active: whether it is there: a service that was deleted is described for a while.
        desired: how many tasks it is to run.
        running: how many of its tasks run.
    """

    daemon: bool
    messages: tuple[ServiceMessage, ...]
    active: bool = True
    desired: int = 0
    running: int = 0
