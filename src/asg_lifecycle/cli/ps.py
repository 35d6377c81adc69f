"""`asg-lifecycle ps`: the actions in flight, the one whose time is over first on top."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.action_lists import (
    ListedAction,
    StackOfActions,
    WantedActions,
    read_actions,
    stacks_of_every_region,
)
from asg_lifecycle.cli.console import ExitCode, fail, unknown_group, warn, with_what_to_do
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.cli.stack import find_stack, is_not_ours
from asg_lifecycle.model.action_summary import ActionSummary, Standing
from asg_lifecycle.model.durations import roughly
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.fields import shown as in_words

if TYPE_CHECKING:
    from asg_lifecycle.cli.stack import Stack
    from asg_lifecycle.composition.action_tools import ActionTools


def rounded(length: float | None) -> str:
    """Return a duration as a table shows it: its two largest units, `-` where it is not known, `over` below zero."""
    if length is None:
        return "-"
    if length < 0:
        return "over"
    return roughly(length)


def _shortly(summary: ActionSummary) -> str:
    """Return what an action waits for without what other columns say of it: a narrow terminal shows little of it."""
    shown = summary.waits_for.removeprefix(f"{summary.kind}: ").removeprefix(f"{summary.standing}: ")
    return shown.removeprefix("waiting for ")


SOON = 300.0
"""Seconds before its deadline from which on an action stands out."""

STYLES = {Standing.HELD: "bold yellow", Standing.COMPLETING: "green"}
"""How a terminal shows a status."""

COLUMNS: tuple[Column[ActionSummary], ...] = (
    Column(
        name="left",
        value=lambda each: each.left,
        text=lambda each: rounded(each.left),
        style=lambda each: "bold red" if each.left is not None and each.left < SOON else "",
    ),
    Column(name="status", value=lambda each: each.standing.value, style=lambda each: STYLES.get(each.standing, "")),
    Column(name="instance", value=lambda each: each.instance),
    Column(name="group", value=lambda each: each.group, may_be_folded=True),
    Column(
        name="step",
        value=lambda each: each.step,
        text=lambda each: f"{each.step}/{each.steps}" if each.step is not None else f"-/{each.steps}",
    ),
    Column(name="hook", value=lambda each: each.hook, always=False),
    Column(name="transition", value=lambda each: each.transition, always=False),
    Column(name="age", value=lambda each: each.age, text=lambda each: rounded(each.age), always=False),
    Column(name="plan", value=lambda each: each.plan, always=False),
    Column(name="waits_for", value=lambda each: each.waits_for, text=_shortly, may_be_cut=True),
)
DETAILS: tuple[Column[ActionSummary], ...] = (
    Column(name="kind", value=lambda each: each.kind),
    Column(name="steps", value=lambda each: each.steps),
    Column(name="problem", value=lambda each: each.problem),
    Column(name="token", value=lambda each: each.token),
    Column(name="execution", value=lambda each: each.execution),
    Column(
        name="blockers",
        value=lambda each: [
            {"kind": blocker.kind.value, "name": blocker.name, "reason": blocker.reason, "since": blocker.since}
            for blocker in each.blockers
        ],
    ),
)


def _summary(listed: ListedAction) -> ActionSummary:
    return listed.summary


LISTED: tuple[Column[ListedAction], ...] = tuple(column.of(_summary) for column in COLUMNS)
IN_REGIONS: tuple[Column[ListedAction], ...] = (
    *LISTED[:4],
    Column(name="region", value=lambda each: each.stack.region),
    Column(name="stack", value=lambda each: each.stack.name, always=False),
    *LISTED[4:],
)


def ps(  # noqa: PLR0913 - one parameter for each option
    *,
    stack: StackName = THE_ONLY_STACK,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="Only this Auto Scaling group.")] = None,
    hook: Annotated[str | None, typer.Option(metavar="NAME", help="Only this lifecycle hook.")] = None,
    status: Annotated[list[Standing] | None, typer.Option(help="Only these; may be given again.")] = None,
    retained: Annotated[
        bool, typer.Option("--retained", help="List the instances that abandoned terminate hooks left running instead.")
    ] = False,
    all_regions: Annotated[
        bool, typer.Option("--all-regions", help="Those of every stack in every Region of the account.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Keep the list up to date on the terminal; q or Ctrl-C quits.")
    ] = False,
    interval: Annotated[
        int, typer.Option(metavar="SECONDS", min=2, max=3600, help="With --watch: how often the list is read, at most.")
    ] = 5,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the instances that wait at our hooks, and what each waits for.

    The one whose time is over first comes first. For example: `asg-lifecycle ps --group web --status held`
    """
    if retained:
        _list_retained(stack, group, output, refused=hook is not None or bool(status) or all_regions or watch)
        return
    if watch:
        _check_terminal(output)
    wanted = WantedActions(group=group, hook=hook, standings=frozenset(status or ()))
    stacks, unread = (
        stacks_of_every_region(stack) if all_regions else ((StackOfActions(tools=open_action_tools(stack)),), ())
    )
    for sentence in unread:
        warn(f"asg-lifecycle: {sentence}")
    columns = IN_REGIONS if all_regions else LISTED
    if watch and stacks:
        from asg_lifecycle.cli import watched_list  # noqa: PLC0415 - only here the terminal is taken

        watched_list.watch(stacks, wanted, columns, interval)
        return
    found = read_actions(stacks)
    if found.failures and not all_regions:
        fail(found.failures[0])
    for sentence in (*found.failures, *found.unreadable):
        warn(f"asg-lifecycle: {sentence}")
    if stacks:
        actions = found.actions(wanted, stacks[0].tools.clock())
        details = [column.of(_summary) for column in DETAILS] if output is not Output.TABLE else []
        none = "" if found.unreadable else wanted.none_found()
        write_list(actions, (*columns, *details), output, none=none)
        if not actions and group is not None and not all_regions:
            _warn_of_unknown_group(stacks[0].tools, group)
    if unread or found.failures or found.unreadable:
        raise typer.Exit(ExitCode.FAILED)


def _warn_of_unknown_group(tools: ActionTools, group: str) -> None:
    """Say that there is no such group: a name with a slip in it must not look like a group in which nothing waits."""
    from asg_lifecycle.composition.drain_tools import compose_drain_tools  # noqa: PLC0415 - only here it is needed

    try:
        is_known = compose_drain_tools(tools).groups.named(group) is not None
    except CallFailed as failed:
        warn(f"asg-lifecycle: whether there is a group {in_words(group)} is not known: {with_what_to_do(failed)}")
        return
    if not is_known:
        warn(f"asg-lifecycle: {unknown_group(group)}")


def _list_retained(stack: str, group: str | None, output: Output, *, refused: bool) -> None:
    if refused:
        fail("--retained goes with --group alone", ExitCode.BAD_INPUT)
    from asg_lifecycle.cli.retained import list_retained  # noqa: PLC0415 - it needs `open_action_tools`

    list_retained(open_action_tools(stack), group, output)


def _check_terminal(output: Output) -> None:
    if output is not Output.TABLE:
        fail(f"--watch shows a table, and --output {output} was said", ExitCode.BAD_INPUT)
    if not sys.stdout.isatty():
        fail("--watch needs a terminal; elsewhere call ps again and again", ExitCode.BAD_INPUT)


def open_action_tools(stack: str) -> ActionTools:
    """Return what the commands about actions work with."""
    return action_tools_of(stack_with_actions(stack))


def stack_with_actions(stack: str) -> Stack:
    """Return the deployed stack, which has a table of records; end the command when there is none."""
    found = find_stack(stack)
    if not found.table:
        fail(is_not_ours(stack, "it has no output Table"), ExitCode.BAD_INPUT)
    return found


def action_tools_of(stack: Stack) -> ActionTools:
    """Return what the commands about the actions of a stack work with."""
    from asg_lifecycle.composition.action_tools import (  # noqa: PLC0415 - offline commands load no boto3
        compose_action_tools,
    )

    return compose_action_tools(stack.table)
