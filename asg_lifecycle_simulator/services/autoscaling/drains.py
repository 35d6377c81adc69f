"""What an instance that leaves waits for: that it is deregistered from the target groups of its group (R26)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from asg_lifecycle_simulator.services.autoscaling.fleet import Fleet
    from asg_lifecycle_simulator.services.autoscaling.model import Instance


def nothing() -> None:
    """Do nothing after a drain."""


class Drains:
    """The drains of instances.

    Args:
        fleet: the EC2 instances.
        instances: by EC2 instance id, those that groups have.
    """

    def __init__(self, fleet: Fleet, instances: Mapping[str, Instance]) -> None:
        self._fleet = fleet
        self._instances = instances

    def begin(self, instance: Instance, then: Callable[[], None]) -> None:
        """Deregister an instance from what is attached to its group; call `then` once, when it is drained."""
        if not self._deregisters(instance):
            then()
            return
        finished = False

        def drained() -> None:
            nonlocal finished
            # The instance may have been detached, or its group deleted, while it drained.
            if not finished and self._instances.get(instance.id) is instance:
                finished = True
                then()

        self._fleet.drain(instance.id, instance.group, drained)

    def _deregisters(self, instance: Instance) -> bool:
        """Return whether there is something to wait for; what EC2 terminated is taken out without a wait."""
        registered, instance.drains = instance.drains, False
        if registered and instance.gone:
            self._fleet.drain(instance.id, instance.group, nothing)
        return registered and not instance.gone
