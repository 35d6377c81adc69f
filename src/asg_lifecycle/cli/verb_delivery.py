"""Telling actions what an operator wants, and saying what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from asg_lifecycle.cli.console import ExitCode, say, warn, with_what_to_do
from asg_lifecycle.intake.operator_messages import Heard
from asg_lifecycle.model.action_summary import ActionSummary, summarize
from asg_lifecycle.model.explanation import command_by_hand
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.fields import is_instance_id
from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.model.messages import Message
    from asg_lifecycle.model.records import Record


def deliver_all(
    tools: ActionTools, message: Message, actions: Sequence[tuple[Record, ActionSummary]], wait: int
) -> bool:
    """Deliver a message to one action after the other, and say what became of it; return whether all have heard it.

    Args:
        tools: the actions of the stack.
        message: for each of them.
        actions: the record of each, and what an operator saw of it.
        wait: seconds to wait for each at most.

    Raises:
        typer.Exit: Ctrl-C was pressed.
    """
    heard: list[bool] = []
    for record, summary in actions:
        try:
            heard.append(_deliver(tools, message, record, summary, wait))
        except KeyboardInterrupt:
            warn(f"{named(summary)}: interrupted, and it may have been told; {_look(summary)}")
            if left := [each.instance for _, each in actions[len(heard) + 1 :]]:
                warn(f"not told: {', '.join(left)}")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
    return all(heard)


def _deliver(tools: ActionTools, message: Message, record: Record, summary: ActionSummary, wait: int) -> bool:
    """Deliver the message and say what became of it; return whether it was heard."""
    try:
        delivery = tools.messages.deliver(record, message, wait)
    except CallFailed as failed:
        warn(f"{named(summary)}: {with_what_to_do(failed)}")
        return False
    standing = _standing(delivery.record, tools.clock())
    match delivery.heard:
        case Heard.HEARD:
            say(f"{named(summary)}: heard, {standing}")
            return True
        case Heard.ENDED:
            warn(f"{named(summary)}: it ended before it heard that, {standing}")
        case Heard.MOVED_ON:
            warn(f"{named(summary)}: that step has ended meanwhile, {standing}; nothing was sent")
        case Heard.SENT if delivery.failure is not None:
            warn(f"{named(summary)}: sent; whether it was heard is not known: {delivery.failure}; {_look(summary)}")
        case Heard.SENT if delivery.record is not None and delivery.record.paused_since is not None:
            warn(f"{named(summary)}: sent; its execution is paused, and hears it when somebody resumes that")
        case Heard.SENT:
            warn(f"{named(summary)}: sent, and not heard within {wait} s; it is heard within five minutes")
        case Heard.NOT_SENT if delivery.failure is not None:
            warn(f"{named(summary)}: it may not have been sent: {delivery.failure}; {_look(summary)}")
        case Heard.NOT_SENT:
            warn(f"{named(summary)}: it has no open inbox, {standing}; say it again in a moment")
    return False


def _standing(record: Record | None, now: float) -> str:
    """Return where an action stands after a message, as the end of a sentence."""
    if record is None:
        return "its record is gone"
    if record.in_flight is None:
        return f"now {record.status}: {(record.detail or 'nothing is known yet').removeprefix(f'{record.status}: ')}"
    summary = summarize(record, now)
    return f"now {summary.standing}: {summary.waits_for.removeprefix(f'{summary.standing}: ')}"


def _look(summary: ActionSummary) -> str:
    return f"see asg-lifecycle show {summary.token or summary.instance}"


def why_unknown(tools: ActionTools, target: str) -> str:
    """Return why there is nothing to do to what was named: it has ended, or never waited.

    Args:
        tools: the actions of the stack.
        target: an instance id, or a token.
    """
    try:
        past = tools.history.of_target(target)
    except CallFailed as failed:
        return f"{target} does not wait at a hook of this stack; whether it did is not known: {with_what_to_do(failed)}"
    if not past:
        # Nothing tells a token from the name of a group.
        group = "" if is_instance_id(target) else "; a group is named with --group"
        return f"{target} does not wait at a hook of this stack{group}"
    subject = named(summarize(past[0], tools.clock()))
    if past[0].status is Status.OBSERVED:
        others = "its plan only observes: the action was left to others, and no message reaches it"
        return f"{subject}: {others}; to end it by hand: {command_by_hand(past[0])}"
    return f"{subject}: it has ended, {_standing(past[0], tools.clock())}"


def named(summary: ActionSummary) -> str:
    """Return an action as the sentences about it begin."""
    return f"{summary.instance} (group {summary.group}, hook {summary.hook}, {summary.standing})"
