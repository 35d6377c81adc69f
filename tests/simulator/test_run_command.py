from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.region.region import SimulatedRegion
from asg_lifecycle_simulator.region.timeline import VIRTUAL_START, VirtualTimeline
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from asg_lifecycle_simulator.services.run_command.service import RunCommand

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = "AWS-RunShellScript"
UNKNOWN_COMMAND = "00000000-0000-4000-8000-000000000000"


class Stage:
    def __init__(self, region: SimulatedRegion, timeline: VirtualTimeline, run_command: RunCommand) -> None:
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
def stage() -> Iterator[Stage]:
    timeline = VirtualTimeline()
    region = SimulatedRegion(timeline)
    run_command = RunCommand()
    region.add(run_command)
    with region:
        yield Stage(region, timeline, run_command)


def ping(stage: Stage, *instances: str) -> dict[str, str]:
    answer = stage.ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": list(instances)}])
    return {entry["InstanceId"]: entry["PingStatus"] for entry in answer["InstanceInformationList"]}


def test_an_instance_is_online_lost_or_unknown(stage: Stage) -> None:
    lost, unmanaged = stage.launch(), stage.launch()
    stage.run_command.manage(lost, "ConnectionLost")
    assert ping(stage, stage.instance, lost, unmanaged) == {stage.instance: "Online", lost: "ConnectionLost"}
    stage.run_command.forget(lost)
    assert ping(stage, lost) == {}


def test_what_is_no_instance_id_is_refused(stage: Stage) -> None:
    with pytest.raises(ClientError, match="InvalidInstanceInformationFilterValue"):
        ping(stage, "web-1")


def test_a_command_is_pending_then_in_progress_then_ends_with_its_exit_code(stage: Stage) -> None:
    stage.run_command.hidden_for = 0
    stage.run_command.behave(Behaviour(duration=60, standard_output="drained\n", standard_error="slow\n"))
    command = stage.send()
    assert stage.status(command) == ("Pending", "Pending", -1)
    stage.timeline.run_for(1)
    assert stage.status(command) == ("InProgress", "InProgress", -1)
    assert stage.invocation(command)["StandardOutputContent"] == ""
    stage.timeline.run_for(60)
    assert stage.status(command) == ("Success", "Success", 0)
    answer = stage.invocation(command)
    assert (answer["StandardOutputContent"], answer["StandardErrorContent"]) == ("drained\n", "slow\n")
    assert answer["PluginName"] == "aws:runShellScript"
    assert answer["ExecutionElapsedTime"] == "PT60S"
    assert answer["ExecutionStartDateTime"] == "2100-01-01T00:00:00.500000Z"


def test_an_exit_code_other_than_zero_is_failure(stage: Stage) -> None:
    stage.run_command.behave(Behaviour(exit_code=3))
    command = stage.send()
    stage.timeline.run_for(10)
    assert stage.status(command) == ("Failed", "Failed", 3)


def test_what_is_said_of_an_instance_comes_before_what_is_said_of_a_document(stage: Stage) -> None:
    other, third = stage.launch(), stage.launch()
    stage.run_command.manage(other)
    stage.run_command.manage(third)
    stage.run_command.behave(Behaviour(exit_code=1))
    stage.run_command.behave(Behaviour(exit_code=2), document=SCRIPT)
    stage.run_command.behave(Behaviour(exit_code=3), instance=other)
    stage.run_command.behave(Behaviour(exit_code=4), document=SCRIPT, instance=third)
    command = stage.send(stage.instance, other, third)
    also = stage.send(DocumentName=stage.document())
    stage.timeline.run_for(10)
    assert [stage.status(command, instance)[2] for instance in (stage.instance, other, third)] == [2, 3, 4]
    assert stage.status(also)[2] == 1


def test_the_output_is_cut_as_the_api_cuts_it(stage: Stage) -> None:
    stage.run_command.behave(Behaviour(standard_output="o" * 30_000, standard_error="e" * 30_000))
    command = stage.send()
    stage.timeline.run_for(10)
    answer = stage.invocation(command)
    assert (len(answer["StandardOutputContent"]), len(answer["StandardErrorContent"])) == (24_000, 8_000)


def test_a_command_is_not_known_for_a_moment_after_it_was_sent(stage: Stage) -> None:
    command = stage.send(Comment="asg-lifecycle token step 1")
    for seconds in (1.9, 0.1):
        with pytest.raises(stage.ssm.exceptions.InvocationDoesNotExist):
            stage.invocation(command)
        assert stage.listed() == []
        assert stage.ssm.list_command_invocations()["CommandInvocations"] == []
        stage.timeline.run_for(seconds)
    assert stage.status(command)[0] == "InProgress"
    assert stage.listed() == [command]
    assert [entry["Comment"] for entry in stage.ssm.list_command_invocations()["CommandInvocations"]] == [
        "asg-lifecycle token step 1"
    ]


def test_a_shell_script_that_never_ends_is_stopped_by_its_execution_timeout(stage: Stage) -> None:
    stage.run_command.behave(Behaviour(never_ends=True))
    default = stage.send()
    given = stage.send(Parameters={"commands": ["drain"], "executionTimeout": ["60"]})
    stage.timeline.run_for(61)
    assert stage.status(given) == ("TimedOut", "ExecutionTimedOut", 137)
    assert stage.status(default)[0] == "InProgress"
    stage.timeline.run_for(3600)
    assert stage.status(default) == ("TimedOut", "ExecutionTimedOut", 137)


def test_a_shell_script_that_takes_longer_than_its_execution_timeout_is_stopped(stage: Stage) -> None:
    stage.run_command.behave(Behaviour(duration=61))
    command = stage.send(Parameters={"commands": ["drain"], "executionTimeout": ["60"]})
    stage.timeline.run_for(100)
    assert stage.status(command) == ("TimedOut", "ExecutionTimedOut", 137)


def test_a_document_without_execution_timeout_runs_for_ever_when_it_never_ends(stage: Stage) -> None:
    stage.run_command.behave(Behaviour(never_ends=True), document=stage.document())
    command = stage.send(DocumentName="drain-web")
    stage.timeline.run_for(200_000)
    assert stage.status(command)[0] == "InProgress"


def test_a_command_for_an_instance_out_of_reach_waits_and_is_delivered_when_it_is_back(stage: Stage) -> None:
    stage.run_command.manage(stage.instance, "ConnectionLost")
    command = stage.send(TimeoutSeconds=600)
    stage.timeline.run_for(300)
    assert stage.status(command)[0] == "Pending"
    stage.run_command.manage(stage.instance, "Online")
    stage.timeline.run_for(30)
    assert stage.status(command)[0] == "Success"


def test_a_command_that_is_never_delivered_times_out(stage: Stage) -> None:
    stage.run_command.manage(stage.instance, "ConnectionLost")
    command = stage.send(TimeoutSeconds=600)
    stage.timeline.run_for(601)
    assert stage.status(command) == ("TimedOut", "DeliveryTimedOut", -1)
    assert stage.run_command.runs(stage.instance) == []


def test_an_instance_lost_before_delivery_is_not_reached(stage: Stage) -> None:
    stage.send()
    stage.run_command.manage(stage.instance, "ConnectionLost")
    stage.timeline.run_for(100)
    assert stage.run_command.runs(stage.instance) == []


def test_a_cancelled_command_stops_after_a_moment(stage: Stage) -> None:
    stage.run_command.behave(Behaviour(never_ends=True))
    command = stage.send()
    stage.timeline.run_for(10)
    stage.ssm.cancel_command(CommandId=command, InstanceIds=[stage.instance])
    assert stage.status(command)[0] == "Cancelling"
    stage.timeline.run_for(1)
    assert stage.status(command) == ("Cancelled", "Cancelled", -1)


def test_a_command_cancelled_before_delivery_never_runs(stage: Stage) -> None:
    command = stage.send()
    stage.ssm.cancel_command(CommandId=command)
    stage.timeline.run_for(100)
    assert stage.status(command)[0] == "Cancelled"
    assert stage.run_command.runs(stage.instance) == []


def test_cancelling_what_has_ended_changes_nothing(stage: Stage) -> None:
    command = stage.send()
    stage.timeline.run_for(100)
    stage.ssm.cancel_command(CommandId=command)
    stage.timeline.run_for(100)
    assert stage.status(command)[0] == "Success"
    with pytest.raises(stage.ssm.exceptions.InvalidCommandId):
        stage.ssm.cancel_command(CommandId=UNKNOWN_COMMAND)


@pytest.mark.parametrize(
    ("seconds", "ending"),
    [(0.1, ("Failed", "Undeliverable", -1)), (10, ("TimedOut", "ExecutionTimedOut", -1))],
)
def test_a_command_ends_with_its_instance(stage: Stage, seconds: float, ending: tuple[str, str, int]) -> None:
    stage.run_command.behave(Behaviour(never_ends=True))
    command = stage.send()
    stage.timeline.run_for(seconds)
    stage.ec2.terminate_instances(InstanceIds=[stage.instance])
    stage.timeline.run_for(3)
    assert stage.status(command) == ending
    assert ping(stage, stage.instance) == {stage.instance: "ConnectionLost"}


def test_a_command_that_ended_before_its_instance_stays_as_it_was(stage: Stage) -> None:
    command = stage.send()
    stage.timeline.run_for(100)
    stage.ec2.terminate_instances(InstanceIds=[stage.instance])
    assert stage.status(command) == ("Success", "Success", 0)


def test_an_instance_that_is_unmanaged_or_terminated_takes_no_command(stage: Stage) -> None:
    unmanaged = stage.launch()
    stage.ec2.terminate_instances(InstanceIds=[stage.instance])
    for instance in (unmanaged, stage.instance):
        with pytest.raises(
            stage.ssm.exceptions.InvalidInstanceId, match=rf"Instances \[\[{instance}\]\] not in a valid"
        ):
            stage.send(instance)


def test_a_document_is_known_by_name_and_by_arn(stage: Stage) -> None:
    name = stage.document()
    stage.send(DocumentName=name)
    stage.send(DocumentName=f"arn:aws:ssm:eu-west-1:123456789012:document/{name}")
    stage.send(DocumentName=f"arn:aws:ssm:eu-west-1::document/{SCRIPT}", Parameters={"commands": ["drain"]})
    stage.send(DocumentName="AWS-RunPowerShellScript", Parameters={"commands": ["drain"]})
    with pytest.raises(stage.ssm.exceptions.InvalidDocument):
        stage.send(DocumentName="drain-mail")


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
def test_a_request_that_asks_too_much_is_refused(stage: Stage, request_fields: dict[str, Any], code: str) -> None:
    request = {"InstanceIds": [stage.instance], "DocumentName": SCRIPT, "Parameters": {"commands": ["drain"]}}
    with pytest.raises(ClientError) as refused:
        stage.ssm.send_command(**request | request_fields)
    assert refused.value.response["Error"]["Code"] == code
    assert stage.run_command.commands == {}


def test_commands_are_listed_newest_first_by_instance_command_time_document_and_status(stage: Stage) -> None:
    other = stage.launch()
    stage.run_command.manage(other)
    stage.run_command.behave(Behaviour(exit_code=1), instance=other)
    document = stage.document()
    first = stage.send(Comment="first")
    stage.timeline.run_for(100)
    second = stage.send(other)
    third = stage.send(DocumentName=document)
    stage.timeline.run_for(100)
    after = datetime.fromtimestamp(VIRTUAL_START + 50, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert stage.listed() == [third, second, first]
    assert stage.listed(InstanceId=other) == [second]
    assert stage.listed(CommandId=first) == [first]
    assert stage.listed(CommandId=UNKNOWN_COMMAND) == []
    assert stage.listed(Filters=[{"key": "InvokedAfter", "value": after}]) == [third, second]
    assert stage.listed(Filters=[{"key": "InvokedBefore", "value": after}]) == [first]
    assert stage.listed(Filters=[{"key": "DocumentName", "value": document}]) == [third]
    assert stage.listed(Filters=[{"key": "Status", "value": "Failed"}]) == [second]
    answer = stage.ssm.list_commands(CommandId=first)["Commands"][0]
    assert (answer["Comment"], answer["InstanceIds"], answer["Status"]) == ("first", [stage.instance], "Success")
    assert answer["RequestedDateTime"].timestamp() == VIRTUAL_START


def test_lists_come_in_pages(stage: Stage) -> None:
    sent = [stage.send() for _ in range(5)]
    stage.timeline.run_for(10)
    pages = list(stage.ssm.get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Commands"]) for page in pages] == [2, 2, 1]
    assert [command["CommandId"] for page in pages for command in page["Commands"]] == sent[::-1]


def test_a_malformed_command_id_is_told_from_an_unknown_one(stage: Stage) -> None:
    with pytest.raises(stage.ssm.exceptions.InvocationDoesNotExist):
        stage.invocation(UNKNOWN_COMMAND)
    with pytest.raises(stage.ssm.exceptions.InvalidCommandId):
        stage.invocation("g" * 36)


def test_a_command_sent_to_a_tag_reaches_the_managed_instances_that_carry_it(stage: Stage) -> None:
    unmanaged = stage.launch()
    stage.ec2.create_tags(Resources=[stage.instance, unmanaged], Tags=[{"Key": "role", "Value": "web"}])
    answer = stage.ssm.send_command(
        Targets=[{"Key": "tag:role", "Values": ["web"]}], DocumentName=SCRIPT, Parameters={"commands": ["drain"]}
    )
    assert list(stage.run_command.commands[answer["Command"]["CommandId"]].invocations) == [stage.instance]


def test_every_run_is_counted_for_its_instance(stage: Stage) -> None:
    other = stage.launch()
    stage.run_command.manage(other)
    stage.send()
    stage.send()
    stage.send(other)
    stage.timeline.run_for(10)
    assert (len(stage.run_command.runs(stage.instance)), len(stage.run_command.runs(other))) == (2, 1)
    assert stage.run_command.runs(stage.instance, document="drain-web") == []


def test_the_log_tells_every_status(stage: Stage) -> None:
    command = stage.send()
    stage.timeline.run_for(10)
    told = [entry.detail for entry in stage.region.log.of(LogKind.SERVICE, instance=stage.instance)]
    assert told == [f"ssm {status} {SCRIPT} {command}" for status in ("Pending", "InProgress", "Success")]


def test_a_region_that_was_left_gives_moto_its_methods_back(stage: Stage) -> None:
    from moto.ssm.responses import SimpleSystemManagerResponse  # noqa: PLC0415 - moto's inside, in this test only

    stage.send()
    stage.region.close()
    stage.timeline.run_until_idle(within=1)  # what the region has said is on its way, and reaches nobody
    assert not hasattr(SimpleSystemManagerResponse, "cancel_command")
    assert stage.run_command.invocations() == []
