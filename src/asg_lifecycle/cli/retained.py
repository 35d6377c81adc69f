"""`asg-lifecycle ps --retained` and `terminate-retained`: what abandoned terminate hooks have left running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct

from asg_lifecycle.cli.confirmation import confirm_instances
from asg_lifecycle.cli.console import (
    ExitCode,
    fail,
    fail_for_unknown_group,
    reporting_failed_calls,
    warn,
    with_what_to_do,
    write,
)
from asg_lifecycle.cli.options import THE_ONLY_STACK, DryRun, ReasonInOutput, StackName, Yes
from asg_lifecycle.cli.output import Column, Output, write_list
from asg_lifecycle.cli.ps import open_action_tools, rounded
from asg_lifecycle.model.drain_progress import Termination
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.fields import is_instance_id
from asg_lifecycle.model.lifecycle_states import is_retained
from asg_lifecycle.model.retained_instances import RetainedInstance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.composition.drain_tools import DrainTools

GONE_WITHIN = 120.0
"""Seconds to wait until Auto Scaling no longer lists an instance as retained."""
LOOKS_EVERY = 5.0


class Retained(Struct, frozen=True, kw_only=True):
    """A line of the list.

    Attributes:
        found: the instance.
        since: when its drain ended, seconds since the epoch; None where no record tells.
        age: seconds since then, None likewise.
        reason: how its drain ended, None likewise.
    """

    found: RetainedInstance
    since: float | None = None
    age: float | None = None
    reason: str | None = None


COLUMNS: tuple[Column[Retained], ...] = (
    Column(name="instance", value=lambda each: each.found.instance),
    Column(name="group", value=lambda each: each.found.group),
    Column(name="type", value=lambda each: each.found.instance_type),
    Column(name="for", value=lambda each: each.age, text=lambda each: rounded(each.age)),
    Column(name="state", value=lambda each: each.found.state, always=False),
    Column(name="reason", value=lambda each: each.reason, may_be_cut=True),
)
DETAILS: tuple[Column[Retained], ...] = (Column(name="since", value=lambda each: each.since),)


def list_retained(actions: ActionTools, group: str | None, output: Output) -> None:
    """List the retained instances, of one group or of all.

    Args:
        actions: the actions of the stack.
        group: Auto Scaling group, None for all.
        output: the form of the list.

    Raises:
        typer.Exit: AWS does not answer, or there is no such group.
    """
    tools = _tools(actions)
    with reporting_failed_calls():
        found = _found(tools, group)
        lines = _with_records(actions, found)
    columns = COLUMNS if output is Output.TABLE else (*COLUMNS, *DETAILS)
    write_list(lines, columns, output, none=f"no instance {f'of group {group} ' if group else ''}is retained")


def terminate_retained(  # noqa: PLR0913 - one parameter for each option
    instances: Annotated[list[str] | None, typer.Argument(metavar="[INSTANCE]...", help="Instance ids.")] = None,
    *,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="All retained ones of this group instead.")] = None,
    reason: ReasonInOutput = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Terminate instances that an abandoned terminate hook left running; no hook fires again.

    For example: `asg-lifecycle terminate-retained i-0123456789abcdef0 --reason "looked into"`
    """
    if bool(instances) == (group is not None):
        fail("name instances, or a group with --group", ExitCode.BAD_INPUT)
    if not reason.strip():
        fail("terminate-retained needs a --reason: it is repeated in the output", ExitCode.BAD_INPUT)
    if wrong := next((each for each in instances or () if not is_instance_id(each)), None):
        fail(f"{wrong!r} is no instance id: expected 'i-' and 8 or 17 hexadecimal digits", ExitCode.BAD_INPUT)
    tools = _tools(open_action_tools(stack))
    with reporting_failed_calls():
        chosen = _proven(tools, instances) if instances else {each.instance: each for each in _found(tools, group)}
    refused = len(set(instances or ())) - len(chosen) if instances else 0
    if not chosen:
        fail("there is nothing to terminate")
    for instance in chosen:
        write(f"{instance} (group {_group_of(chosen[instance])}) is retained: it is terminated, no hook fires")
    write(f"reason: {reason.strip()}")
    if dry_run:
        write("dry run: nothing was done")
        return
    if not yes:
        confirm_instances(tuple(chosen), "terminate")
    ended = [_terminate(tools, instance) for instance in chosen]
    if refused or not all(ended):
        raise typer.Exit(ExitCode.FAILED)


def _tools(actions: ActionTools) -> DrainTools:
    from asg_lifecycle.composition.drain_tools import compose_drain_tools  # noqa: PLC0415 - offline: no boto3

    return compose_drain_tools(actions)


def _found(tools: DrainTools, group: str | None) -> tuple[RetainedInstance, ...]:
    if group is None:
        return tuple(tools.retained.everywhere())
    found = tools.retained.named(group)
    return found if found is not None else fail_for_unknown_group(group)


def _proven(tools: DrainTools, instances: Iterable[str]) -> dict[str, str]:
    """Return the group of each instance that its state says is retained; say why others are left alone."""
    proven = {}
    for instance in dict.fromkeys(instances):
        placed = tools.groups.of_instance(instance)
        if placed is None:
            warn(f"{instance}: no Auto Scaling group has it; it is left alone")
        elif not is_retained(placed[1]):
            warn(f"{instance}: it is {placed[1]} in group {placed[0]}, not retained; it is left alone")
        else:
            proven[instance] = placed[0]
    return proven


def _group_of(found: RetainedInstance | str) -> str:
    return found if isinstance(found, str) else found.group


def _with_records(actions: ActionTools, found: Iterable[RetainedInstance]) -> list[Retained]:
    """Return the lines of the list: what our records tell of the end of each drain is read by the group."""
    found = sorted(found, key=lambda each: (each.group, each.instance))
    records = [record for group in {each.group for each in found} for record in actions.history.ended(0.0, group)]
    now, lines = actions.clock(), []
    for each in found:
        of_it = [record for record in records if (record.group, record.instance) == (each.group, each.instance)]
        # The last one first.
        last = next(iter(of_it), None)
        since = last.ended_at if last is not None else None
        age = now - since if since is not None else None
        lines.append(Retained(found=each, since=since, age=age, reason=last.reason if last is not None else None))
    return lines


def _terminate(tools: DrainTools, instance: str) -> bool:
    """Terminate an instance and see that it goes; return whether it does."""
    until = tools.actions.clock() + GONE_WITHIN
    told = False
    try:
        while tools.actions.clock() < until:
            placed = tools.groups.of_instance(instance)
            if placed is None or not is_retained(placed[1]):
                write(f"{instance}: {'gone' if placed is None else f'now {placed[1]}'}")
                return True
            if not told:
                # Its place is filled already: the desired capacity stays.
                told = tools.capacity.terminate(instance, shrink=False) is not Termination.NOT_DONE
            tools.actions.pause(LOOKS_EVERY)
    except CallFailed as failed:
        warn(f"{instance}: {with_what_to_do(failed)}")
        return False
    warn(f"{instance}: Auto Scaling was told, and still lists it as retained after {GONE_WITHIN:.0f} s; look again")
    return False
