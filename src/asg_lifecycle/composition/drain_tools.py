"""Puts together what the commands about whole groups work with: drains, and retained instances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.aws.clients import SEARCH, Clients
from asg_lifecycle.aws.group_capacity import GroupCapacity
from asg_lifecycle.aws.groups import Groups
from asg_lifecycle.aws.retained_instances import RetainedInstances
from asg_lifecycle.intake.group_drain import GroupDrain

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.intake.group_drain import DrainRequest


@dataclass(frozen=True, kw_only=True)
class DrainTools:
    """The groups of an account and Region, and their instances.

    Attributes:
        actions: the actions of the stack.
        groups: the Auto Scaling groups.
        capacity: their capacity, and terminations.
        retained: the retained instances.
    """

    actions: ActionTools
    groups: Groups
    capacity: GroupCapacity
    retained: RetainedInstances

    def drain(self, request: DrainRequest, say: Callable[[str], None]) -> GroupDrain:
        """Return a drain that has not begun.

        Args:
            request: what is to be drained.
            say: told a sentence whenever something has changed.
        """
        return GroupDrain(
            capacity=self.capacity,
            records=self.actions.records,
            clock=self.actions.clock,
            pause=self.actions.pause,
            request=request,
            say=say,
        )


def compose_drain_tools(actions: ActionTools) -> DrainTools:
    """Return the parts. Nothing is called yet.

    Args:
        actions: the actions of the stack.
    """
    reading = Clients(SEARCH)
    groups = Groups(reading)
    return DrainTools(
        actions=actions,
        groups=groups,
        capacity=GroupCapacity(reading, Clients()),
        retained=RetainedInstances(groups),
    )
