"""`asg-lifecycle finish`, `abandon`, `skip`, `nudge`: what an operator does to actions, with who, when and why."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, warn, with_what_to_do, write
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.ps import open_action_tools
from asg_lifecycle.intake.operator_messages import Heard
from asg_lifecycle.model.action_summary import ActionSummary, Standing, summarize
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.verbs import ENDS_WORK, Verb, effect, message_of, refusal

if TYPE_CHECKING:
    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.model.records import Record

PATIENCE = 30
"""Seconds to wait until a message was heard."""

Targets = Annotated[
    list[str] | None, typer.Argument(metavar="[INSTANCE|TOKEN]...", help="Instance ids, or lifecycle action tokens.")
]
Group = Annotated[str | None, typer.Option(metavar="NAME", help="All actions of this group instead.")]
StatusOption = Annotated[list[Standing] | None, typer.Option(help="With --group: only these; may be given again.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record and the log. Has to be given.")]
OptionalReason = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record and the log.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Wait = Annotated[int, typer.Option(metavar="SECONDS", min=0, help="How long to wait until it was heard.")]


def finish(  # noqa: PLR0913 - one parameter for each option
    targets: Targets = None,
    *,
    reason: Reason = "",
    group: Group = None,
    status: StatusOption = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    wait: Wait = PATIENCE,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Let an instance go now: end its action with CONTINUE, whatever work is left.

    For example: `asg-lifecycle finish i-0123456789abcdef0 --reason "drained by hand"`
    """
    _act(Verb.FINISH, _Wanted(targets, group, status), reason, yes=yes, dry_run=dry_run, wait=wait, stack=stack)


def abandon(  # noqa: PLR0913 - one parameter for each option
    targets: Targets = None,
    *,
    reason: Reason = "",
    group: Group = None,
    status: StatusOption = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    wait: Wait = PATIENCE,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """End an action with ABANDON: what launches is terminated, what terminates goes without further hooks.

    For example: `asg-lifecycle abandon i-0123456789abcdef0 --reason "does not start"`
    """
    _act(Verb.ABANDON, _Wanted(targets, group, status), reason, yes=yes, dry_run=dry_run, wait=wait, stack=stack)


def skip(  # noqa: PLR0913 - one parameter for each option
    targets: Targets = None,
    *,
    reason: Reason = "",
    group: Group = None,
    status: StatusOption = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    wait: Wait = PATIENCE,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Leave the present step, and go on with the next one.

    For example: `asg-lifecycle skip i-0123456789abcdef0 --reason "the queue is empty"`
    """
    _act(Verb.SKIP, _Wanted(targets, group, status), reason, yes=yes, dry_run=dry_run, wait=wait, stack=stack)


def nudge(  # noqa: PLR0913 - one parameter for each option
    targets: Targets = None,
    *,
    reason: OptionalReason = "",
    group: Group = None,
    status: StatusOption = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    wait: Wait = PATIENCE,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Look again now. A step that is held after a failure begins again.

    For example: `asg-lifecycle nudge --group web --status held`
    """
    _act(Verb.NUDGE, _Wanted(targets, group, status), reason, yes=yes, dry_run=dry_run, wait=wait, stack=stack)


class _Wanted:
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


def _act(  # noqa: PLR0913 - one parameter for each option
    verb: Verb, wanted: _Wanted, reason: str, *, yes: bool, dry_run: bool, wait: int, stack: str
) -> None:
    if verb in ENDS_WORK and not reason.strip():
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
    possible = []
    for record, summary in found:
        if why_not := refusal(verb, summary):
            warn(f"{_named(summary)}: nothing to {verb}, {why_not}")
        else:
            write(f"{_named(summary)}: {effect(verb, summary)}")
            possible.append((record, summary))
    if not possible:
        fail(f"there is nothing to {verb}")
    if dry_run:
        write("dry run: nothing was done")
        return
    if not yes:
        _confirm(verb, [summary for _, summary in possible])
    with reporting_failed_calls():
        by = _signature(tools, reason)
    heard = [_deliver(tools, verb, record, summary, by, wait) for record, summary in possible]
    if unknown or len(possible) < len(found) or not all(heard):
        raise typer.Exit(ExitCode.FAILED)


def _confirm(verb: Verb, summaries: list[ActionSummary]) -> None:
    """Ask; end the command when the answer is no, or when nobody can answer."""
    if not is_interactive():
        if verb in ENDS_WORK:
            fail(f"nobody can be asked here: say --yes to {verb}", ExitCode.BAD_INPUT)
        return
    if verb not in ENDS_WORK:
        typer.confirm(f"{verb} {len(summaries)}?", abort=True)
        return
    expected = summaries[0].instance if len(summaries) == 1 else str(len(summaries))
    what = "the instance's id" if len(summaries) == 1 else f"their number, {expected},"
    if typer.prompt(f"type {what} to {verb}") != expected:
        fail("that is another one: nothing was done")


def is_interactive() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _signature(tools: ActionTools, reason: str) -> str:
    when = datetime.fromtimestamp(tools.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{tools.caller()} at {when}{f': {reason.strip()}' if reason.strip() else ''}"


def _deliver(  # noqa: PLR0913, PLR0917 - the action, what is to be done to it, and by whom
    tools: ActionTools, verb: Verb, record: Record, summary: ActionSummary, by: str, wait: int
) -> bool:
    """Deliver the message and say what became of it; return whether it was heard."""
    try:
        delivery = tools.messages.deliver(record, message_of(verb, by), wait)
    except CallFailed as failed:
        warn(f"{_named(summary)}: {with_what_to_do(failed)}")
        return False
    after = delivery.record
    standing = f"now {after.status}: {after.detail}" if after is not None else "its record is gone"
    match delivery.heard:
        case Heard.HEARD:
            write(f"{_named(summary)}: heard, {standing}")
            return True
        case Heard.ENDED:
            warn(f"{_named(summary)}: it ended before it heard that, {standing}")
        case Heard.SENT:
            warn(f"{_named(summary)}: sent, and not heard within {wait} s; it is heard within five minutes")
        case Heard.NOT_SENT:
            warn(f"{_named(summary)}: it has no open inbox, {standing}; say it again in a moment")
    return False


def _named(summary: ActionSummary) -> str:
    return f"{summary.instance} (group {summary.group}, hook {summary.hook}, {summary.standing})"
