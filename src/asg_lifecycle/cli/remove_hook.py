"""`asg-lifecycle remove-hook`: removes a lifecycle hook of ours that nothing waits at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.confirmation import is_interactive
from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, warn, write
from asg_lifecycle.cli.hook_access import (
    PrefixOfStack,
    Way,
    find_group,
    open_hook_tools,
    warn_of_owner,
)
from asg_lifecycle.cli.options import THE_ONLY_STACK, DryRun, StackName, Yes
from asg_lifecycle.model.group_owner import owner_of
from asg_lifecycle.model.hook_removal import WaitingInstance, release_effect, waiting_at
from asg_lifecycle.model.lifecycle_hooks import HookSettings, choose_removed
from asg_lifecycle.model.plans import PlanTransition, plan_transition

if TYPE_CHECKING:
    from asg_lifecycle.composition.hook_tools import HookTools


def remove_hook(  # noqa: PLR0913 - one parameter for each option
    *,
    group: Annotated[str, typer.Option(metavar="NAME", help="The Auto Scaling group.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the hook; else the only one of ours.")] = "",
    launch: Way = None,
    release_waiting: Annotated[
        bool, typer.Option("--release-waiting", help="Let instances go that wait at it, whatever work is left.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    hook_name_prefix: PrefixOfStack = None,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Remove a lifecycle hook of ours. Refuses while an instance waits at it: that instance would be let go.

    For example: `asg-lifecycle remove-hook --group web --terminate`
    """
    tools = open_hook_tools(stack, hook_name_prefix)
    found = find_group(tools, group)
    hook = _hook(tools, group, name, launch=launch)
    waiting = _waiting(tools, group, hook)
    warn_of_owner(group, owner_of(found.tags))
    for each in waiting:
        warn(f"group {group}: {each}")
    if waiting and not release_waiting:
        fail(_refusal(hook, waiting))
    write(f"group {group}: {plan_transition(hook.transition)} hook {hook.name} is to be removed")
    if waiting:
        warn(f"with the hook {_counted(waiting)} let go: {release_effect(hook.transition)}")
    if dry_run:
        write("dry run: nothing was done")
        return
    if not yes:
        _confirm(hook, waiting)
    _refuse_newcomers(hook, waiting, _waiting(tools, group, hook), release_waiting=release_waiting)
    with reporting_failed_calls():
        gone = tools.hooks.delete(group, hook.name)
    if not gone:
        fail(f"group {group} still has hook {hook.name}: look again with --dry-run")
    write(f"group {group}: hook {hook.name} is gone")


def _hook(tools: HookTools, group: str, name: str, *, launch: bool | None) -> HookSettings:
    transition = None if launch is None else PlanTransition.LAUNCH if launch else PlanTransition.TERMINATE
    with reporting_failed_calls():
        present = tools.hooks.of_group(group)
    prefix = tools.parameters.hook_name_prefix
    choice = choose_removed(present, transition, name=name, prefix=prefix, group=group)
    if choice.present is None:
        fail(choice.refusal or f"group {group} has no hook of ours")
    return choice.present


def _waiting(tools: HookTools, group: str, hook: HookSettings) -> tuple[WaitingInstance, ...]:
    """Return what waits at the hook now, by the group's instances and by our records."""
    found = find_group(tools, group)
    with reporting_failed_calls():
        pool = tools.groups.pool(group) if found.has_pool else ()
        live = tools.records.in_flight()
    for unreadable in live.unreadable:
        if (unreadable.group, unreadable.hook) in {(group, hook.name), ("", ""), (group, ""), ("", hook.name)}:
            fail(f"hook {hook.name} stays: {unreadable}")
    states = {member.instance: member.state for member in (*found.members, *pool)}
    return waiting_at(group, hook, states, live.records)


def _counted(waiting: tuple[WaitingInstance, ...]) -> str:
    return "1 instance is" if len(waiting) == 1 else f"{len(waiting)} instances are"


def _refusal(hook: HookSettings, waiting: tuple[WaitingInstance, ...]) -> str:
    names = ", ".join(each.instance for each in waiting)
    return (
        f"hook {hook.name} stays: {names} may wait at it, and without it {release_effect(hook.transition)}; wait until "
        "that is done, end it with `asg-lifecycle finish`, or say --release-waiting"
    )


def _refuse_newcomers(
    hook: HookSettings,
    before: tuple[WaitingInstance, ...],
    now: tuple[WaitingInstance, ...],
    *,
    release_waiting: bool,
) -> None:
    """End the command when an instance began to wait that nobody was told of."""
    known = {each.instance for each in before}
    newcomers = tuple(each for each in now if each.instance not in known)
    if newcomers and not release_waiting:
        fail(_refusal(hook, newcomers))
    if newcomers:
        names = ", ".join(each.instance for each in newcomers)
        fail(f"hook {hook.name} stays: meanwhile {names} began to wait at it; say it again")


def _confirm(hook: HookSettings, waiting: tuple[WaitingInstance, ...]) -> None:
    if not is_interactive():
        fail("nobody can be asked here: say --yes to remove a hook", ExitCode.BAD_INPUT)
    if not waiting:
        typer.confirm(f"remove hook {hook.name}?", abort=True)
    elif typer.prompt(f"{_counted(waiting)} let go; type the hook's name to remove it") != hook.name:
        fail("that is another one: nothing was done")
