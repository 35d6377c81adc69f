"""The step kind `create-snapshot`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.instances import GONE_STATES
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Failed, Missing, StepAnswer
from asg_lifecycle.model.snapshots import ACTION_TAG, CALL_TAG, Stage, call_time, complete_set, snapshot_stage
from asg_lifecycle.steps.base import StatefulStep
from asg_lifecycle.steps.support import snapshot_texts as texts
from asg_lifecycle.steps.support.missing_things import done_unless_missing
from asg_lifecycle.steps.support.sentences import counted, listed
from asg_lifecycle.steps.support.snapshot_texts import (
    LOST_AFTER,
    POLL_INTERVAL,
    VISIBLE_AFTER,
    DeviceName,
    Tags,
    description_of,
    key_of,
    tags_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asg_lifecycle.model.failures import Failure
    from asg_lifecycle.model.progress import Waiting
    from asg_lifecycle.model.snapshots import AttachedVolume, InstanceVolumes, Snapshot
    from asg_lifecycle.steps.base import Target

NO_VOLUME = "InvalidVolume.NotFound"


class CreateSnapshotOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which volumes, and how far they are waited for."""

    volumes: Annotated[
        Literal["all", "data", "root"] | tuple[DeviceName, ...],
        Meta(description="`all` volumes of the instance, `data` for all but the root, `root`, or a list of devices."),
    ] = "all"
    wait: Annotated[
        bool, Meta(description="Until they are completed; with `false` only until EC2 has accepted them.")
    ] = True
    tags: Annotated[Tags, Meta(description="Tags of the snapshots, with placeholders in their values.")] = {}
    description: Annotated[str | None, Meta(description="Of the snapshots, with placeholders.")] = None

    def __post_init__(self) -> None:
        """Refuse a list that names nothing.

        Raises:
            ValueError: the list of devices is empty.
        """
        if not self.volumes:
            raise ValueError("volumes is an empty list; expected all, data, root, or the devices")


class CreateSnapshotState(Struct, frozen=True, kw_only=True):
    """What is known of the snapshots.

    Attributes:
        asked_since: since when they may have been made, None when they have not been asked for or were answered.
        made: their ids, none before EC2 has answered with them.
        made_at: when it did, 0 before.
        missing: devices of the plan that the instance does not have.
        deleted: volumes that EC2 deleted with the instance before there was a snapshot of them.
    """

    asked_since: float | None = None
    made: tuple[str, ...] = ()
    made_at: float = 0.0
    missing: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


class CreateSnapshot(StatefulStep[CreateSnapshotOptions, CreateSnapshotState]):
    """Make snapshots of the EBS volumes of the instance before it goes, and wait until they are completed.

    The snapshots of one instance are of the same moment, as after a power failure: what programs have not written to
    disk yet is not in them, so stop them with a step before. A snapshot that is accepted is completed by EC2 whatever
    becomes of the volume and the instance; one that ends in error fails the step.

    Each snapshot has the tags `asg-lifecycle:action`, with the token of the action and the step's position,
    `asg-lifecycle:call`, `asg-lifecycle:group` and `asg-lifecycle:instance`. EC2 has no client token for snapshots, so
    they are looked up by the first whenever they may have been made before. Where EC2 shows them more than a minute
    late, or the function dies twice in a row, there may be two sets: one too many costs money, one too few data.

    Of an instance that EC2 has terminated, only volumes that it does not delete with it can have a snapshot, as long as
    it tells which these are; what could not be made is said.
    """

    kind = "create-snapshot"
    transition = PlanTransition.TERMINATE
    example: ClassVar[dict[str, object]] = {"volumes": "data", "tags": {"Name": "{group} {tag:Name}"}}
    permissions = ("ec2:CreateSnapshot", "ec2:CreateSnapshots", "ec2:CreateTags", "ec2:DescribeSnapshots")
    template_parameter = "SnapshotSteps"
    may_be_missing = "volumes"
    at_most_once = True

    def preview(self, target: Target) -> str:
        """Say of which volumes there would be snapshots."""
        # What cannot be filled in fails the trial as it would fail the step.
        tags_of(target, self._options.tags)
        description_of(target, self._options.description)
        told = self._services.snapshots.volumes_of(target.action.instance)
        chosen, missing = self._chosen(told)
        lacking = f"; there is no {', no '.join(missing)}" if missing else ""
        if not chosen:
            return f"would make no snapshot: {self._nothing(target, told)}{lacking}"
        until = "completed" if self._options.wait else "accepted"
        return f"would make snapshots of {listed(map(texts.named, chosen))}, and wait until they are {until}{lacking}"

    def begin(self, target: Target) -> StepAnswer:
        """Make the snapshots, or find those that were made."""
        state = CreateSnapshotState(asked_since=target.began_before)
        try:
            return self._make(target, state, look=target.began_before is not None)
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.TRANSIENT:
                raise
            # Nothing was made, and that is kept: who only sees that a beginning failed has to look for a minute.
            return self._interrupted(failed.failure, state)

    def poll(self, target: Target, state: CreateSnapshotState) -> StepAnswer:
        """Ask for the states of the snapshots."""
        if not state.made:
            return self._make(target, state, look=True)
        return self._judged(target, state, self._services.snapshots.told(state.made))

    def stop(self, target: Target, state: CreateSnapshotState | None) -> str | None:
        """Say which snapshots stay. None is deleted: half of a copy is worth more than none."""
        made = state.made if state is not None else ()
        if not made:
            made = tuple(each.snapshot for each in self._services.snapshots.made_by(key_of(target)))
        return f"{listed(made)} stay: EC2 completes snapshots by itself" if made else None

    def _make(self, target: Target, state: CreateSnapshotState, *, look: bool) -> StepAnswer:
        """Make the snapshots unless they are found.

        Raises:
            CallFailed: a call had no effect.
        """
        told = self._services.snapshots.volumes_of(target.action.instance)
        chosen, missing = self._chosen(told)
        state = msgspec.structs.replace(state, missing=missing)
        found = self._services.snapshots.made_by(key_of(target)) if look else ()
        made = complete_set(found, {each.volume for each in chosen})
        if made and chosen:
            return self._accepted(target, state, made)
        if state.asked_since is not None and target.now < state.asked_since + VISIBLE_AFTER:
            return self._looking(target, state)
        if told.state in GONE_STATES:
            return self._make_of_gone(target, state, chosen, found)
        return self._ask(target, state, told, chosen) if chosen else Missing(self._nothing(target, told))

    def _ask(
        self, target: Target, state: CreateSnapshotState, told: InstanceVolumes, chosen: Sequence[AttachedVolume]
    ) -> StepAnswer:
        try:
            # A call leaves out 40 volumes at most; one volume needs none to be left out.
            if len(chosen) == 1:
                return self._accepted(target, state, (self._make_of_volume(target, chosen[0].volume),))
            made = self._services.snapshots.create_of_instance(
                target.action.instance,
                without=[each for each in told.volumes if each not in chosen],
                tags=self._tags(target),
                description=description_of(target, self._options.description),
            )
        except CallFailed as failed:
            return self._kept_if_open(target, failed, state)
        lacking = {each.volume for each in chosen} - {each.volume for each in made}
        if lacking:
            which = f"see which there are by the tag {ACTION_TAG}={key_of(target)}"
            return Failed(f"EC2 answered without a snapshot of {listed(sorted(lacking))}: {which}")
        return self._accepted(target, state, made)

    def _make_of_gone(
        self, target: Target, state: CreateSnapshotState, chosen: Sequence[AttachedVolume], found: Sequence[Snapshot]
    ) -> StepAnswer:
        """Make snapshots of those volumes that outlive the instance, each for itself: nothing writes to them any more.

        Raises:
            CallFailed: a call had no effect.
        """
        have = {each.volume: each for each in found}
        if not chosen:
            last = complete_set(found, set())
            return self._accepted(target, state, last) if last else Done(texts.of_terminated(target))
        made: list[Snapshot] = []
        deleted: list[str] = []
        for each in chosen:
            if each.volume not in have and each.deleted_with_instance:
                deleted.append(each.volume)
                continue
            try:
                made.append(have.get(each.volume) or self._make_of_volume(target, each.volume))
            except CallFailed as failed:
                if failed.failure.code != NO_VOLUME:
                    return self._kept_if_open(target, failed, state)
                deleted.append(each.volume)
        state = msgspec.structs.replace(state, deleted=tuple(deleted))
        return self._accepted(target, state, made) if made else Done(texts.of_terminated(target, deleted))

    def _make_of_volume(self, target: Target, volume: str) -> Snapshot:
        description = description_of(target, self._options.description)
        return self._services.snapshots.create_of_volume(volume, tags=self._tags(target), description=description)

    def _tags(self, target: Target) -> dict[str, str]:
        return {**tags_of(target, self._options.tags), CALL_TAG: call_time(target.now)}

    def _accepted(self, target: Target, state: CreateSnapshotState, made: Sequence[Snapshot]) -> StepAnswer:
        """Return what it means that EC2 has answered with snapshots."""
        ids = tuple(each.snapshot for each in made)
        state = msgspec.structs.replace(state, asked_since=None, made=ids, made_at=target.now)
        return self._judged(target, state, {each.snapshot: each for each in made})

    def _judged(self, target: Target, state: CreateSnapshotState, told: Mapping[str, Snapshot]) -> StepAnswer:
        """Return what the states of the snapshots mean.

        Args:
            target: the instance.
            state: which there are.
            told: what EC2 tells of them, by id; one that it does not show is not in it.
        """
        stages = {name: snapshot_stage(each.state) for name, each in told.items()}
        bad = [each for name, each in told.items() if stages[name] is Stage.FAILED]
        if bad:
            return Failed(f"{listed(map(texts.failed, bad))}: see why, and let the step begin again, or go on without")
        hidden = [name for name in state.made if name not in told]
        if hidden and target.now >= state.made_at + LOST_AFTER:
            return Failed(f"{listed(hidden)} cannot be found any more: somebody may have deleted what was made")
        left = [name for name in state.made if stages.get(name) is not Stage.READY]
        if not left or not self._options.wait:
            return self._done(state, told, left)
        said = listed(texts.waited_for(name, told.get(name)) for name in left)
        return self._waiting(
            f"waiting for {len(left)} of {counted(len(state.made), 'snapshot')}: {said}",
            state,
            blockers=[texts.blocker(name, told.get(name)) for name in left],
        )

    def _done(self, state: CreateSnapshotState, told: Mapping[str, Snapshot], left: Sequence[str]) -> StepAnswer:
        named = listed(f"{name} of {told[name].volume}" if name in told else name for name in state.made)
        how = "accepted, EC2 completes them by itself" if left else "completed"
        deleted = f"; of {listed(state.deleted)} there is none: deleted with the instance" if state.deleted else ""
        return done_unless_missing(f"{named}: {how}{deleted}", state.missing)

    def _looking(self, target: Target, state: CreateSnapshotState) -> Waiting:
        name, reason = f"{ACTION_TAG}={key_of(target)}", "they may have been made already"
        blockers = (Blocker(kind=BlockerKind.SNAPSHOT, name=name, reason=reason),)
        return self._waiting(f"looking for snapshots: {reason}", state, again_after=POLL_INTERVAL, blockers=blockers)

    def _kept_if_open(self, target: Target, failed: CallFailed, state: CreateSnapshotState) -> Waiting:
        """Return a wait in which to look for what the call may have made, or at what is left of the instance.

        Raises:
            CallFailed: the call had no effect.
        """
        if failed.failure.effect_is_open:
            return self._interrupted(failed.failure, msgspec.structs.replace(state, asked_since=target.now))
        refused = failed.failure.consequence in {Consequence.REFUSED, Consequence.NOT_FOUND}
        if not refused or self._services.snapshots.volumes_of(target.action.instance).state not in GONE_STATES:
            raise failed
        return self._interrupted(failed.failure, state)

    def _interrupted(self, failure: Failure, state: CreateSnapshotState) -> Waiting:
        return self._waiting(
            f"making snapshots: {failure}",
            state,
            again_after=POLL_INTERVAL,
            blocked=True,
            blockers=(Blocker(kind=BlockerKind.DEPENDENCY, name=failure.action, reason=str(failure)),),
        )

    def _chosen(self, told: InstanceVolumes) -> tuple[tuple[AttachedVolume, ...], tuple[str, ...]]:
        """Return the volumes that the plan wants snapshots of, and what it names and the instance does not have."""
        wanted = self._options.volumes
        if isinstance(wanted, str):
            return tuple(each for each in told.volumes if wanted == "all" or each.root == (wanted == "root")), ()
        chosen = tuple(each for each in told.volumes if each.device in wanted)
        devices = {each.device for each in told.volumes}
        gone = told.state in GONE_STATES
        return chosen, () if gone else tuple(f"volume {name}" for name in wanted if name not in devices)

    def _nothing(self, target: Target, told: InstanceVolumes) -> str:
        """Say why there is no volume to make a snapshot of."""
        if told.state in GONE_STATES:
            return texts.of_terminated(target)
        has = listed(map(texts.named, told.volumes)) or "none"
        wanted = self._options.volumes if isinstance(self._options.volumes, str) else ", ".join(self._options.volumes)
        return f"instance {target.action.instance} has no EBS volume that volumes: {wanted} means; it has {has}"
