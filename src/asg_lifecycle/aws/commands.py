"""The Run Command calls of Systems Manager."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_ssm.type_defs import SendCommandRequestTypeDef

    from asg_lifecycle.aws.clients import Clients

UNMANAGED_CODES = frozenset({"InvalidInstanceId", "InvalidInstanceInformationFilterValue"})


class Invocation(Struct, frozen=True, kw_only=True):
    """The state of a command on one instance.

    Attributes:
        status: `Pending`, `InProgress`, `Delayed`, `Success`, `Cancelled`, `TimedOut`, `Failed`, `Cancelling`.
        status_details: the same in more detail: `Undeliverable`, `Terminated`, `Execution Timed Out`, …
        exit_code: the command's exit code, None while it has none.
        output: standard output as far as Systems Manager keeps it.
        errors: standard error, likewise.
    """

    status: str
    status_details: str = ""
    exit_code: int | None = None
    output: str = ""
    errors: str = ""


class Commands:
    """Run Command in this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def ping_status(self, instance: str) -> str | None:
        """Return `Online`, `ConnectionLost` or `Inactive`, None when Systems Manager does not know the instance.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ssm:DescribeInstanceInformation"):
                found = self._clients.ssm.describe_instance_information(
                    Filters=[{"Key": "InstanceIds", "Values": [instance]}]
                )["InstanceInformationList"]
        except CallFailed as failed:
            if failed.failure.code in UNMANAGED_CODES:
                return None
            raise
        return found[0].get("PingStatus") if found else None

    def send(
        self,
        *,
        instance: str,
        document: str,
        document_version: str | None,
        parameters: Mapping[str, Sequence[str]],
        comment: str,
    ) -> str:
        """Send the command and return its id. There is no client token: sent twice, it runs twice.

        Args:
            instance: where to run it.
            document: name or ARN of a command document.
            document_version: None for the default version.
            parameters: the document's parameters.
            comment: at most 100 characters, by which `find` finds it again.

        Raises:
            CallFailed: no answer (the command may have been sent all the same), throttled, denied, refused.
        """
        request: SendCommandRequestTypeDef = {
            "InstanceIds": [instance],
            "DocumentName": document,
            "Parameters": {name: list(values) for name, values in parameters.items()},
            "Comment": comment,
        }
        if document_version is not None:
            request["DocumentVersion"] = document_version
        with calling("ssm:SendCommand"):
            return self._clients.ssm.send_command(**request)["Command"]["CommandId"]

    def find(self, *, instance: str, comment: str, since: float) -> str | None:
        """Return the id of the command with this comment sent to `instance`, None when the list shows none.

        The list lags behind `send` by a moment.

        Args:
            instance: where it runs.
            comment: the comment that `send` was given.
            since: only commands sent after this time, seconds since the epoch.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        after = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with calling("ssm:ListCommands"):
            for page in self._clients.ssm.get_paginator("list_commands").paginate(
                InstanceId=instance, Filters=[{"key": "InvokedAfter", "value": after}]
            ):
                for command in page["Commands"]:
                    if command.get("Comment") == comment:
                        return command["CommandId"]
        return None

    def invocation(self, *, command: str, instance: str) -> Invocation | None:
        """Return the state of the command, None in the moment after `send` when Systems Manager does not show it yet.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ssm:GetCommandInvocation"):
                answer = self._clients.ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        except CallFailed as failed:
            if failed.failure.code == "InvocationDoesNotExist":
                return None
            raise
        code = answer.get("ResponseCode", -1)
        return Invocation(
            status=answer["Status"],
            status_details=answer.get("StatusDetails", ""),
            exit_code=None if code < 0 else code,
            output=answer.get("StandardOutputContent", ""),
            errors=answer.get("StandardErrorContent", ""),
        )

    def cancel(self, *, command: str, instance: str) -> None:
        """Ask the agent to stop the command. It may have ended already; that is no error.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        try:
            with calling("ssm:CancelCommand"):
                self._clients.ssm.cancel_command(CommandId=command, InstanceIds=[instance])
        except CallFailed as failed:
            if failed.failure.code not in {"InvalidCommandId", "InvalidInstanceId", "DuplicateInstanceId"}:
                raise
