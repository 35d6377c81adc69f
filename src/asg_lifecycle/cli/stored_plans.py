"""`asg-lifecycle plan`, the commands about plans that are kept: list, show, put, delete, versions, restore."""

from __future__ import annotations

import difflib
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, warn, write, write_json
from asg_lifecycle.cli.options import THE_ONLY_STACK, AsJson, StackName
from asg_lifecycle.cli.plan_access import PlanPath, open_plan_tools, read_plan_file
from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.plans import PlanTransition

if TYPE_CHECKING:
    from asg_lifecycle.aws.plan_store import PlanStore, PlanVersion

PlanName = Annotated[str, typer.Argument(metavar="NAME", help="What hooks, tags and groups call the plan.")]
ForLaunch = Annotated[
    bool | None,
    typer.Option("--launch/--terminate", help="Which plan is meant, where the name has one for each kind of hook."),
]
WithoutAsking = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def list_plans(*, stack: StackName = THE_ONLY_STACK, path: PlanPath = "", as_json: AsJson = False) -> None:
    """List the plans there are."""
    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        plans = store.plans()
    if not plans and not as_json:
        write(f"there are no plans below {store.path}")
    for each in plans:
        if each.transition is None:
            warn(f"{store.path}/{each.name} is no plan: plans are below {store.path}/launch and {store.path}/terminate")
        elif as_json:
            fields = {"transition": each.transition, "version": each.version, "changed_at": each.changed_at}
            write_json({"name": each.name, **fields})
        else:
            write(f"{each.name}  {each.transition}  version {each.version}  {_moment(each.changed_at)}")


def show(  # noqa: PLR0913 - one parameter for each option
    name: PlanName,
    *,
    launch: ForLaunch = None,
    version: Annotated[int, typer.Option(metavar="N", help="As it was put the N-th time; see `versions`.")] = 0,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
    as_json: AsJson = False,
) -> None:
    """Show a plan as it is kept, as YAML."""
    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        transition = _transition_of(store, name, launch=launch)
        text = _version(store, transition, name, version).text if version else _kept(store, transition, name)
    if text is None:
        _fail_without(store, transition, name)
    write(text if as_json else _as_yaml(text), end="\n" if as_json else "")


def put(
    name: PlanName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The plan as YAML or JSON; - reads standard input.")],
    *,
    yes: WithoutAsking = False,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
) -> None:
    """Check a plan and keep it under a name. It is in force a minute later, for actions that begin then.

    It replaces the plan of this name for the same hooks, after a question that shows the difference; one for the other
    hooks stays.
    """
    found = read_plan_file(file)
    if found.plan is None or found.transition is None:
        raise typer.Exit(ExitCode.FAILED)
    store = open_plan_tools(stack, path).store
    _put(store, found.transition, name, found.text, yes=yes)


def delete(
    name: PlanName,
    *,
    launch: ForLaunch = None,
    yes: WithoutAsking = False,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
) -> None:
    """Delete a plan, with all of its versions. Actions that follow it go on with it."""
    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        transition = _transition_of(store, name, launch=launch)
        text = _kept(store, transition, name)
    if text is None:
        _fail_without(store, transition, name)
    write(_as_yaml(text), end="")
    _ask(f"delete plan {name} for {transition} hooks and its versions?", yes=yes)
    with reporting_failed_calls():
        store.delete(transition, name)
    write(f"{name} for {transition} hooks is deleted below {store.path}")


def versions(
    name: PlanName,
    *,
    launch: ForLaunch = None,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
    as_json: AsJson = False,
) -> None:
    """List when a plan was put, by whom, and what changed each time, the newest last."""
    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        transition = _transition_of(store, name, launch=launch)
        found = store.versions(transition, name)
    if not found:
        _fail_without(store, transition, name)
    before = ""
    for each in found:
        if as_json:
            fields = {"changed_at": each.changed_at, "changed_by": each.changed_by, "plan": _plain(each.text)}
            write_json({"version": each.version, **fields})
            continue
        write(f"version {each.version}  {_moment(each.changed_at)}  {each.changed_by}".rstrip())
        write(_difference(before, each.text), end="")
        before = each.text


def restore(  # noqa: PLR0913 - one parameter for each option
    name: PlanName,
    version: Annotated[int, typer.Argument(metavar="N", help="Which time; see `versions`.")],
    *,
    launch: ForLaunch = None,
    yes: WithoutAsking = False,
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
) -> None:
    """Put a plan again as it was put the N-th time."""
    from asg_lifecycle.cli.plan_files import read_plan  # noqa: PLC0415 - few commands need YAML

    store = open_plan_tools(stack, path).store
    with reporting_failed_calls():
        transition = _transition_of(store, name, launch=launch)
        text = _version(store, transition, name, version).text
    found = read_plan(text, transition)
    if found.plan is None:
        fail(f"version {version} of {name} cannot be used: {'; '.join(sentence for _, sentence in found.problems)}")
    _put(store, transition, name, text, yes=yes)


def _put(store: PlanStore, transition: PlanTransition, name: str, text: str, *, yes: bool) -> None:
    from asg_lifecycle.aws.plan_store import NAME  # noqa: PLC0415 - offline commands load no boto3

    if NAME.fullmatch(name) is None:
        sentence = f"{name!r} cannot name a plan: letters, digits, '_', '.' and '-', 128 at most"
        fail(sentence, ExitCode.BAD_INPUT)
    with reporting_failed_calls():
        before = _kept(store, transition, name)
    if before is not None:
        difference = _difference(before, text)
        if not difference:
            write(f"{name} for {transition} hooks is kept below {store.path} as it is already")
            return
        write(difference, end="")
        _ask(f"replace plan {name} for {transition} hooks?", yes=yes)
    with reporting_failed_calls():
        version = store.put(transition, name, text, replacing=before is not None)
    write(f"{name} for {transition} hooks is kept below {store.path}, version {version}")


def _ask(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not _somebody_can_be_asked():
        fail(f"{question} Nobody can be asked here; --yes does it", ExitCode.BAD_INPUT)
    typer.confirm(question, abort=True)


def _somebody_can_be_asked() -> bool:
    return sys.stdin.isatty()


def _transition_of(store: PlanStore, name: str, *, launch: bool | None) -> PlanTransition:
    """Return the hooks of the plan that is meant: those that were said, or those of the only one of this name."""
    if launch is not None:
        return PlanTransition.LAUNCH if launch else PlanTransition.TERMINATE
    found = [transition for transition in PlanTransition if name in store.texts(transition, name)]
    if not found:
        fail(f"there is no plan named {shown(name)} below {store.path}")
    if len(found) > 1:
        fail(f"there are two plans named {name}; add --launch or --terminate", ExitCode.BAD_INPUT)
    return found[0]


def _fail_without(store: PlanStore, transition: PlanTransition, name: str) -> NoReturn:
    fail(f"there is no plan named {shown(name)} for {transition} hooks below {store.path}")


def _kept(store: PlanStore, transition: PlanTransition, name: str) -> str | None:
    return store.texts(transition, name).get(name)


def _version(store: PlanStore, transition: PlanTransition, name: str, number: int) -> PlanVersion:
    found = {each.version: each for each in store.versions(transition, name)}
    if number not in found:
        there_are = ", ".join(map(str, found)) or "none"
        fail(f"there is no version {number} of plan {shown(name)} for {transition} hooks; there are: {there_are}")
    return found[number]


def _difference(before: str, after: str) -> str:
    """Return what changes from one plan to another, as lines of YAML; empty when nothing does."""
    old, new = (_as_yaml(text).splitlines(keepends=True) if text else [] for text in (before, after))
    return "".join(list(difflib.unified_diff(old, new))[2:])


def _as_yaml(text: str) -> str:
    import yaml  # noqa: PLC0415 - few commands need it

    plain = _plain(text)
    if isinstance(plain, str):
        # Not written by this tool: show what it is.
        return f"{text}\n"
    document: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    return document


def _plain(text: str) -> object:
    """Return a plan as JSON values, or the text itself where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
