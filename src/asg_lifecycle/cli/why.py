"""`asg-lifecycle why`: why an instance is still there, in one paragraph."""

from __future__ import annotations

from typing import Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, write_sentences
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.ps import open_action_tools
from asg_lifecycle.model.explanation import explain
from asg_lifecycle.model.fields import is_instance_id


def why(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="The EC2 instance id.")],
    *,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Say what holds an instance, since when, what would end it, and what happens by itself and when.

    A paragraph to paste into a chat. For example: `asg-lifecycle why i-0123456789abcdef0`
    """
    if not is_instance_id(instance):
        fail(f"{instance!r} is no instance id: expected 'i-' and 8 or 17 hexadecimal digits", ExitCode.BAD_INPUT)
    tools = open_action_tools(stack)
    with reporting_failed_calls():
        records = tools.records.of_instance(instance)
        if not records:
            records = tools.history.of_target(instance)
    if not records:
        fail(f"{instance} does not wait at a hook of this stack")
    now = tools.clock()
    for record in sorted(records, key=lambda each: each.event_time):
        write_sentences(explain(record, now), hanging=False)
