from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.region import Region
from asg_lifecycle_simulator.region.timeline import VIRTUAL_START, VirtualTimeline
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from asg_lifecycle_simulator.services.run_command.service import RunCommand

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = "AWS-RunShellScript"
UNKNOWN_COMMAND = "00000000-0000-4000-8000-000000000000"


class Testbed:
    def __init__(self, region: Region, timeline: VirtualTimeline, run_command: RunCommand) -> None:
        self.region = region
        self.timeline = timeline
        self.run_command = run_command
        self.ssm = region.client("ssm")
        self.ec2 = region.client("ec2")
        self.instance = self.launch()
        self.run_command.manage(self.instance)

    def launch(self) -> str:
        launched = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
        return str(launched["Instances"][0]["InstanceId"])

    def send(self, *instances: str, **request: Any) -> str:
        request.setdefault("DocumentName", SCRIPT)
        if request["DocumentName"] == SCRIPT:
            request.setdefault("Parameters", {"commands": ["drain"]})
        answer = self.ssm.send_command(InstanceIds=list(instances) or [self.instance], **request)
        return str(answer["Command"]["CommandId"])

    def invocation(self, command: str, instance: str | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = self.ssm.get_command_invocation(
            CommandId=command, InstanceId=instance or self.instance
        )
        return answer

    def status(self, command: str, instance: str | None = None) -> tuple[str, str, int]:
        answer = self.invocation(command, instance)
        return answer["Status"], answer["StatusDetails"], answer["ResponseCode"]

    def listed(self, **request: Any) -> list[str]:
        return [command["CommandId"] for command in self.ssm.list_commands(**request)["Commands"]]

    def document(self, name: str = "drain-web") -> str:
        content = '{"schemaVersion": "2.2", "description": "drains", "mainSteps": []}'
        self.ssm.create_document(Name=name, Content=content, DocumentType="Command", DocumentFormat="JSON")
        return name


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    timeline = VirtualTimeline()
    region = Region(timeline)
    run_command = region.add(RunCommand(region))
    with region:
        yield Testbed(region, timeline, run_command)


def ping(testbed: Testbed, *instances: str) -> dict[str, str]:
    answer = testbed.ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": list(instances)}])
    return {entry["InstanceId"]: entry["PingStatus"] for entry in answer["InstanceInformationList"]}


def test_an_instance_is_online_lost_or_unknown(testbed: Testbed) -> None:
    lost, unmanaged = testbed.launch(), testbed.launch()
    testbed.run_command.manage(lost, "ConnectionLost")
    assert ping(testbed, testbed.instance, lost, unmanaged) == {testbed.instance: "Online", lost: "ConnectionLost"}
    testbed.run_command.forget(lost)
    assert ping(testbed, lost) == {}


def test_what_is_no_instance_id_is_refused(testbed: Testbed) -> None:
    with pytest.raises(ClientError, match="InvalidInstanceInformationFilterValue"):
        ping(testbed, "web-1")


def test_a_command_is_pending_then_in_progress_then_ends_with_its_exit_code(testbed: Testbed) -> None:
    testbed.run_command.hidden_for = 0
    testbed.run_command.behave(Behaviour(duration=60, standard_output="drained\n", standard_error="slow\n"))
    command = testbed.send()
    assert testbed.status(command) == ("Pending", "Pending", -1)
    testbed.timeline.run_for(1)
    assert testbed.status(command) == ("InProgress", "InProgress", -1)
    assert testbed.invocation(command)["StandardOutputContent"] == ""
    testbed.timeline.run_for(60)
    assert testbed.status(command) == ("Success", "Success", 0)
    answer = testbed.invocation(command)
    assert (answer["StandardOutputContent"], answer["StandardErrorContent"]) == ("drained\n", "slow\n")
    assert answer["PluginName"] == "aws:runShellScript"
    assert answer["ExecutionElapsedTime"] == "PT60S"
    assert answer["ExecutionStartDateTime"] == "2100-01-01T00:00:00.500000Z"


def test_an_exit_code_other_than_zero_is_failure(testbed: Testbed) -> None:
    testbed.run_command.behave(Behaviour(exit_code=3))
    command = testbed.send()
    testbed.timeline.run_for(10)
    assert testbed.status(command) == ("Failed", "Failed", 3)


def test_what_is_said_of_an_instance_comes_before_what_is_said_of_a_document(testbed: Testbed) -> None:
    other, third = testbed.launch(), testbed.launch()
    testbed.run_command.manage(other)
    testbed.run_command.manage(third)
    testbed.run_command.behave(Behaviour(exit_code=1))
    testbed.run_command.behave(Behaviour(exit_code=2), document=SCRIPT)
    testbed.run_command.behave(Behaviour(exit_code=3), instance=other)
    testbed.run_command.behave(Behaviour(exit_code=4), document=SCRIPT, instance=third)
    command = testbed.send(testbed.instance, other, third)
    also = testbed.send(DocumentName=testbed.document())
    testbed.timeline.run_for(10)
    assert [testbed.status(command, instance)[2] for instance in (testbed.instance, other, third)] == [2, 3, 4]
    assert testbed.status(also)[2] == 1


def test_the_output_is_cut_as_the_api_cuts_it(testbed: Testbed) -> None:
    testbed.run_command.behave(Behaviour(standard_output="o" * 30_000, standard_error="e" * 30_000))
    command = testbed.send()
    testbed.timeline.run_for(10)
    answer = testbed.invocation(command)
    assert (len(answer["StandardOutputContent"]), len(answer["StandardErrorContent"])) == (24_000, 8_000)


def test_a_command_is_not_known_for_a_moment_after_it_was_sent(testbed: Testbed) -> None:
    command = testbed.send(Comment="asg-lifecycle token step 1")
    for seconds in (1.9, 0.1):
        with pytest.raises(testbed.ssm.exceptions.InvocationDoesNotExist):
            testbed.invocation(command)
        assert testbed.listed() == []
        assert testbed.ssm.list_command_invocations()["CommandInvocations"] == []
        testbed.timeline.run_for(seconds)
    assert testbed.status(command)[0] == "InProgress"
    assert testbed.listed() == [command]
    assert [entry["Comment"] for entry in testbed.ssm.list_command_invocations()["CommandInvocations"]] == [
        "asg-lifecycle token step 1"
    ]


def test_a_shell_script_that_never_ends_is_stopped_by_its_execution_timeout(testbed: Testbed) -> None:
    testbed.run_command.behave(Behaviour(never_ends=True))
    default = testbed.send()
    given = testbed.send(Parameters={"commands": ["drain"], "executionTimeout": ["60"]})
    testbed.timeline.run_for(61)
    assert testbed.status(given) == ("TimedOut", "ExecutionTimedOut", 137)
    assert testbed.status(default)[0] == "InProgress"
    testbed.timeline.run_for(3600)
    assert testbed.status(default) == ("TimedOut", "ExecutionTimedOut", 137)


def test_a_shell_script_that_takes_longer_than_its_execution_timeout_is_stopped(testbed: Testbed) -> None:
    testbed.run_command.behave(Behaviour(duration=61))
    command = testbed.send(Parameters={"commands": ["drain"], "executionTimeout": ["60"]})
    testbed.timeline.run_for(100)
    assert testbed.status(command) == ("TimedOut", "ExecutionTimedOut", 137)


def test_a_document_without_execution_timeout_runs_for_ever_when_it_never_ends(testbed: Testbed) -> None:
    testbed.run_command.behave(Behaviour(never_ends=True), document=testbed.document())
    command = testbed.send(DocumentName="drain-web")
    testbed.timeline.run_for(200_000)
    assert testbed.status(command)[0] == "InProgress"


def test_a_command_for_an_instance_out_of_reach_waits_and_is_delivered_when_it_is_back(testbed: Testbed) -> None:
    testbed.run_command.manage(testbed.instance, "ConnectionLost")
    command = testbed.send(TimeoutSeconds=600)
    testbed.timeline.run_for(300)
    assert testbed.status(command)[0] == "Pending"
    testbed.run_command.manage(testbed.instance, "Online")
    testbed.timeline.run_for(30)
    assert testbed.status(command)[0] == "Success"


def test_a_command_that_is_never_delivered_times_out(testbed: Testbed) -> None:
    testbed.run_command.manage(testbed.instance, "ConnectionLost")
    command = testbed.send(TimeoutSeconds=600)
    testbed.timeline.run_for(601)
    assert testbed.status(command) == ("TimedOut", "DeliveryTimedOut", -1)
    assert testbed.run_command.runs(testbed.instance) == []


def test_an_instance_lost_before_delivery_is_not_reached(testbed: Testbed) -> None:
    testbed.send()
    testbed.run_command.manage(testbed.instance, "ConnectionLost")
    testbed.timeline.run_for(100)
    assert testbed.run_command.runs(testbed.instance) == []


def test_a_cancelled_command_stops_after_a_moment(testbed: Testbed) -> None:
    testbed.run_command.behave(Behaviour(never_ends=True))
    command = testbed.send()
    testbed.timeline.run_for(10)
    testbed.ssm.cancel_command(CommandId=command, InstanceIds=[testbed.instance])
    assert testbed.status(command)[0] == "Cancelling"
    testbed.timeline.run_for(1)
    assert testbed.status(command) == ("Cancelled", "Cancelled", -1)


def test_a_command_cancelled_before_delivery_never_runs(testbed: Testbed) -> None:
    command = testbed.send()
    testbed.ssm.cancel_command(CommandId=command)
    testbed.timeline.run_for(100)
    assert testbed.status(command)[0] == "Cancelled"
    assert testbed.run_command.runs(testbed.instance) == []


def test_cancelling_what_has_ended_changes_nothing(testbed: Testbed) -> None:
    command = testbed.send()
    testbed.timeline.run_for(100)
    testbed.ssm.cancel_command(CommandId=command)
    testbed.timeline.run_for(100)
    assert testbed.status(command)[0] == "Success"
    with pytest.raises(testbed.ssm.exceptions.InvalidCommandId):
        testbed.ssm.cancel_command(CommandId=UNKNOWN_COMMAND)


@pytest.mark.parametrize(
    ("seconds", "ending"),
    [(0.1, ("Failed", "Undeliverable", -1)), (10, ("TimedOut", "ExecutionTimedOut", -1))],
)
def test_a_command_ends_with_its_instance(testbed: Testbed, seconds: float, ending: tuple[str, str, int]) -> None:
    testbed.run_command.behave(Behaviour(never_ends=True))
    command = testbed.send()
    testbed.timeline.run_for(seconds)
    testbed.ec2.terminate_instances(InstanceIds=[testbed.instance])
    testbed.timeline.run_for(3)
    assert testbed.status(command) == ending
    assert ping(testbed, testbed.instance) == {testbed.instance: "ConnectionLost"}


def test_a_command_that_ended_before_its_instance_stays_as_it_was(testbed: Testbed) -> None:
    command = testbed.send()
    testbed.timeline.run_for(100)
    testbed.ec2.terminate_instances(InstanceIds=[testbed.instance])
    assert testbed.status(command) == ("Success", "Success", 0)


def test_an_instance_that_is_unmanaged_or_terminated_takes_no_command(testbed: Testbed) -> None:
    unmanaged = testbed.launch()
    testbed.ec2.terminate_instances(InstanceIds=[testbed.instance])
    for instance in (unmanaged, testbed.instance):
        with pytest.raises(
            testbed.ssm.exceptions.InvalidInstanceId, match=rf"Instances \[\[{instance}\]\] not in a valid"
        ):
            testbed.send(instance)


def test_a_document_is_known_by_name_and_by_arn(testbed: Testbed) -> None:
    name = testbed.document()
    testbed.send(DocumentName=name)
    testbed.send(DocumentName=f"arn:aws:ssm:eu-west-1:123456789012:document/{name}")
    testbed.send(DocumentName=f"arn:aws:ssm:eu-west-1::document/{SCRIPT}", Parameters={"commands": ["drain"]})
    testbed.send(DocumentName="AWS-RunPowerShellScript", Parameters={"commands": ["drain"]})
    with pytest.raises(testbed.ssm.exceptions.InvalidDocument):
        testbed.send(DocumentName="drain-mail")


@pytest.mark.parametrize(
    ("request_fields", "code"),
    [
        ({"Comment": "x" * 101}, "ValidationException"),
        ({"TimeoutSeconds": 2_592_001}, "ValidationException"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["drain"], "speed": ["high"]}}, "InvalidParameters"),
        ({"InstanceIds": ["i-12345678", "i-12345678"]}, "DuplicateInstanceId"),
        ({"InstanceIds": []}, "ValidationException"),
    ],
)
def test_a_request_that_asks_too_much_is_refused(testbed: Testbed, request_fields: dict[str, Any], code: str) -> None:
    request = {"InstanceIds": [testbed.instance], "DocumentName": SCRIPT, "Parameters": {"commands": ["drain"]}}
    with pytest.raises(ClientError) as refused:
        testbed.ssm.send_command(**request | request_fields)
    assert refused.value.response["Error"]["Code"] == code
    assert testbed.run_command.commands == {}


def test_commands_are_listed_newest_first_by_instance_command_time_document_and_status(testbed: Testbed) -> None:
    other = testbed.launch()
    testbed.run_command.manage(other)
    testbed.run_command.behave(Behaviour(exit_code=1), instance=other)
    document = testbed.document()
    first = testbed.send(Comment="first")
    testbed.timeline.run_for(100)
    second = testbed.send(other)
    third = testbed.send(DocumentName=document)
    testbed.timeline.run_for(100)
    after = datetime.fromtimestamp(VIRTUAL_START + 50, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert testbed.listed() == [third, second, first]
    assert testbed.listed(InstanceId=other) == [second]
    assert testbed.listed(CommandId=first) == [first]
    assert testbed.listed(CommandId=UNKNOWN_COMMAND) == []
    assert testbed.listed(Filters=[{"key": "InvokedAfter", "value": after}]) == [third, second]
    assert testbed.listed(Filters=[{"key": "InvokedBefore", "value": after}]) == [first]
    assert testbed.listed(Filters=[{"key": "DocumentName", "value": document}]) == [third]
    assert testbed.listed(Filters=[{"key": "Status", "value": "Failed"}]) == [second]
    answer = testbed.ssm.list_commands(CommandId=first)["Commands"][0]
    assert (answer["Comment"], answer["InstanceIds"], answer["Status"]) == ("first", [testbed.instance], "Success")
    assert answer["RequestedDateTime"].timestamp() == VIRTUAL_START


def test_lists_come_in_pages(testbed: Testbed) -> None:
    sent = [testbed.send() for _ in range(5)]
    testbed.timeline.run_for(10)
    pages = list(testbed.ssm.get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Commands"]) for page in pages] == [2, 2, 1]
    assert [command["CommandId"] for page in pages for command in page["Commands"]] == sent[::-1]


def test_a_malformed_command_id_is_told_from_an_unknown_one(testbed: Testbed) -> None:
    with pytest.raises(testbed.ssm.exceptions.InvocationDoesNotExist):
        testbed.invocation(UNKNOWN_COMMAND)
    with pytest.raises(testbed.ssm.exceptions.InvalidCommandId):
        testbed.invocation("g" * 36)


def test_a_command_sent_to_a_tag_reaches_the_managed_instances_that_carry_it(testbed: Testbed) -> None:
    unmanaged = testbed.launch()
    testbed.ec2.create_tags(Resources=[testbed.instance, unmanaged], Tags=[{"Key": "role", "Value": "web"}])
    answer = testbed.ssm.send_command(
        Targets=[{"Key": "tag:role", "Values": ["web"]}], DocumentName=SCRIPT, Parameters={"commands": ["drain"]}
    )
    assert list(testbed.run_command.commands[answer["Command"]["CommandId"]].invocations) == [testbed.instance]


def test_every_run_is_counted_for_its_instance(testbed: Testbed) -> None:
    other = testbed.launch()
    testbed.run_command.manage(other)
    testbed.send()
    testbed.send()
    testbed.send(other)
    testbed.timeline.run_for(10)
    assert (len(testbed.run_command.runs(testbed.instance)), len(testbed.run_command.runs(other))) == (2, 1)
    assert testbed.run_command.runs(testbed.instance, document="drain-web") == []


def test_the_log_tells_every_status(testbed: Testbed) -> None:
    command = testbed.send()
    testbed.timeline.run_for(10)
    told = [entry.detail for entry in testbed.region.log.of(LogKind.SERVICE, instance=testbed.instance)]
    assert told == [f"ssm {status} {SCRIPT} {command}" for status in ("Pending", "InProgress", "Success")]


def test_a_region_that_was_left_gives_moto_its_methods_back(testbed: Testbed) -> None:
    from moto.ssm.responses import SimpleSystemManagerResponse  # noqa: PLC0415 - moto's inside, in this test only

    testbed.send()
    testbed.region.close()
    testbed.timeline.run_for(4_000)  # its timers are set, and do nothing
    assert not hasattr(SimpleSystemManagerResponse, "cancel_command")
    assert [invocation.status for invocation in testbed.run_command.invocations()] == ["Pending"]
