"""What snapshots and images have in common: their tags and descriptions, and what makes them those of one action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.bounds import matching
from asg_lifecycle.model.placeholders import CannotFillError
from asg_lifecycle.model.redaction import redacted
from asg_lifecycle.model.snapshots import ACTION_TAG, Stage, action_key, snapshot_stage
from asg_lifecycle.steps.support.sentences import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asg_lifecycle.model.snapshots import AttachedVolume, Snapshot
    from asg_lifecycle.steps.base import Target

OWN_TAGS = "asg-lifecycle:"
"""What the tags begin with that the steps themselves give."""

LONGEST_VALUE, LONGEST_DESCRIPTION = 256, 255
"""Characters that EC2 takes."""

POLL_INTERVAL = 5.0
"""Seconds between two looks for what may have been made, and until a call that had no effect is made again."""

VISIBLE_AFTER = 60.0
"""Seconds after which EC2 is taken to show what was made, or what shows then not to have been made."""

LOST_AFTER = 300.0
"""Seconds after which something that EC2 has answered with and does not show was deleted."""

TagKey: TypeAlias = Annotated[
    str,
    matching(
        "^(?!aws:)(?!asg-lifecycle:)[^{}]{1,127}$",
        "the key of a tag, up to 127 characters, that does not begin with 'aws:' or 'asg-lifecycle:'",
    ),
]

Tags: TypeAlias = Annotated[dict[TagKey, str], Meta(max_length=40)]


DeviceName: TypeAlias = Annotated[
    str,
    matching(
        "^[A-Za-z0-9/_-]{1,64}$",
        "the name of a device as EC2 has it, '/dev/sdf'; the system of the instance may call it otherwise",
    ),
]


def key_of(target: Target) -> str:
    """Return the value of the tag that names this attempt of this step of the action."""
    return action_key(target.action.reference, target.position, target.attempt)


def tags_of(target: Target, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of what is made: those of the plan, and those by which it is found.

    Raises:
        CannotFillError: a placeholder has no value, or a value is too long for EC2.
    """
    filled = {key: _short(f"the tag {key}", target.fill(value), LONGEST_VALUE) for key, value in tags.items()}
    return {
        **filled,
        ACTION_TAG: key_of(target),
        f"{OWN_TAGS}group": target.action.group,
        f"{OWN_TAGS}instance": target.action.instance,
    }


def description_of(target: Target, description: str | None) -> str:
    """Return the description of what is made.

    Raises:
        CannotFillError: a placeholder has no value, or it is too long for EC2.
    """
    if description is None:
        return f"{target.action.instance} at {target.action.hook}"[:LONGEST_DESCRIPTION]
    return _short("the description", target.fill(description), LONGEST_DESCRIPTION)


def tenths(progress: str) -> str:
    """Return the progress of a snapshot in tenths, ` (40 %)`; nothing where EC2 does not tell it.

    What is said at a poll is recorded when it differs from what was said before.
    """
    number = progress.removesuffix("%")
    return f" ({int(number) // 10 * 10} %)" if number.isascii() and number.isdigit() else ""


def _short(what: str, text: str, most: int) -> str:
    if len(text) > most:
        raise CannotFillError(f"{what} is {len(text)} characters long, expected {most} at most")
    return text


def of_terminated(target: Target, deleted: Sequence[str] = ()) -> str:
    """Say that an instance that is terminated has no volumes of which there can be snapshots."""
    which = f"{listed(deleted)}, which went with it" if deleted else "those that went with it"
    return (
        f"instance {target.action.instance} is terminated: no snapshot can be made of {which}; "
        "a volume that EC2 does not delete with its instance is there still"
    )


def named(volume: AttachedVolume) -> str:
    """Return a volume as sentences name it."""
    return f"{volume.volume} ({volume.device}{', root' if volume.root else ''})"


def failed(snapshot: Snapshot) -> str:
    """Say that a snapshot has failed."""
    why = f", {redacted(snapshot.message)}" if snapshot.message else ""
    return f"{snapshot.snapshot} of {snapshot.volume} is {snapshot.state}{why}"


def waited_for(name: str, told: Snapshot | None) -> str:
    """Say that a snapshot is waited for. `told` is None when EC2 does not show it."""
    if told is None:
        return f"{name}, which EC2 does not show yet"
    unknown = f" is {told.state!r}, which is not known" if snapshot_stage(told.state) is Stage.UNKNOWN else ""
    return f"{name} of {told.volume}{unknown or tenths(told.progress)}"


def blocker(name: str, told: Snapshot | None) -> Blocker:
    """Return a snapshot as what the instance waits for. `told` is None when EC2 does not show it."""
    reason = f"of {told.volume}, {told.state or 'without a state'}" if told is not None else "not shown yet"
    return Blocker(kind=BlockerKind.SNAPSHOT, name=name, reason=reason)
