"""The actions in flight of one stack, or of every stack in every Region."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from asg_lifecycle.cli.console import ExitCode, fail, with_what_to_do
from asg_lifecycle.cli.stack import our_stacks
from asg_lifecycle.model.action_summary import ActionSummary, Standing, by_time_left, summarize
from asg_lifecycle.model.failures import CallFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.model.records import Record

AT_ONCE = 16
"""Regions that are asked at the same time."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, kw_only=True)
class WantedActions:
    """Which actions a list shows.

    Attributes:
        group: only those of this Auto Scaling group, None for all.
        hook: only those under this lifecycle hook, None for all.
        standings: only those that stand so, empty for all.
    """

    group: str | None
    hook: str | None
    standings: frozenset[Standing]

    def matches(self, summary: ActionSummary) -> bool:
        """Return whether a list shows an action."""
        return (
            self.group in {None, summary.group}
            and self.hook in {None, summary.hook}
            and (not self.standings or summary.standing in self.standings)
        )

    def none_found(self) -> str:
        """Return what is said where there is no such action."""
        whose = f" of group {self.group}" if self.group is not None else ""
        where = f"hook {self.hook}" if self.hook is not None else "our hooks"
        standing = f" and is {' or '.join(sorted(self.standings))}" if self.standings else ""
        return f"no instance{whose} waits at {where}{standing}"


@dataclass(frozen=True, kw_only=True)
class StackOfActions:
    """A stack whose actions are listed.

    Attributes:
        tools: its actions.
        name: of the stack, empty for the only one.
        region: name of its Region, empty for the present one.
    """

    tools: ActionTools
    name: str = ""
    region: str = ""


@dataclass(frozen=True, kw_only=True)
class ListedAction:
    """An action, and the stack it belongs to."""

    summary: ActionSummary
    stack: StackOfActions


@dataclass(frozen=True, kw_only=True)
class ActionList:
    """What was read.

    Attributes:
        records: of the actions in flight, each with its stack.
        unreadable: a sentence for each action whose record this version of the command line cannot read.
        failures: a sentence for each stack that could not be read.
    """

    records: tuple[tuple[StackOfActions, Record], ...] = ()
    unreadable: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    def actions(self, wanted: WantedActions, now: float) -> list[ListedAction]:
        """Return the actions that are wanted as they stand at `now`, the one whose time is over first on top."""
        found = {
            id(summary): (stack, summary) for stack, record in self.records for summary in [summarize(record, now)]
        }
        ordered = by_time_left(summary for _, summary in found.values() if wanted.matches(summary))
        return [ListedAction(summary=summary, stack=found[id(summary)][0]) for summary in ordered]


def read_actions(stacks: tuple[StackOfActions, ...]) -> ActionList:
    """Return the actions in flight of some stacks; one that cannot be read hides no other."""
    records: list[tuple[StackOfActions, Record]] = []
    unreadable: list[str] = []
    failures: list[str] = []
    for stack, answer in zip(stacks, _at_once(lambda stack: stack.tools.records.in_flight(), stacks), strict=True):
        if isinstance(answer, CallFailed):
            failures.append(f"{stack.region}: {with_what_to_do(answer)}" if stack.region else with_what_to_do(answer))
        else:
            records += [(stack, record) for record in answer.records]
            unreadable += [f"{stack.region}: {each}" if stack.region else str(each) for each in answer.unreadable]
    return ActionList(records=tuple(records), unreadable=tuple(unreadable), failures=tuple(failures))


def stacks_of_every_region(name: str) -> tuple[tuple[StackOfActions, ...], tuple[str, ...]]:
    """Return the stacks of all enabled Regions, and a sentence for each Region that could not be asked.

    Args:
        name: only stacks of this name, empty for all.

    Raises:
        typer.Exit: there is none.
        CallFailed: the Regions could not be listed.
    """
    from asg_lifecycle.composition import action_tools, command_line  # noqa: PLC0415 - offline commands load no boto3

    regions = command_line.enabled_regions()
    stacks: list[StackOfActions] = []
    failures: list[str] = []
    for region, answer in zip(regions, _at_once(our_stacks, regions), strict=True):
        if isinstance(answer, CallFailed):
            failures.append(f"{region}: {with_what_to_do(answer)}")
            continue
        stacks += [
            StackOfActions(
                tools=action_tools.compose_action_tools(found.table, region=region), name=each, region=region
            )
            for each, found in answer.items()
            if name in {"", each}
        ]
    if not stacks and not failures:
        what = f"stack {name}" if name else "stack of asg-lifecycle"
        fail(f"there is no {what} in any of the {len(regions)} Regions of this account", ExitCode.BAD_INPUT)
    return tuple(stacks), tuple(failures)


def _at_once(ask: Callable[[ItemT], ResultT], items: Iterable[ItemT]) -> list[ResultT | CallFailed]:
    """Return what is answered about each item, in their order, or why there is no answer."""

    def answer(item: ItemT) -> ResultT | CallFailed:
        try:
            return ask(item)
        except CallFailed as failed:
            return failed

    items = list(items)
    if len(items) == 1:
        return [answer(items[0])]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        # A thread of its own knows nothing of the account that was chosen.
        asked = [threads.submit(copy_context().run, answer, item) for item in items]
        return [each.result() for each in asked]
