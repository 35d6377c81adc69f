"""Snapshots of EBS volumes and images of instances: what EC2 tells of them, and what their states mean."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

ACTION_TAG = "asg-lifecycle:action"
"""Of every snapshot and image: which step of which action made it, see `action_key`."""

CALL_TAG = "asg-lifecycle:call"
"""Of every snapshot: when the call was made that made it. The snapshots of one call are of the same moment."""

LONGEST_NAME = 128
"""Characters of the name of an image; three at least."""

PLAIN_REFERENCE = r"[A-Za-z0-9_-]{3,64}"
DIGEST_LENGTH = 40


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


class Image(Struct, frozen=True, kw_only=True):
    """An image of an instance (AMI).

    Attributes:
        image: its id.
        state: `pending`, `available`, `failed`, …
        message: why it failed, empty where EC2 does not say.
        key: value of the tag `ACTION_TAG`, empty when it has none.
    """

    image: str
    state: str
    message: str = ""
    key: str = ""


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
    # In the Recycle Bin, since somebody has deleted it; and on the way out of it.
    "recoverable": Stage.FAILED,
    "recovering": Stage.UNDER_WAY,
}
"""The states of a snapshot, `SnapshotState` in the EC2 API reference."""

IMAGE_STAGES = {
    "pending": Stage.UNDER_WAY,
    "transient": Stage.UNDER_WAY,
    "available": Stage.READY,
    "invalid": Stage.FAILED,
    "deregistered": Stage.FAILED,
    "failed": Stage.FAILED,
    "error": Stage.FAILED,
    # It was available before somebody disabled it, and can be enabled again: what it holds is kept.
    "disabled": Stage.READY,
}
"""The states of an image, `ImageState` in the EC2 API reference."""


def snapshot_stage(state: str) -> Stage:
    """Return what the state of a snapshot means."""
    return SNAPSHOT_STAGES.get(state, Stage.UNKNOWN)


def image_stage(state: str) -> Stage:
    """Return what the state of an image means."""
    return IMAGE_STAGES.get(state, Stage.UNKNOWN)


def complete_set(found: Iterable[Snapshot], volumes: AbstractSet[str]) -> tuple[Snapshot, ...]:
    """Return the snapshots of the last call that made one of each of the volumes, as far as is seen; else none.

    Args:
        found: those of an action, of any number of calls.
        volumes: of which there have to be snapshots; where none is given, the last call is complete whatever it made.
    """
    calls: dict[str, list[Snapshot]] = {}
    for each in found:
        calls.setdefault(each.call, []).append(each)
    for _, made in sorted(calls.items(), reverse=True):
        if volumes <= {each.volume for each in made}:
            return tuple(each for each in made if not volumes or each.volume in volumes)
    return ()


def call_time(now: float) -> str:
    """Return the value of `CALL_TAG` of a call at a moment, seconds since the epoch; later ones sort behind it."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def action_key(reference: str, position: int, attempt: int) -> str:
    """Return what names one attempt of one step of one action, as the value of a tag and at the end of a name.

    It is the reference where that is a plain text, so that people find the snapshots of an action by its token; else a
    digest. It has no character that a filter of EC2 would take for a pattern.

    Args:
        reference: permanent name of the action, which may have any characters.
        position: of the step in its plan, from 0.
        attempt: how often operators have had it begin again.
    """
    if re.fullmatch(PLAIN_REFERENCE, reference) is None:
        reference = hashlib.sha256(reference.encode(errors="surrogatepass")).hexdigest()[:DIGEST_LENGTH]
    return f"{reference}/{position + 1}" + (f"/{attempt + 1}" if attempt else "")


def image_name(beginning: str, key: str) -> str:
    """Return the name of an image: a beginning that people read, and what makes it the one of its action.

    Args:
        beginning: any text; what no name may have is replaced by hyphens, and what is too much cut off.
        key: of the action, see `action_key`.
    """
    beginning = re.sub(r"[^A-Za-z0-9()\[\] ./'@_-]", "-", beginning)[: LONGEST_NAME - len(key) - 1].strip()
    return f"{beginning} {key}" if beginning else key
