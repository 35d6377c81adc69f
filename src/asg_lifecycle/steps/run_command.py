"""Run a Systems Manager document on the instance and wait for it to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import Meta, Struct

from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.signals import command_ended

if TYPE_CHECKING:
    from typing import Self

    from asg_lifecycle.aws.commands import Commands, Invocation
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services

VISIBLE_AFTER = 60.0
"""Seconds after which a command that was sent is taken to show in the list of commands, or not to have been sent."""

LOOK_AGAIN = 5.0
OUTPUT_KEPT = 500

RUNNING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})


class RunCommandOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run.

    Attributes:
        document: name or ARN of the command document, `AWS-RunShellScript` for one.
        version: of the document; the default version when absent.
        parameters: the document's parameters, each a list of strings.
    """

    document: Annotated[str, Meta(min_length=1)]
    version: str | None = None
    parameters: dict[str, tuple[str, ...]] = {}


class RunCommand:
    """`run-command`: never sent twice for one action.

    `SendCommand` has no client token, so the command carries its action's token in its comment and is looked up
    there whenever it may have been sent before.
    """

    kind: ClassVar[str] = "run-command"
    options: ClassVar[type[Struct]] = RunCommandOptions
    example: ClassVar[dict[str, Any]] = {
        "document": "AWS-RunShellScript",
        "parameters": {"commands": ["systemctl stop web"]},
    }
    permissions: ClassVar[tuple[str, ...]] = (
        "ssm:CancelCommand",
        "ssm:DescribeInstanceInformation",
        "ssm:GetCommandInvocation",
        "ssm:ListCommands",
        "ssm:SendCommand",
    )
    template_parameter: ClassVar[str | None] = "CommandSteps"
    skip_if_instance_survives: ClassVar[bool] = False
    needs_instance_alive: ClassVar[bool] = True
    at_most_once: ClassVar[bool] = True

    def __init__(self, chosen: RunCommandOptions, commands: Commands) -> None:
        self._chosen = chosen
        self._commands = commands

    @classmethod
    def create(cls, options: Struct, services: Services) -> Self:
        """Return the step for `options`."""
        return cls(msgspec.convert(options, RunCommandOptions, from_attributes=True), services.commands)

    def preview(self, target: Target) -> str:
        """Say which command would be sent, and whether the agent is there to take it."""
        instance = target.action.instance
        ping = self._commands.ping_status(instance)
        agent = f"whose agent is {ping}" if ping is not None else "which is not managed by Systems Manager"
        return f"would send {self._chosen.document} to instance {instance}, {agent}"

    def begin(self, target: Target) -> Progress:
        """Send the command, or find the one that was sent."""
        return self._send_once(target, target.began_before)

    def check(self, target: Target, last: Waiting) -> Progress:
        """Ask how the command is doing."""
        command = last.state.get("command")
        if command is None:
            return self._send_once(target, last.state["sent_since"])
        invocation = self._commands.invocation(command=command, instance=target.action.instance)
        if invocation is None or invocation.status in RUNNING:
            return self._running(command)
        return self._ended(command, invocation)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Cancel the command if it still runs."""
        command = last.state.get("command") if last is not None else None
        if command is None:
            command = self._commands.find(
                instance=target.action.instance, comment=_comment(target), since=target.action.time - VISIBLE_AFTER
            )
        if command is None:
            return None
        invocation = self._commands.invocation(command=command, instance=target.action.instance)
        if invocation is not None and invocation.status not in RUNNING:
            return None
        self._commands.cancel(command=command, instance=target.action.instance)
        return f"command {command} ({self._chosen.document}) was asked to stop"

    def _send_once(self, target: Target, sent_since: float | None) -> Progress:
        instance = target.action.instance
        comment = _comment(target)
        if sent_since is not None:
            command = self._commands.find(instance=instance, comment=comment, since=target.action.time - VISIBLE_AFTER)
            if command is not None:
                return self._running(command)
            if target.now < sent_since + VISIBLE_AFTER:
                return Waiting(
                    f"looking for {self._chosen.document}, which may have been sent already",
                    again_after=LOOK_AGAIN,
                    state={"command": None, "sent_since": sent_since},
                )
        ping = self._commands.ping_status(instance)
        if ping != "Online":
            return Failed(_unreachable(instance, ping), retryable=True)
        try:
            command = self._commands.send(
                instance=instance,
                document=self._chosen.document,
                document_version=self._chosen.version,
                parameters=self._chosen.parameters,
                comment=comment,
            )
        except CallFailed as failed:
            if failed.failure.consequence is not Consequence.TRANSIENT:
                raise
            # No answer does not mean no effect: from now on the command may exist.
            return Waiting(
                f"sending {self._chosen.document}: {failed.failure}",
                again_after=LOOK_AGAIN,
                state={"command": None, "sent_since": target.now},
                blocked=True,
            )
        return self._running(command)

    def _running(self, command: str) -> Waiting:
        return Waiting(
            f"waiting for command {command} ({self._chosen.document})",
            state={"command": command},
            wake_on=command_ended(command),
        )

    def _ended(self, command: str, invocation: Invocation) -> Progress:
        said = _tail(invocation.output)
        if invocation.status == "Success":
            return Done(f"command {command} ({self._chosen.document}) ended with exit code 0{said}")
        code = "" if invocation.exit_code is None else f", exit code {invocation.exit_code}"
        complaint = _tail(invocation.errors) or said
        details = invocation.status_details or invocation.status
        return Failed(f"command {command} ({self._chosen.document}) ended {details}{code}{complaint}")


def _comment(target: Target) -> str:
    return f"asg-lifecycle {target.action.reference} step {target.position + 1}"


def _unreachable(instance: str, ping: str | None) -> str:
    if ping is None:
        return (
            f"instance {instance} is not managed by Systems Manager: "
            "install the agent and give the instance profile AmazonSSMManagedInstanceCore"
        )
    return f"the Systems Manager agent of instance {instance} is {ping}, expected Online: check the agent and its route"


def _tail(text: str) -> str:
    kept = text.strip()[-OUTPUT_KEPT:]
    return f"; it said: {kept}" if kept else ""
