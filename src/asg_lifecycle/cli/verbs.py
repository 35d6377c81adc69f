"""`asg-lifecycle finish`, `abandon`, `skip`, `hold`, `resume`, `extend`, `nudge`: what an operator does to actions."""

from __future__ import annotations

from typing import Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail
from asg_lifecycle.cli.options import THE_ONLY_STACK, DryRun, OptionalReason, Reason, StackName, Yes
from asg_lifecycle.cli.orders import Manner, Wanted, carry_out
from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.durations import readable, seconds
from asg_lifecycle.model.messages import LONGEST_EXTENSION
from asg_lifecycle.model.verbs import Order, Verb

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
    manner = Manner(reason=reason, yes=yes, dry_run=dry_run, wait=wait)
    carry_out(Order(verb=Verb.FINISH), Wanted(targets, group, status), manner, stack)


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
    manner = Manner(reason=reason, yes=yes, dry_run=dry_run, wait=wait)
    carry_out(Order(verb=Verb.ABANDON), Wanted(targets, group, status), manner, stack)


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
    manner = Manner(reason=reason, yes=yes, dry_run=dry_run, wait=wait)
    carry_out(Order(verb=Verb.SKIP), Wanted(targets, group, status), manner, stack)


def hold(  # noqa: PLR0913 - one parameter for each option
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
    """Begin no further step and do not complete the action; the step under way goes on, and so do heartbeats.

    It lasts until `resume`, or until the deadline. For example: `asg-lifecycle hold i-0123456789abcdef0`
    """
    manner = Manner(reason=reason, yes=yes, dry_run=dry_run, wait=wait)
    carry_out(Order(verb=Verb.HOLD), Wanted(targets, group, status), manner, stack)


def resume(  # noqa: PLR0913 - one parameter for each option
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
    """Go on with what is held: a hold ends, and a step that failed begins again.

    For example: `asg-lifecycle resume --group web --status held`
    """
    manner = Manner(reason=reason, yes=yes, dry_run=dry_run, wait=wait)
    carry_out(Order(verb=Verb.RESUME), Wanted(targets, group, status), manner, stack)


def extend(  # noqa: PLR0913 - one parameter for each option
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="How much longer, such as 90s, 30m, 1h30m.")],
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
    """Move the timeout of the present step and of the plan, never past the hook's own limit, and say until when.

    For example: `asg-lifecycle extend 30m i-0123456789abcdef0`
    """
    order = Order(verb=Verb.EXTEND, length=_length(duration))
    manner = Manner(reason=reason, yes=yes, dry_run=dry_run, wait=wait)
    carry_out(order, Wanted(targets, group, status), manner, stack)


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
    """Look again now, and change nothing.

    For example: `asg-lifecycle nudge i-0123456789abcdef0`
    """
    manner = Manner(reason=reason, yes=yes, dry_run=dry_run, wait=wait)
    carry_out(Order(verb=Verb.NUDGE), Wanted(targets, group, status), manner, stack)


def _length(duration: str) -> int:
    try:
        length = seconds(duration)
    except ValueError as error:
        fail(str(error), ExitCode.BAD_INPUT)
    if length <= 0:
        fail(f"{duration!r} moves nothing: expected a second at least", ExitCode.BAD_INPUT)
    if length > LONGEST_EXTENSION:
        longest = readable(LONGEST_EXTENSION)
        fail(
            f"{duration!r} is longer than any hook lets an instance wait: expected {longest} at most",
            ExitCode.BAD_INPUT,
        )
    return round(length)
