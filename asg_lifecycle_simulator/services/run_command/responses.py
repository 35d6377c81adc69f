"""The requests of Run Command: what they may say, and what is answered.

Each operation takes the decoded request and returns the answer as the service model has it (times as `datetime`).
Errors are moto's, so they reach boto3 as they would on the wire.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from moto.ssm.exceptions import SSMException, ValidationException

from asg_lifecycle_simulator.services.base import page
from asg_lifecycle_simulator.services.run_command.model import Command
from asg_lifecycle_simulator.services.run_command.requests import (
    SCRIPT_PLUGINS,
    constraint_error,
    document_of,
    execution_timeout_of,
    instances_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moto.ssm.responses import SimpleSystemManagerResponse

    from asg_lifecycle_simulator.services.base import Request, Response
    from asg_lifecycle_simulator.services.run_command.commands import Commands
    from asg_lifecycle_simulator.services.run_command.model import Invocation

Operation: TypeAlias = "Callable[[Commands, Request, SimpleSystemManagerResponse], Response]"

DELIVERY_TIMEOUTS = range(30, 2_592_001)
DEFAULT_DELIVERY_TIMEOUT = 3600
LONGEST_COMMENT = 100
PAGE = 50

OUTPUT_KEPT = 24_000
ERRORS_KEPT = 8_000
PLUGIN_OUTPUT_KEPT = 2_500

COMMAND_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANCE_ID = re.compile(r"m?i-(\w{8}|\w{17})")


def send_command(commands: Commands, request: Request, response: SimpleSystemManagerResponse) -> Response:
    """Answer SendCommand."""
    comment = request.get("Comment", "")
    if len(comment) > LONGEST_COMMENT:
        raise constraint_error(comment, "comment", f"Member must have length less than or equal to {LONGEST_COMMENT}")
    timeout = int(request.get("TimeoutSeconds", DEFAULT_DELIVERY_TIMEOUT))
    if timeout not in DELIVERY_TIMEOUTS:
        raise constraint_error(timeout, "timeoutSeconds", "Member must have value between 30 and 2592000")
    document = document_of(request["DocumentName"], response)
    parameters = request.get("Parameters", {})
    execution_timeout = execution_timeout_of(document, parameters)
    instances = instances_of(commands, request, response)
    command = Command(
        id=commands.new_id(),
        document=document,
        version=request.get("DocumentVersion", "$DEFAULT"),
        comment=comment,
        parameters=parameters,
        targets=request.get("Targets", []),
        requested_at=commands.now,
        delivery_timeout=float(timeout),
        execution_timeout=execution_timeout,
    )
    commands.send(command, instances)
    return {"Command": _command(command)}


def cancel_command(commands: Commands, request: Request, _: SimpleSystemManagerResponse) -> Response:
    """Answer CancelCommand. A command that has ended stays as it is."""
    command = commands.commands.get(request["CommandId"])
    if command is None:
        raise SSMException("InvalidCommandId", "")
    instances = request.get("InstanceIds") or list(command.invocations)
    if unknown := [instance for instance in instances if instance not in command.invocations]:
        raise SSMException("InvalidInstanceId", f"Instances {unknown} have no invocation of command {command.id}")
    for instance in instances:
        commands.cancel(command.invocations[instance])
    return {}


def get_command_invocation(commands: Commands, request: Request, _: SimpleSystemManagerResponse) -> Response:
    """Answer GetCommandInvocation."""
    _check_command_id(request["CommandId"])
    command = next((known for known in _visible(commands) if known.id == request["CommandId"]), None)
    invocation = command.invocations.get(request["InstanceId"]) if command is not None else None
    if invocation is None or request.get("PluginName", _plugin(invocation)) != _plugin(invocation):
        raise SSMException("InvocationDoesNotExist", "")
    started, ended = invocation.started_at, invocation.ended_at
    return {
        **_about(invocation),
        "PluginName": _plugin(invocation),
        "ResponseCode": invocation.exit_code,
        "ExecutionStartDateTime": "" if started is None else _time(started).isoformat().replace("+00:00", "Z"),
        "ExecutionElapsedTime": "" if started is None else f"PT{(ended or commands.now) - started:g}S",
        "ExecutionEndDateTime": "" if ended is None else _time(ended).isoformat().replace("+00:00", "Z"),
        "StandardOutputContent": invocation.standard_output[:OUTPUT_KEPT],
        "StandardOutputUrl": "",
        "StandardErrorContent": invocation.standard_error[:ERRORS_KEPT],
        "StandardErrorUrl": "",
    }


def list_commands(commands: Commands, request: Request, _: SimpleSystemManagerResponse) -> Response:
    """Answer ListCommands, newest first."""
    found = [
        _command(command)
        for command in _chosen(commands, request)
        if request.get("InstanceId") in (None, *command.invocations)
    ]
    return page(found, "Commands", request, most=PAGE)


def list_command_invocations(commands: Commands, request: Request, _: SimpleSystemManagerResponse) -> Response:
    """Answer ListCommandInvocations, newest first."""
    found = []
    for command in _chosen(commands, request):
        for invocation in command.invocations.values():
            if request.get("InstanceId") in (None, invocation.instance):
                plugins = [_plugin_details(invocation)] if request.get("Details") else []
                requested = _time(command.requested_at)
                found.append({**_about(invocation), "RequestedDateTime": requested, "CommandPlugins": plugins})
    return page(found, "CommandInvocations", request, most=PAGE)


def describe_instance_information(commands: Commands, request: Request, _: SimpleSystemManagerResponse) -> Response:
    """Answer DescribeInstanceInformation with the filters `InstanceIds` and `PingStatus`."""
    filters = {entry["Key"]: entry["Values"] for entry in request.get("Filters", [])}
    filters |= {entry["key"]: entry["valueSet"] for entry in request.get("InstanceInformationFilterList", [])}
    if unknown := filters.keys() - {"InstanceIds", "PingStatus"}:
        raise SSMException("InvalidFilterKey", f"The filter keys {sorted(unknown)} are not simulated")
    if wrong := [instance for instance in filters.get("InstanceIds", []) if not INSTANCE_ID.fullmatch(instance)]:
        raise SSMException("InvalidInstanceInformationFilterValue", f"{wrong} are no managed node ids")
    found = [
        {
            "InstanceId": instance,
            "PingStatus": ping,
            "LastPingDateTime": _time(commands.now),
            "AgentVersion": "3.3.0.0",
            "PlatformType": "Linux",
            "ResourceType": "EC2Instance",
        }
        for instance, ping in commands.ping_statuses.items()
        if instance in filters.get("InstanceIds", [instance]) and ping in filters.get("PingStatus", [ping])
    ]
    return page(found, "InstanceInformationList", request, most=PAGE)


OPERATIONS: dict[str, Operation] = {
    "send_command": send_command,
    "cancel_command": cancel_command,
    "get_command_invocation": get_command_invocation,
    "list_commands": list_commands,
    "list_command_invocations": list_command_invocations,
    "describe_instance_information": describe_instance_information,
}
"""By the names of the methods moto looks for."""


def _visible(commands: Commands) -> Iterable[Command]:
    for command in reversed(commands.commands.values()):
        if commands.now >= command.requested_at + commands.hidden_for:
            yield command


def _chosen(commands: Commands, request: Request) -> Iterable[Command]:
    if "CommandId" in request:
        _check_command_id(request["CommandId"])
    filters = {entry["key"]: entry["value"] for entry in request.get("Filters", [])}
    if unknown := filters.keys() - {"InvokedAfter", "InvokedBefore", "DocumentName", "Status"}:
        raise SSMException("InvalidFilterKey", f"The filter keys {sorted(unknown)} are not simulated")
    for command in _visible(commands):
        status = command.status
        if (
            request.get("CommandId", command.id) == command.id
            and _moment(filters.get("InvokedAfter"), command) <= command.requested_at
            and command.requested_at <= _moment(filters.get("InvokedBefore"), command)
            and filters.get("DocumentName", command.document) == command.document
            and filters.get("Status", status[0]) in status
        ):
            yield command


def _moment(said: str | None, command: Command) -> float:
    if said is None:
        return command.requested_at
    try:
        return datetime.fromisoformat(said).timestamp()
    except ValueError as error:
        raise ValidationException(f"{said} is no timestamp") from error


def _command(command: Command) -> dict[str, Any]:
    invocations = command.invocations.values()
    status, status_details = command.status
    return {
        "CommandId": command.id,
        "DocumentName": command.document,
        "DocumentVersion": command.version,
        "Comment": command.comment,
        "ExpiresAfter": _time(command.requested_at + command.delivery_timeout + (command.execution_timeout or 0)),
        "Parameters": command.parameters,
        "InstanceIds": list(command.invocations) if not command.targets else [],
        "Targets": command.targets,
        "RequestedDateTime": _time(command.requested_at),
        "Status": status,
        "StatusDetails": status_details,
        "TargetCount": len(invocations),
        "CompletedCount": sum(invocation.ended for invocation in invocations),
        "ErrorCount": sum(invocation.status in {"Failed", "TimedOut"} for invocation in invocations),
        "DeliveryTimedOutCount": sum(invocation.status_details == "DeliveryTimedOut" for invocation in invocations),
        "TimeoutSeconds": int(command.delivery_timeout),
    }


def _about(invocation: Invocation) -> dict[str, Any]:
    command = invocation.command
    return {
        "CommandId": command.id,
        "InstanceId": invocation.instance,
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": command.version,
        "Status": invocation.status,
        "StatusDetails": invocation.status_details,
    }


def _plugin(invocation: Invocation) -> str:
    return SCRIPT_PLUGINS.get(invocation.command.document, "aws:runShellScript")


def _plugin_details(invocation: Invocation) -> dict[str, Any]:
    # A plugin knows no status Cancelling.
    status = "InProgress" if invocation.status == "Cancelling" else invocation.status
    return {
        "Name": _plugin(invocation),
        "Status": status,
        "StatusDetails": invocation.status_details,
        "ResponseCode": invocation.exit_code,
        "Output": (invocation.standard_output + invocation.standard_error)[:PLUGIN_OUTPUT_KEPT],
    }


def _check_command_id(command: str) -> None:
    if not COMMAND_ID.fullmatch(command):
        raise SSMException("InvalidCommandId", "")


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
