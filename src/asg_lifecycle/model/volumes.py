"""EBS volumes as EC2 tells of them: what their states mean for who detaches or attaches one, and which one is taken.

States are texts of EC2. One that this version does not know means nothing: it is neither free nor detached.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

VOLUME_STATES = frozenset({"creating", "available", "in-use", "deleting", "deleted", "error"})
ATTACHMENT_STATES = frozenset({"attaching", "attached", "detaching", "detached", "busy"})
"""All states that EC2 has (`VolumeState`, `VolumeAttachmentState`)."""


class Attachment(Struct, frozen=True, kw_only=True):
    """That a volume is attached.

    Attributes:
        instance: to which instance; empty where something that AWS manages has it.
        device: the name under which the instance has it, `/dev/sdf`.
        state: one of `ATTACHMENT_STATES`, where EC2 has learnt no others.
    """

    instance: str
    device: str
    state: str


class Volume(Struct, frozen=True, kw_only=True):
    """A volume.

    Attributes:
        id: of the volume.
        state: one of `VOLUME_STATES`, where EC2 has learnt no others.
        zone: its Availability Zone, which is for ever.
        attachments: to what it is attached; more than one only where it is shared.
        shared: several instances can have it at once (Multi-Attach).
    """

    id: str
    state: str
    zone: str
    attachments: tuple[Attachment, ...] = ()
    shared: bool = False

    def attachment(self, instance: str) -> Attachment | None:
        """Return its attachment to an instance, None where EC2 lists none or one that is over."""
        return next((each for each in self._present if each.instance == instance), None)

    def holders(self, instance: str) -> tuple[str, ...]:
        """Return what has it beside an instance: ids of instances, or words."""
        others = (each.instance or "what AWS manages" for each in self._present if each.instance != instance)
        return tuple(dict.fromkeys(others))

    @property
    def _present(self) -> tuple[Attachment, ...]:
        return tuple(each for each in self.attachments if each.state != "detached")


class Detachment(StrEnum):
    """How far the detachment of a volume from an instance is."""

    ATTACHED = "attached"
    UNDER_WAY = "detaching"
    BUSY = "busy"
    """The instance still uses it: EC2 waits until it is unmounted."""
    DETACHED = "detached"
    DELETED = "deleted"
    UNSETTLED = "in use, and by whom EC2 does not say"
    LOST = "in state error"
    """Its hardware failed: it never becomes available."""
    UNKNOWN = "in a state that this version does not know"


_OF_ATTACHMENT = {
    # EC2 detaches one that is on its way in, too.
    "attaching": Detachment.ATTACHED,
    "attached": Detachment.ATTACHED,
    "detaching": Detachment.UNDER_WAY,
    "busy": Detachment.BUSY,
}
_WITHOUT_ATTACHMENT = {
    # One that is still created was never attached.
    "creating": Detachment.DETACHED,
    "available": Detachment.DETACHED,
    "deleting": Detachment.DELETED,
    "deleted": Detachment.DELETED,
    "error": Detachment.LOST,
}


def _are_known(volume: Volume, mine: Attachment | None) -> bool:
    """Return whether the states of a volume, and of its attachment to the instance, are ones that EC2 had so far."""
    return volume.state in VOLUME_STATES and (mine is None or mine.state in ATTACHMENT_STATES)


def detachment(volume: Volume | None, instance: str) -> Detachment:
    """Return how far a volume is from being free of an instance.

    Args:
        volume: the volume, None where EC2 says that there is none.
        instance: the instance.
    """
    if volume is None:
        return Detachment.DELETED
    mine = volume.attachment(instance)
    if not _are_known(volume, mine):
        return Detachment.UNKNOWN
    if mine is not None:
        return _OF_ATTACHMENT[mine.state]
    if volume.state == "in-use":
        return Detachment.DETACHED if volume.holders(instance) else Detachment.UNSETTLED
    return _WITHOUT_ATTACHMENT[volume.state]


class Availability(StrEnum):
    """What a volume is for an instance that is to have it."""

    OURS = "attached"
    COMING = "attaching"
    FREE = "free"
    HELD = "attached elsewhere"
    SOON = "not available yet"
    GONE = "deleted"
    LOST = "in state error"
    SHARED = "a Multi-Attach volume"
    """Who may write to it the instances agree among themselves; EC2 would not refuse a second one."""
    UNKNOWN = "in a state that this version does not know"


_FOR_ATTACHMENT = {
    "attached": Availability.OURS,
    "attaching": Availability.COMING,
    "detaching": Availability.SOON,
    "busy": Availability.SOON,
}
_FOR_VOLUME = {
    "available": Availability.FREE,
    "creating": Availability.SOON,
    "in-use": Availability.SOON,
    "deleting": Availability.GONE,
    "deleted": Availability.GONE,
    "error": Availability.LOST,
}


def availability(volume: Volume | None, instance: str) -> Availability:
    """Return what a volume is for an instance that is to have it.

    Args:
        volume: the volume, None where EC2 says that there is none.
        instance: the instance.
    """
    if volume is None:
        return Availability.GONE
    mine = volume.attachment(instance)
    if not _are_known(volume, mine):
        return Availability.UNKNOWN
    if volume.shared:
        return Availability.SHARED
    if mine is not None:
        return _FOR_ATTACHMENT[mine.state]
    return Availability.HELD if volume.holders(instance) else _FOR_VOLUME[volume.state]


def picked(free: Iterable[str], instance: str, count: int) -> tuple[str, ...]:
    """Return which of the volumes that are free an instance tries first.

    Always the same ones, and others than most other instances: of a hundred that are launched together few want the
    same volume.

    Args:
        free: ids of volumes.
        instance: id of the instance.
        count: how many are wanted, at most.
    """
    return tuple(sorted(set(free), key=lambda each: hashlib.sha256(f"{instance} {each}".encode()).digest())[:count])


_RANGE = re.compile(r"^(?P<before>.*)\[(?P<first>[a-z])-(?P<last>[a-z])\]$")
_LETTERS = re.compile(r"^(?:/dev/)?(?:xvd|sd)(?P<letters>[a-z]+)(?P<digits>[0-9]*)$")


def device_names(written: Iterable[str]) -> tuple[str, ...]:
    """Return device names, with ranges such as `/dev/sd[f-p]` written out, each once."""
    names: list[str] = []
    for each in written:
        found = _RANGE.match(each)
        if found is None:
            names.append(each)
        else:
            letters = range(ord(found["first"]), ord(found["last"]) + 1)
            names += [f"{found['before']}{chr(letter)}" for letter in letters]
    return tuple(dict.fromkeys(names))


def free_devices(names: Iterable[str], taken: Sequence[str]) -> Iterator[str]:
    """Yield the device names that nothing has, in order.

    The same device can have several names, `/dev/sdf`, `/dev/xvdf` and `xvdf`; and one without a number is in the way
    of those with one.

    Args:
        names: from which one is taken.
        taken: the names that something has.
    """
    used = list(taken)
    for name in names:
        if not any(_same_device(name, other) for other in used):
            used.append(name)
            yield name


def _same_device(name: str, other: str) -> bool:
    ours, theirs = _LETTERS.match(name), _LETTERS.match(other)
    if ours is None or theirs is None:
        return name == other
    same_number = ours["digits"] == theirs["digits"] or not (ours["digits"] and theirs["digits"])
    return ours["letters"] == theirs["letters"] and same_number
