"""The step kind `detach-volume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Failed, StepAnswer, sentence_of
from asg_lifecycle.model.volumes import Detachment, detachment
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support.attached_volumes import (
    FAILURES,
    STILL_ATTACHED,
    AttachedVolumes,
    attached_volumes,
    states_of,
)
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
from asg_lifecycle.steps.support.volume_snapshots import VolumeSnapshotOptions, VolumeSnapshots, snapshots_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from asg_lifecycle.model.progress import Missing, Waiting
    from asg_lifecycle.model.volumes import Volume
    from asg_lifecycle.steps.base import Target

OVER = frozenset({Detachment.DETACHED, Detachment.DELETED})

STILL_MOUNTED = "it is still in use on the instance: unmount it with a run-command before this step"


class DetachVolumeOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which volumes, by their ids or by a tag."""

    volumes: Annotated[tuple[VolumeId, ...], Meta(description="Volumes by id.")] = ()
    tag: Annotated[
        VolumeTag | None, Meta(description="Every volume of the instance that carries this tag, but its root volume.")
    ] = None
    force: Annotated[
        bool,
        Meta(
            description="Force the detachment of a volume that the instance still uses, or that is not detached within "
            "a minute. What was not written yet is lost."
        ),
    ] = False
    snapshot: Annotated[
        VolumeSnapshotOptions | None,
        Meta(description="Make a snapshot of each volume when it is detached. `{}` waits until it is completed."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse options that do not say in exactly one way which volumes are meant.

        Raises:
            ValueError: they name none, or name them by their ids and by a tag.
        """
        refuse_unless_one(self.volumes, self.tag)


class Detaching(Struct, frozen=True, kw_only=True):
    """One volume that is detached.

    Attributes:
        volume: its id.
        device: the name under which the instance has it.
        asked_at: when EC2 was last asked to detach it, or was first seen to do so; seconds since the epoch, None
            before that.
        forced: it was asked to force that.
        refusal: why EC2 did not take that on, in its words; empty when it did.
    """

    volume: str
    device: str
    asked_at: float | None = None
    forced: bool = False
    refusal: str = ""


class DetachVolumeState(Struct, frozen=True, kw_only=True):
    """What is detached.

    Attributes:
        volumes: of this instance, when the step began.
        untouched: what else is said of the volumes that are meant.
        missing: the volumes that the plan names and that there are not.
        snapshots: what is known of those that are made, None before the volumes are detached.
    """

    volumes: tuple[Detaching, ...]
    untouched: str
    missing: tuple[str, ...]
    snapshots: VolumeSnapshots | None = None


class DetachVolume(StatefulStep[DetachVolumeOptions, DetachVolumeState]):
    """Detach EBS data volumes from the instance, and wait until they are available.

    Unmount them first, with a `run-command` before this step: a volume that is in use on the instance becomes `busy`
    and is waited for, without end where the plan has no timeout, unless `force` is given.

    Only what is attached to this instance is detached. Its root volume never is: a tag leaves it out, its id fails the
    step. A volume that is attached to another instance, or to none, is nothing to do. EC2 itself detaches the volumes
    of an instance that was terminated; then they are only waited for. A volume that EC2 would delete with the instance
    (`DeleteOnTermination`) is kept by this step.

    With `snapshot`, a snapshot is made of each volume when it is detached and nothing writes to it any more, with the
    tags that those of `create-snapshot` have. Only where an answer of EC2 is lost and the snapshot does not show within
    a minute there can be two.

    An instance that survives keeps its volumes, unless the plan says `when_instance_survives: run`. When the action
    goes on without the step, what EC2 was asked to detach is detached all the same.
    """

    kind = "detach-volume"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"tag": {"key": "data", "value": "{group}"}}
    permissions = ("ec2:DescribeVolumes", "ec2:DetachVolume")
    template_parameter = "VolumeSteps"
    optional_permissions: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "SnapshotSteps": ("ec2:CreateSnapshot", "ec2:CreateTags", "ec2:DescribeSnapshots"),
    }
    parameters_by_option: ClassVar[Mapping[str, str]] = {"snapshot": "SnapshotSteps"}
    may_be_missing = "volumes"
    skip_if_instance_survives = True

    def preview(self, target: Target) -> str:
        """Say what would be detached, and what would not."""
        found = self._find(target)
        if not isinstance(found, AttachedVolumes):
            return sentence_of(found)
        volumes = listed(f"{volume} ({device})" for volume, device in found.devices.items())
        said = ([f"would detach {volumes}"] if volumes else []) + ([found.untouched] if found.untouched else [])
        return f"{'; '.join(said) or 'would detach nothing'}{there_is_no(found.missing)}"

    def begin(self, target: Target) -> StepAnswer:
        """Find what is attached. Nothing is detached before that is written down."""
        found = self._find(target)
        if not isinstance(found, AttachedVolumes):
            return found
        if not found.devices:
            return done_unless_missing(f"nothing to detach: {found.untouched or 'nothing is there'}", found.missing)
        volumes = tuple(Detaching(volume=volume, device=device) for volume, device in found.devices.items())
        state = DetachVolumeState(volumes=volumes, untouched=found.untouched, missing=found.missing)
        blockers = [volume_blocker(each.volume, "it is attached") for each in volumes]
        return self._waiting(f"detaching {_names(volumes)}", state, again_after=SOON, blockers=blockers)

    def poll(self, target: Target, state: DetachVolumeState) -> StepAnswer:
        """Detach what is attached, or find out how far that is."""
        told = self._services.volumes.named([each.volume for each in state.volumes])
        stages = {volume: detachment(each, target.action.instance) for volume, each in told.items()}
        left = [each for each in state.volumes if stages[each.volume] not in OVER | FAILURES]
        asked = {each.volume: self._asked(target, each, stages[each.volume]) for each in left}
        state = msgspec.structs.replace(state, volumes=tuple(asked.get(each.volume, each) for each in state.volumes))
        if left:
            return self._left(state, stages, [asked[each.volume] for each in left])
        if failures := [each for each in state.volumes if stages[each.volume] in FAILURES]:
            return Failed(f"not detached as it should be: {_with_states(failures, told, stages)}")
        return self._detached(target, state, [each for each in stages if stages[each] is Detachment.DETACHED])

    def _detached(self, target: Target, state: DetachVolumeState, detached: Sequence[str]) -> StepAnswer:
        """Make snapshots of what is detached, where the plan wants them."""
        wanted = self._options.snapshot
        if wanted is None or not detached:
            return done_unless_missing(self._done(state, detached), state.missing)
        if state.snapshots is None:
            state = msgspec.structs.replace(state, snapshots=VolumeSnapshots(asked_at=target.now))
            blockers = [volume_blocker(each, "a snapshot of it is to be made") for each in detached]
            detail = f"{self._done(state, detached)}; making snapshots"
            return self._waiting(detail, state, again_after=SOON, blockers=blockers)
        progress = snapshots_of(self._services, target, detached, state.snapshots, wait=wanted.wait)
        state = msgspec.structs.replace(state, snapshots=progress.known)
        if progress.failed:
            return Failed(f"{self._done(state, detached)}; {progress.failed}")
        if not progress.left:
            return done_unless_missing(self._done(state, detached), state.missing)
        sentences = listed(f"{name}: {reason}" for name, reason in progress.left.items())
        return self._waiting(
            f"{self._done(state, detached)}; waiting for snapshots: {sentences}{there_is_no(state.missing)}",
            state,
            blockers=[Blocker(kind=_kind(name), name=name, reason=reason) for name, reason in progress.left.items()],
        )

    def _asked(self, target: Target, volume: Detaching, stage: Detachment) -> Detaching:
        """Return a volume after EC2 was asked to detach it, where it has to be asked now."""
        due = volume.asked_at is not None and target.now >= volume.asked_at + AGAIN_AFTER
        instead = self._options.force and (due or (stage is Detachment.BUSY and not volume.forced))
        if stage is Detachment.ATTACHED and (volume.asked_at is None or due):
            force = self._options.force and due
        elif stage in STILL_ATTACHED and instead and not target.facts.gone:
            force = True
        elif stage is Detachment.UNDER_WAY and volume.asked_at is None:
            # By somebody else, or by a try of ours whose answer was lost.
            return msgspec.structs.replace(volume, asked_at=target.now)
        else:
            return volume
        if target.facts.gone:
            return msgspec.structs.replace(volume, asked_at=target.now, refusal="EC2 detaches it, the instance is gone")
        refusal = self._services.volumes.detach(volume.volume, target.action.instance, force=force)
        return msgspec.structs.replace(
            volume, asked_at=target.now, forced=volume.forced or force, refusal=refusal or ""
        )

    def _left(self, state: DetachVolumeState, stages: dict[str, Detachment], left: list[Detaching]) -> Waiting:
        sentences = [f"{_name(each)} is {stages[each.volume]}" for each in left]
        if any(stages[each.volume] is Detachment.BUSY for each in left):
            sentences.append(STILL_MOUNTED)
        sentences += [f"EC2 says: {each.refusal}" for each in left if each.refusal]
        count = f"{len(left)} of {counted(len(state.volumes), 'volume')}"
        return self._waiting(
            f"waiting for {count} to be detached: {listed(sentences, '; ')}{there_is_no(state.missing)}",
            state,
            again_after=POLL_INTERVAL,
            blockers=[volume_blocker(each.volume, _reason(stages[each.volume])) for each in left],
        )

    @staticmethod
    def _done(state: DetachVolumeState, detached: Sequence[str]) -> str:
        """Return what was done, a sentence."""
        made = state.snapshots.made if state.snapshots is not None else {}
        names = [
            f"{_name(each)}{_snapshot(made.get(each.volume))}" for each in state.volumes if each.volume in detached
        ]
        deleted = [each for each in state.volumes if each.volume not in detached]
        said = [f"detached {listed(names)}"] if names else []
        said += [f"deleted since: {_names(deleted)}"] if deleted else []
        return "; ".join([*said, *([state.untouched] if state.untouched else [])])

    def _find(self, target: Target) -> AttachedVolumes | Waiting | Missing | Failed:
        return attached_volumes(self._services, target, self._options.volumes, self._options.tag)


def _with_states(volumes: Iterable[Detaching], told: dict[str, Volume | None], stages: dict[str, Detachment]) -> str:
    return listed(f"{_name(each)} is {stages[each.volume]} ({states_of(told[each.volume])})" for each in volumes)


def _snapshot(made: str | None) -> str:
    if made is None:
        return ""
    return f", snapshot {made}" if made else ", deleted before there was a snapshot of it"


def _kind(name: str) -> BlockerKind:
    return BlockerKind.SNAPSHOT if name.startswith("snap-") else BlockerKind.VOLUME


def _reason(stage: Detachment) -> str:
    return STILL_MOUNTED if stage is Detachment.BUSY else f"it is {stage}"


def _name(volume: Detaching) -> str:
    return f"{volume.volume} ({volume.device})"


def _names(volumes: Iterable[Detaching]) -> str:
    return listed(_name(each) for each in volumes)
