"""What the rules engine asks of EC2 and of load balancing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.services.autoscaling.model import Instance


class Fleet(Protocol):
    """The instances behind the groups, and the target groups attached to them."""

    def launch(self, group: str) -> str:
        """Launch an instance for `group` and return its id."""
        ...

    def terminate(self, instance_id: str) -> None:
        """Terminate the instance; nothing happens when EC2 did so already."""
        ...

    def power(self, instance_id: str, state: str) -> None:
        """Bring the instance to `Running`, `Stopped` or `Hibernated`."""
        ...

    def register(self, instance_id: str, group: str) -> bool:
        """Register the instance with the target groups attached to `group`; return whether there are any."""
        ...

    def drain(self, instance_id: str, group: str, then: Callable[[], None]) -> None:
        """Deregister it from the target groups attached to `group`; call `then` once, when drained (R26)."""
        ...

    def changed(self, instance: Instance) -> None:
        """Take note of the instance's state."""
        ...

    def left(self, instance: Instance) -> None:
        """Take note that the instance is no longer of its group."""
        ...
