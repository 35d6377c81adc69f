"""Snapshots of volumes that were detached: each made once, and waited for where the plan says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.snapshots import CALL_TAG, Stage, call_time, snapshot_stage
from asg_lifecycle.steps.support.sentences import listed
from asg_lifecycle.steps.support.snapshot_texts import LOST_AFTER, VISIBLE_AFTER, description_of, key_of, tags_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

PROMPT = 5.0
"""Seconds within which a snapshot is made after that was written down. Later, the Lambda may have died in between."""


class VolumeSnapshotOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether the snapshots are waited for."""

    wait: Annotated[
        bool, Meta(description="Until they are completed; with `false` only until EC2 has accepted them.")
    ] = True


class VolumeSnapshots(Struct, frozen=True, kw_only=True):
    """What is known of the snapshots. Times are seconds since the epoch.

    Attributes:
        asked_at: when it was written down that they are made next, or when EC2's answer to that was lost.
        unsure: some may have been made that EC2 does not show yet.
        made: the snapshot of each volume, by the volume; empty for one that was deleted before.
        made_at: when EC2 was last seen to have made one.
    """

    asked_at: float
    unsure: bool = False
    made: dict[str, str] = {}
    made_at: float = 0.0


class SnapshotProgress(Struct, frozen=True, kw_only=True):
    """How far the snapshots are.

    Attributes:
        known: what has to be known at the next poll.
        left: what is still waited for, by the snapshot or the volume that it is about; none when they are done.
        failed: what went wrong, empty when nothing did.
    """

    known: VolumeSnapshots
    left: dict[str, str]
    failed: str = ""


def snapshots_of(
    services: Services, target: Target, volumes: Sequence[str], known: VolumeSnapshots, *, wait: bool
) -> SnapshotProgress:
    """Make the snapshots that are not made yet, and find out how far the others are.

    Args:
        services: the AWS services.
        target: the instance.
        volumes: of which there are to be snapshots; nothing writes to them any more.
        known: what was known after the last poll.
        wait: until they are completed.

    Raises:
        CallFailed: no answer, throttled, denied, refused; what was made by then is found by its tags.
    """
    if missing := [each for each in volumes if each not in known.made]:
        found = {each.volume: each.snapshot for each in services.snapshots.made_by(key_of(target))}
        known = _with(known, {each: found[each] for each in missing if each in found}, target.now)
        missing = [each for each in missing if each not in found]
    unsure = known.unsure or target.now > known.asked_at + PROMPT
    if missing and unsure and target.now < known.asked_at + VISIBLE_AFTER:
        known = msgspec.structs.replace(known, unsure=True)
        return SnapshotProgress(known=known, left=dict.fromkeys(missing, "its snapshot may have been made already"))
    for volume in missing:
        try:
            known = _with(known, {volume: _make(services, target, volume)}, target.now)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                known = _with(known, {volume: ""}, target.now)
                continue
            if not failed.failure.effect_is_open:
                raise
            known = msgspec.structs.replace(known, unsure=True, asked_at=target.now)
            return SnapshotProgress(known=known, left={volume: str(failed.failure)})
    return _judged(services, target, known, wait=wait)


def _judged(services: Services, target: Target, known: VolumeSnapshots, *, wait: bool) -> SnapshotProgress:
    names = [each for each in known.made.values() if each]
    if not wait or not names:
        return SnapshotProgress(known=known, left={})
    told = services.snapshots.told(names)
    stages = {name: snapshot_stage(each.state) for name, each in told.items()}
    if bad := [
        f"{name} ({told[name].message or told[name].state})" for name in names if stages.get(name) is Stage.FAILED
    ]:
        return SnapshotProgress(known=known, left={}, failed=f"snapshots failed: {listed(bad)}")
    hidden = [name for name in names if name not in told]
    if hidden and target.now >= known.made_at + LOST_AFTER:
        return SnapshotProgress(known=known, left={}, failed=f"snapshots cannot be found any more: {listed(hidden)}")
    left = {name: told[name].state if name in told else "not shown yet" for name in names}
    return SnapshotProgress(
        known=known,
        left={name: f"it is {state}" for name, state in left.items() if stages.get(name) is not Stage.READY},
    )


def _make(services: Services, target: Target, volume: str) -> str:
    tags = {**tags_of(target, {}), CALL_TAG: call_time(target.now)}
    made = services.snapshots.create_of_volume(volume, tags=tags, description=description_of(target, None))
    return made.snapshot


def _with(known: VolumeSnapshots, made: dict[str, str], now: float) -> VolumeSnapshots:
    return msgspec.structs.replace(known, made={**known.made, **made}, made_at=now) if made else known
