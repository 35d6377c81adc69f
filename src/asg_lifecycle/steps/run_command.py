"""The step kind `run-command`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta, Struct

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.command_text import quoting_of
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.progress import Done, Failed, Missing, Progress, StepAnswer, Waiting
from asg_lifecycle.model.redaction import redacted
from asg_lifecycle.model.resource_names import CommandDocument
from asg_lifecycle.model.signals import command_ended
from asg_lifecycle.steps.base import StatefulStep

if TYPE_CHECKING:
    from asg_lifecycle.aws.commands import Invocation
    from asg_lifecycle.steps.base import Target

VISIBLE_AFTER = 60.0
"""Seconds after which a command that was sent is taken to show in the list of commands, or not to have been sent."""

POLL_INTERVAL = 5.0
"""Seconds."""

OUTPUT_KEPT = 500
"""Characters at the end of its output that are kept."""

RUNNING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})


class RunCommandOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run."""

    document: Annotated[
        CommandDocument, Meta(description="Name or ARN of the command document, `AWS-RunShellScript` for one.")
    ]
    version: Annotated[str | None, Meta(description="Of the document; the default version when absent.")] = None
    parameters: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="The document's parameters, each a list of strings, with placeholders in them."),
    ] = {}


class RunCommandState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of the command.

    Attributes:
        command: its id, None while it is not known whether it was sent.
        sent_since: since when it may have been sent, seconds since the epoch; None when its id is known.
    """

    command: str | None
    sent_since: float | None = None


class RunCommand(StatefulStep[RunCommandOptions, RunCommandState]):
    """Run a Systems Manager document on the instance and wait for it to end.

    In `commands` of `AWS-RunShellScript` and `AWS-RunPowerShellScript` the values of placeholders are quoted for the
    shell: write `echo {tag:Name}`, without quotes. A value that cannot be put in safely fails the step; in all other
    parameters that is every value but letters, digits and `_.:/-`. `${instance}` is a variable of the shell.

    The command is never sent twice for one action, unless it has failed and an operator says `resume`. `SendCommand`
    has no client token, so the command carries its action's token in its comment and is looked up there whenever it may
    have been sent before.
    """

    kind = "run-command"
    example: ClassVar[dict[str, object]] = {
        "document": "AWS-RunShellScript",
        "parameters": {"commands": ["systemctl stop web"]},
    }
    permissions = (
        "ssm:CancelCommand",
        "ssm:DescribeInstanceInformation",
        "ssm:GetCommandInvocation",
        "ssm:ListCommands",
        "ssm:SendCommand",
    )
    template_parameter = "CommandSteps"
    may_be_missing = "documents"
    needs_instance_alive = True
    at_most_once = True

    def preview(self, target: Target) -> str:
        """Say which command would be sent, and whether the agent is there to take it."""
        instance = target.action.instance
        ping = self._services.commands.ping_status(instance)
        agent = f"whose agent is {ping}" if ping is not None else "which is not managed by Systems Manager"
        # What cannot be filled in fails the trial as it would fail the step.
        self._parameters(target)
        return f"would send {self._options.document} to instance {instance}, {agent}"

    def begin(self, target: Target) -> StepAnswer:
        """Send the command, or find the one that was sent."""
        return self._send_once(target, target.began_before)

    def poll(self, target: Target, state: RunCommandState) -> StepAnswer:
        """Ask for the status of the command."""
        command = state.command
        if command is None:
            return self._send_once(target, state.sent_since)
        invocation = self._services.commands.invocation(command=command, instance=target.action.instance)
        if invocation is None or invocation.status in RUNNING:
            return self._running(command)
        return self._ended(command, invocation)

    def stop(self, target: Target, state: RunCommandState | None) -> str | None:
        """Cancel the command if it still runs."""
        command = state.command if state is not None else None
        if command is None:
            command = self._services.commands.find(
                instance=target.action.instance, comment=_comment(target), since=target.action.time - VISIBLE_AFTER
            )
        if command is None:
            return None
        invocation = self._services.commands.invocation(command=command, instance=target.action.instance)
        if invocation is not None and invocation.status not in RUNNING:
            return None
        self._services.commands.cancel(command=command, instance=target.action.instance)
        return f"command {command} ({self._options.document}) was asked to stop"

    def _send_once(self, target: Target, sent_since: float | None) -> StepAnswer:
        instance = target.action.instance
        comment = _comment(target)
        if sent_since is not None:
            command = self._services.commands.find(
                instance=instance, comment=comment, since=target.action.time - VISIBLE_AFTER
            )
            if command is not None:
                return self._running(command)
            if target.now < sent_since + VISIBLE_AFTER:
                return self._waiting(
                    f"looking for {self._options.document}, which may have been sent already",
                    RunCommandState(command=None, sent_since=sent_since),
                    again_after=POLL_INTERVAL,
                    blockers=(self._blocker(self._options.document, "it may have been sent already"),),
                )
        parameters = self._parameters(target)
        ping = self._services.commands.ping_status(instance)
        if ping != "Online":
            return Failed(_unreachable(instance, ping))
        try:
            command = self._services.commands.send(
                instance=instance,
                document=self._options.document,
                document_version=self._options.version,
                parameters=parameters,
                comment=comment,
            )
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.NOT_FOUND:
                return Missing(f"there is no document {self._options.document} ({failed.failure.code})")
            if failed.failure.consequence is not Consequence.TRANSIENT:
                raise
            # No answer does not mean no effect: from now on the command may exist.
            return self._waiting(
                f"sending {self._options.document}: {failed.failure}",
                RunCommandState(command=None, sent_since=target.now),
                again_after=POLL_INTERVAL,
                blocked=True,
                blockers=(
                    Blocker(kind=BlockerKind.DEPENDENCY, name=failed.failure.action, reason=str(failed.failure)),
                ),
            )
        return self._running(command)

    def _parameters(self, target: Target) -> dict[str, tuple[str, ...]]:
        """Return the parameters with their placeholders replaced.

        Raises:
            CannotFillError: a placeholder has no value, or one that cannot be put into the command safely.
        """
        filled = {}
        for name, lines in self._options.parameters.items():
            # Quotes that one line opens, another may close.
            quote = quoting_of(self._options.document, name)
            filled[name] = tuple(target.fill("\n".join(lines), quote).split("\n")) if lines else lines
        return filled

    def _running(self, command: str) -> Waiting:
        return self._waiting(
            f"waiting for command {command} ({self._options.document})",
            RunCommandState(command=command),
            wake_on=command_ended(command),
            blockers=(self._blocker(command, f"{self._options.document} has not ended"),),
        )

    @staticmethod
    def _blocker(name: str, reason: str) -> Blocker:
        return Blocker(kind=BlockerKind.COMMAND, name=name, reason=reason)

    def _ended(self, command: str, invocation: Invocation) -> Progress:
        said = _tail(invocation.output)
        if invocation.status == "Success":
            ended = "well" if invocation.exit_code is None else f"with exit code {invocation.exit_code}"
            return Done(f"command {command} ({self._options.document}) ended {ended}{said}")
        code = "" if invocation.exit_code is None else f", exit code {invocation.exit_code}"
        complaint = _tail(invocation.errors) or said
        details = invocation.status_details or invocation.status
        return Failed(f"command {command} ({self._options.document}) ended {details}{code}{complaint}")


def _comment(target: Target) -> str:
    again = f" attempt {target.attempt + 1}" if target.attempt else ""
    return f"asg-lifecycle {target.action.reference} step {target.position + 1}{again}"


def _unreachable(instance: str, ping: str | None) -> str:
    if ping is None:
        return (
            f"instance {instance} is not managed by Systems Manager: "
            "install the agent and give the instance profile AmazonSSMManagedInstanceCore"
        )
    return f"the Systems Manager agent of instance {instance} is {ping}, expected Online: check the agent and its route"


def _tail(text: str) -> str:
    # In this order: what is left of a secret that was cut would look like none.
    kept = redacted(text).strip()[-OUTPUT_KEPT:]
    return f"; it said: {kept}" if kept else ""
