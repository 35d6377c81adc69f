"""EBS volumes that take time to be attached and detached: moto's, on the region's timeline.

In moto a volume is attached and detached at once, to any instance and under any device name, also one that another
instance has; there are no states `creating`, `busy` and `error`, no Multi-Attach, no pages, and an instance that is
terminated lets go at once. Here an attachment is `attaching`, `attached`, `detaching` and gone; one that is still
mounted becomes `busy` when it is detached, until it is unmounted or the detachment is forced; a volume of another zone,
one that is in use, and a device name that is taken are refused with EC2's codes; descriptions of volumes can be behind.
Sources: EC2 API reference 2016-11-15 (AttachVolume, DetachVolume, DescribeVolumes, VolumeAttachment, error codes),
"Detach an Amazon EBS volume" in the EBS user guide, and for messages kubernetes-sigs/aws-ebs-csi-driver issue 1801,
terraform-provider-aws issue 1011, Netflix/aminator issue 238.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moto.ec2.exceptions import EC2ClientError, InvalidVolumeIdError
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.instances import Instance
from moto.ec2.responses.elastic_block_store import ElasticBlockStore

from asg_lifecycle_simulator.services.base import Service, page
from asg_lifecycle_simulator.services.ec2_instances import instances_by_id
from asg_lifecycle_simulator.services.volumes.model import Attached, VolumeState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moto.ec2.models.elastic_block_store import Volume as MotoVolume

    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.services.base import Response

MOST_A_PAGE = 1000
CAN_ATTACH = frozenset({"running", "stopped"})
GONE = frozenset({"shutting-down", "terminated"})


class Volumes(Service):
    """The EBS volumes of a region.

    Logged as `LogKind.SERVICE` with the instance and `ec2 attached VOLUME` or `ec2 detached VOLUME`.

    Attributes:
        attaching_takes: seconds.
        detaching_takes: seconds, from the moment when it is not mounted any more.
        shown_after: seconds by which descriptions of volumes are behind.
        kept_listed: seconds for which the description of an instance lists a volume that was detached.
    """

    def __init__(self, region: Region) -> None:
        super().__init__(region)
        self.attaching_takes = 2.0
        self.detaching_takes = 4.0
        self.shown_after = 0.0
        self.kept_listed = 0.0
        self._states: defaultdict[str, VolumeState] = defaultdict(VolumeState)

    def install(self) -> None:
        """Take attachments over from moto, those that moto makes itself included."""
        self.answer(
            ElasticBlockStore,
            {"attach_volume": self._attach, "detach_volume": self._detach, "describe_volumes": self._describe},
        )

        # A bound method that is stored on a class is not given the instance; a plain function is.
        def torn_down(instance: Instance) -> None:
            self._tear_down(instance)

        self.region.replace(Instance, "teardown_defaults", torn_down)

    def instances_terminated(self, instance_ids: Sequence[str]) -> None:
        """Detach what the instances had; moto has deleted what goes with them."""
        for identity, it in tuple(self._states.items()):
            for instance in set(instance_ids) & it.attachments.keys():
                it.attach(replace(it.attachments[instance], state="detaching"), self.now)
                self._let_go_later(identity, instance)

    def make(  # noqa: PLR0913 - what volumes differ in
        self,
        *,
        zone: str | None = None,
        tags: dict[str, str] | None = None,
        instance: str | None = None,
        device: str = "/dev/sdf",
        mounted: bool = False,
        shared: bool = False,
    ) -> str:
        """Make a volume and return its id.

        Args:
            zone: its Availability Zone; that of `instance`, or the region's first.
            tags: what it carries.
            instance: to which it is attached, for a while already.
            device: the name under which.
            mounted: the instance uses it.
            shared: several instances can have it.
        """
        with self.region.lock:
            here = self.zone_of(instance) if instance is not None else f"{self.region.name}a"
            volume: MotoVolume = self._ec2.create_volume(size=8, zone_name=zone or here)
            volume.add_tags(tags or {})
            it = self._states[volume.id]
            it.shared, it.mounted = shared, mounted
            if instance is not None:
                self.attach(volume.id, instance, device)
            return str(volume.id)

    def attach(self, volume: str, instance: str, device: str = "/dev/sdf") -> None:
        """Let a volume be attached, at once."""
        with self.region.lock:
            self._ec2.attach_volume(volume, instance, device)
            self._states[volume].attach(Attached(instance, device, "attached"), self.now)

    def show(self, volume: str, *, state: str | None = None, attachment: str | None = None) -> None:
        """Show a volume in a state, or its attachments in one, whatever is true."""
        with self.region.lock:
            it = self._states[volume]
            it.state = state if state is not None else it.state
            for each in tuple(it.attachments.values()) if attachment is not None else ():
                self._states[volume].attach(replace(each, state=attachment or ""), self.now)

    def begin_to_detach(self, volume: str, instance: str, *, force: bool = False) -> None:
        """Let a volume be detached that is attached, as soon as it is not mounted; at once by `force`."""
        with self.region.lock:
            it = self._states[volume]
            busy = it.mounted and not force
            it.attach(replace(it.attachments[instance], state="busy" if busy else "detaching"), self.now)
            if not busy:
                self._let_go_later(volume, instance)

    def unmount(self, volume: str) -> None:
        """Let the instance not use a volume any more."""
        with self.region.lock:
            it = self._states[volume]
            it.mounted = False
            for each in tuple(it.attachments.values()):
                if each.state == "busy":
                    self._states[volume].attach(replace(each, state="detaching"), self.now)
                    self._let_go_later(volume, each.instance)

    def zone_of(self, instance: str) -> str:
        """Return the Availability Zone of an instance."""
        return str(self._instance(instance).placement.zone)

    def holders(self, volume: str) -> dict[str, str]:
        """Return the state of each attachment of a volume, by instance."""
        return {each.instance: each.state for each in self._states[volume].attachments.values()}

    def of_instance(self, instance: str) -> dict[str, str]:
        """Return the device of each volume that is attached to an instance, by volume."""
        return {
            volume: it.attachments[instance].device
            for volume, it in self._states.items()
            if instance in it.attachments and it.attachments[instance].state == "attached"
        }

    def mount(self, volume: str) -> None:
        """Let the instance that has a volume use it."""
        with self.region.lock:
            self._states[volume].mounted = True

    def delete(self, volume: str) -> None:
        """Let a volume be gone."""
        with self.region.lock:
            self._ec2.volumes.pop(volume)
            self._states.pop(volume, None)

    @property
    def _ec2(self) -> EC2Backend:
        return ec2_backends[self.region.account][self.region.name]

    def _instance(self, identity: str) -> Instance:
        return instances_by_id(self._ec2)[identity]

    def _attach(self, response: ElasticBlockStore) -> Response:
        volume, instance, device = (response._get_param(name) for name in ("VolumeId", "InstanceId", "Device"))  # noqa: SLF001 - moto's way to the parameters
        known, of = self._ec2.get_volume(volume), self._ec2.get_instance(instance)
        self._adopt(known)
        it = self._states[volume]
        if of.state not in CAN_ATTACH:
            raise EC2ClientError("IncorrectState", f"Instance '{instance}' is not 'running'.")
        if known.zone.name != self.zone_of(instance):
            raise EC2ClientError(
                "InvalidVolume.ZoneMismatch",
                f"The volume '{volume}' is not in the same availability zone as instance '{instance}'",
            )
        if instance in it.attachments or (it.attachments and not it.shared):
            raise EC2ClientError("VolumeInUse", f"{volume} is already attached to an instance")
        if it.state not in {None, "available", "in-use"}:
            raise EC2ClientError("IncorrectState", f"Volume '{volume}' is in the '{it.state}' state.")
        if device in of.block_device_mapping:
            raise EC2ClientError(
                "InvalidParameterValue",
                f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use",
            )
        self._ec2.attach_volume(volume, instance, device)
        attached = Attached(instance, device, "attaching")
        self._states[volume].attach(attached, self.now)
        self.timers.call_after(self.attaching_takes, lambda: self._arrive(volume, attached), name=f"{volume} attaches")
        return attached.described(volume)

    def _arrive(self, volume: str, attached: Attached) -> None:
        if self._states[volume].attachments.get(attached.instance) == attached:
            self._states[volume].attach(replace(attached, state="attached"), self.now)
            self.log(attached.instance, f"ec2 attached {volume}")

    def _detach(self, response: ElasticBlockStore) -> Response:
        volume, instance = (response._get_param(name) for name in ("VolumeId", "InstanceId"))  # noqa: SLF001 - likewise
        force = response._get_bool_param("Force", False)  # noqa: SLF001, FBT003 - likewise
        known, of = self._ec2.get_volume(volume), self._ec2.get_instance(instance)
        self._adopt(known)
        it = self._states[volume]
        if not it.attachments:
            raise EC2ClientError("IncorrectState", f"Volume '{volume}' is in the 'available' state.")
        if instance not in it.attachments:
            raise EC2ClientError("InvalidAttachment.NotFound", f"{volume} is not attached to {instance}")
        attached = it.attachments[instance]
        if of.state in GONE or (attached.state == "detaching" and not force):
            raise EC2ClientError("IncorrectState", f"Volume '{volume}' is in the 'detaching' state.")
        if attached.device == of.root_device_name and of.state != "stopped":
            raise EC2ClientError(
                "OperationNotPermitted", f"Unable to detach root volume '{volume}' from instance '{instance}'"
            )
        self.begin_to_detach(volume, instance, force=force)
        return replace(attached, state="detaching").described(volume)

    def _let_go_later(self, volume: str, instance: str) -> None:
        self.timers.call_after(
            self.detaching_takes, lambda: self._let_go(volume, instance), name=f"{volume} detaches from {instance}"
        )

    def _let_go(self, volume: str, instance: str) -> None:
        it = self._states.get(volume)
        if it is None or instance not in it.attachments:
            return
        device = it.let_go(instance, self.now)
        self.log(instance, f"ec2 detached {volume}")
        self.timers.call_after(self.kept_listed, lambda: self._unlist(instance, device, volume), name="listed no more")

    def _unlist(self, instance: str, device: str, volume: str) -> None:
        listed = self._instance(instance).block_device_mapping
        if device in listed and listed[device].volume_id == volume:
            del listed[device]

    def _describe(self, response: ElasticBlockStore) -> Response:
        asked = response._get_param("VolumeIds", [])  # noqa: SLF001 - likewise
        if unknown := [each for each in asked if each not in self._ec2.volumes]:
            raise InvalidVolumeIdError(unknown[0])
        found = self._ec2.describe_volumes(asked, response._filters_from_querystring())  # noqa: SLF001 - likewise
        request = {name: response._get_param(name) for name in ("MaxResults", "NextToken")}  # noqa: SLF001 - likewise
        return page([self._described(each) for each in found], "Volumes", request, most=MOST_A_PAGE)

    def _described(self, volume: MotoVolume) -> dict[str, Any]:
        self._adopt(volume)
        it = self._states[volume.id]
        attachments = it.shown(self.now - self.shown_after)
        return {
            "VolumeId": volume.id,
            "VolumeType": "io2" if it.shared else volume.volume_type,
            "Size": volume.size,
            "AvailabilityZone": volume.zone.name,
            "State": it.state or ("in-use" if attachments else "available"),
            "MultiAttachEnabled": it.shared,
            "Tags": volume.get_tags(),
            "CreateTime": volume.create_time,
            "Attachments": [each.described(volume.id) for each in attachments],
        }

    def _adopt(self, volume: MotoVolume) -> None:
        """Take over what moto has attached by itself, when it launched the instance."""
        if volume.id not in self._states and volume.attachment is not None:
            made = volume.attachment
            self._states[volume.id].attachments[made.instance.id] = Attached(made.instance.id, made.device, "attached")

    def _tear_down(self, instance: Instance) -> None:
        """Delete what goes with an instance that is terminated; moto detaches the rest, and fails where it is gone."""
        for block in instance.block_device_mapping.values():
            if block.delete_on_termination:
                self._ec2.volumes.pop(block.volume_id, None)
                self._states.pop(block.volume_id, None)
        instance.block_device_mapping.clear()
