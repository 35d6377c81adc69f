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
    with_what_to_do,
    write_sentences,
)
from asg_lifecycle.cli.local_times import local_time
from asg_lifecycle.cli.ps import open_action_tools
from asg_lifecycle.intake.operator_messages import Heard
from asg_lifecycle.model.action_summary import ActionSummary, Standing, summarize
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.verbs import ENDS_WORK, Order, effect, message_of, refusal

if TYPE_CHECKING:
    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.model.records import Record


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

    def matches(self, summary: ActionSummary) -> bool:
        """Return whether an action is meant."""
        if self._group is None:
            return summary.instance in self.targets or (summary.token is not None and summary.token in self.targets)
        return summary.group == self._group and (not self._status or summary.standing in self._status)


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
        records = tools.records.in_flight()
    now = tools.clock()
    found = [(record, summary) for record in records if wanted.matches(summary := summarize(record, now))]
    unknown = [
        target for target in wanted.targets if not any(target in (each.instance, each.token) for _, each in found)
    ]
    for target in unknown:
        warn(f"{target} does not wait at a hook of this stack")
    # What somebody is asked about, or asked to be told, is shown to the quiet, too.
    tell = say if manner.yes and not manner.dry_run else write_sentences
    possible = []
    for record, summary in found:
        if why_not := refusal(order, record, now, local_time):
            warn(f"{_named(summary)}: nothing to {verb}, {why_not}")
        else:
            tell(f"{_named(summary)}: {effect(order, record, now, local_time)}")
            possible.append((record, summary))
    if not possible:
        fail(f"there is nothing to {verb}")
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
    heard = [_deliver(tools, order, record, summary, by, manner.wait) for record, summary in possible]
    if unknown or len(possible) < len(found) or not all(heard):
        raise typer.Exit(ExitCode.FAILED)


def _signature(tools: ActionTools, reason: str) -> str:
    when = datetime.fromtimestamp(tools.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{tools.caller()} at {when}{f': {reason.strip()}' if reason.strip() else ''}"


def _deliver(  # noqa: PLR0913, PLR0917 - the action, what is to be done to it, and by whom
    tools: ActionTools, order: Order, record: Record, summary: ActionSummary, by: str, wait: int
) -> bool:
    """Deliver the message and say what became of it; return whether it was heard."""
    try:
        delivery = tools.messages.deliver(record, message_of(order, by), wait)
    except CallFailed as failed:
        warn(f"{_named(summary)}: {with_what_to_do(failed)}")
        return False
    after = delivery.record
    standing = _standing(after, tools.clock()) if after is not None else "its record is gone"
    match delivery.heard:
        case Heard.HEARD:
            say(f"{_named(summary)}: heard, {standing}")
            return True
        case Heard.ENDED:
            warn(f"{_named(summary)}: it ended before it heard that, {standing}")
        case Heard.SENT:
            warn(f"{_named(summary)}: sent, and not heard within {wait} s; it is heard within five minutes")
        case Heard.NOT_SENT:
            warn(f"{_named(summary)}: it has no open inbox, {standing}; say it again in a moment")
    return False


def _standing(record: Record, now: float) -> str:
    if record.in_flight is None:
        return f"now {record.status}: {record.detail}"
    summary = summarize(record, now)
    return f"now {summary.standing}: {summary.waits_for}"


def _named(summary: ActionSummary) -> str:
    return f"{summary.instance} (group {summary.group}, hook {summary.hook}, {summary.standing})"
