"""`asg-lifecycle plan`: plans checked, kept, shown, and tried without touching anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from asg_lifecycle.cli.explain import read_text
from asg_lifecycle.model import hooks
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES

if TYPE_CHECKING:
    from asg_lifecycle.cli.plan_files import PlanFile
    from asg_lifecycle.composition.plan_tools import PlanTools

NOT_GOOD = 1
WRONG_USAGE = 2
FEATURES_OUTPUT = "BuiltInFeatures"
PATH_OUTPUT = "PlanPath"

plan = typer.Typer(
    help="What is done with an instance: check plans, keep them, see which one a group has and what it would touch.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Stack = Annotated[str, typer.Option(metavar="NAME", help="The deployed stack; its outputs say where plans are.")]
Path = Annotated[str, typer.Option(metavar="PATH", help="Where plans are in Parameter Store, instead of the stack's.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="What hooks, tags and groups call the plan.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="The plan as YAML or JSON; - reads standard input.")]


@plan.command()
def check(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Plans as YAML or JSON; - is standard input.")],
) -> None:
    """Say everything that is wrong with plans, each with its line and the valid names. Asks nothing of AWS.

    Exit code 0 when all of them can be used, 1 when one cannot, 2 when one cannot be read.
    """
    good = True
    for file in files:
        found = _read(file)
        for line, sentence in found.problems:
            typer.echo(f"{_named(file)}:{line}: {sentence}", err=True)
        if found.plan is not None:
            count = len(found.plan.get("steps", []))
            typer.echo(f"{_named(file)}: can be used, {count} {'step' if count == 1 else 'steps'}")
        good = good and found.plan is not None
    if not good:
        raise typer.Exit(NOT_GOOD)


@plan.command()
def schema() -> None:
    """Print the JSON Schema of plans, for editors. Asks nothing of AWS."""
    from asg_lifecycle.plans.json_schema import plan_schema  # noqa: PLC0415 - only this command pays for it

    typer.echo(json.dumps(plan_schema(), indent=2))


@plan.command()
def steps(
    kind: Annotated[str, typer.Argument(metavar="[KIND]", help="The kind to explain; else all, a line each.")] = "",
    *,
    write: Annotated[str, typer.Option(metavar="FOLDER", help="Write a page for each kind into this folder.")] = "",
) -> None:
    """Say which kinds of steps there are, and what each takes. Asks nothing of AWS."""
    from pathlib import Path as FilePath  # noqa: PLC0415 - `Path` is an option here

    from asg_lifecycle.cli.step_reference import overview, page  # noqa: PLC0415 - only this command pays for it
    from asg_lifecycle.steps.catalog import KINDS  # noqa: PLC0415 - likewise

    if kind and kind not in KINDS:
        _fail(f"there is no kind {shown(kind)}; there are: {', '.join(sorted(KINDS))}", WRONG_USAGE)
    if write:
        for step in KINDS.values():
            (FilePath(write) / f"{step.kind}.md").write_text(page(step), encoding="utf-8")
        return
    typer.echo(page(KINDS[kind]) if kind else overview(), nl=False)


@plan.command("list")
def list_plans(*, stack: Stack = "asg-lifecycle", path: Path = "", as_json: AsJson = False) -> None:
    """List the plans there are."""
    desk = _desk(stack, path)
    try:
        plans = desk.store.plans()
    except CallFailed as failed:
        _fail(str(failed), NOT_GOOD)
    if not plans and not as_json:
        typer.echo(f"there are no plans below {desk.store.path}")
    for each in plans:
        at = datetime.fromtimestamp(each.changed_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        if as_json:
            typer.echo(json.dumps({"name": each.name, "version": each.version, "changed_at": each.changed_at}))
        else:
            typer.echo(f"{each.name}  version {each.version}  {at}")


@plan.command()
def show(name: Name, *, stack: Stack = "asg-lifecycle", path: Path = "", as_json: AsJson = False) -> None:
    """Show a plan as it is kept, as YAML."""
    desk = _desk(stack, path)
    try:
        text = desk.store.texts(name).get(name)
    except CallFailed as failed:
        _fail(str(failed), NOT_GOOD)
    if text is None:
        _fail(f"there is no plan named {shown(name)} below {desk.store.path}", NOT_GOOD)
    typer.echo(text if as_json else _as_yaml(text), nl=as_json)


@plan.command()
def put(name: Name, file: File, *, stack: Stack = "asg-lifecycle", path: Path = "") -> None:
    """Check a plan and keep it under a name. It is in force a minute later, for actions that begin then."""
    found = _read(file)
    for line, sentence in found.problems:
        typer.echo(f"{_named(file)}:{line}: {sentence}", err=True)
    if found.plan is None:
        raise typer.Exit(NOT_GOOD)
    desk = _desk(stack, path)
    try:
        version = desk.store.put(name, found.text)
    except CallFailed as failed:
        _fail(str(failed), NOT_GOOD)
    except ValueError as error:
        _fail(str(error), WRONG_USAGE)
    typer.echo(f"{name} is kept below {desk.store.path}, version {version}")


@plan.command()
def explain(  # noqa: PLR0913 - one parameter for each option
    *,
    group: Annotated[str, typer.Option(metavar="NAME", help="The Auto Scaling group.")],
    hook: Annotated[str, typer.Option(metavar="NAME", help="Only this hook.")] = "",
    instance: Annotated[
        str, typer.Option(metavar="ID", help="The instance to try it with; else the first of the group.")
    ] = "",
    stack: Stack = "asg-lifecycle",
    path: Path = "",
    hook_name_prefix: Annotated[
        str, typer.Option("--hook-name-prefix", metavar="PREFIX", help="What our hooks' names begin with.")
    ] = DEFAULT_HOOK_NAME_PREFIX,
    as_json: AsJson = False,
) -> None:
    """Say which plan each hook of a group has and why, and what each step would touch. Only reads.

    Exit code 1 when a plan cannot be used: its actions would be held.
    """
    from asg_lifecycle.cli.plan_trial import try_hook  # noqa: PLC0415 - only this command pays for it

    desk = _desk(stack, path)
    try:
        found = desk.groups.named(group)
        if found is None:
            _fail(f"there is no Auto Scaling group {shown(group)}", NOT_GOOD)
        ours = [
            each
            for each in desk.groups.hooks(group)
            if hooks.refuse(each.name, hook_name_prefix) is None and hook in {"", each.name}
        ]
        if not ours:
            whose = f"hook {shown(hook)}" if hook else f"hook whose name begins with {shown(hook_name_prefix)}"
            _fail(f"group {shown(group)} has no {whose}", NOT_GOOD)
        tried = instance or next((member.instance for member in found.members), "")
        trials = [try_hook(desk, group, each, tried) for each in ours]
    except CallFailed as failed:
        _fail(str(failed), NOT_GOOD)
    for trial in trials:
        typer.echo(json.dumps(trial.plain) if as_json else trial.text)
    if any(trial.problems for trial in trials):
        raise typer.Exit(NOT_GOOD)


def _read(file: str) -> PlanFile:
    from asg_lifecycle.cli.plan_files import read_plan  # noqa: PLC0415 - YAML is needed by few commands

    try:
        return read_plan(read_text(file))
    except OSError as error:
        _fail(f"{_named(file)}: {error.strerror or type(error).__name__}", WRONG_USAGE)
    except ValueError as error:
        _fail(f"{_named(file)}: {error}", WRONG_USAGE)


def _as_yaml(text: str) -> str:
    import yaml  # noqa: PLC0415 - few commands need it

    try:
        kept: Any = json.loads(text)
    except ValueError:
        # Somebody else put it there: show what it is.
        return f"{text}\n"
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=100)


def _desk(stack: str, path: str) -> PlanTools:
    from asg_lifecycle.composition.operator import stack_outputs  # noqa: PLC0415 - offline commands pay for no AWS
    from asg_lifecycle.composition.plan_tools import compose_plan_tools  # noqa: PLC0415 - likewise

    features = DEFAULT_FEATURES
    if not path:
        try:
            outputs = stack_outputs(stack)
            path = outputs.get(PATH_OUTPUT, "")
            if FEATURES_OUTPUT in outputs:
                features = frozenset(outputs[FEATURES_OUTPUT].split(","))
        except CallFailed as failed:
            _fail(f"stack {stack} could not be read: {failed}; name it with --stack, or give --path", WRONG_USAGE)
    if not path:
        _fail(f"stack {stack} is no stack of asg-lifecycle: it has no output {PATH_OUTPUT}", WRONG_USAGE)
    return compose_plan_tools(path, features)


def _named(file: str) -> str:
    return "standard input" if file == "-" else file if file.isprintable() else shown(file)


def _fail(sentence: str, code: int) -> NoReturn:
    typer.echo(f"asg-lifecycle plan: {sentence}", err=True)
    raise typer.Exit(code)
