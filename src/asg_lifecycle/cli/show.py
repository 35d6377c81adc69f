"""`asg-lifecycle show`: what happened to the action of an instance, from its beginning to now."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import fail, reporting_failed_calls
from asg_lifecycle.cli.local_times import local_time
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.cli.ps import open_action_tools, rounded
from asg_lifecycle.model.action_timeline import TimelineEntry, timeline_of
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.model.records import Record

FOLLOWED_EVERY = 5.0
"""Seconds between two looks at the record of an action that is followed."""


class Ending(IntEnum):
    """How `show --follow` ends, for scripts that wait for an instance."""

    CONTINUED = 0
    ABANDONED = 10
    LOST = 11
    ENDED_BY_OTHERS = 12


COLUMNS: tuple[Column[TimelineEntry], ...] = (
    Column(name="time", value=lambda each: each.at, text=lambda each: local_time(each.at)),
    Column(name="what", value=lambda each: each.what),
    Column(name="lasted", value=lambda each: each.lasted, text=lambda each: rounded(each.lasted)),
    Column(name="detail", value=lambda each: each.detail, may_be_cut=True),
)


def show(
    target: Annotated[
        str, typer.Argument(metavar="INSTANCE|TOKEN", help="An instance id, or a lifecycle action token.")
    ],
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Wait until it ends; the exit code says how.")] = False,
    output: OutputForm = Output.TABLE,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Show what happened to the action of an instance, in the order of time.

    With `--follow` the exit code is 0 for CONTINUE, 10 for ABANDON, 11 when Auto Scaling's own timeout came first, and
    12 when somebody else ended it. For example: `asg-lifecycle show i-0123456789abcdef0 --follow`
    """
    tools = open_action_tools(stack)
    record = _found(tools, target)
    if follow:
        while record.in_flight is not None:
            tools.pause(FOLLOWED_EVERY)
            record = _again(tools, record)
    write_list(timeline_of(record, tools.clock()), COLUMNS, output, none="nothing is known of it")
    if follow:
        raise typer.Exit(ending_of(record))


def ending_of(record: Record) -> Ending:
    """Return how an action has ended."""
    if record.status is Status.COMPLETED:
        return Ending.CONTINUED if record.result is ActionResult.CONTINUE else Ending.ABANDONED
    return Ending.LOST if record.status is Status.LOST else Ending.ENDED_BY_OTHERS


def _found(tools: ActionTools, target: str) -> Record:
    with reporting_failed_calls():
        records = tools.history.of_target(target)
    if not records:
        fail(f"there is no record of {target}: it never waited at a hook of this stack, or that is long ago")
    if len(records) > 1:
        hooks = ", ".join(sorted(record.hook for record in records))
        fail(f"{target} waits under several hooks, {hooks}: name one by its token, see asg-lifecycle ps -o json")
    return records[0]


def _again(tools: ActionTools, record: Record) -> Record:
    with reporting_failed_calls():
        current = tools.records.current([record.wait]).get(record.wait)
    if current is None or current.claimed_at != record.claimed_at:
        fail("its record is gone: another action of the same wait took its place")
    return current
