"""`asg-lifecycle drain`: the plan of a group, started on instances now, so many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.confirmation import confirm_instances
from asg_lifecycle.cli.console import (
    ExitCode,
    fail,
    fail_for_unknown_group,
    reporting_failed_calls,
    say,
    warn,
    warn_with_command,
    with_what_to_do,
    write_sentences,
)
from asg_lifecycle.cli.options import THE_ONLY_STACK, DryRun, HookNamePrefix, ReasonInOutput, StackName, Yes
from asg_lifecycle.cli.ps import open_action_tools
from asg_lifecycle.cli.repeated_command import command_again
from asg_lifecycle.intake.group_drain import DrainRequest
from asg_lifecycle.model import hooks
from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.drain_selection import DrainSelection, group_refusals, select_all, select_named
from asg_lifecycle.model.durations import seconds
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.fields import is_instance_id
from asg_lifecycle.model.records import wait_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.composition.drain_tools import DrainTools
    from asg_lifecycle.intake.group_drain import GroupDrain
    from asg_lifecycle.model.group_state import GroupState
    from asg_lifecycle.model.records import Record

NOT_REPEATED = frozenset({"instance", "every", "yes"})
"""What the line that goes on with a drain leaves out: it names the instances that are left, because `--all` would drain
the replacements, too; and whoever goes on is asked again."""


def drain(  # noqa: PLR0913 - one parameter for each option
    context: typer.Context,
    *,
    group: Annotated[str, typer.Option(metavar="NAME", help="The Auto Scaling group.")],
    instance: Annotated[list[str] | None, typer.Option(metavar="ID", help="This one; may be given again.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every instance that is in service now.")] = False,
    keep_capacity: Annotated[bool, typer.Option("--keep-capacity", help="Each instance is replaced.")] = False,
    shrink: Annotated[bool, typer.Option("--shrink", help="None is replaced: the desired capacity goes down.")] = False,
    at_most: Annotated[int, typer.Option(metavar="N", min=1, help="How many may be under way at once.")] = 1,
    during_instance_refresh: Annotated[
        bool, typer.Option("--during-instance-refresh", help="Go on though an instance refresh runs.")
    ] = False,
    include_protected: Annotated[
        bool, typer.Option("--include-protected", help="Those that are protected from scale-in, too.")
    ] = False,
    replaced_within: Annotated[
        str, typer.Option(metavar="DURATION", help="How long to wait for a replacement at most.")
    ] = "30m",
    reason: ReasonInOutput = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    hook_name_prefix: HookNamePrefix = hooks.DEFAULT_HOOK_NAME_PREFIX,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Terminate instances of a group through Auto Scaling, so that the plan of its hook runs, one after the other.

    The next one follows when the one before is completed and, with --keep-capacity, replaced. One that fails, is held
    or is abandoned stops it. For example: `asg-lifecycle drain --group web --instance i-0123456789abcdef0
    --keep-capacity`
    """
    if bool(instance) == every:
        fail("name instances with --instance, or say --all", ExitCode.BAD_INPUT)
    if keep_capacity == shrink:
        fail("say either --keep-capacity, each is replaced, or --shrink, none is", ExitCode.BAD_INPUT)
    if wrong := next((each for each in instance or () if not is_instance_id(each)), None):
        fail(f"{wrong!r} is no instance id: expected 'i-' and 8 or 17 hexadecimal digits", ExitCode.BAD_INPUT)
    tools = _open(stack)
    with reporting_failed_calls():
        state = tools.capacity.of(group)
        if state is None:
            fail_for_unknown_group(group)
        ours = _our_hooks(tools, group, hook_name_prefix)
        chosen = _select(tools, state, ours, instance, include_protected=include_protected)
        refreshing = None if during_instance_refresh else tools.capacity.refresh_under_way(group)
    request = DrainRequest(
        group=group,
        hooks=ours,
        instances=(*chosen.terminating, *chosen.to_terminate),
        at_most=at_most,
        keep_capacity=keep_capacity,
        desired=state.desired,
        during_refresh=during_instance_refresh,
        replaced_within=_duration(replaced_within),
    )
    _refuse(state, chosen, refreshing, keep_capacity=keep_capacity)
    _announce(request, chosen, reason, say if yes and not dry_run else write_sentences)
    if dry_run:
        write_sentences("dry run: nothing was done")
    elif request.instances:
        if chosen.to_terminate and not yes:
            confirm_instances(chosen.to_terminate, "drain")
        _run(tools.drain(request, say), request, context)


def _open(stack: str) -> DrainTools:
    from asg_lifecycle.composition.drain_tools import compose_drain_tools  # noqa: PLC0415 - offline: no boto3

    return compose_drain_tools(open_action_tools(stack))


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as wrong:
        fail(f"--replaced-within {wrong}", ExitCode.BAD_INPUT)


def _our_hooks(tools: DrainTools, group: str, prefix: str) -> tuple[str, ...]:
    found = [hook for hook in tools.groups.hooks(group) if hook.transition is Transition.TERMINATING]
    ours = tuple(hook.name for hook in found if hooks.refuse(hook.name, prefix) is None)
    if not ours:
        others = f"; there is {', '.join(hook.name for hook in found)}" if found else ""
        fail(f"group {group} has no terminate hook of ours{others}: instances would go without being drained")
    return ours


def _select(
    tools: DrainTools, state: GroupState, ours: tuple[str, ...], named: list[str] | None, *, include_protected: bool
) -> DrainSelection:
    if named is None or not named:
        return select_all(state, include_protected=include_protected)
    waits = [wait_key(state.name, hook, each) for each in named if state.state_of(each) is None for hook in ours]
    records: dict[str, list[Record]] = {}
    for record in tools.actions.records.current(waits).values():
        records.setdefault(record.instance, []).append(record)
    return select_named(state, named, records, include_protected=include_protected)


def _refuse(state: GroupState, chosen: DrainSelection, refreshing: str | None, *, keep_capacity: bool) -> None:
    """End the command where something speaks against the drain; say all of it."""
    found = list(chosen.refusals)
    if chosen.to_terminate:
        found += group_refusals(state, terminations=len(chosen.to_terminate), keep_capacity=keep_capacity)
        if refreshing is not None:
            found.append(
                f"an instance refresh of group {state.name} is under way ({refreshing}): wait for its end, cancel it, "
                "or say --during-instance-refresh"
            )
    for why in found:
        warn(why)
    if found:
        fail("nothing was done")


def _announce(request: DrainRequest, chosen: DrainSelection, reason: str, tell: Callable[[str], None]) -> None:
    for sentence in (*chosen.done, *chosen.left_out):
        tell(f"left out: {sentence}")
    if not request.instances:
        tell(f"group {request.group}: there is nothing to drain")
        return
    how = (
        f"each is replaced, the desired capacity stays {request.desired}"
        if request.keep_capacity
        else f"none is replaced, the desired capacity goes from {request.desired} to "
        f"{request.desired - len(chosen.to_terminate)}"
    )
    tell(
        f"group {request.group}: {len(chosen.to_terminate)} to terminate through Auto Scaling, at most "
        f"{request.at_most} at a time; {how}; drained under hook {', '.join(request.hooks)}"
    )
    for instance in chosen.terminating:
        tell(f"  {instance} (terminating already)")
    for instance in chosen.to_terminate:
        tell(f"  {instance}")
    if reason.strip():
        tell(f"reason: {reason.strip()}")


def _run(running: GroupDrain, request: DrainRequest, context: typer.Context) -> None:
    code = ExitCode.FAILED
    try:
        stopped = running.run()
    except KeyboardInterrupt:
        stopped, code = "interrupted", ExitCode.INTERRUPTED
    except CallFailed as failed:
        stopped = with_what_to_do(failed)
    if stopped is None:
        say(f"group {request.group}: {len(request.instances)} drained")
        return
    warn(f"asg-lifecycle: the drain of group {request.group} stopped: {stopped}")
    if running.under_way:
        warn(f"terminating already: {', '.join(running.under_way)}; see asg-lifecycle ps --group {request.group}")
    if running.left:
        warn(f"not begun: {', '.join(running.left)}")
    if running.under_way or running.left:
        named = [word for each in (*running.under_way, *running.left) for word in ("--instance", each)]
        warn_with_command("to go on", command_again(context, without=NOT_REPEATED, added=named))
    raise typer.Exit(code)
