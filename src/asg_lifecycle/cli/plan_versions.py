"""`asg-lifecycle plan`, the commands about how a plan was before: versions, restore, diff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, say, write
from asg_lifecycle.cli.local_times import time_ago
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName, Yes
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list, write_plain
from asg_lifecycle.cli.plan_access import PlanPath, open_plan_tools, read_usable_plan
from asg_lifecycle.cli.stored_plans import (
    ForLaunch,
    PlanName,
    difference,
    fail_without,
    kept_text,
    plain,
    put_text,
    transition_of,
    version_of,
)
from asg_lifecycle.model.plans import PlanTransition

if TYPE_CHECKING:
    from asg_lifecycle.aws.plan_store import PlanVersion

COLUMNS: tuple[Column[PlanVersion], ...] = (
    Column(name="version", value=lambda each: each.version),
    Column(name="changed_at", value=lambda each: each.changed_at),
    Column(name="changed_by", value=lambda each: each.changed_by),
    Column(name="plan", value=lambda each: plain(each.text)),
)


def versions(
    name: PlanName,
    *,
    launch: ForLaunch = None,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
    output: OutputForm = Output.TABLE,
) -> None:
    """List when a plan was put, by whom, and what changed each time, the newest last.

    For example: `asg-lifecycle plan versions web`
    """
    tools = open_plan_tools(stack, path)
    store = tools.store
    with reporting_failed_calls():
        transition = transition_of(store, name, launch=launch)
        found = store.versions(transition, name)
    if not found:
        fail_without(store, transition, name)
    if output is not Output.TABLE:
        write_list(found, COLUMNS, output, none="")
        return
    before = ""
    for each in found:
        write(f"version {each.version}  {time_ago(each.changed_at, tools.clock())}  {each.changed_by}".rstrip())
        write(difference(before, each.text), end="")
        before = each.text


def restore(  # noqa: PLR0913 - one parameter for each option
    name: PlanName,
    version: Annotated[int, typer.Argument(metavar="N", help="Which time; see `versions`.")],
    *,
    launch: ForLaunch = None,
    yes: Yes = False,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
) -> None:
    """Put a plan again as it was put the N-th time.

    For example: `asg-lifecycle plan restore web 3`
    """
    from asg_lifecycle.cli.plan_files import read_plan  # noqa: PLC0415 - few commands need YAML

    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        transition = transition_of(store, name, launch=launch)
        text = version_of(store, transition, name, version).text
    found = read_plan(text, transition)
    if found.plan is None:
        fail(f"version {version} of {name} cannot be used: {'; '.join(sentence for _, sentence in found.problems)}")
    put_text(store, transition, name, text, yes=yes)


def diff(  # noqa: PLR0913 - one parameter for each option
    name: PlanName,
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="What is compared: a plan as YAML or JSON.")] = "",
    *,
    version: Annotated[int, typer.Option(metavar="N", help="Compare how it was put the N-th time instead.")] = 0,
    launch: ForLaunch = None,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
    output: OutputForm = Output.TABLE,
) -> None:
    """Show what differs between a plan as it is kept and a file, or how it was put the N-th time. Changes nothing.

    The lines with a minus are the plan's, those with a plus are what `put` or `restore` would make of it.

    For example: `asg-lifecycle plan diff web web.yaml`
    """
    if bool(file) == bool(version):
        fail("name a file, or a version with --version", ExitCode.BAD_INPUT)
    found = read_usable_plan(file) if file else None
    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        if found is not None and found.transition is not None:
            transition, other = _of_file(launch, found.transition), found.text
        else:
            transition = transition_of(store, name, launch=launch)
            other = version_of(store, transition, name, version).text
        kept = kept_text(store, transition, name)
    if kept is None:
        fail_without(store, transition, name)
    lines = difference(kept, other)
    if output is not Output.TABLE:
        write_plain({"same": not lines, "difference": lines.splitlines()}, output)
    elif lines:
        write(lines, end="")
    else:
        say(f"{name} for {transition} hooks does not differ")


def _of_file(launch: bool | None, transition: PlanTransition) -> PlanTransition:  # noqa: FBT001 - an option's value
    """Return the hooks that a file is for; end the command when others were said."""
    if launch is not None and launch is not (transition is PlanTransition.LAUNCH):
        fail(f"the file is for {transition} hooks, and --{transition.other} was said", ExitCode.BAD_INPUT)
    return transition
