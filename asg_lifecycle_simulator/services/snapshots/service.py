"""Snapshots of EBS volumes and images of instances, which take time, may fail, and show late.

In place of moto's, which are there at once, know no exclusions of volumes, have no pages, and give any name twice.
Source: `CreateSnapshots`, `CreateSnapshot`, `CreateImage`, `DescribeSnapshots`, `DescribeImages` and `StateReason` in
the EC2 API reference; "Eventual consistency" in the EC2 developer guide; "Create Amazon EBS snapshots" in the EBS user
guide; "Why is my AMI or EBS snapshot creation slow" (a set is completed as one) and "ConcurrentSnapshotLimitExceeded"
in AWS re:Post.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidVolumeIdError
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import InstanceState
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from asg_lifecycle_simulator.services.base import Service, page
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id
from asg_lifecycle_simulator.services.snapshots.model import Copying, Made, matches, parameters, shown_tags, tags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moto.core.responses import BaseResponse

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Request, Response

PAGE = 1_000
IMAGE_NAME = r"[A-Za-z0-9()\[\] ./'@_-]{3,128}"
LONGEST_DESCRIPTION = 255
MOST_LEFT_OUT = 40


class Snapshots(Service):
    """The snapshots and images of a region.

    Attributes:
        copying: how snapshots go.
        imaging: how images go, which are not ready before their snapshots are.
        most_pending: pending snapshots of one volume.
        spacing: seconds between two requests for snapshots of one volume.
        snapshots: all there are, in order.
        images: likewise.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.copying = Copying(ends="completed")
        self.imaging = Copying(ends="available")
        self.most_pending = 5
        self.spacing = 0.0
        self.snapshots: list[Made] = []
        self.images: list[Made] = []

    def install(self) -> None:
        """Take over from moto, but for the images of others."""
        self.answer(
            ElasticBlockStore,
            {
                "create_snapshot": self._create_snapshot,
                "create_snapshots": self._create_snapshots,
                "describe_snapshots": self._describe_snapshots,
            },
        )
        self.answer(AmisResponse, {"create_image": self._create_image})
        self.region.replace(AmisResponse, "describe_images", self._own_images(AmisResponse.describe_images))

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Let the images fail that are not made yet; snapshots are completed all the same."""
        for image in self.images:
            if image.instance in instance_ids and image.state(self.now) == "pending":
                image.ready_at, image.ends = self.now, "failed"
                image.message = "Client.InstanceTerminated: Instance was terminated during AMI creation"

    def of(self, instance: str) -> list[Made]:
        """Return the snapshots that were made of the volumes of an instance."""
        return [each for each in self.snapshots if each.instance == instance]

    def images_of(self, instance: str) -> list[Made]:
        """Return the images of an instance."""
        return [each for each in self.images if each.instance == instance]

    def attach(self, instance: str, device: str = "/dev/sdf", *, deleted_with_instance: bool = False) -> str:
        """Attach a new volume to an instance and return its id."""
        with self.region.unobserved():
            ec2 = self.region.client("ec2")
            (found,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
            zone = found["Placement"]["AvailabilityZone"]
            volume = str(ec2.create_volume(Size=1, AvailabilityZone=zone)["VolumeId"])
            ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=device)
            if deleted_with_instance:
                ec2.modify_instance_attribute(
                    InstanceId=instance,
                    BlockDeviceMappings=[{"DeviceName": device, "Ebs": {"DeleteOnTermination": True}}],
                )
        return volume

    def root(self, instance: str) -> str:
        """Return the id of the volume that an instance boots from."""
        with self.region.unobserved():
            answer = self.region.client("ec2").describe_instances(InstanceIds=[instance])
        (found,) = answer["Reservations"][0]["Instances"]
        ids = {each["DeviceName"]: each["Ebs"]["VolumeId"] for each in found["BlockDeviceMappings"]}
        return str(ids[found["RootDeviceName"]])

    def shut_down(self, instance: str) -> None:
        """Leave an instance `shutting-down`, its volumes attached, as it is for a moment when EC2 terminates it."""
        instances = instances_by_id(ec2_backends[self.region.account][self.region.name])
        instances[instance]._state = InstanceState("shutting-down", 32)  # noqa: SLF001 - moto's only way there

    def _create_snapshots(self, response: BaseResponse) -> Response:
        asked = parameters(response, "InstanceSpecification", "Description", "TagSpecifications")
        chosen = asked["InstanceSpecification"]
        instance = response.ec2_backend.get_instance(chosen["InstanceId"])  # type: ignore[attr-defined] # moto's EC2 has it
        if instance.state not in {"running", "stopping", "stopped"}:
            raise EC2ClientError("IncorrectState", f"Instance {instance.id} is {instance.state}")
        attached = {device: mapping.volume_id for device, mapping in instance.get_block_device_mapping}
        root = attached.get(instance.root_device_name)
        left_out = set(chosen.get("ExcludeDataVolumeIds", []))
        if len(left_out) > MOST_LEFT_OUT:
            raise EC2ClientError("InvalidParameterValue", "Too many volumes are excluded")
        if unknown := left_out - (set(attached.values()) - {root}):
            raise EC2ClientError("InvalidParameterValue", f"{sorted(unknown)} are not data volumes of the instance")
        if str(chosen.get("ExcludeBootVolume", False)).lower() == "true":
            left_out.add(root)
        volumes = [each for each in attached.values() if each not in left_out]
        if not volumes:
            raise EC2ClientError("InvalidParameterValue", "No volume is left to make a snapshot of")
        made = self._make_snapshots(instance.id, volumes, asked)
        return {"Snapshots": [self._shown_snapshot(each) for each in made]}

    def _create_snapshot(self, response: BaseResponse) -> Response:
        asked = parameters(response, "VolumeId", "Description", "TagSpecifications")
        backend = response.ec2_backend  # type: ignore[attr-defined] # moto's EC2 has it
        if asked["VolumeId"] not in backend.volumes:
            raise InvalidVolumeIdError(asked["VolumeId"])
        attachment = backend.get_volume(asked["VolumeId"]).attachment
        instance = attachment.instance.id if attachment is not None else ""
        (made,) = self._make_snapshots(instance, [asked["VolumeId"]], asked)
        return self._shown_snapshot(made)

    def _make_snapshots(self, instance: str, volumes: Sequence[str], asked: Request) -> list[Made]:
        """Make them all, or none."""
        given = tags(asked, "snapshot")
        pending = Counter(each.volume for each in self.snapshots if each.state(self.now) == "pending")
        last = {each.volume: each.at for each in self.snapshots}
        for volume in volumes:
            if self.now < last.get(volume, float("-inf")) + self.spacing:
                message = "The maximum per volume CreateSnapshot request rate has been exceeded."
                raise EC2ClientError("SnapshotCreationPerVolumeRateExceeded", message)
            if pending[volume] >= self.most_pending:
                message = f"Maximum allowed in-progress snapshots for a single volume exceeded: {volume}"
                raise EC2ClientError("ConcurrentSnapshotLimitExceeded", message)
        made = [self._made("snap", instance, asked, given, self.copying, volume=volume) for volume in volumes]
        self.snapshots += made
        for each in made:
            self.log(instance, f"ec2 snapshot {each.id} of {each.volume}")
        return made

    def _create_image(self, response: BaseResponse) -> Response:
        asked = parameters(response, "InstanceId", "Name", "Description", "NoReboot", "TagSpecifications")
        instance = response.ec2_backend.get_instance(asked["InstanceId"])  # type: ignore[attr-defined] # as above
        if instance.state not in {"running", "stopping", "stopped"}:
            message = f"Invalid value '{instance.id}' for instanceId. Instance is not in state 'running' or 'stopped'"
            raise EC2ClientError("InvalidParameterValue", message)
        if re.fullmatch(IMAGE_NAME, asked["Name"]) is None:
            raise EC2ClientError("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long")
        holder = next((each for each in self.images if each.name == asked["Name"]), None)
        if holder is not None:
            message = f"AMI name {asked['Name']} is already in use by AMI {holder.id}"
            raise EC2ClientError("InvalidAMIName.Duplicate", message)
        rebooted = str(asked.get("NoReboot", False)).lower() != "true"
        image = self._made(
            "ami", instance.id, asked, tags(asked, "image"), self.imaging, name=asked["Name"], rebooted=rebooted
        )
        self.images.append(image)
        self.log(instance.id, f"ec2 image {image.id}")
        return {"ImageId": image.id}

    def _made(
        self,
        prefix: str,
        instance: str,
        asked: Request,
        given: dict[str, str],
        copying: Copying,
        **more: Any,  # noqa: ANN401 - fields of `Made`
    ) -> Made:
        if len(asked.get("Description") or "") > LONGEST_DESCRIPTION:
            raise EC2ClientError("InvalidParameterValue", "The description is too long")
        return Made(
            id=f"{prefix}-{self.region.random.getrandbits(68):017x}",
            instance=instance,
            tags=given,
            description=asked.get("Description") or "",
            at=self.now,
            ready_at=self.now + copying.takes,
            shown_at=self.now + copying.shown_after,
            ends=copying.ends,
            message=copying.message,
            **more,
        )

    def _describe_snapshots(self, response: BaseResponse) -> Response:
        asked = parameters(response, "Filters", "SnapshotIds", "MaxResults", "NextToken")
        shown = [each for each in self.snapshots if self.now >= each.shown_at]
        if unknown := set(asked.get("SnapshotIds") or ()) - {each.id for each in shown}:
            raise EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{min(unknown)}' does not exist.")
        ids = asked.get("SnapshotIds") or [each.id for each in shown]
        found = [each for each in shown if each.id in ids and matches(each, asked, id_filter="snapshot-id")]
        return page([self._shown_snapshot(each) for each in found], "Snapshots", asked, most=PAGE)

    def _own_images(self, describe: Callable[[AmisResponse], ActionResult]) -> Callable[[AmisResponse], ActionResult]:
        def described(response: AmisResponse) -> ActionResult:
            asked = parameters(response, "Owners", "Filters", "MaxResults", "NextToken", "IncludeDisabled")
            if asked.get("Owners") != ["self"]:
                return describe(response)
            shown = [each for each in self.images if self.now >= each.shown_at]
            if str(asked.get("IncludeDisabled", False)).lower() != "true":
                shown = [each for each in shown if each.state(self.now) != "disabled"]
            found = [each for each in shown if matches(each, asked, id_filter="image-id")]
            return ActionResult(page([self._shown_image(each) for each in found], "Images", asked, most=PAGE))

        return described

    def _shown_snapshot(self, made: Made) -> Response:
        shown = {
            "SnapshotId": made.id,
            "VolumeId": made.volume,
            "State": made.state(self.now),
            "Progress": made.progress(self.now),
            "Description": made.description,
            "StartTime": datetime.fromtimestamp(made.at, UTC),
            "OwnerId": self.region.account,
            "Tags": shown_tags(made.tags),
        }
        return shown | ({"StateMessage": made.message} if made.message and self.now >= made.ready_at else {})

    def _shown_image(self, made: Made) -> Response:
        shown: Response = {
            "ImageId": made.id,
            "Name": made.name,
            "State": made.state(self.now),
            "SourceInstanceId": made.instance,
            "CreationDate": datetime.fromtimestamp(made.at, UTC),
            "OwnerId": self.region.account,
            "Tags": shown_tags(made.tags),
        }
        if made.message and self.now >= made.ready_at:
            code, _, message = made.message.partition(": ")
            shown["StateReason"] = {"Code": code, "Message": message or code}
        return shown
