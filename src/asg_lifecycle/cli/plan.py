"""`asg-lifecycle plan`: check plans, say what they can hold, and try them without touching anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import (
    ExitCode,
    fail,
    fail_for_unknown_group,
    reporting_failed_calls,
    warn,
    write,
    write_json,
    write_sentences,
)
from asg_lifecycle.cli.input_files import file_name
from asg_lifecycle.cli.options import THE_ONLY_STACK, HookNamePrefix, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.cli.plan_access import PlanPath, open_plan_tools, read_plan_file, say_what_is_wrong
from asg_lifecycle.model import hooks
from asg_lifecycle.model.fields import is_instance_id, shown
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX

if TYPE_CHECKING:
    from asg_lifecycle.aws.groups import Hook
    from asg_lifecycle.cli.plan_files import PlanFile
    from asg_lifecycle.cli.plan_trial import Trial
    from asg_lifecycle.composition.plan_tools import PlanTools


@dataclass(frozen=True)
class CheckedFile:
    """A plan file that was read.

    Attributes:
        name: of the file.
        found: what is in it.
    """

    name: str
    found: PlanFile

    @property
    def steps(self) -> int | None:
        """How many steps the plan has, None when it cannot be used."""
        return len(self.found.plan.get("steps", [])) if self.found.plan is not None else None


CHECKED_COLUMNS: tuple[Column[CheckedFile], ...] = (
    Column(name="file", value=lambda each: each.name),
    Column(name="usable", value=lambda each: each.found.plan is not None),
    Column(name="transition", value=lambda each: each.found.transition and each.found.transition.value),
    Column(name="steps", value=lambda each: each.steps),
    Column(name="problems", value=lambda each: [{"line": line, "problem": text} for line, text in each.found.problems]),
    Column(name="warnings", value=lambda each: [{"line": line, "warning": text} for line, text in each.found.warnings]),
)
TRIAL_COLUMNS: tuple[Column[Trial], ...] = tuple(
    Column(name=name, value=lambda trial, name=name: trial.plain[name])  # type: ignore[misc]
    for name in ("hook", "transition", "instance", "name", "source", "why", "problems", "steps")
)

plan = typer.Typer(
    help="What is done with an instance: check plans, keep them, see which one a group has and what it would touch.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@plan.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Plans as YAML or JSON; - is standard input.")],
    *,
    output: OutputForm = Output.TABLE,
) -> None:
    """Say everything that is wrong with plans, each with its line and the valid names. Asks nothing of AWS.

    Exit code 0 when all of them can be used, 1 when one cannot, 2 when one cannot be read.

    For example: `asg-lifecycle plan check web.yaml`
    """
    checked = [CheckedFile(file_name(file), read_plan_file(file)) for file in files]
    if output is Output.TABLE:
        for each in checked:
            say_what_is_wrong(each.name, each.found)
            if each.found.plan is not None:
                count = each.steps
                steps_in_words = f"{count} {'step' if count == 1 else 'steps'}"
                write(f"{each.name}: can be used for {each.found.transition} hooks, {steps_in_words}")
    else:
        write_list(checked, CHECKED_COLUMNS, output, none="")
    if any(each.found.plan is None for each in checked):
        raise typer.Exit(ExitCode.FAILED)


@plan.command()
def schema() -> None:
    """Print the JSON Schema of plans, for editors. Asks nothing of AWS.

    For example: `asg-lifecycle plan schema`
    """
    from asg_lifecycle.plans.json_schema import plan_schema  # noqa: PLC0415 - only this command pays for it

    write_json(plan_schema(), indent=2)


@plan.command()
def steps(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="The kind to explain; else all, a line each.")] = "",
    *,
    folder: Annotated[
        str, typer.Option("--write", metavar="FOLDER", help="Write a page for each kind into this folder.")
    ] = "",
    output: OutputForm = Output.TABLE,
) -> None:
    """Say which kinds of steps there are, and what each takes. Asks nothing of AWS.

    For example: `asg-lifecycle plan steps run-command`
    """
    from asg_lifecycle.cli import step_reference  # noqa: PLC0415 - only this command pays for it
    from asg_lifecycle.plans.value_problems import unknown  # noqa: PLC0415 - likewise
    from asg_lifecycle.steps.catalog import CATALOG, KINDS  # noqa: PLC0415 - likewise

    if kind and kind not in KINDS:
        fail(unknown("kind", kind, KINDS), ExitCode.BAD_INPUT)
    if folder:
        _write_pages(Path(folder))
    elif kind:
        step_reference.write_page(KINDS[kind], output)
    else:
        write_list(CATALOG, step_reference.COLUMNS, output, none="there are no kinds")


def _write_pages(folder: Path) -> None:
    from asg_lifecycle.cli.step_reference import page  # noqa: PLC0415 - as above
    from asg_lifecycle.steps.catalog import CATALOG  # noqa: PLC0415 - as above

    for step in CATALOG:
        file = folder / f"{step.kind}.md"
        try:
            file.write_text(page(step), encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            fail(f"{file_name(str(file))} cannot be written: {reason}", ExitCode.BAD_INPUT)


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
    output: OutputForm = Output.TABLE,
) -> None:
    """Say which plan each hook of a group has and why, and what each step would touch. Only reads.

    Exit code 1 when a plan cannot be used: its actions would be held.

    For example: `asg-lifecycle plan explain --group web --instance i-0123456789abcdef0`
    """
    from asg_lifecycle.cli.plan_trial import try_hook  # noqa: PLC0415 - only this command pays for it

    if instance and not is_instance_id(instance):
        fail(f"{instance!r} is no instance id: expected 'i-' and 8 or 17 hexadecimal digits", ExitCode.BAD_INPUT)
    tools = open_plan_tools(stack, path)
    with reporting_failed_calls():
        found = tools.groups.named(group)
        if found is None:
            fail_for_unknown_group(group)
        ours = _our_hooks(tools, group, hook, hook_name_prefix)
        members = [member.instance for member in found.members]
        if instance:
            _check_instance(tools, group, members, instance)
        tried = instance or next(iter(members), "")
        trials = [try_hook(tools, group, each, tried) for each in ours]
    if output is Output.TABLE:
        write_sentences("\n".join(trial.text for trial in trials))
    else:
        write_list(trials, TRIAL_COLUMNS, output, none="")
    if any(trial.problems for trial in trials):
        raise typer.Exit(ExitCode.FAILED)


def _check_instance(tools: PlanTools, group: str, members: list[str], instance: str) -> None:
    """End the command when there is no such instance: a trial with nothing would look like a plan with no work."""
    if instance in members:
        return
    if not tools.instances.is_known(instance):
        there_are = ", ".join(members) or "none"
        fail(f"there is no instance {instance} in this account and Region; group {shown(group)} has: {there_are}")
    warn(f"instance {instance} is none of group {shown(group)} (its warm pool is not looked into): tried all the same")


def _our_hooks(tools: PlanTools, group: str, hook: str, hook_name_prefix: str) -> list[Hook]:
    """Return the hooks of a group that are ours, only the one named `hook` unless that is empty."""
    ours = [
        each
        for each in tools.groups.hooks(group)
        if hooks.refuse(each.name, hook_name_prefix) is None and hook in {"", each.name}
    ]
    if not ours:
        wanted = f"hook {shown(hook)}" if hook else f"hook whose name begins with {shown(hook_name_prefix)}"
        fail(f"group {shown(group)} has no {wanted}: asg-lifecycle install-hook makes one")
    return ours
