"""`asg-lifecycle signal`: tell the action of an instance that something is done."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, say, warn, with_what_to_do
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.stack import Stack, is_not_ours, look_for_stack
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.fields import is_instance_id, shown
from asg_lifecycle.model.signal_words import asks_for_word
from asg_lifecycle.model.wake_events import NAME, NAME_EXPECTED


def signal(  # noqa: PLR0913 - one parameter for each option
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
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Send a signal to the action that an instance waits under.

    It is put on the default event bus: EventBridge passes it on, and the action's record shows it within seconds. One
    for an instance that does not wait would be dropped, and is not sent; nor is one that the plan takes from the
    instance itself alone. Where the stack cannot be read it is sent all the same.

    For example: `asg-lifecycle signal i-0123456789abcdef0 --name drained`
    """
    if not is_instance_id(instance):
        fail(f"{instance!r} is no instance id: expected 'i-' and 8 or 17 hexadecimal digits", ExitCode.BAD_INPUT)
    if not NAME.fullmatch(name):
        fail(f"{name!r} is no name of a signal: expected {NAME_EXPECTED}", ExitCode.BAD_INPUT)
    from asg_lifecycle.composition.command_line import send_signal  # noqa: PLC0415 - offline commands load no boto3

    _check_that_it_waits(instance, hook, name, stack)
    with reporting_failed_calls():
        send_signal(instance=instance, name=name, succeeded=result == "success", message=message, hook=hook)
    say(f"sent signal {name} ({result}) of instance {instance}")


def _check_that_it_waits(instance: str, hook: str | None, name: str, stack: str) -> None:
    """End the command when nobody waits for the signal; say so when that cannot be found out."""
    found = look_for_stack(stack)
    if isinstance(found, Stack) and not found.table:
        found = is_not_ours(stack, "it has no output Table")
    if isinstance(found, str):
        if stack:
            fail(found, ExitCode.BAD_INPUT)
        warn(f"asg-lifecycle: whether {instance} waits could not be looked up: {found}")
        return
    from asg_lifecycle.composition import action_tools  # noqa: PLC0415 - offline commands load no boto3

    try:
        records = action_tools.compose_action_tools(found.table).records.of_instance(instance)
    except CallFailed as failed:
        warn(f"asg-lifecycle: whether {instance} waits could not be looked up: {with_what_to_do(failed)}")
        return
    hooks = sorted(record.hook for record in records)
    if not hooks:
        fail(f"{instance} does not wait at a hook of this stack: the signal would be dropped, and was not sent")
    if hook is not None and hook not in hooks:
        fail(f"{instance} does not wait under hook {shown(hook)}, but under {', '.join(hooks)}: nothing was sent")
    if all(asks_for_word(record.plan_decision, name) for record in records if hook in {None, record.hook}):
        fail(
            f"the plan takes signal {name} from {instance} itself alone, by the word it has given itself: nothing was "
            f"sent. To go on without it: asg-lifecycle skip {instance}"
        )
