"""The EC2 calls about snapshots of EBS volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.snapshots import ACTION_TAG, CALL_TAG, AttachedVolume, InstanceVolumes, Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        InstanceSpecificationTypeDef,
        InstanceTypeDef,
        SnapshotInfoTypeDef,
        SnapshotResponseTypeDef,
        SnapshotTypeDef,
        TagSpecificationTypeDef,
        TagTypeDef,
    )

    from asg_lifecycle.aws.clients import Clients

MOST_FILTERED = 200
"""Values that a filter takes."""


class Snapshots:
    """The snapshots of EBS volumes in this account and Region.

    EC2 has no client token for snapshots: a call that is repeated makes more of them. So each carries tags, by which
    `made_by` finds what a call made whose answer was lost. EC2 shows a new snapshot a moment late.
    """

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def volumes_of(self, instance: str) -> InstanceVolumes:
        """Return the EBS volumes of an instance; an instance that EC2 does not know counts as terminated (R28).

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ec2:DescribeInstances"):
                reservations = self._clients.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return InstanceVolumes(state="terminated")
            raise
        found = [each for reservation in reservations for each in reservation.get("Instances", [])]
        mine = next((each for each in found if each.get("InstanceId") == instance), None)
        if mine is None:
            return InstanceVolumes(state="terminated")
        return InstanceVolumes(state=mine["State"]["Name"], volumes=_volumes(mine))

    def create_of_instance(
        self, instance: str, *, without: Sequence[AttachedVolume] = (), tags: Mapping[str, str], description: str
    ) -> tuple[Snapshot, ...]:
        """Make snapshots of the volumes of an instance, all of the same moment.

        Args:
            instance: its id.
            without: volumes of the instance that are left out.
            tags: of each snapshot.
            description: of each snapshot, at most 255 characters.

        Raises:
            CallFailed: no answer (they may have been made all the same), throttled, denied, refused.
        """
        chosen: InstanceSpecificationTypeDef = {"InstanceId": instance}
        if any(each.root for each in without):
            chosen["ExcludeBootVolume"] = True
        if data := [each.volume for each in without if not each.root]:
            chosen["ExcludeDataVolumeIds"] = data
        with calling("ec2:CreateSnapshots"):
            made = self._clients.ec2.create_snapshots(
                InstanceSpecification=chosen, Description=description, TagSpecifications=_tagged(tags)
            )
        return tuple(_snapshot(each) for each in made.get("Snapshots", []))

    def create_of_volume(self, volume: str, *, tags: Mapping[str, str], description: str) -> Snapshot:
        """Make a snapshot of one volume, attached or not.

        Args:
            volume: its id.
            tags: of the snapshot.
            description: of the snapshot, at most 255 characters.

        Raises:
            CallFailed: no answer (it may have been made all the same), throttled, denied, refused, no such volume.
        """
        with calling("ec2:CreateSnapshot"):
            made = self._clients.ec2.create_snapshot(
                VolumeId=volume, Description=description, TagSpecifications=_tagged(tags)
            )
        return _snapshot(made)

    def made_by(self, key: str) -> tuple[Snapshot, ...]:
        """Return the snapshots with this value of the tag `asg-lifecycle:action`, as far as EC2 shows them yet.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._describe([{"Name": f"tag:{ACTION_TAG}", "Values": [key]}])

    def told(self, snapshots: Sequence[str]) -> dict[str, Snapshot]:
        """Return snapshots by their ids; one that EC2 does not show (yet, or any more) is left out.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found: dict[str, Snapshot] = {}
        for first in range(0, len(snapshots), MOST_FILTERED):
            # A filter, since a list of ids is refused as a whole while one of them does not show yet.
            wanted = list(snapshots[first : first + MOST_FILTERED])
            found |= {each.snapshot: each for each in self._describe([{"Name": "snapshot-id", "Values": wanted}])}
        return found

    def _describe(self, filters: list[FilterTypeDef]) -> tuple[Snapshot, ...]:
        with calling("ec2:DescribeSnapshots"):
            return tuple(
                _snapshot(each)
                for page in self._clients.ec2.get_paginator("describe_snapshots").paginate(
                    OwnerIds=["self"], Filters=filters
                )
                for each in page["Snapshots"]
            )


def _volumes(instance: InstanceTypeDef) -> tuple[AttachedVolume, ...]:
    root = instance.get("RootDeviceName")
    volumes = [
        AttachedVolume(
            volume=mapping["Ebs"]["VolumeId"],
            device=mapping.get("DeviceName", ""),
            root=mapping.get("DeviceName") == root,
            deleted_with_instance=mapping["Ebs"].get("DeleteOnTermination", False),
        )
        for mapping in instance.get("BlockDeviceMappings", [])
        if "VolumeId" in mapping.get("Ebs", {})
    ]
    return tuple(sorted(volumes, key=lambda each: (not each.root, each.device, each.volume)))


def _tagged(tags: Mapping[str, str]) -> list[TagSpecificationTypeDef]:
    return [{"ResourceType": "snapshot", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def _snapshot(entry: SnapshotTypeDef | SnapshotInfoTypeDef | SnapshotResponseTypeDef) -> Snapshot:
    return Snapshot(
        snapshot=entry["SnapshotId"],
        volume=entry.get("VolumeId", ""),
        state=entry.get("State", ""),
        progress=entry.get("Progress", ""),
        message=str(entry.get("StateMessage") or ""),
        call=_tag(entry.get("Tags", []), CALL_TAG),
    )


def _tag(tags: Sequence[TagTypeDef], key: str) -> str:
    return next((tag.get("Value", "") for tag in tags if tag.get("Key") == key), "")
