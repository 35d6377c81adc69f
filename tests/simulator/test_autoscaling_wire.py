"""R12, R14 to R16: what the API looks like on the wire, in process and served, and when it is in trouble."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from moto.server import ThreadedMotoServer

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import ScaledTimeline, VirtualTimeline
from asg_lifecycle_simulator.services.autoscaling.service import AutoScaling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.conftest import AutoScalingTestbed

GROUP = "web"
DRAIN = {"AutoScalingGroupName": GROUP, "LifecycleHookName": "drain"}
ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=5)


@pytest.fixture(params=["in process", "served"])
def endpoint(request: pytest.FixtureRequest, region: Region) -> Iterator[str | None]:
    del region  # the server serves the region that is entered
    if request.param == "in process":
        yield None
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


def client(service: str, endpoint: str | None) -> Any:
    return boto3.client(service, endpoint_url=endpoint, config=ONCE)  # type: ignore[call-overload]


def error_of(error: ClientError) -> tuple[int, str, str]:
    answer: Any = error.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_an_action_from_wait_to_completion(auto_scaling: AutoScalingTestbed, endpoint: str | None) -> None:
    instance = auto_scaling.held()
    calls = client("autoscaling", endpoint)
    which = {**DRAIN, "LifecycleActionToken": auto_scaling.token(instance)}
    (described,) = calls.describe_auto_scaling_instances(InstanceIds=[instance])["AutoScalingInstances"]
    assert (described["LifecycleState"], described["AutoScalingGroupName"]) == ("Terminating:Wait", GROUP)
    calls.record_lifecycle_action_heartbeat(**which)
    calls.complete_lifecycle_action(**which, LifecycleActionResult="CONTINUE")
    auto_scaling.timeline.run_for(1)
    assert calls.describe_auto_scaling_instances(InstanceIds=[instance])["AutoScalingInstances"] == []
    with pytest.raises(ClientError) as error:
        calls.record_lifecycle_action_heartbeat(**which)
    token = which["LifecycleActionToken"]
    assert error_of(error.value) == (400, "ValidationError", f"No active Lifecycle Action found with token {token}")


@pytest.mark.parametrize("operation", ["record_lifecycle_action_heartbeat", "complete_lifecycle_action"])
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        pytest.param("contend", (500, "ResourceContention"), id="R14"),
        pytest.param("throttle", (400, "Throttling", "Rate exceeded"), id="R15"),
    ],
)
def test_faults_last_for_so_many_calls_and_have_no_effect(
    auto_scaling: AutoScalingTestbed, endpoint: str | None, operation: str, fault: str, expected: tuple[object, ...]
) -> None:
    instance = auto_scaling.held()
    call = getattr(client("autoscaling", endpoint), operation)
    named = {**DRAIN, "LifecycleActionToken": auto_scaling.token(instance)}
    if operation == "complete_lifecycle_action":
        named["LifecycleActionResult"] = "CONTINUE"
    api_name = "".join(word.capitalize() for word in operation.split("_"))
    getattr(auto_scaling.region.faults, fault)("autoscaling", api_name, times=2)
    before = len(auto_scaling.region.log)
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            call(**named)
        assert error_of(error.value)[: len(expected)] == expected
    assert len(auto_scaling.region.log) == before
    call(**named)
    assert auto_scaling.region.calls["autoscaling", api_name] == 3


def test_r14_contention_is_the_modelled_exception(auto_scaling: AutoScalingTestbed, endpoint: str | None) -> None:
    calls = client("autoscaling", endpoint)
    auto_scaling.region.faults.contend("autoscaling", "DescribeAutoScalingGroups")
    with pytest.raises(calls.exceptions.ResourceContentionFault):
        calls.describe_auto_scaling_groups()


@pytest.mark.parametrize(("loss", "effect"), [("lose_response", True), ("lose_request", False)])
def test_lost_after_and_before_the_effect(
    auto_scaling: AutoScalingTestbed, endpoint: str | None, loss: str, *, effect: bool
) -> None:
    instance = auto_scaling.held()
    getattr(auto_scaling.region.faults, loss)("autoscaling", "CompleteLifecycleAction")
    with pytest.raises(ConnectionClosedError):
        client("autoscaling", endpoint).complete_lifecycle_action(
            **DRAIN, InstanceId=instance, LifecycleActionResult="CONTINUE"
        )
    assert bool(auto_scaling.ends(instance)) is effect
    assert auto_scaling.region.requests[-1].status is None


DENIALS = [
    ("autoscaling", "DescribeAutoScalingGroups", "describe_auto_scaling_groups"),
    ("ec2", "DescribeInstances", "describe_instances"),
    ("elbv2", "DescribeTargetGroups", "describe_target_groups"),
    ("elb", "DescribeLoadBalancers", "describe_load_balancers"),
    ("dynamodb", "ListTables", "list_tables"),
    ("ssm", "ListCommands", "list_commands"),
    ("sqs", "ListQueues", "list_queues"),
    ("lambda", "ListFunctions", "list_functions"),
    ("route53", "ListHostedZones", "list_hosted_zones"),
    ("resourcegroupstaggingapi", "GetResources", "get_resources"),
]


@pytest.mark.parametrize(("service", "operation", "method"), DENIALS, ids=[one[0] for one in DENIALS])
def test_denial_of_any_service_until_allowed(
    region: Region, endpoint: str | None, service: str, operation: str, method: str
) -> None:
    call = getattr(client(service, endpoint), method)
    region.faults.deny(service, operation)
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            call()
        assert error_of(error.value)[:2] == (403, "AccessDenied")
        assert operation in error_of(error.value)[2]
    region.faults.allow(service, operation)
    call()
    assert region.calls == {(service, operation): 3}
    assert [one.status for one in region.requests] == [403, 403, 200]


def test_faults_are_met_in_the_order_they_were_set(region: Region) -> None:
    region.faults.fail("ec2", "DescribeInstances", code="First")
    region.faults.fail("ec2", "DescribeInstances", code="Second")
    for code in ("First", "Second"):
        with pytest.raises(ClientError) as error:
            client("ec2", None).describe_instances()
        assert error_of(error.value)[1] == code


def test_of_many_completions_at_once_one_is_accepted(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held()
    calls = client("autoscaling", None)

    def complete(_: int) -> bool:
        try:
            calls.complete_lifecycle_action(**DRAIN, InstanceId=instance, LifecycleActionResult="CONTINUE")
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(complete, range(24))) == [False] * 23 + [True]
    assert len(auto_scaling.ends(instance)) == 1


def test_in_scaled_time_a_hook_times_out_while_requests_come_in() -> None:
    timeline = ScaledTimeline(scale=1000)
    delivered = threading.Event()
    with Region(timeline) as region:
        autoscaling = region.add(AutoScaling(region))
        (instance,) = autoscaling.create_group(GROUP)
        autoscaling.put_hook(GROUP, "drain", "TERMINATING", HeartbeatTimeout=30)
        region.subscribe(lambda _: delivered.set())
        autoscaling.terminate(instance)
        while autoscaling.instance_state(instance) is not None:  # some tens of real milliseconds
            region.client("autoscaling").describe_auto_scaling_groups()
        assert delivered.wait(5)
    timeline.close()
    assert [entry.detail for entry in region.log.of(LogKind.COMPLETED)] == ["ABANDON heartbeat timeout"]


def test_boto3_retries_what_the_region_refuses_and_each_try_counts(region: Region) -> None:
    region.faults.fail("ec2", "DescribeInstances", code="RequestLimitExceeded", status=503)
    region.client("ec2").describe_instances()
    assert region.calls["ec2", "DescribeInstances"] == 2


def test_what_the_stage_asks_is_neither_counted_nor_refused(region: Region) -> None:
    autoscaling = region.add(AutoScaling(region))
    region.faults.deny("autoscaling", "CreateAutoScalingGroup")
    autoscaling.create_group(GROUP)
    assert (region.calls, region.requests) == ({}, [])


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages(auto_scaling: AutoScalingTestbed, endpoint: str | None, size: int) -> None:
    names = [f"group-{number}" for number in range(5)]
    instances = [auto_scaling.service.create_group(name)[0] for name in names]
    calls = client("autoscaling", endpoint)
    for operation, key, identity, expected in (
        ("describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName", names),
        ("describe_auto_scaling_instances", "AutoScalingInstances", "InstanceId", instances),
    ):
        pages = calls.get_paginator(operation).paginate(PaginationConfig={"PageSize": size})
        sizes_and_ids = [(len(page[key]), [one[identity] for one in page[key]]) for page in pages]
        assert [one for _, ids in sizes_and_ids for one in ids] == expected
        assert max(count for count, _ in sizes_and_ids) == size


def test_the_region_makes_pages_short_whatever_the_protocol(
    auto_scaling: AutoScalingTestbed, endpoint: str | None
) -> None:
    for number in range(3):
        auto_scaling.service.create_group(f"group-{number}", capacity=0)
        boto3.client("ssm").put_parameter(Name=f"/plans/{number}", Value="-", Type="String")
    zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="-")["HostedZone"]["Id"]
    auto_scaling.region.page_size = 1
    groups = boto3.client("autoscaling", endpoint_url=endpoint).describe_auto_scaling_groups(MaxRecords=2)
    plans = boto3.client("ssm", endpoint_url=endpoint).get_parameters_by_path(Path="/plans")
    records = boto3.client("route53", endpoint_url=endpoint).list_resource_record_sets(HostedZoneId=zone)
    assert [len(groups["AutoScalingGroups"]), len(plans["Parameters"]), len(records["ResourceRecordSets"])] == [1, 1, 1]
    assert groups["NextToken"]
    assert plans["NextToken"]
    assert records["IsTruncated"]


def test_r16_what_waits_is_found_by_its_state(auto_scaling: AutoScalingTestbed, endpoint: str | None) -> None:
    instance = auto_scaling.held()
    (group,) = client("autoscaling", endpoint).describe_auto_scaling_groups()["AutoScalingGroups"]
    waiting = [one["InstanceId"] for one in group["Instances"] if one["LifecycleState"].endswith(":Wait")]
    assert waiting == [instance]


@pytest.mark.parametrize(
    ("operation", "named", "message"),
    [
        ("set_desired_capacity", {"AutoScalingGroupName": "none", "DesiredCapacity": 1}, "name not found"),
        ("set_desired_capacity", {"AutoScalingGroupName": GROUP, "DesiredCapacity": 4}, "above max value 3"),
        ("describe_lifecycle_hooks", {"AutoScalingGroupName": "none"}, "name not found"),
        (
            "terminate_instance_in_auto_scaling_group",
            {"InstanceId": "i-12345678", "ShouldDecrementDesiredCapacity": True},
            "No managed instance found for instance ID: i-12345678",
        ),
        ("complete_lifecycle_action", {**DRAIN, "LifecycleActionResult": "CONTINUE"}, "token or an instance ID"),
        ("delete_lifecycle_hook", DRAIN, "No Lifecycle Hook found"),
        ("describe_auto_scaling_instances", {"NextToken": "x"}, "InvalidNextToken"),
        ("create_auto_scaling_group", {"AutoScalingGroupName": GROUP, "MinSize": 0, "MaxSize": 1}, "AlreadyExists"),
    ],
)
def test_refusals(auto_scaling: AutoScalingTestbed, operation: str, named: dict[str, Any], message: str) -> None:
    auto_scaling.group()
    with pytest.raises(ClientError, match=message) as error:
        getattr(auto_scaling.client, operation)(**named)
    assert error_of(error.value)[0] == 400


def test_tags_stay_with_the_group(auto_scaling: AutoScalingTestbed) -> None:
    auto_scaling.group()
    tag = {"ResourceId": GROUP, "ResourceType": "auto-scaling-group", "Key": "k", "Value": "v"}
    auto_scaling.client.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": True}])
    assert [one["Value"] for one in auto_scaling.client.describe_tags()["Tags"]] == ["v"]
    assert auto_scaling.client.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Tags"][0]["Key"] == "k"


def test_leaving_the_region_puts_everything_back() -> None:
    environment, session = dict(os.environ), boto3.DEFAULT_SESSION
    before = moto_methods()
    timeline = VirtualTimeline()
    with Region(timeline) as region:
        autoscaling = region.add(AutoScaling(region))
        assert moto_methods() != before
        (instance,) = autoscaling.create_group(GROUP)
        autoscaling.put_hook(GROUP, "drain", "TERMINATING", HeartbeatTimeout=30)
        autoscaling.terminate(instance)
    entries = len(region.log)
    timeline.run_for(100)  # its timers are set, and do nothing
    assert len(region.log) == entries
    assert (dict(os.environ), boto3.DEFAULT_SESSION, moto_methods()) == (environment, session, before)
    with pytest.raises(RuntimeError, match="once"):
        region.__enter__()
    with Region(VirtualTimeline()) as other:
        assert other.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []


def moto_methods() -> list[object]:
    from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup  # noqa: PLC0415 - as they are now
    from moto.autoscaling.responses import AutoScalingResponse  # noqa: PLC0415 - as they are now
    from moto.core.botocore_stubber import BotocoreStubber  # noqa: PLC0415 - as they are now
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication  # noqa: PLC0415 - as they are now

    owners: tuple[type, ...] = (AutoScalingBackend, FakeAutoScalingGroup, AutoScalingResponse, BotocoreStubber)
    return [
        (owner, name, value)
        for owner in (*owners, DomainDispatcherApplication)
        for name, value in vars(owner).items()
        if callable(value)
    ]


def test_the_log_has_no_entry_for_refused_requests_but_says_who_completed(auto_scaling: AutoScalingTestbed) -> None:
    instance = auto_scaling.held()
    auto_scaling.complete(instance)
    (entry,) = auto_scaling.region.log.of(LogKind.COMPLETED)
    assert (entry.instance, entry.hook, entry.detail) == (instance, "drain", "CONTINUE CompleteLifecycleAction")
