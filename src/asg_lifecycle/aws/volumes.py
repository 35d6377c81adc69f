"""The EC2 calls about EBS volumes."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.volumes import Attachment, Volume

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_ec2.type_defs import FilterTypeDef, VolumeTypeDef

    from asg_lifecycle.aws.clients import Clients

MOST_FILTERED = 200
"""Values that a filter takes."""

STATE_CODES = frozenset({"IncorrectState", "IncorrectInstanceState"})
"""With these EC2 refuses what cannot be done in the present state of the volume or the instance."""

NOT_ATTACHED = "InvalidAttachment.NotFound"
IN_USE = "VolumeInUse"
INVALID_VALUE = "InvalidParameterValue"
DEVICE_IN_USE = "already in use"
"""What the message says of a device name that something has; there is no code of its own for it."""


class AttachResult(StrEnum):
    """What EC2 made of a request to attach a volume."""

    ACCEPTED = "accepted"
    IN_USE = "in use"
    """The volume is attached, perhaps to this very instance by an earlier request."""
    DEVICE_IN_USE = "device in use"
    NOT_NOW = "not now"
    """The volume or the instance is in a state in which it cannot be."""


class Volumes:
    """The EBS volumes of this account and Region. EC2 shows what was changed a moment late, in no particular order."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def named(self, volumes: Sequence[str]) -> dict[str, Volume | None]:
        """Return volumes by their ids, None for each that EC2 says there is not.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: dict[str, Volume] = {}
        for first in range(0, len(volumes), MOST_FILTERED):
            wanted = list(volumes[first : first + MOST_FILTERED])
            found |= {each.id: each for each in self._filtered([{"Name": "volume-id", "Values": wanted}])}
        # That a list does not have it proves nothing; the error does.
        return {each: found[each] if each in found else self._one(each) for each in volumes}

    def tagged(self, key: str, value: str) -> tuple[Volume, ...]:
        """Return all volumes with a tag, in the order of their ids.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found = self._filtered([{"Name": f"tag:{key}", "Values": [_literally(value)]}])
        return tuple(sorted(found, key=lambda each: each.id))

    def detach(self, volume: str, instance: str, *, force: bool = False) -> str | None:
        """Ask EC2 to detach a volume from an instance.

        Args:
            volume: id of the volume.
            instance: id of the instance.
            force: detach it although the instance uses it, which can lose data.

        Returns:
            None when EC2 took it on, else why it did not, as what is to be detached is not attached, or not so that it
            could be: the volume itself tells more.

        Raises:
            CallFailed: no answer (it may be detached all the same), throttled, denied, refused.
        """
        try:
            with calling("ec2:DetachVolume"):
                self._clients.ec2.detach_volume(VolumeId=volume, InstanceId=instance, Force=force)
        except CallFailed as failed:
            failure = failed.failure
            if failure.consequence is Consequence.NOT_FOUND or failure.code in {*STATE_CODES, NOT_ATTACHED}:
                return failure.message
            raise
        return None

    def attach(self, volume: str, instance: str, device: str) -> tuple[AttachResult, str]:
        """Ask EC2 to attach a volume to an instance.

        Args:
            volume: id of the volume.
            instance: id of the instance.
            device: the name under which the instance is to have it.

        Returns:
            What EC2 made of it, and EC2's words where it did not take it on.

        Raises:
            CallFailed: no answer (it may be attached all the same), throttled, denied, refused.
        """
        try:
            with calling("ec2:AttachVolume"):
                self._clients.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=device)
        except CallFailed as failed:
            failure = failed.failure
            if failure.code == IN_USE:
                return AttachResult.IN_USE, failure.message
            if failure.code == INVALID_VALUE and DEVICE_IN_USE in failure.message:
                return AttachResult.DEVICE_IN_USE, failure.message
            # EC2 may not know the instance yet (R32), and says of a volume that is gone what the next reading tells.
            if failure.code in STATE_CODES or failure.consequence is Consequence.NOT_FOUND:
                return AttachResult.NOT_NOW, failure.message
            raise
        return AttachResult.ACCEPTED, ""

    def _one(self, volume: str) -> Volume | None:
        try:
            with calling("ec2:DescribeVolumes"):
                found = self._clients.ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return None
            raise
        # No error and no volume: nobody knows what that means.
        unknown = Volume(id=volume, state="", zone="")
        return next((_volume(each) for each in found if each.get("VolumeId") == volume), unknown)

    def _filtered(self, filters: list[FilterTypeDef]) -> tuple[Volume, ...]:
        with calling("ec2:DescribeVolumes"):
            pages = self._clients.ec2.get_paginator("describe_volumes").paginate(Filters=filters)
            return tuple(_volume(each) for page in pages for each in page["Volumes"])


def _literally(value: str) -> str:
    """Return the value of a filter that means a text and nothing else: `*` and `?` stand for others in filters."""
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")


def _volume(entry: VolumeTypeDef) -> Volume:
    return Volume(
        id=entry["VolumeId"],
        state=entry.get("State", ""),
        zone=entry.get("AvailabilityZone", ""),
        attachments=tuple(
            Attachment(instance=each.get("InstanceId", ""), device=each.get("Device", ""), state=each.get("State", ""))
            for each in entry.get("Attachments", [])
        ),
        shared=entry.get("MultiAttachEnabled", False),
    )
