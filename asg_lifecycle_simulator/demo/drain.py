"""The drain that the demo shows: what is known of it at any time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.store.records import decode

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.region.log import LogEntry
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import ScaledTimeline
    from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling

TABLE = "asg-lifecycle"
HEARTBEAT_TIMEOUT = 240
"""Seconds."""


@dataclass(frozen=True)
class Drain:
    """The drain that is shown.

    Attributes:
        autoscaling: Auto Scaling in the region.
        timeline: the region's time.
        instance: the instance that is terminated.
        started: when that began, seconds since the epoch.
    """

    autoscaling: AutoScaling
    timeline: ScaledTimeline
    instance: str
    started: float

    @property
    def region(self) -> Region:
        """The region."""
        return self.autoscaling.region

    @property
    def instance_is_gone(self) -> bool:
        """Whether the instance has been terminated."""
        return self.autoscaling.instance_state(self.instance) in {None, "Terminated"}

    def entries(self) -> list[LogEntry]:
        """Return what the region's log says of the instance."""
        return [entry for entry in self.region.log.of(instance=self.instance) if entry.time >= self.started]

    def record(self) -> Record | None:
        """Return the application's record of the action, None before it is claimed."""
        with self.region.unobserved():
            items = self.region.client("dynamodb").scan(TableName=TABLE, ConsistentRead=True)["Items"]
        return decode(items[0]) if items else None
