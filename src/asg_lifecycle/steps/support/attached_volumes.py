"""Which of the EBS volumes that a plan means the instance has, as far as EC2 agrees with itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from asg_lifecycle.model.progress import Failed, Missing, Waiting
from asg_lifecycle.model.volumes import Detachment, detachment
from asg_lifecycle.steps.support.sentences import listed
from asg_lifecycle.steps.support.volume_choice import POLL_INTERVAL, volume_blocker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from asg_lifecycle.model.volumes import Volume
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services
    from asg_lifecycle.steps.support.volume_choice import VolumeTag

STILL_ATTACHED = frozenset({Detachment.ATTACHED, Detachment.UNDER_WAY, Detachment.BUSY})
FAILURES = frozenset({Detachment.LOST, Detachment.UNKNOWN})


@dataclass(frozen=True, kw_only=True)
class AttachedVolumes:
    """What the instance has of the volumes that are meant.

    Attributes:
        devices: the name under which the instance has each, by the id of the volume.
        untouched: what is said of the others, empty when there are none.
        missing: the volumes that the plan names and that there are not.
    """

    devices: dict[str, str]
    untouched: str
    missing: tuple[str, ...]


def attached_volumes(
    services: Services, target: Target, volumes: Sequence[str], tag: VolumeTag | None
) -> AttachedVolumes | Waiting | Missing | Failed:
    """Return what the instance has of the volumes that are meant, or what is in the way of knowing that.

    Args:
        services: the AWS services.
        target: the instance.
        volumes: ids of volumes.
        tag: which volumes carry, None where they are named by their ids.

    Raises:
        CallFailed: no answer, throttled, denied.
        CannotFillError: a placeholder has no value.
    """
    if tag is None:
        named = services.volumes.named(volumes)
        meant = [each for each in named.values() if each is not None]
        missing = tuple(f"volume {name}" for name, each in named.items() if each is None)
    else:
        tag, missing = tag.filled(target), ()
        meant = list(services.volumes.tagged(tag.key, tag.value))
        if not meant:
            return Missing(f"there is no volume with the tag {tag}")
    listed_there = services.snapshots.volumes_of(target.action.instance).volumes
    roots = {each.volume for each in listed_there if each.root} & {each.id for each in meant}
    if roots and tag is None:
        return Failed(f"{listed(roots)} is the root volume of the instance, which needs it: take it out of the plan")
    data = [each for each in meant if each.id not in roots]
    in_the_way = _in_the_way(data, target.action.instance, {each.volume for each in listed_there})
    if in_the_way is not None:
        return in_the_way
    return AttachedVolumes(
        devices=dict(_devices(data, target.action.instance)),
        untouched="; ".join(_untouched(data, target.action.instance, roots)),
        missing=missing,
    )


def _in_the_way(volumes: Sequence[Volume], instance: str, listed_there: set[str]) -> Waiting | Failed | None:
    """Return why it is not known whether the instance has some of the volumes, None when it is."""
    stages = {each.id: detachment(each, instance) for each in volumes}
    if failures := [each for each in volumes if stages[each.id] in FAILURES]:
        states = listed(f"{each.id} is {stages[each.id]} ({states_of(each)})" for each in failures)
        return Failed(f"whether the instance has them is not known: {states}")
    unsettled = [each.id for each in volumes if stages[each.id] is Detachment.UNSETTLED]
    contradicted = [each.id for each in volumes if each.id in listed_there and stages[each.id] not in STILL_ATTACHED]
    if unclear := [*unsettled, *contradicted]:
        reason = "EC2 lists it as in use, and does not say so of both, the volume and the instance"
        return Waiting(
            f"waiting for EC2 to say whether the instance has {listed(unclear)}",
            again_after=POLL_INTERVAL,
            blockers=tuple(volume_blocker(each, reason) for each in unclear),
        )
    return None


def _devices(volumes: Iterable[Volume], instance: str) -> Iterator[tuple[str, str]]:
    for volume in volumes:
        mine = volume.attachment(instance)
        if mine is not None:
            yield volume.id, mine.device


def _untouched(volumes: Sequence[Volume], instance: str, roots: set[str]) -> Iterator[str]:
    """Yield what is said of the volumes that are meant and that the instance does not have, or has to keep."""
    others = [each for each in volumes if each.attachment(instance) is None]
    held = [f"{each.id} ({', '.join(each.holders(instance))})" for each in others if each.holders(instance)]
    if held:
        yield f"attached elsewhere, not to this instance: {listed(held)}"
    if loose := [each.id for each in others if not each.holders(instance)]:
        yield f"attached to nothing: {listed(loose)}"
    if roots:
        yield f"left alone as the root volume: {listed(roots)}"


def states_of(volume: Volume | None) -> str:
    """Return the states of a volume and of its attachments in EC2's words."""
    if volume is None:
        return "EC2 does not know it"
    return ", ".join([volume.state or "no state", *(each.state for each in volume.attachments)])
