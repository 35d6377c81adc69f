"""`asg-lifecycle check-delete`: whether the stack can be deleted without an instance left waiting for nobody."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import typer
from msgspec import Struct

from asg_lifecycle.cli.console import ExitCode, reporting_failed_calls, say, warn, warn_with_command
from asg_lifecycle.cli.hook_access import PrefixOfStack, open_hook_tools
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.cli.stack import find_stack
from asg_lifecycle.model.hook_removal import WaitingInstance
from asg_lifecycle.model.stack_deletion import AnsweredHook, HookedGroup, answered_hooks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from asg_lifecycle.cli.stack import Stack
    from asg_lifecycle.composition.hook_tools import HookTools


class Obstacle(Struct, frozen=True, kw_only=True):
    """A line of the list: a hook, and an instance that waits at it; None where none does."""

    hook: AnsweredHook
    instance: WaitingInstance | None


MOST_NAMED = 5
"""Retained instances that are named one by one."""

COLUMNS: tuple[Column[Obstacle], ...] = (
    Column(name="group", value=lambda each: each.hook.group, may_be_folded=True),
    Column(name="hook", value=lambda each: each.hook.hook, may_be_folded=True),
    Column(name="instance", value=lambda each: each.instance.instance if each.instance else None),
    Column(name="action", value=lambda each: each.instance.status if each.instance else None, always=False),
    Column(name="without the stack", value=lambda each: each.hook.without_stack, may_be_folded=True),
)
DETAILS: tuple[Column[Obstacle], ...] = (
    Column(name="transition", value=lambda each: str(each.hook.transition) if each.hook.transition else None),
    Column(name="state", value=lambda each: each.instance.state if each.instance else None),
    Column(name="heartbeat", value=lambda each: each.hook.heartbeat),
    Column(name="default", value=lambda each: str(each.hook.default_result) if each.hook.default_result else None),
)


def check_delete(
    *,
    output: OutputForm = Output.TABLE,
    hook_name_prefix: PrefixOfStack = None,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Tell whether the stack can be deleted: nothing waits, and no hook would be answered by nobody. Only reads.

    Lists every hook that the stack answers, the instances that wait at it, and what becomes of them without the stack.
    Exit code 0 when there is none, 1 as long as there is one. `docs/upgrading.md` says how a stack is deleted.

    For example: `asg-lifecycle check-delete --stack asg-lifecycle`
    """
    found = find_stack(stack)
    tools = open_hook_tools(found.name, hook_name_prefix)
    with reporting_failed_calls():
        # What begins to wait meanwhile waits at one of these hooks, and each of them is an obstacle by itself.
        groups = tuple(_groups(tools))
        live = tools.records.in_flight()
        answered = answered_hooks(groups, live.records, tools.parameters.hook_name_prefix)
        letters = _dead_letters(found)
    obstacles = [Obstacle(hook=hook, instance=instance) for hook in answered for instance in (hook.waiting or (None,))]
    columns = COLUMNS if output is Output.TABLE else (*COLUMNS, *DETAILS)
    ready = "" if live.unreadable else f"stack {found.name} can be deleted: it answers no hook, and no instance waits"
    write_list(obstacles, columns, output, none=ready)
    if letters:
        warn(f"{_counted(letters, 'dead letter')} in its queues will be lost: see `asg-lifecycle redrive list`")
    for unreadable in live.unreadable:
        warn(f"asg-lifecycle: it may wait: {unreadable}")
    if retained := [f"{it} of group {group.name}" for group in groups for it in group.retained]:
        named = ", ".join(retained[:MOST_NAMED]) + (", …" if len(retained) > MOST_NAMED else "")
        warn(f"retained, and so billed until somebody terminates them: {named}; see `asg-lifecycle ps --retained`")
    if obstacles:
        _say_what_to_do(found.name, answered)
    if obstacles or live.unreadable:
        raise typer.Exit(ExitCode.FAILED)
    if output is Output.TABLE:
        stays = f"table {found.table} with the records, and the plans below {found.plan_path}"
        say(f"what stays: {stays}; docs/upgrading.md lists what else may")


def _groups(tools: HookTools) -> Iterator[HookedGroup]:
    for group in tools.groups.all():
        hooks = tools.hooks.of_group(group.name)
        pool = tools.groups.pool(group.name) if group.has_pool else ()
        yield HookedGroup(
            name=group.name,
            hooks=hooks,
            states={member.instance: member.state for member in (*group.members, *pool)},
            retains=group.retains,
        )


def _dead_letters(stack: Stack) -> int:
    from asg_lifecycle.composition.command_line import dead_letter_count  # noqa: PLC0415 - --help loads no boto3

    return dead_letter_count(stack.dead_letter_queues)


def _say_what_to_do(stack: str, answered: Sequence[AnsweredHook]) -> None:
    waiting = sum(len(each.waiting) for each in answered)
    hooks = [each for each in answered if each.transition is not None]
    waits = f"{_counted(waiting, 'instance')} may wait" if waiting else "no instance waits"
    unanswered = f"{_counted(len(hooks), 'hook')} would be answered by nobody" if hooks else "its hook is gone"
    warn(f"asg-lifecycle: stack {stack} is not ready to be deleted: {waits}, and {unanswered}")
    if waiting:
        warn("wait until nothing waits: `asg-lifecycle ps`; `asg-lifecycle finish` ends what need not be done")
    for each in hooks:
        command = ("asg-lifecycle", "remove-hook", "--group", each.group, "--name", each.hook, "--stack", stack)
        warn_with_command("remove the hook" if not each.waiting else "then remove the hook", shlex.join(command))


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
