"""`asg-lifecycle plan`: check plans, keep them, show them, and try them without touching anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, warn, write, write_json
from asg_lifecycle.cli.input_files import file_name, read_text
from asg_lifecycle.cli.options import DEFAULT_STACK, AsJson, HookNamePrefix, StackName
from asg_lifecycle.cli.stack import find_stack
from asg_lifecycle.model import hooks
from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX

if TYPE_CHECKING:
    from asg_lifecycle.aws.groups import Hook
    from asg_lifecycle.cli.plan_files import PlanFile
    from asg_lifecycle.composition.plan_tools import PlanTools

plan = typer.Typer(
    help="What is done with an instance: check plans, keep them, see which one a group has and what it would touch.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

PlanPath = Annotated[
    str, typer.Option("--path", metavar="PATH", help="Where plans are in Parameter Store, instead of the stack's.")
]
PlanName = Annotated[str, typer.Argument(metavar="NAME", help="What hooks, tags and groups call the plan.")]


@plan.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Plans as YAML or JSON; - is standard input.")],
) -> None:
    """Say everything that is wrong with plans, each with its line and the valid names. Asks nothing of AWS.

    Exit code 0 when all of them can be used, 1 when one cannot, 2 when one cannot be read.
    """
    all_usable = True
    for file in files:
        found = _read(file)
        if found.plan is not None:
            count = len(found.plan.get("steps", []))
            write(f"{file_name(file)}: can be used, {count} {'step' if count == 1 else 'steps'}")
        all_usable = all_usable and found.plan is not None
    if not all_usable:
        raise typer.Exit(ExitCode.FAILED)


@plan.command()
def schema() -> None:
    """Print the JSON Schema of plans, for editors. Asks nothing of AWS."""
    from asg_lifecycle.plans.json_schema import plan_schema  # noqa: PLC0415 - only this command pays for it

    write_json(plan_schema(), indent=2)


@plan.command()
def steps(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="The kind to explain; else all, a line each.")] = "",
    *,
    folder: Annotated[
        str, typer.Option("--write", metavar="FOLDER", help="Write a page for each kind into this folder.")
    ] = "",
) -> None:
    """Say which kinds of steps there are, and what each takes. Asks nothing of AWS."""
    from asg_lifecycle.cli.step_reference import overview, page  # noqa: PLC0415 - only this command pays for it
    from asg_lifecycle.steps.catalog import KINDS  # noqa: PLC0415 - likewise

    if kind and kind not in KINDS:
        fail(f"there is no kind {shown(kind)}; there are: {', '.join(sorted(KINDS))}", ExitCode.BAD_INPUT)
    if folder:
        for step in KINDS.values():
            (Path(folder) / f"{step.kind}.md").write_text(page(step), encoding="utf-8")
        return
    write(page(KINDS[kind]) if kind else overview(), end="")


@plan.command("list")
def list_plans(*, stack: StackName = DEFAULT_STACK, path: PlanPath = "", as_json: AsJson = False) -> None:
    """List the plans there are."""
    tools = _plan_tools(stack, path)
    with reporting_failed_calls():
        plans = tools.store.plans()
    if not plans and not as_json:
        write(f"there are no plans below {tools.store.path}")
    for each in plans:
        if as_json:
            write_json({"name": each.name, "version": each.version, "changed_at": each.changed_at})
        else:
            changed_at = datetime.fromtimestamp(each.changed_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
            write(f"{each.name}  version {each.version}  {changed_at}")


@plan.command()
def show(name: PlanName, *, stack: StackName = DEFAULT_STACK, path: PlanPath = "", as_json: AsJson = False) -> None:
    """Show a plan as it is kept, as YAML."""
    tools = _plan_tools(stack, path)
    with reporting_failed_calls():
        text = tools.store.texts(name).get(name)
    if text is None:
        fail(f"there is no plan named {shown(name)} below {tools.store.path}")
    write(text if as_json else _as_yaml(text), end="\n" if as_json else "")


@plan.command()
def put(
    name: PlanName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The plan as YAML or JSON; - reads standard input.")],
    *,
    stack: StackName = DEFAULT_STACK,
    path: PlanPath = "",
) -> None:
    """Check a plan and keep it under a name. It is in force a minute later, for actions that begin then."""
    found = _read(file)
    if found.plan is None:
        raise typer.Exit(ExitCode.FAILED)
    tools = _plan_tools(stack, path)
    try:
        with reporting_failed_calls():
            version = tools.store.put(name, found.text)
    except ValueError as error:
        fail(str(error), ExitCode.BAD_INPUT)
    write(f"{name} is kept below {tools.store.path}, version {version}")


@plan.command()
def explain(  # noqa: PLR0913 - one parameter for each option
    *,
    group: Annotated[str, typer.Option(metavar="NAME", help="The Auto Scaling group.")],
    hook: Annotated[str, typer.Option(metavar="NAME", help="Only this hook.")] = "",
    instance: Annotated[
        str, typer.Option(metavar="ID", help="The instance to try it with; else the first of the group.")
    ] = "",
    stack: StackName = DEFAULT_STACK,
    path: PlanPath = "",
    hook_name_prefix: HookNamePrefix = DEFAULT_HOOK_NAME_PREFIX,
    as_json: AsJson = False,
) -> None:
    """Say which plan each hook of a group has and why, and what each step would touch. Only reads.

    Exit code 1 when a plan cannot be used: its actions would be held.
    """
    from asg_lifecycle.cli.plan_trial import try_hook  # noqa: PLC0415 - only this command pays for it

    tools = _plan_tools(stack, path)
    with reporting_failed_calls():
        found = tools.groups.named(group)
        if found is None:
            fail(f"there is no Auto Scaling group {shown(group)}")
        ours = _our_hooks(tools, group, hook, hook_name_prefix)
        tried = instance or next((member.instance for member in found.members), "")
        trials = [try_hook(tools, group, each, tried) for each in ours]
    for trial in trials:
        if as_json:
            write_json(trial.plain)
        else:
            write(trial.text)
    if any(trial.problems for trial in trials):
        raise typer.Exit(ExitCode.FAILED)


def _our_hooks(tools: PlanTools, group: str, hook: str, hook_name_prefix: str) -> list[Hook]:
    """Return the hooks of a group that are ours, only the one named `hook` unless that is empty."""
    ours = [
        each
        for each in tools.groups.hooks(group)
        if hooks.refuse(each.name, hook_name_prefix) is None and hook in {"", each.name}
    ]
    if not ours:
        wanted = f"hook {shown(hook)}" if hook else f"hook whose name begins with {shown(hook_name_prefix)}"
        fail(f"group {shown(group)} has no {wanted}")
    return ours


def _read(file: str) -> PlanFile:
    """Return a plan file, after a line on standard error for each of its problems."""
    from asg_lifecycle.cli.plan_files import read_plan  # noqa: PLC0415 - few commands need YAML

    found = read_plan(read_text(file))
    for line, sentence in found.problems:
        warn(f"{file_name(file)}:{line}: {sentence}")
    return found


def _as_yaml(text: str) -> str:
    import yaml  # noqa: PLC0415 - few commands need it

    try:
        kept = json.loads(text)
    except ValueError:
        # Not written by this tool: show what it is.
        return f"{text}\n"
    document: str = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=100)
    return document


def _plan_tools(stack: str, path: str) -> PlanTools:
    from asg_lifecycle.composition.plan_tools import compose_plan_tools  # noqa: PLC0415 - offline commands load no boto3

    if path:
        return compose_plan_tools(path)
    found = find_stack(stack, instead="--path")
    if not found.plan_path:
        fail(f"stack {stack} is no stack of asg-lifecycle: it has no output PlanPath", ExitCode.BAD_INPUT)
    return compose_plan_tools(found.plan_path, found.features)
