"""What `install-hook` and `remove-hook` share: the stack's parameters, the group, and who owns it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, fail_for_unknown_group, reporting_failed_calls, warn
from asg_lifecycle.cli.stack import find_stack, is_not_ours
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.hook_proposal import StackParameters
from asg_lifecycle.model.hook_snippets import SnippetForm

if TYPE_CHECKING:
    from asg_lifecycle.aws.groups import Group
    from asg_lifecycle.composition.hook_tools import HookTools
    from asg_lifecycle.model.group_owner import GroupOwner

LONGEST_SWEEP = 1800.0
"""Seconds: the longest interval that the template allows."""

PrefixOfStack = Annotated[
    str | None,
    typer.Option(
        "--hook-name-prefix", metavar="PREFIX", help="What the names of our hooks begin with, instead of the stack's."
    ),
]
FormOfTool = Annotated[
    SnippetForm | None, typer.Option("--as", help="Print the hook for this tool instead, and change nothing.")
]
Way = Annotated[bool | None, typer.Option("--launch/--terminate", help="What the hook holds.")]


def open_hook_tools(stack: str, prefix: str | None) -> HookTools:
    """Return what the commands about hooks work with; end the command when the stack does not say enough."""
    from asg_lifecycle.composition.command_line import stack_parameters  # noqa: PLC0415 - --help loads no boto3
    from asg_lifecycle.composition.hook_tools import compose_hook_tools  # noqa: PLC0415 - likewise

    found = find_stack(stack)
    if not found.table or not found.plan_path:
        fail(is_not_ours(found.name, "it has no outputs Table and PlanPath"), ExitCode.BAD_INPUT)
    with reporting_failed_calls():
        parameters = stack_parameters(found.name)
    return compose_hook_tools(
        table=found.table,
        plan_path=found.plan_path,
        features=found.features,
        parameters=_read(found.name, parameters, prefix),
    )


def _read(stack: str, values: dict[str, str], prefix: str | None) -> StackParameters:
    if prefix is None and "HookNamePrefix" not in values:
        fail(f"stack {stack} has no parameter HookNamePrefix: say it with --hook-name-prefix", ExitCode.BAD_INPUT)
    minutes, drains = values.get("SweepMinutes", ""), values.get("DrainsPerGroup", "")
    if not minutes.isdecimal():
        warn(f"stack {stack} has no parameter SweepMinutes: sweeps every {readable(LONGEST_SWEEP)} are assumed")
    return StackParameters(
        hook_name_prefix=values["HookNamePrefix"] if prefix is None else prefix,
        sweep_interval=60.0 * int(minutes) if minutes.isdecimal() else LONGEST_SWEEP,
        drains_per_group=(int(drains) or None) if drains.isdecimal() else None,
    )


def find_group(tools: HookTools, name: str) -> Group:
    """Return a group; end the command when there is none of the name."""
    with reporting_failed_calls():
        group = tools.groups.named(name)
    if group is None:
        fail_for_unknown_group(name)
    return group


def warn_of_owner(group: str, owner: GroupOwner | None) -> None:
    """Say which other tool owns a group."""
    if owner is not None:
        warn(f"group {group} belongs to {owner}: {owner.undoes}")
