"""What an operator has ordered is shown, confirmed, sent to the actions, and waited for, with who, when and why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from msgspec import Struct

from asg_lifecycle.cli.confirmation import confirm_instances, confirm_number
from asg_lifecycle.cli.console import (
    ExitCode,
    fail,
    reporting_failed_calls,
    say,
    warn,
    write_sentences,
)
from asg_lifecycle.cli.local_times import local_time
from asg_lifecycle.cli.ps import open_action_tools
from asg_lifecycle.cli.verb_delivery import deliver_all, named, why_unknown
from asg_lifecycle.model.action_summary import ActionSummary, Standing, summarize
from asg_lifecycle.model.verbs import ENDS_WORK, Order, effect, message_of, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.model.read_records import UnreadableRecord


class Wanted:
    """Which actions an operator means."""

    def __init__(self, targets: list[str] | None, group: str | None, status: list[Standing] | None) -> None:
        if bool(targets) == (group is not None):
            fail("name instances or tokens, or a group with --group", ExitCode.BAD_INPUT)
        if status and group is None:
            fail("--status goes with --group", ExitCode.BAD_INPUT)
        self.targets = tuple(dict.fromkeys(targets or ()))
        self._group = group
        self._status = status

    def nothing_found(self, others: int) -> str:
        """Return how a sentence begins which says that a group has no such action; empty where that was said."""
        if self._group is None or others:
            return ""
        standing = f" and is {' or '.join(self._status)}" if self._status else ""
        return f"no instance of group {self._group} waits at a hook of this stack{standing}: "

    def matches(self, summary: ActionSummary) -> bool:
        """Return whether an action is meant."""
        if self._group is None:
            return summary.instance in self.targets or (summary.token is not None and summary.token in self.targets)
        return summary.group == self._group and (not self._status or summary.standing in self._status)

    def may_mean(self, unreadable: UnreadableRecord) -> bool:
        """Return whether an action is meant, or may be, whose record cannot be read: how it stands is not known."""
        if self._group is None:
            return unreadable.instance in self.targets or unreadable.token in self.targets
        return unreadable.group in {self._group, ""}

    def names(self, found: Iterable[ActionSummary | UnreadableRecord]) -> frozenset[str]:
        """Return which targets are among what was found."""
        names = {name for each in found for name in (each.instance, each.token)}
        return frozenset(target for target in self.targets if target in names)


class Manner(Struct, frozen=True, kw_only=True):
    """How an order is carried out.

    Attributes:
        reason: why, for the record and the log; empty where none is given.
        yes: nobody is asked.
        dry_run: it is only said what would be done.
        wait: seconds to wait until it was heard.
    """

    reason: str
    yes: bool
    dry_run: bool
    wait: int


def carry_out(order: Order, wanted: Wanted, manner: Manner, stack: str) -> None:
    """Say what an order will do to which actions, ask, send it, and say what happened.

    Ends the command with an error where nothing could be done, or not to all of them.

    Args:
        order: what is wanted.
        wanted: which actions are meant.
        manner: how.
        stack: the deployed stack, empty for the only one.
    """
    verb = order.verb
    if verb in ENDS_WORK and not manner.reason.strip():
        fail(f"{verb} needs a --reason: it stands in the record and in the log", ExitCode.BAD_INPUT)
    tools = open_action_tools(stack)
    with reporting_failed_calls():
        live = tools.records.in_flight()
    now = tools.clock()
    found = [(record, summary) for record in live.records if wanted.matches(summary := summarize(record, now))]
    missed = _missed(tools, wanted, [summary for _, summary in found], live.unreadable)
    # What somebody is asked about, or asked to be told, is shown to the quiet, too.
    tell = say if manner.yes and not manner.dry_run else write_sentences
    possible = []
    for record, summary in found:
        if why_not := refusal(order, record, now, local_time):
            warn(f"{named(summary)}: left alone, {why_not}")
        else:
            tell(f"{named(summary)}: {effect(order, record, now, local_time)}")
            possible.append((record, summary))
    if not possible:
        fail(f"{wanted.nothing_found(len(found) + missed)}there is nothing to {verb}")
    if manner.dry_run:
        write_sentences("dry run: nothing was done")
        return
    if not manner.yes:
        instances = [summary.instance for _, summary in possible]
        if verb in ENDS_WORK:
            confirm_instances(instances, verb)
        else:
            confirm_number(len(instances), verb)
    with reporting_failed_calls():
        by = _signature(tools, manner.reason)
    heard = deliver_all(tools, message_of(order, by), possible, manner.wait)
    if missed or len(possible) < len(found) or not heard:
        raise typer.Exit(ExitCode.FAILED)


def _missed(
    tools: ActionTools, wanted: Wanted, found: Sequence[ActionSummary], unreadable: Sequence[UnreadableRecord]
) -> int:
    """Say what is meant and was not found, or cannot be read, and return how many that are."""
    left_alone = [each for each in unreadable if wanted.may_mean(each)]
    for each in left_alone:
        warn(f"left alone, {each}")
    named_here = wanted.names([*found, *left_alone])
    unknown = [target for target in wanted.targets if target not in named_here]
    for target in unknown:
        warn(why_unknown(tools, target))
    return len(unknown) + len(left_alone)


def _signature(tools: ActionTools, reason: str) -> str:
    when = datetime.fromtimestamp(tools.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{tools.caller()} at {when}{f': {reason.strip()}' if reason.strip() else ''}"
