"""The instances that an abandoned terminate hook has left behind: they run and bill until somebody ends them (R10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.lifecycle_states import is_retained
from asg_lifecycle.model.retained_instances import RetainedInstance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asg_lifecycle.aws.groups import Group, Groups, Member


class RetainedInstances:
    """Finds the retained instances. Costs the calls that list the groups, and one for each pool."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    def everywhere(self) -> Iterator[RetainedInstance]:
        """Yield those of every group of this account and Region.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        for group in self._groups.all():
            yield from self.of(group)

    def named(self, group: str) -> tuple[RetainedInstance, ...] | None:
        """Return those of one group, None when there is no such group.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found = self._groups.named(group)
        return tuple(self.of(found)) if found is not None else None

    def of(self, group: Group) -> Iterator[RetainedInstance]:
        """Yield those of a group that has been read.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        yield from retained_among(group.name, group.members)
        if group.has_pool:
            yield from retained_among(group.name, self._groups.pool(group.name))


def retained_among(group: str, members: Iterable[Member]) -> Iterator[RetainedInstance]:
    """Yield the retained ones of the instances of a group, without a call.

    Args:
        group: Auto Scaling group.
        members: instances of it, or of its warm pool.
    """
    for member in members:
        if is_retained(member.state):
            yield RetainedInstance(
                instance=member.instance, group=group, state=member.state, instance_type=member.instance_type
            )
