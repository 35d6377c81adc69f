"""What all commands have in common: some options, the defaults of others, and how they end.

The class stands at the root of the commands alone: it gives each command below what that lacks, so that a new command
needs nothing of it.
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from asg_lifecycle.aws.account import Account, acting_in
from asg_lifecycle.cli.configuration import read_configuration
from asg_lifecycle.cli.console import ExitCode, fail, keeping_quiet, on_one_line, reporting_failed_calls, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typer.core import TyperCommand

PANEL = "Options of every command"

_options = typer.Typer(add_completion=False)


@_options.command()
def _options_of_every_command(
    *,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            envvar=["ASG_LIFECYCLE_PROFILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"],
            help="The profile of the AWS configuration.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            envvar=["ASG_LIFECYCLE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"],
            help="The Region of AWS.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Write only what was asked for, and errors.", rich_help_panel=PANEL),
    ] = False,
) -> None:
    """Never called: its parameters alone are read, for the options that typer makes of them."""


@_options.command()
def _options_of_lists(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --output json.")] = False,
) -> None:
    """Never called: its parameters alone are read, for the options that typer makes of them."""


class CommandTree(TyperGroup):
    """The root of the commands.

    Every command gets `--profile`, `--region` and `--quiet`, one with `--output` gets `--json` too, unless it has an
    option of that name of its own. Whatever goes wrong is one line on standard error and an exit code.
    """

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - typer's own settings
        super().__init__(**settings)
        common, of_lists = (each.params for _, each in commands_of(get_command(_options)))  # type: ignore[arg-type]
        for _, command in commands_of(self):
            _add_options(command, common, of_lists)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # noqa: ANN401 - what a command returns
        """Run the command that was named, with the defaults of the configuration file."""
        defaults = read_configuration().defaults()
        ctx.default_map = _defaults_of(self, defaults) if defaults else None
        return super().invoke(ctx)

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *,
        standalone_mode: bool = True,
        **settings: Any,  # noqa: ANN401 - typer's own settings
    ) -> Any:  # noqa: ANN401 - as typer's
        """Run a command line and exit, with one line on standard error when it was used wrongly.

        Raises:
            SystemExit: always, in standalone mode.
        """
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **settings)
        try:
            code = super().main(args, prog_name, standalone_mode=False, **settings)
        except typer.TyperException as error:
            code = _report(error)
        except typer.Abort:
            warn("asg-lifecycle: nothing was done")
            code = ExitCode.FAILED
        sys.exit(code if isinstance(code, int) else ExitCode.SUCCESS)


def commands_of(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """Yield every command below a group, with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands_of(command, (*path, name))
        else:
            yield (*path, name), command  # type: ignore[misc]


def _add_options(command: TyperCommand, common: Sequence[Any], of_lists: Sequence[Any]) -> None:
    has_output = any(parameter.name == "output" for parameter in command.params)
    added = [
        option
        for option in (*(of_lists if has_output else ()), *common)
        if not any(option.name == own.name or {*option.opts} & {*own.opts} for own in command.params)
    ]
    command.params += added
    command.callback = _with_options(command.callback, [option.name for option in added])


def _with_options(own: Callable[..., Any] | None, names: list[str | None]) -> Callable[..., Any]:
    """Return what runs a command after its share of the options has been taken off and done."""

    def run(**values: Any) -> Any:  # noqa: ANN401 - what a command takes and returns
        given = {name: values.pop(name) for name in names if name is not None}
        if given.get("as_json"):
            if values["output"] not in {"table", "json"}:
                fail(f"--json and --output {values['output']} contradict each other", ExitCode.BAD_INPUT)
            values["output"] = type(values["output"])("json")
        account = Account(profile=given.get("profile") or None, region=given.get("region") or None)
        with ExitStack() as stack:
            stack.enter_context(acting_in(account))
            stack.enter_context(keeping_quiet(quiet=given.get("quiet", False)))
            stack.enter_context(reporting_failed_calls())
            return own(**values) if own is not None else None

    return run


def _defaults_of(group: TyperGroup, defaults: dict[str, str]) -> dict[str, Any]:
    """Return the defaults for each command below a group that has an option of that name."""
    return {
        name: _defaults_of(command, defaults)
        if isinstance(command, TyperGroup)
        else {
            parameter.name: defaults[parameter.name]
            for parameter in command.params
            if parameter.param_type_name == "option" and parameter.name in defaults
        }
        for name, command in group.commands.items()
    }


def _report(error: typer.TyperException) -> int:
    """Write what was used wrongly on one line, and return the exit code."""
    context = getattr(error, "ctx", None)
    _, *words = context.command_path.split() if context is not None else ("",)
    called = " ".join(("asg-lifecycle", *words))
    if type(error).__name__ == "NoArgsIsHelpError":
        warn(error.format_message())
    else:
        sentence = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
        # What typer ends with a question is a sentence by itself.
        joint = " see" if sentence.endswith("?") else "; see"
        warn(f"asg-lifecycle: {on_one_line(sentence)}{joint} {called} --help")
    return error.exit_code
