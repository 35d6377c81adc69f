"""The simulated snapshots and images: what EC2 does, and what it does wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def testbed() -> Iterator[Testbed[Deployment]]:
    with Testbed(Deployment) as testbed:
        yield testbed


@pytest.fixture
def instance(testbed: Testbed[Deployment]) -> str:
    (instance,) = testbed.autoscaling.create_group("web")
    testbed.snapshots.attach(instance)
    return instance


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


def test_a_set_is_completed_as_one(testbed: Testbed[Deployment], instance: str) -> None:
    ec2 = testbed.region.client("ec2")
    made = ec2.create_snapshots(InstanceSpecification={"InstanceId": instance})["Snapshots"]
    assert [(each["State"], each["Progress"]) for each in made] == [("pending", "0%")] * 2
    testbed.run(29)
    shown = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert [(each["State"], each["Progress"]) for each in shown] == [("pending", "96%")] * 2
    testbed.run(1)
    shown = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert [(each["State"], each["Progress"]) for each in shown] == [("completed", "100%")] * 2


def test_what_was_made_shows_late(testbed: Testbed[Deployment], instance: str) -> None:
    testbed.snapshots.copying.shown_after = 10
    ec2 = testbed.region.client("ec2")
    made = ec2.create_snapshot(VolumeId=testbed.snapshots.root(instance))["SnapshotId"]
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    assert code_of(lambda: ec2.describe_snapshots(SnapshotIds=[made])) == "InvalidSnapshot.NotFound"
    testbed.run(10)
    assert ec2.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]["SnapshotId"] == made


def test_a_volume_takes_few_requests_and_a_set_that_is_refused_makes_none(
    testbed: Testbed[Deployment], instance: str
) -> None:
    ec2 = testbed.region.client("ec2")
    volume = testbed.snapshots.root(instance)
    testbed.snapshots.spacing = 15
    ec2.create_snapshot(VolumeId=volume)
    whole: dict[str, Any] = {"InstanceSpecification": {"InstanceId": instance}}
    assert code_of(lambda: ec2.create_snapshots(**whole)) == "SnapshotCreationPerVolumeRateExceeded"
    testbed.snapshots.spacing, testbed.snapshots.most_pending = 0, 1
    assert code_of(lambda: ec2.create_snapshots(**whole)) == "ConcurrentSnapshotLimitExceeded"
    assert len(testbed.snapshots.snapshots) == 1


@pytest.mark.parametrize(
    ("left_out", "code"),
    [
        ({"ExcludeDataVolumeIds": ["vol-00000000000000000"]}, "InvalidParameterValue"),
        ({"ExcludeDataVolumeIds": [f"vol-{number:017x}" for number in range(41)]}, "InvalidParameterValue"),
    ],
)
def test_what_cannot_be_left_out_is_refused(
    testbed: Testbed[Deployment], instance: str, left_out: dict[str, Any], code: str
) -> None:
    ec2 = testbed.region.client("ec2")
    chosen = {"InstanceId": instance, **left_out}
    assert code_of(lambda: ec2.create_snapshots(InstanceSpecification=chosen)) == code


def test_the_root_is_no_data_volume_that_is_left_out(testbed: Testbed[Deployment], instance: str) -> None:
    ec2 = testbed.region.client("ec2")
    chosen = {"InstanceId": instance, "ExcludeDataVolumeIds": [testbed.snapshots.root(instance)]}
    assert code_of(lambda: ec2.create_snapshots(InstanceSpecification=chosen)) == "InvalidParameterValue"


def test_the_name_of_an_image_is_given_once(testbed: Testbed[Deployment], instance: str) -> None:
    ec2 = testbed.region.client("ec2")
    ec2.create_image(InstanceId=instance, Name="web one", NoReboot=True)
    assert code_of(lambda: ec2.create_image(InstanceId=instance, Name="web one")) == "InvalidAMIName.Duplicate"
    assert code_of(lambda: ec2.create_image(InstanceId=instance, Name="a*b")) == "InvalidAMIName.Malformed"
    assert [image.rebooted for image in testbed.snapshots.images] == [False]


def test_an_image_fails_with_its_instance_and_a_snapshot_does_not(testbed: Testbed[Deployment], instance: str) -> None:
    ec2 = testbed.region.client("ec2")
    image = ec2.create_image(InstanceId=instance, Name="web one")["ImageId"]
    ec2.create_snapshots(InstanceSpecification={"InstanceId": instance})
    ec2.terminate_instances(InstanceIds=[instance])
    testbed.run(60)
    (shown,) = ec2.describe_images(Owners=["self"], Filters=[{"Name": "image-id", "Values": [image]}])["Images"]
    assert (shown["State"], shown["StateReason"]["Code"]) == ("failed", "Client.InstanceTerminated")
    assert {each["State"] for each in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]} == {"completed"}


def test_a_filter_has_patterns(testbed: Testbed[Deployment], instance: str) -> None:
    ec2 = testbed.region.client("ec2")
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": "token/12"}]}]
    ec2.create_snapshot(VolumeId=testbed.snapshots.root(instance), TagSpecifications=tags)
    found = {
        wanted: len(ec2.describe_snapshots(Filters=[{"Name": "tag:a", "Values": [wanted]}])["Snapshots"])
        for wanted in ("token/1", "token/1?", "token/*", "token/12", "token.12")
    }
    assert found == {"token/1": 0, "token/1?": 1, "token/*": 1, "token/12": 1, "token.12": 0}
