"""`asg-lifecycle plan`: check plans, say what they can hold, and try them without touching anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls, write, write_json
from asg_lifecycle.cli.input_files import file_name
from asg_lifecycle.cli.options import THE_ONLY_STACK, AsJson, HookNamePrefix, StackName
from asg_lifecycle.cli.plan_access import PlanPath, open_plan_tools, read_plan_file
from asg_lifecycle.model import hooks
from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX

if TYPE_CHECKING:
    from asg_lifecycle.aws.groups import Hook
    from asg_lifecycle.composition.plan_tools import PlanTools

plan = typer.Typer(
    help="What is done with an instance: check plans, keep them, see which one a group has and what it would touch.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@plan.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Plans as YAML or JSON; - is standard input.")],
) -> None:
    """Say everything that is wrong with plans, each with its line and the valid names. Asks nothing of AWS.

    Exit code 0 when all of them can be used, 1 when one cannot, 2 when one cannot be read.
    """
    all_usable = True
    for file in files:
        found = read_plan_file(file)
        if found.plan is not None:
            count = len(found.plan.get("steps", []))
            steps_in_words = f"{count} {'step' if count == 1 else 'steps'}"
            write(f"{file_name(file)}: can be used for {found.transition} hooks, {steps_in_words}")
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


@plan.command()
def explain(  # noqa: PLR0913 - one parameter for each option
    *,
    group: Annotated[str, typer.Option(metavar="NAME", help="The Auto Scaling group.")],
    hook: Annotated[str, typer.Option(metavar="NAME", help="Only this hook.")] = "",
    instance: Annotated[
        str, typer.Option(metavar="ID", help="The instance to try it with; else the first of the group.")
    ] = "",
    stack: StackName = THE_ONLY_STACK,
    path: PlanPath = "",
    hook_name_prefix: HookNamePrefix = DEFAULT_HOOK_NAME_PREFIX,
    as_json: AsJson = False,
) -> None:
    """Say which plan each hook of a group has and why, and what each step would touch. Only reads.

    Exit code 1 when a plan cannot be used: its actions would be held.
    """
    from asg_lifecycle.cli.plan_trial import try_hook  # noqa: PLC0415 - only this command pays for it

    tools = open_plan_tools(stack, path)
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
