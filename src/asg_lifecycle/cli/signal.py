"""`asg-lifecycle signal`: tell the action of an instance that something is done."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, write
from asg_lifecycle.model.fields import is_instance_id
from asg_lifecycle.model.wake_events import NAME, NAME_EXPECTED


def signal(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="The EC2 instance id.")],
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="What the plan's `wait-for-signal` calls it.")] = "done",
    result: Annotated[
        Literal["success", "failure"], typer.Option(help="Whether it went well: a failure fails the step.")
    ] = "success",
    message: Annotated[str, typer.Option(metavar="TEXT", help="A sentence for the record.")] = "",
    hook: Annotated[
        str | None, typer.Option(metavar="HOOK", help="Only the action under this hook, when there are several.")
    ] = None,
) -> None:
    """Send a signal to the action that an instance waits under.

    It is put on the default event bus: EventBridge passes it on, and the action's record shows it within seconds. A
    signal for an instance that does not wait is dropped.
    """
    if not is_instance_id(instance):
        fail(f"{instance!r} is no instance id: expected 'i-' and 8 or 17 hexadecimal digits", ExitCode.BAD_INPUT)
    if not NAME.fullmatch(name):
        fail(f"{name!r} is no name of a signal: expected {NAME_EXPECTED}", ExitCode.BAD_INPUT)
    from asg_lifecycle.composition.command_line import send_signal  # noqa: PLC0415 - offline commands load no boto3

    with reporting_failed_calls():
        send_signal(instance=instance, name=name, succeeded=result == "success", message=message, hook=hook)
    write(f"sent signal {name} ({result}) of instance {instance}")
