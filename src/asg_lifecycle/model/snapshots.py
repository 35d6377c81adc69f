"""Snapshots of EBS volumes and images of instances: what EC2 tells of them, and what their states mean."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from msgspec import Struct

ACTION_TAG = "asg-lifecycle:action"
"""Of every snapshot and image: which step of which action made it, see `action_key`."""

CALL_TAG = "asg-lifecycle:call"
"""Of every snapshot: which call made it. The snapshots of one call are of the same moment."""


class AttachedVolume(Struct, frozen=True, kw_only=True):
    """An EBS volume of an instance.

    Attributes:
        volume: its id.
        device: the name under which it is attached, `/dev/sdf`.
        root: whether the instance boots from it.
        deleted_with_instance: whether EC2 deletes it when it terminates the instance.
    """

    volume: str
    device: str
    root: bool
    deleted_with_instance: bool


class InstanceVolumes(Struct, frozen=True, kw_only=True):
    """What EC2 tells of the volumes of an instance. Of one that is terminated it tells none.

    Attributes:
        state: of the instance, as in `InstanceFacts`.
        volumes: its volumes, the root first, then by device.
    """

    state: str
    volumes: tuple[AttachedVolume, ...] = ()


class Snapshot(Struct, frozen=True, kw_only=True):
    """A snapshot of a volume.

    Attributes:
        snapshot: its id.
        volume: of which volume.
        state: `pending`, `completed`, `error`, …
        progress: how much of it is copied, `42%`; empty where EC2 does not say.
        message: why it failed, empty where EC2 does not say.
        call: value of the tag `CALL_TAG`, empty when it has none.
    """

    snapshot: str
    volume: str
    state: str
    progress: str = ""
    message: str = ""
    call: str = ""


class Stage(StrEnum):
    """What the state of a snapshot or an image means."""

    UNDER_WAY = "under way"
    READY = "ready"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """A state that this version does not know: it is neither ready nor lost."""


SNAPSHOT_STAGES = {
    "pending": Stage.UNDER_WAY,
    "completed": Stage.READY,
    "error": Stage.FAILED,
    # In the Recycle Bin, and on the way out of it: somebody deleted it.
    "recoverable": Stage.FAILED,
    "recovering": Stage.UNDER_WAY,
}
"""The states of a snapshot (`SnapshotState`)."""


def snapshot_stage(state: str) -> Stage:
    """Return what the state of a snapshot means."""
    return SNAPSHOT_STAGES.get(state, Stage.UNKNOWN)


def action_key(reference: str, position: int, attempt: int) -> str:
    """Return what names one attempt of one step of one action, for a tag or a name: 32 hexadecimal digits.

    Args:
        reference: permanent name of the action, which may have any characters.
        position: of the step in its plan.
        attempt: how often operators have had it begin again.
    """
    written = f"{reference}\n{position}\n{attempt}"
    return hashlib.sha256(written.encode(errors="surrogatepass")).hexdigest()[:32]
