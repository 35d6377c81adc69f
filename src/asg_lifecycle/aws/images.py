"""The EC2 calls about images of instances (AMIs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.snapshots import ACTION_TAG, Image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef, TagTypeDef

    from asg_lifecycle.aws.clients import Clients

NAME_TAKEN = "InvalidAMIName.Duplicate"


class Images:
    """The images of this account and Region. A name belongs to one image at a time: that is what makes it one."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def create(
        self, instance: str, *, name: str, reboot: bool, tags: Mapping[str, str], description: str
    ) -> str | None:
        """Make an image of an instance.

        Args:
            instance: its id.
            name: of the image, 3 to 128 characters.
            reboot: whether EC2 reboots the instance first, so that its file systems are at rest.
            tags: of the image and of its snapshots.
            description: of the image, at most 255 characters.

        Returns:
            The id of the image; None when an image has that name already.

        Raises:
            CallFailed: no answer (it may be made all the same), throttled, denied, refused, no such instance.
        """
        written: list[TagTypeDef] = [{"Key": key, "Value": value} for key, value in tags.items()]
        try:
            with calling("ec2:CreateImage"):
                made = self._clients.ec2.create_image(
                    InstanceId=instance,
                    Name=name,
                    Description=description,
                    NoReboot=not reboot,
                    TagSpecifications=[
                        {"ResourceType": "image", "Tags": written},
                        {"ResourceType": "snapshot", "Tags": written},
                    ],
                )
        except CallFailed as failed:
            if failed.failure.code == NAME_TAKEN:
                return None
            raise
        return made["ImageId"]

    def named(self, name: str) -> tuple[Image, ...]:
        """Return the images of this name, as far as EC2 shows them yet.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        return self._describe([{"Name": "name", "Values": [name]}])

    def told(self, image: str) -> Image | None:
        """Return an image by its id, None when EC2 does not show it (yet, or any more).

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        found = self._describe([{"Name": "image-id", "Values": [image]}])
        return next((each for each in found if each.image == image), None)

    def _describe(self, filters: list[FilterTypeDef]) -> tuple[Image, ...]:
        with calling("ec2:DescribeImages"):
            return tuple(
                _image(each)
                for page in self._clients.ec2.get_paginator("describe_images").paginate(
                    Owners=["self"], Filters=filters, IncludeDisabled=True
                )
                for each in page["Images"]
            )


def _image(entry: ImageTypeDef) -> Image:
    reason = entry.get("StateReason", {})
    said = [reason[part] for part in ("Code", "Message") if reason.get(part)]
    return Image(
        image=entry["ImageId"],
        state=entry.get("State", ""),
        message=": ".join(dict.fromkeys(said)),
        key=next((tag.get("Value", "") for tag in entry.get("Tags", []) if tag.get("Key") == ACTION_TAG), ""),
    )
