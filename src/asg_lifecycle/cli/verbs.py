"""`asg-lifecycle finish`, `abandon`, `skip`, `nudge`: what an operator does to actions, with who, when and why."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import (
    ExitCode,
    fail,
    reporting_failed_calls,
    say,
    warn,
    write_sentences,
)
from asg_lifecycle.cli.options import THE_ONLY_STACK, DryRun, OptionalReason, Reason, StackName, Yes
from asg_lifecycle.cli.ps import open_action_tools
from asg_lifecycle.cli.verb_delivery import deliver_all, named, why_unknown
from asg_lifecycle.model.action_summary import ActionSummary, Standing, summarize
from asg_lifecycle.model.verbs import ENDS_WORK, Verb, effect, message_of, refusal

if TYPE_CHECKING:
    from asg_lifecycle.composition.action_tools import ActionTools

PATIENCE = 30
"""Seconds to wait until a message was heard."""

Targets = Annotated[
    list[str] | None, typer.Argument(metavar="[INSTANCE|TOKEN]...", help="Instance ids, or lifecycle action tokens.")
]
Group = Annotated[str | None, typer.Option(metavar="NAME", help="All actions of this group instead.")]
StatusOption = Annotated[list[Standing] | None, typer.Option(help="With --group: only these; may be given again.")]
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
        warn(why_unknown(tools, target))
    # What somebody is asked about, or asked to be told, is shown to the quiet, too.
    tell = say if yes and not dry_run else write_sentences
    possible = []
    for record, summary in found:
        if why_not := refusal(verb, summary):
            warn(f"{named(summary)}: nothing to {verb}, {why_not}")
        else:
            tell(f"{named(summary)}: {effect(verb, summary)}")
            possible.append((record, summary))
    if not possible:
        fail(f"{wanted.nothing_found(len(found))}there is nothing to {verb}")
    if dry_run:
        write_sentences("dry run: nothing was done")
        return
    if not yes:
        _confirm(verb, [summary for _, summary in possible])
    with reporting_failed_calls():
        by = _signature(tools, reason)
    heard = deliver_all(tools, message_of(verb, by), possible, wait)
    if unknown or len(possible) < len(found) or not heard:
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
