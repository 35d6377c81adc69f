"""Which EBS volumes an instance is to have of those that a plan means, and what is in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.progress import Failed, Missing, Waiting
from asg_lifecycle.model.volumes import Availability, availability, picked
from asg_lifecycle.steps.support.attached_volumes import states_of
from asg_lifecycle.steps.support.sentences import counted, listed
from asg_lifecycle.steps.support.volume_choice import POLL_INTERVAL, volume_blocker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asg_lifecycle.model.volumes import Volume
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services
    from asg_lifecycle.steps.support.volume_choice import VolumeTag

CAN_ATTACH = frozenset({"running", "stopped"})
WILL_BE_ABLE = frozenset({"pending", "stopping"})
"""The states of an instance to which volumes can be attached, and those that lead there."""

USELESS = frozenset({Availability.GONE, Availability.LOST})
REFUSED = frozenset({Availability.SHARED, Availability.UNKNOWN})
TAKEN = frozenset({Availability.HELD, *USELESS})
"""What a volume of a pool is when another one has to be taken in its place."""


@dataclass(frozen=True, kw_only=True)
class WantedVolumes:
    """What a plan means, and what was chosen of it before.

    Attributes:
        volumes: ids of volumes, all of which the instance is to have.
        pool: the tag of the volumes of which it is to have some, None where they are named by their ids.
        count: how many of the pool.
        kept: the volumes of the pool that were chosen before.
    """

    volumes: tuple[str, ...]
    pool: VolumeTag | None
    count: int
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """The volumes that the instance is to have.

    Attributes:
        volumes: their ids.
        devices: by volume, the name under which the instance has what it has by now, others of its volumes included.
        missing: the volumes that the plan names and that there are not.
    """

    volumes: tuple[str, ...]
    devices: dict[str, str]
    missing: tuple[str, ...] = ()


def candidates(services: Services, target: Target, wanted: WantedVolumes) -> Candidates | Waiting | Missing | Failed:
    """Return the volumes that the instance is to have, or what is in the way.

    Args:
        services: the AWS services.
        target: the instance.
        wanted: what the plan means.

    Raises:
        CallFailed: no answer, throttled, denied, the instance is not known yet.
        CannotFillError: a placeholder has no value.
    """
    instance = target.action.instance
    facts = services.instances.facts(instance, launching=target.action.launching)
    if (in_the_way := _not_ready(instance, facts.state or "")) is not None:
        return in_the_way
    devices = {each.volume: each.device for each in services.snapshots.volumes_of(instance).volumes}
    zone = facts.availability_zone or ""
    if wanted.pool is None:
        return _by_id(services.volumes.named(wanted.volumes), instance, zone, devices)
    pool = wanted.pool.filled(target)
    found = services.volumes.tagged(pool.key, pool.value)
    if not found:
        return Missing(f"there is no volume with the tag {pool}")
    here = [each for each in found if each.zone == zone]
    if not here:
        zones = listed(f"{each.id} in {each.zone}" for each in found)
        return Failed(f"no volume with the tag {pool} is in {zone}, where the instance is: {zones}")
    return _of_pool(here, instance, devices, wanted, f"with the tag {pool} in {zone}")


def _not_ready(instance: str, state: str) -> Waiting | Failed | None:
    if state in CAN_ATTACH:
        return None
    if state in WILL_BE_ABLE:
        blocker = Blocker(kind=BlockerKind.INSTANCE, name=instance, reason=f"it is {state}")
        return Waiting(
            f"waiting for instance {instance} to run, it is {state}", again_after=POLL_INTERVAL, blockers=(blocker,)
        )
    return Failed(f"instance {instance} is {state or 'in no state'}: nothing can be attached to it")


def _by_id(
    named: Mapping[str, Volume | None], instance: str, zone: str, devices: dict[str, str]
) -> Candidates | Missing | Failed:
    found = {name: each for name, each in named.items() if each is not None}
    missing = tuple(f"volume {name}" for name, each in named.items() if each is None)
    if not found:
        return Missing(f"there is no {', no '.join(missing)}")
    if elsewhere := [f"{name} in {each.zone}" for name, each in found.items() if each.zone != zone]:
        return Failed(f"the instance is in {zone}, where a volume has to be: {listed(elsewhere)}")
    stages = {name: availability(each, instance) for name, each in found.items()}
    return refusal(found, stages, pool=False) or Candidates(volumes=tuple(found), devices=devices, missing=missing)


def _of_pool(
    volumes: Sequence[Volume], instance: str, devices: dict[str, str], wanted: WantedVolumes, which: str
) -> Candidates | Waiting | Failed:
    by_id = {each.id: each for each in volumes}
    stages = {each.id: availability(each, instance) for each in volumes}
    if (refused := refusal(by_id, stages, pool=True)) is not None:
        return refused
    useful = [each for each in by_id if stages[each] not in USELESS]
    if len(useful) < wanted.count:
        states = listed(f"{name} ({states_of(each)})" for name, each in by_id.items())
        there_are = f"there are {len(useful)} {which}"
        return Failed(f"{counted(wanted.count, 'volume')} of the pool are wanted, {there_are}: {states}")
    # What EC2 lists at the instance is the instance's, though it may not be said of the volume yet.
    ours = [each for each in useful if stages[each] in {Availability.OURS, Availability.COMING} or each in devices]
    chosen = [*ours, *(each for each in wanted.kept if each not in ours)]
    free = [each for each in useful if stages[each] is Availability.FREE and each not in chosen]
    chosen = [*chosen, *picked(free, instance, wanted.count)][: wanted.count]
    if len(chosen) == wanted.count:
        return Candidates(volumes=tuple(chosen), devices=devices)
    left = [each for each in useful if each not in chosen]
    reasons = {each: why_not_free(by_id[each], stages[each], instance) for each in left}
    states = listed(f"{each} is {reason}" for each, reason in reasons.items())
    return Waiting(
        f"waiting for a free volume {which}: {states}",
        again_after=POLL_INTERVAL,
        blockers=tuple(volume_blocker(each, f"it is {reason}") for each, reason in reasons.items()),
    )


def refusal(found: Mapping[str, Volume | None], stages: Mapping[str, Availability], *, pool: bool) -> Failed | None:
    """Return why volumes cannot be attached whoever waits, None when they can.

    Args:
        found: volumes by their ids.
        stages: what each is for the instance.
        pool: another volume can take the place of one that is gone.
    """
    wrong = REFUSED if pool else REFUSED | USELESS
    refused = [name for name in found if stages[name] in wrong]
    if not refused:
        return None
    states = listed(f"{name} is {stages[name]} ({states_of(found[name])})" for name in refused)
    return Failed(f"what cannot be attached: {states}")


def why_not_free(volume: Volume | None, stage: Availability, instance: str) -> str:
    """Return what a volume is in place of being attached to the instance, as it follows "it is"."""
    if volume is None or stage is not Availability.HELD:
        return f"{stage} ({states_of(volume)})" if stage is Availability.SOON else stage.value
    return f"attached to {listed(volume.holders(instance))}"
