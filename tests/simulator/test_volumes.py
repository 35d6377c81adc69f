"""The simulated EBS: volumes take time to be attached and detached, and are refused as EC2 refuses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling
from asg_lifecycle_simulator.services.volumes.service import Volumes

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ebs:
    """A region with two instances."""

    def __init__(self) -> None:
        self.timeline = VirtualTimeline()
        self.region = Region(self.timeline)
        self.autoscaling = self.region.add(AutoScaling(self.region))
        self.volumes = self.region.add(Volumes(self.region))

    def launch(self) -> None:
        self.ec2 = self.region.client("ec2")
        self.first, self.second = self.autoscaling.create_group("web", capacity=2)

    def shown(self, volume: str) -> tuple[str, list[tuple[str, str]]]:
        (it,) = self.ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
        return it["State"], [(each["InstanceId"], each["State"]) for each in it["Attachments"]]

    def devices(self, instance: str) -> dict[str, str]:
        (it,) = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"]
        return {each["DeviceName"]: each["Ebs"]["VolumeId"] for each in it["BlockDeviceMappings"]}

    def attach(self, volume: str, instance: str, device: str = "/dev/sdf") -> dict[str, Any]:
        answer: dict[str, Any] = self.ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device=device)
        return answer


@pytest.fixture
def ebs() -> Iterator[Ebs]:
    made = Ebs()
    with made.region:
        made.launch()
        yield made


def refusal(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return str(refused.value.response["Error"]["Code"])


def test_a_volume_is_attached_and_detached_in_time(ebs: Ebs) -> None:
    volume = ebs.volumes.make()
    assert ebs.shown(volume) == ("available", [])
    assert ebs.attach(volume, ebs.first)["State"] == "attaching"
    assert ebs.shown(volume) == ("in-use", [(ebs.first, "attaching")])
    ebs.timeline.run_for(3)
    assert ebs.shown(volume) == ("in-use", [(ebs.first, "attached")])
    assert ebs.devices(ebs.first)["/dev/sdf"] == volume
    assert ebs.ec2.detach_volume(VolumeId=volume, InstanceId=ebs.first)["State"] == "detaching"
    assert ebs.shown(volume) == ("in-use", [(ebs.first, "detaching")])
    ebs.timeline.run_for(5)
    assert ebs.shown(volume) == ("available", [])
    assert "/dev/sdf" not in ebs.devices(ebs.first)


def test_what_is_mounted_is_busy_until_it_is_unmounted_or_forced(ebs: Ebs) -> None:
    volumes = [ebs.volumes.make(instance=ebs.first, device=device, mounted=True) for device in ("/dev/sdf", "/dev/sdg")]
    for volume in volumes:
        ebs.ec2.detach_volume(VolumeId=volume, InstanceId=ebs.first)
    ebs.timeline.run_for(3600)
    assert [ebs.shown(each) for each in volumes] == [("in-use", [(ebs.first, "busy")])] * 2
    ebs.volumes.unmount(volumes[0])
    ebs.ec2.detach_volume(VolumeId=volumes[1], InstanceId=ebs.first, Force=True)
    ebs.timeline.run_for(5)
    assert [ebs.shown(each) for each in volumes] == [("available", [])] * 2


def test_refusals(ebs: Ebs) -> None:
    volume, other = ebs.volumes.make(), ebs.volumes.make()
    elsewhere = ebs.volumes.make(zone="eu-west-1b")
    attach, detach = ebs.ec2.attach_volume, ebs.ec2.detach_volume
    on_first = {"InstanceId": ebs.first, "Device": "/dev/sdf"}
    assert refusal(detach, VolumeId=volume, InstanceId=ebs.first) == "IncorrectState"
    ebs.attach(volume, ebs.first)
    assert refusal(attach, VolumeId=volume, InstanceId=ebs.second, Device="/dev/sdf") == "VolumeInUse"
    assert refusal(attach, VolumeId=volume, **on_first) == "VolumeInUse"
    assert refusal(attach, VolumeId=other, **on_first) == "InvalidParameterValue"
    assert refusal(attach, VolumeId=elsewhere, InstanceId=ebs.first, Device="/dev/sdg") == "InvalidVolume.ZoneMismatch"
    assert refusal(detach, VolumeId=volume, InstanceId=ebs.second) == "InvalidAttachment.NotFound"
    assert refusal(detach, VolumeId="vol-0123456789abcdef0", InstanceId=ebs.first) == "InvalidVolume.NotFound"
    root = ebs.devices(ebs.first)["/dev/sda1"]
    assert refusal(detach, VolumeId=root, InstanceId=ebs.first) == "OperationNotPermitted"
    detach(VolumeId=volume, InstanceId=ebs.first)
    assert refusal(detach, VolumeId=volume, InstanceId=ebs.first) == "IncorrectState"
    ebs.ec2.terminate_instances(InstanceIds=[ebs.second])
    assert refusal(attach, VolumeId=other, InstanceId=ebs.second, Device="/dev/sdf") == "IncorrectState"


def test_descriptions_can_be_behind(ebs: Ebs) -> None:
    volume = ebs.volumes.make()
    ebs.volumes.shown_after = 10.0
    ebs.attach(volume, ebs.first)
    ebs.timeline.run_for(9)
    assert ebs.shown(volume) == ("available", [])
    ebs.timeline.run_for(2)
    assert ebs.shown(volume) == ("in-use", [(ebs.first, "attaching")])
    ebs.timeline.run_for(2)
    assert ebs.shown(volume) == ("in-use", [(ebs.first, "attached")])


def test_an_instance_that_is_terminated_lets_go_after_a_while(ebs: Ebs) -> None:
    volume = ebs.volumes.make(instance=ebs.first)
    root = ebs.devices(ebs.first)["/dev/sda1"]
    ebs.ec2.terminate_instances(InstanceIds=[ebs.first])
    assert ebs.shown(volume) == ("in-use", [(ebs.first, "detaching")])
    ebs.timeline.run_for(5)
    assert ebs.shown(volume) == ("available", [])
    assert refusal(ebs.ec2.describe_volumes, VolumeIds=[root]) == "InvalidVolume.NotFound"


def test_several_instances_share_a_multi_attach_volume(ebs: Ebs) -> None:
    volume = ebs.volumes.make(shared=True)
    for instance in (ebs.first, ebs.second):
        ebs.attach(volume, instance)
    ebs.timeline.run_for(3)
    assert ebs.shown(volume) == ("in-use", [(ebs.first, "attached"), (ebs.second, "attached")])
