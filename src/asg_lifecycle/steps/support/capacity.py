"""The capacity that is left without an instance: that of its Auto Scaling group, and of a target group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.target_groups import name_of
from asg_lifecycle.model.actions import REPLACE_ROOT_VOLUME
from asg_lifecycle.model.addresses import normalized
from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.group_state import IN_SERVICE
from asg_lifecycle.model.progress import Failed, Missing
from asg_lifecycle.steps.support.sentences import counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from asg_lifecycle.aws.target_groups import RegisteredTarget
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.group_state import GroupState, MemberState
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

HEALTHY = "healthy"
LAUNCH = "Launch"
"""The process of Auto Scaling that launches instances."""


class Capacity(Struct, frozen=True, kw_only=True):
    """The capacity that is left without an instance, and how much there has to be.

    Attributes:
        where: whose it is: `Auto Scaling group web`.
        noun: what is counted: `healthy instance`.
        found: how many there are without the instance, and without others of its group that are on their way out.
        needed: how many there have to be.
        desired: how many are desired there; None where nothing says that.
        missing: who is missing, and what keeps others from coming.
    """

    where: str
    noun: str
    found: int
    needed: int
    desired: int | None = None
    missing: tuple[Blocker, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether as many are there as there have to be."""
        return self.found >= self.needed


def lesser_of(at_least: int | None, desired: int) -> int:
    """Return how many are waited for where `desired` are: more than that will never come."""
    return desired if at_least is None else min(at_least, desired)


def leaving(group: GroupState, instance: str) -> frozenset[str]:
    """Return the instances of a group that are no capacity to count on: `instance`, and those on their way out."""
    return frozenset((instance, *(member.instance for member in group.members if not member.stays)))


class GroupCapacityReader:
    """Reads the capacity of the Auto Scaling group itself.

    Args:
        at_least: how many instances there have to be; None for as many as desired.
    """

    def __init__(self, at_least: int | None) -> None:
        self._at_least = at_least

    def read(self, target: Target, group: GroupState) -> Capacity:
        """Return what the group has without the instance. Nothing is asked for it."""
        instance = target.action.instance
        others = [member for member in group.members if member.instance != instance]
        desired = desired_without(target.action, group)
        needed = lesser_of(self._at_least, desired)
        found = sum(member.serves for member in others)
        missing = (*members_missing(others), *_launches_missing(group, others, needed)) if found < needed else ()
        return Capacity(
            where=f"Auto Scaling group {group.name}",
            noun="healthy instance",
            found=found,
            needed=needed,
            desired=desired,
            missing=missing,
        )


class TargetGroupReader:
    """Reads the capacity of a target group.

    Args:
        target_group: its name or ARN.
        at_least: how many healthy targets there have to be, whosoever they are. None: as many of the instances of the
            Auto Scaling group as are desired of it.
        services: the services.
    """

    def __init__(self, target_group: str, at_least: int | None, services: Services) -> None:
        self._named = target_group
        self._at_least = at_least
        self._services = services

    def read(self, target: Target, group: GroupState) -> Capacity | Missing | Failed:
        """Return what the target group has without the instance.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        target_groups = self._services.target_groups
        arn = self._named if self._named.startswith("arn:") else target_groups.named(self._named)
        settings = target_groups.settings(arn) if arn is not None else None
        registered = target_groups.targets(arn) if arn is not None and settings is not None else None
        if arn is None or settings is None or registered is None:
            return Missing(f"there is no target group {self._named}")
        if settings.by_address and target.facts.state is None:
            why = target.facts.problem or "it was not asked"
            return Failed(f"EC2 did not tell the addresses of the instance, by which its targets are known: {why}")
        away = leaving(group, target.action.instance)
        ours = self._targets_of([member.instance for member in group.members], by_address=settings.by_address)
        names = {normalized(name) for each in away for name in (each, *ours.get(each, ()))}
        names |= {normalized(address) for address in target.facts.addresses}
        health = {name: states for name, states in _health(registered).items() if name not in names}
        if self._at_least is None:
            return self._of_group(target, group, arn, health, ours)
        found = sum(states == {HEALTHY} for states in health.values())
        short = {name: states for name, states in health.items() if states != {HEALTHY}}
        told = (Blocker(kind=BlockerKind.TARGET_GROUP, name=arn, reason=_unhealthy(short)),)
        missing = told if found < self._at_least else ()
        where = f"target group {name_of(arn)}"
        return Capacity(where=where, noun="healthy target", found=found, needed=self._at_least, missing=missing)

    def _targets_of(self, instances: list[str], *, by_address: bool) -> dict[str, tuple[str, ...]]:
        """Return by which names the instances may be registered."""
        if not by_address:
            return {instance: (instance,) for instance in instances}
        return self._services.instances.addresses_of(instances)

    @staticmethod
    def _of_group(
        target: Target,
        group: GroupState,
        arn: str,
        health: dict[str, set[str]],
        ours: dict[str, tuple[str, ...]],
    ) -> Capacity:
        """Return how many instances of the group are healthy in its target group."""
        others = [member for member in group.members if member.instance != target.action.instance]
        states = {
            member.instance: [
                health[name] for each in ours.get(member.instance, ()) if (name := normalized(each)) in health
            ]
            for member in others
        }
        ready = {each for each, found in states.items() if found and all(state == {HEALTHY} for state in found)}
        desired = desired_without(target.action, group)
        found = sum(member.serves and member.instance in ready for member in others)
        waits = [member for member in others if member.serves and member.instance not in ready]
        unready = (
            Blocker(kind=BlockerKind.INSTANCE, name=member.instance, reason=_state_there(states[member.instance]))
            for member in waits
        )
        missing = (*unready, *members_missing(others), *_launches_missing(group, others, desired))
        return Capacity(
            where=f"target group {name_of(arn)}",
            noun="healthy instance",
            found=found,
            needed=desired,
            desired=desired,
            missing=missing if found < desired else (),
        )


def desired_without(action: LifecycleAction, group: GroupState) -> int:
    """Return how many instances the group desires, without the one that goes.

    A group that shrinks has lowered its desired capacity before the instance goes; one that replaces it has not. An
    instance that gets a new root volume stays one of those that are desired, and nothing comes in its place (R23).
    """
    return max(0, group.desired - (action.operation == REPLACE_ROOT_VOLUME))


def members_missing(members: Iterable[MemberState]) -> Iterator[Blocker]:
    """Yield those of a group's instances that may come to be capacity, and are not yet."""
    for member in members:
        if member.stays and not member.serves:
            reason = "it is not healthy" if member.state == IN_SERVICE else f"it is {member.state}"
            yield Blocker(kind=BlockerKind.INSTANCE, name=member.instance, reason=reason)


def _launches_missing(group: GroupState, others: list[MemberState], needed: int) -> Iterator[Blocker]:
    """Yield what keeps the group from launching those that are not even on their way."""
    absent = needed - sum(member.stays for member in others)
    if absent <= 0:
        return
    reason = f"{counted(absent, 'instance')} not launched"
    if LAUNCH in group.suspended:
        reason += f": its process {LAUNCH} is suspended, so no replacement will come before it is resumed"
    elif group.maximum is not None and len(group.members) >= group.maximum:
        held = counted(len(group.members), "instance")
        reason += f": it has {held}, those on their way out included, and its maximum size is {group.maximum}"
    yield Blocker(kind=BlockerKind.AUTO_SCALING_GROUP, name=group.name, reason=reason)


def _health(registered: Iterable[RegisteredTarget]) -> dict[str, set[str]]:
    """Return the states of each target on all of its ports, without those that drain, by its name."""
    found: dict[str, set[str]] = {}
    for each in registered:
        found.setdefault(normalized(each.id), set()).add(each.health)
    return found


def _unhealthy(health: dict[str, set[str]]) -> str:
    if not health:
        return "it has no other targets"
    return listed(f"{name} is {' and '.join(sorted(states - {HEALTHY}))}" for name, states in sorted(health.items()))


def _state_there(states: list[set[str]]) -> str:
    if not states:
        return "it is not registered with the target group"
    return f"it is {' and '.join(sorted({each for found in states for each in found - {HEALTHY}}))} in the target group"
