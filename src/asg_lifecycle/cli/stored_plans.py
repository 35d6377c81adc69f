"""`asg-lifecycle plan`, the commands about plans that are kept: list, show, put, delete."""

from __future__ import annotations

import difflib
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, say, warn, write
from asg_lifecycle.cli.local_times import time_ago
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName, Yes
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list, write_plain
from asg_lifecycle.cli.plan_access import PlanPath, open_plan_tools, read_usable_plan
from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.plans import PlanTransition

if TYPE_CHECKING:
    from asg_lifecycle.aws.plan_store import PlanStore, PlanVersion, StoredPlan

PlanName = Annotated[str, typer.Argument(metavar="NAME", help="What hooks, tags and groups call the plan.")]
ForLaunch = Annotated[
    bool | None,
    typer.Option("--launch/--terminate", help="Which plan is meant, where the name has one for each kind of hook."),
]


@dataclass(frozen=True, kw_only=True)
class ListedPlan:
    """A plan, and when it was looked at."""

    plan: StoredPlan
    now: float


COLUMNS: tuple[Column[ListedPlan], ...] = (
    Column(name="name", value=lambda each: each.plan.name, may_be_folded=True),
    Column(name="transition", value=lambda each: each.plan.transition and each.plan.transition.value),
    Column(name="version", value=lambda each: each.plan.version),
    Column(
        name="changed_at",
        value=lambda each: each.plan.changed_at,
        text=lambda each: time_ago(each.plan.changed_at, each.now),
    ),
)


def list_plans(*, stack: StackName = THE_ONLY_STACK, path: PlanPath = "", output: OutputForm = Output.TABLE) -> None:
    """List the plans there are.

    For example: `asg-lifecycle plan list`
    """
    tools = open_plan_tools(stack, path)
    store = tools.store
    with reporting_failed_calls():
        plans = store.plans()
    for each in plans:
        if each.transition is None:
            warn(f"{store.path}/{each.name} is no plan: plans are below {store.path}/launch and {store.path}/terminate")
    found = [ListedPlan(plan=each, now=tools.clock()) for each in plans if each.transition is not None]
    write_list(found, COLUMNS, output, none=f"there are no plans below {store.path}")


def show(  # noqa: PLR0913 - one parameter for each option
    name: PlanName,
    *,
    launch: ForLaunch = None,
    version: Annotated[int, typer.Option(metavar="N", help="As it was put the N-th time; see `versions`.")] = 0,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
    output: OutputForm = Output.TABLE,
) -> None:
    """Show a plan as it is kept: as YAML, unless another form is wanted.

    For example: `asg-lifecycle plan show web --version 3`
    """
    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        transition = transition_of(store, name, launch=launch)
        text = version_of(store, transition, name, version).text if version else kept_text(store, transition, name)
    if text is None:
        fail_without(store, transition, name)
    if output is Output.TABLE:
        write(as_yaml(text), end="")
    else:
        write_plain(plain(text), output)


def put(
    name: PlanName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The plan as YAML or JSON; - reads standard input.")],
    *,
    yes: Yes = False,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
) -> None:
    """Check a plan and keep it under a name. It is in force a minute later, for actions that begin then.

    It replaces the plan of this name for the same hooks, after a question that shows the difference; one for the other
    hooks stays.

    For example: `asg-lifecycle plan put web web.yaml`
    """
    found = read_usable_plan(file)
    if found.transition is None:
        raise typer.Exit(ExitCode.FAILED)
    store = open_plan_tools(stack, path).store
    put_text(store, found.transition, name, found.text, yes=yes)


def delete(
    name: PlanName,
    *,
    launch: ForLaunch = None,
    yes: Yes = False,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
) -> None:
    """Delete a plan, with all of its versions. Actions that follow it go on with it.

    For example: `asg-lifecycle plan delete web --terminate`
    """
    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        transition = transition_of(store, name, launch=launch)
        text = kept_text(store, transition, name)
    if text is None:
        fail_without(store, transition, name)
    write(as_yaml(text), end="")
    ask(f"delete plan {name} for {transition} hooks and its versions?", yes=yes)
    with reporting_failed_calls():
        store.delete(transition, name)
    say(f"{name} for {transition} hooks is deleted below {store.path}")


def put_text(store: PlanStore, transition: PlanTransition, name: str, text: str, *, yes: bool) -> None:
    """Put a plan, after a question that shows the difference where it replaces one."""
    from asg_lifecycle.aws.plan_store import NAME  # noqa: PLC0415 - offline commands load no boto3

    if NAME.fullmatch(name) is None:
        sentence = f"{name!r} cannot name a plan: letters, digits, '_', '.' and '-', 128 at most"
        fail(sentence, ExitCode.BAD_INPUT)
    with reporting_failed_calls():
        before = kept_text(store, transition, name)
    if before is not None:
        changes = difference(before, text)
        if not changes:
            say(f"{name} for {transition} hooks is kept below {store.path} as it is already")
            return
        write(changes, end="")
        ask(f"replace plan {name} for {transition} hooks?", yes=yes)
    with reporting_failed_calls():
        version = store.put(transition, name, text, replacing=before is not None)
    say(f"{name} for {transition} hooks is kept below {store.path}, version {version}")


def ask(question: str, *, yes: bool) -> None:
    """Ask a question; end the command when the answer is no, or when nobody can answer."""
    if yes:
        return
    if not _somebody_can_be_asked():
        fail(f"{question} Nobody can be asked here; --yes does it", ExitCode.BAD_INPUT)
    typer.confirm(question, abort=True)


def _somebody_can_be_asked() -> bool:
    return sys.stdin.isatty()


def transition_of(store: PlanStore, name: str, *, launch: bool | None) -> PlanTransition:
    """Return the hooks of the plan that is meant: those that were said, or those of the only one of this name."""
    if launch is not None:
        return PlanTransition.LAUNCH if launch else PlanTransition.TERMINATE
    found = [transition for transition in PlanTransition if name in store.texts(transition, name)]
    if not found:
        fail(f"there is no plan named {shown(name)} below {store.path}")
    if len(found) > 1:
        fail(f"there are two plans named {name}; add --launch or --terminate", ExitCode.BAD_INPUT)
    return found[0]


def fail_without(store: PlanStore, transition: PlanTransition, name: str) -> NoReturn:
    """End the command: there is no such plan."""
    fail(f"there is no plan named {shown(name)} for {transition} hooks below {store.path}")


def kept_text(store: PlanStore, transition: PlanTransition, name: str) -> str | None:
    """Return the text of a plan, None where there is none."""
    return store.texts(transition, name).get(name)


def version_of(store: PlanStore, transition: PlanTransition, name: str, number: int) -> PlanVersion:
    """Return a plan as it was put the N-th time; end the command when there is no such version."""
    found = {each.version: each for each in store.versions(transition, name)}
    if number not in found:
        there_are = ", ".join(map(str, found)) or "none"
        fail(f"there is no version {number} of plan {shown(name)} for {transition} hooks; there are: {there_are}")
    return found[number]


def difference(before: str, after: str) -> str:
    """Return what changes from one plan to another, as lines of YAML; empty when nothing does."""
    old, new = (as_yaml(text).splitlines(keepends=True) if text else [] for text in (before, after))
    return "".join(list(difflib.unified_diff(old, new))[2:])


def as_yaml(text: str) -> str:
    """Return a plan as YAML."""
    import yaml  # noqa: PLC0415 - few commands need it

    value = plain(text)
    if isinstance(value, str):
        # Not written by this tool: show what it is.
        return f"{text}\n"
    document: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return document


def plain(text: str) -> object:
    """Return a plan as JSON values, or the text itself where it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
