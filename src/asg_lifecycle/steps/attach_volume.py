"""The step kind `attach-volume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.aws.volumes import DEVICE_IN_USE, AttachResult
from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Failed, StepAnswer, sentence_of
from asg_lifecycle.model.volumes import Availability, availability, device_names, free_devices
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.free_volumes import TAKEN, Candidates, WantedVolumes, candidates, refusal, why_not_free
from asg_lifecycle.steps.support.missing_things import done_unless_missing, there_is_no
from asg_lifecycle.steps.support.sentences import counted, listed
from asg_lifecycle.steps.support.volume_choice import (
    AGAIN_AFTER,
    POLL_INTERVAL,
    SOON,
    VolumeId,
    VolumeTag,
    refuse_unless_one,
    volume_blocker,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.model.progress import Missing, Waiting
    from asg_lifecycle.model.volumes import Volume
    from asg_lifecycle.steps.base import Target

MOST_VOLUMES = 20

DeviceName: TypeAlias = Annotated[
    str,
    matching(
        r"^(/dev/(sd|xvd)[a-z]{0,2}(\[[a-z]-[a-z]\]|[a-z][0-9]{0,2})|xvd[a-z]{1,2})$",
        "a device name such as '/dev/sdf', or a range of them such as '/dev/sd[f-p]'",
    ),
]
"""A device name of EC2, or a range of them."""


class AttachVolumeOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which volumes, by their ids or from those that carry a tag, and under which names."""

    volumes: Annotated[tuple[VolumeId, ...], Meta(description="Volumes by id; all of them are attached.")] = ()
    tag: Annotated[
        VolumeTag | None, Meta(description="A pool: volumes that carry this tag, of which one that is free is taken.")
    ] = None
    count: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_VOLUMES)], Meta(description="How many of the pool each instance has.")
    ] = 1
    devices: Annotated[
        Annotated[tuple[DeviceName, ...], Meta(min_length=1)],
        Meta(description="Device names, ranges among them; each volume gets the first that is free."),
    ] = ("/dev/sd[f-p]",)

    def __post_init__(self) -> None:
        """Refuse options that do not say in exactly one way which volumes are meant, or that name too few devices.

        Raises:
            ValueError: they name no volumes, or by ids and by a tag; a count of named ones; too few devices.
        """
        refuse_unless_one(self.volumes, self.tag)
        if self.tag is None and self.count != 1:
            raise ValueError("count goes with tag; of volumes by id all are attached")
        wanted = self.count if self.tag is not None else len(set(self.volumes))
        named = len(list(free_devices(device_names(self.devices), ())))
        if named < wanted:
            raise ValueError(f"devices names {counted(named, 'device')}, expected at least {wanted}")


class Attaching(Struct, frozen=True, kw_only=True):
    """One volume that is attached.

    Attributes:
        volume: its id.
        device: the name under which the instance is to have it.
        asked_at: when EC2 was last asked to attach it, seconds since the epoch; None before that.
        refusal: why EC2 did not take that on, in its words; empty when it did.
    """

    volume: str
    device: str
    asked_at: float | None = None
    refusal: str = ""


class AttachVolumeState(Struct, frozen=True, kw_only=True):
    """What is attached.

    Attributes:
        volumes: those that were chosen. No other is attached before it is written down here.
        taken: device names that EC2 refused, as something has them.
        missing: the volumes that the plan names and that there are not.
    """

    volumes: tuple[Attaching, ...]
    taken: tuple[str, ...]
    missing: tuple[str, ...]


class AttachVolume(StatefulStep[AttachVolumeOptions, AttachVolumeState]):
    """Attach EBS data volumes to the instance, and wait until they are attached.

    With `tag`, the volumes that carry it are a pool: each instance takes one that is free, or `count` of them, and no
    two instances the same. Only volumes in the instance's Availability Zone can be attached. Where all are attached to
    others the step waits for one to become free, so give it a timeout. What the instance has of the pool already
    counts. A volume that is named by its id is waited for until it is free.

    The instance sees the volume under a name of its operating system, which may differ from the device name; mount it
    with a `run-command` after this step, or by the volume's id: `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol…`
    on Nitro instances. Volumes that several instances can have at once (Multi-Attach) are refused: EC2 would give one
    of them to every instance.

    An instance that is abandoned is terminated, and EC2 detaches its volumes by that.
    """

    kind = "attach-volume"
    transition = PlanTransition.LAUNCH
    example: ClassVar[dict[str, object]] = {"tag": {"key": "data", "value": "{group}"}, "devices": ["/dev/sd[f-p]"]}
    permissions = ("ec2:AttachVolume", "ec2:DescribeVolumes")
    template_parameter = "VolumeSteps"
    may_be_missing = "volumes"
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say what would be attached, or what is in the way."""
        found = self._choose(target)
        if not isinstance(found, AttachVolumeState):
            return f"could not attach anything: {sentence_of(found)}"
        return f"would attach {_names(found.volumes)}{there_is_no(found.missing)}"

    def begin(self, target: Target) -> StepAnswer:
        """Choose what to attach. Nothing is attached before that is written down."""
        return self._write_down(self._choose(target))

    def poll(self, target: Target, state: AttachVolumeState) -> StepAnswer:
        """Attach what was chosen, or find out how far that is; choose others in place of those that somebody has."""
        instance, pool = target.action.instance, self._options.tag is not None
        told = self._services.volumes.named([each.volume for each in state.volumes])
        stages = {volume: availability(each, instance) for volume, each in told.items()}
        if (refused := refusal(told, stages, pool=pool)) is not None:
            return refused
        kept = tuple(each for each in state.volumes if not (pool and _is_lost(each, stages[each.volume], target.now)))
        if len(kept) < len(state.volumes):
            return self._write_down(self._choose(target, kept, state.taken))
        if all(each is Availability.OURS for each in stages.values()):
            names = listed(f"{volume} as {_device(each, instance)}" for volume, each in told.items())
            return done_unless_missing(f"attached {names}", state.missing)
        asked = tuple(self._asked(target, each, stages[each.volume]) for each in state.volumes)
        refused_names = tuple(each.device for each in asked if DEVICE_IN_USE in each.refusal)
        if refused_names:
            return self._write_down(self._choose(target, asked, (*state.taken, *refused_names)))
        return self._left(msgspec.structs.replace(state, volumes=asked), told, stages, instance)

    def _asked(self, target: Target, volume: Attaching, stage: Availability) -> Attaching:
        """Return a volume after EC2 was asked to attach it, where it is free and was not asked for a while."""
        recently = volume.asked_at is not None and target.now < volume.asked_at + AGAIN_AFTER
        if stage is not Availability.FREE or recently:
            return volume
        result, words = self._services.volumes.attach(volume.volume, target.action.instance, volume.device)
        # Where it was not the time, it is tried again at each poll.
        asked_at = None if result is AttachResult.NOT_NOW else target.now
        return msgspec.structs.replace(volume, asked_at=asked_at, refusal=words)

    def _left(
        self,
        state: AttachVolumeState,
        told: dict[str, Volume | None],
        stages: dict[str, Availability],
        instance: str,
    ) -> Waiting:
        left = [each for each in state.volumes if stages[each.volume] is not Availability.OURS]
        reasons = {each.volume: _reason(each, told[each.volume], stages[each.volume], instance) for each in left}
        sentences = [f"{each.volume} ({each.device}) is {reasons[each.volume]}" for each in left]
        sentences += [f"EC2 says: {each.refusal}" for each in left if each.refusal]
        count = f"{len(left)} of {counted(len(state.volumes), 'volume')}"
        return self._waiting(
            f"waiting for {count} to be attached: {listed(sentences, '; ')}{there_is_no(state.missing)}",
            state,
            again_after=POLL_INTERVAL,
            blockers=[volume_blocker(volume, f"it is {reason}") for volume, reason in reasons.items()],
        )

    def _write_down(self, found: AttachVolumeState | Waiting | Missing | Failed) -> StepAnswer:
        if not isinstance(found, AttachVolumeState):
            return found
        blockers = [volume_blocker(each.volume, "it is to be attached") for each in found.volumes]
        return self._waiting(f"attaching {_names(found.volumes)}", found, again_after=SOON, blockers=blockers)

    def _choose(
        self, target: Target, kept: tuple[Attaching, ...] = (), taken: tuple[str, ...] = ()
    ) -> AttachVolumeState | Waiting | Missing | Failed:
        """Return what to attach under which names, or what is in the way.

        Args:
            target: the instance.
            kept: what was chosen before and is not lost to somebody else.
            taken: device names that EC2 refused.
        """
        options, had = self._options, {each.volume: each for each in kept}
        wanted = WantedVolumes(volumes=options.volumes, pool=options.tag, count=options.count, kept=tuple(had))
        found = candidates(self._services, target, wanted)
        if not isinstance(found, Candidates):
            return found
        used = [*found.devices.values(), *taken, *(each.device for each in kept)]
        free = free_devices(device_names(options.devices), used)
        chosen = []
        for volume in found.volumes:
            before = had.get(volume)
            if before is not None and before.device not in taken:
                chosen.append(before)
            elif device := found.devices.get(volume) or next(free, None):
                chosen.append(Attaching(volume=volume, device=device))
            else:
                return Failed(f"no device name is free for {volume}: {listed(options.devices)}; used: {listed(used)}")
        return AttachVolumeState(volumes=tuple(chosen), taken=taken, missing=found.missing)


def _is_lost(volume: Attaching, stage: Availability, now: float) -> bool:
    """Return whether a volume of a pool is somebody else's by now, or of no use any more.

    What EC2 has promised to the instance is not given up for what may be an older view of it.
    """
    promised = volume.asked_at is not None and not volume.refusal and now < volume.asked_at + AGAIN_AFTER
    return stage in TAKEN and not promised


def _reason(each: Attaching, volume: Volume | None, stage: Availability, instance: str) -> str:
    if stage is Availability.FREE and each.asked_at is not None and not each.refusal:
        return "asked for"
    return why_not_free(volume, stage, instance)


def _device(volume: Volume | None, instance: str) -> str:
    attachment = volume.attachment(instance) if volume is not None else None
    return attachment.device if attachment is not None else "an unknown device"


def _names(volumes: Iterable[Attaching]) -> str:
    return listed(f"{each.volume} as {each.device}" for each in volumes)
