"""Elastic IPs, private addresses and network interfaces move as those of EC2 do, and are refused as these are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

SimulatedTestbed = Testbed[Deployment]


@pytest.fixture
def testbed() -> Iterator[SimulatedTestbed]:
    with Testbed(Deployment) as testbed:
        yield testbed


@pytest.fixture
def pair(testbed: SimulatedTestbed) -> list[str]:
    return testbed.autoscaling.create_group("web", capacity=2)


def ec2(testbed: SimulatedTestbed) -> Any:
    return testbed.region.client("ec2")


def first_interface(testbed: SimulatedTestbed, instance: str) -> str:
    (found,) = ec2(testbed).describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance]}]
    )["NetworkInterfaces"]
    return str(found["NetworkInterfaceId"])


def associate(testbed: SimulatedTestbed, address: str, instance: str, **options: Any) -> str:
    (found,) = ec2(testbed).describe_addresses(PublicIps=[address])["Addresses"]
    interface = first_interface(testbed, instance)
    answer = ec2(testbed).associate_address(AllocationId=found["AllocationId"], NetworkInterfaceId=interface, **options)
    return str(answer["AssociationId"])


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_an_address_moves_only_where_it_may(testbed: SimulatedTestbed, pair: list[str]) -> None:
    address = testbed.elastic_ips.allocate("web")
    association = associate(testbed, address, pair[0], AllowReassociation=False)
    assert associate(testbed, address, pair[0], AllowReassociation=False) == association
    with pytest.raises(ClientError) as refused:
        associate(testbed, address, pair[1], AllowReassociation=False)
    assert code_of(refused) == "Resource.AlreadyAssociated"
    assert testbed.elastic_ips.of(pair[0]) == [address]
    assert associate(testbed, address, pair[1]) != association
    assert testbed.elastic_ips.taken_away == [(address, pair[0])]
    with pytest.raises(ClientError) as ended:
        ec2(testbed).disassociate_address(AssociationId=association)
    assert code_of(ended) == "InvalidAssociationID.NotFound"
    assert testbed.elastic_ips.of(pair[1]) == [address]


def test_a_second_address_replaces_the_first(testbed: SimulatedTestbed, pair: list[str]) -> None:
    first, second = (testbed.elastic_ips.allocate() for _ in range(2))
    associate(testbed, first, pair[0], AllowReassociation=False)
    associate(testbed, second, pair[0], AllowReassociation=False)
    assert testbed.elastic_ips.holders() == {first: None, second: pair[0]}


def test_a_change_is_shown_late(testbed: SimulatedTestbed, pair: list[str]) -> None:
    address = testbed.elastic_ips.allocate()
    testbed.elastic_ips.views.delay = 10
    associate(testbed, address, pair[0])
    (found,) = ec2(testbed).describe_addresses()["Addresses"]
    assert "InstanceId" not in found
    testbed.run(10)
    (found,) = ec2(testbed).describe_addresses()["Addresses"]
    assert found["InstanceId"] == pair[0]


def test_what_is_terminated_has_nothing_left(testbed: SimulatedTestbed, pair: list[str]) -> None:
    address, kept = testbed.elastic_ips.allocate(), testbed.network_interfaces.make()
    testbed.elastic_ips.give(address, pair[0])
    testbed.network_interfaces.attach(kept, pair[0])
    own = first_interface(testbed, pair[1])
    ec2(testbed).terminate_instances(InstanceIds=pair)
    assert testbed.elastic_ips.holders() == {address: None}
    assert testbed.network_interfaces.holders() == {kept: None}
    assert own not in testbed.network_interfaces.by_id


def test_an_interface_is_attached_once(testbed: SimulatedTestbed, pair: list[str]) -> None:
    interface, second = (testbed.network_interfaces.make() for _ in range(2))
    elsewhere = testbed.network_interfaces.make(zone="eu-west-1c")
    attach = ec2(testbed).attach_network_interface
    attach(NetworkInterfaceId=interface, InstanceId=pair[0], DeviceIndex=1)
    for identity, instance, expected in (
        (interface, pair[1], "InvalidNetworkInterface.InUse"),
        (second, pair[0], "InvalidParameterValue"),
        (elsewhere, pair[1], "InvalidParameterCombination"),
    ):
        with pytest.raises(ClientError) as refused:
            attach(NetworkInterfaceId=identity, InstanceId=instance, DeviceIndex=1)
        assert code_of(refused) == expected


def test_a_private_address_is_on_one_interface(testbed: SimulatedTestbed, pair: list[str]) -> None:
    one, two = (first_interface(testbed, instance) for instance in pair)
    assign = ec2(testbed).assign_private_ip_addresses
    assign(NetworkInterfaceId=one, PrivateIpAddresses=["172.31.15.9"], AllowReassignment=False)
    for address, expected in (("172.31.15.9", "move is not allowed"), ("192.0.2.1", "does not fall within")):
        with pytest.raises(ClientError, match=expected) as refused:
            assign(NetworkInterfaceId=two, PrivateIpAddresses=[address], AllowReassignment=False)
        assert code_of(refused) == "InvalidParameterValue"
    assign(NetworkInterfaceId=two, PrivateIpAddresses=["172.31.15.9"], AllowReassignment=True)
    assert testbed.private_addresses.holders() == {"172.31.15.9": [pair[1]]}
    with pytest.raises(ClientError, match="not assigned"):
        ec2(testbed).unassign_private_ip_addresses(NetworkInterfaceId=one, PrivateIpAddresses=["172.31.15.9"])


def test_only_the_wanted_filters_are_simulated(testbed: SimulatedTestbed) -> None:
    testbed.elastic_ips.allocate("web-blue")
    found = ec2(testbed).describe_addresses(Filters=[{"Name": "tag:asg-lifecycle:pool", "Values": ["web*"]}])
    assert len(found["Addresses"]) == 1
