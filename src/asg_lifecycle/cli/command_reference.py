"""Writes the reference of all commands from their code: `python -m asg_lifecycle.cli.command_reference FILE`."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup
from typer.main import get_command

from asg_lifecycle.cli.configuration import Configuration
from asg_lifecycle.cli.every_command import PANEL, commands_of
from asg_lifecycle.cli.exit_codes import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.core import TyperCommand

PROGRAM = "asg-lifecycle"

BEFORE = f"""\
# The command line

<!-- Written by `python -m asg_lifecycle.cli.command_reference docs/command-line.md`. -->

`{PROGRAM} COMMAND [OPTION]... [ARGUMENT]...`

Results go to standard output, everything else to standard error. What goes wrong is one line that says what to do.
Colours and tables that fit the width are for terminals alone; `NO_COLOR` switches colours off. Elsewhere a table is
plain text with every column. Times are those of this machine's clock, with the zone; in JSON, YAML and CSV they are
seconds since 1970.
"""

PRECEDENCE = """\
## Defaults

What is said first in this list counts:

1. the option itself;
2. the environment;
3. the file `config.toml` in the folder `asg-lifecycle` of `$XDG_CONFIG_HOME`, or else of `~/.config`;
4. for `--region` and `--profile` the configuration of AWS, for `--stack` the only one there is.

| option | environment, the first that is set | in the file |
|---|---|---|
"""

EXAMPLE = """\

For example:

    stack = "asg-lifecycle"
    region = "eu-west-1"
    profile = "operations"
    output = "table"
"""

COMPLETION = f"""\
## Completion

`{PROGRAM} --install-completion` installs it for the shell that it is called from: bash, zsh or fish.
`--show-completion` prints it instead.
"""


def reference() -> str:
    """Return the reference page, as Markdown."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    # Here, because the application imports all commands.
    from asg_lifecycle.cli.app import application  # noqa: PLC0415 - see above

    root = get_command(application)
    if not isinstance(root, TyperGroup):
        raise TypeError("the application is no group of commands")
    commands = sorted(commands_of(root), key=lambda each: each[0])
    yield BEFORE
    yield "## Exit codes"
    yield ""
    yield "| code | meaning |"
    yield "|---|---|"
    yield from (f"| {code} | {meaning} |" for code, meaning in MEANINGS.items())
    yield ""
    yield PRECEDENCE.rstrip("\n")
    yield from _defaults(commands)
    yield EXAMPLE
    yield COMPLETION
    yield "## Options of every command"
    yield ""
    yield from _options([each for each in commands[0][1].params if getattr(each, "rich_help_panel", None) == PANEL])
    for path, command in commands:
        yield ""
        yield from _command(path, command)


def _defaults(commands: list[tuple[tuple[str, ...], TyperCommand]]) -> Iterator[str]:
    parameters = {parameter.name: parameter for _, command in commands for parameter in command.params}
    for name in Configuration.__struct_fields__:
        variables = parameters[name].envvar
        names = [variables] if isinstance(variables, str) else list(variables or ())
        yield f"| `--{name}` | {', '.join(f'`{each}`' for each in names)} | `{name}` |"


def _command(path: tuple[str, ...], command: TyperCommand) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    own = [
        each
        for each in command.params
        if each.param_type_name == "option" and getattr(each, "rich_help_panel", None) != PANEL
    ]
    yield f"## {' '.join(path)}"
    yield ""
    yield f"`{' '.join([PROGRAM, *path, '[OPTION]...', *(str(each.metavar) for each in arguments)])}`"
    yield ""
    yield inspect.cleandoc(command.help or "")
    if arguments:
        yield ""
        yield "| argument | |"
        yield "|---|---|"
        yield from (f"| `{_cell(each.metavar)}` | {_cell(getattr(each, 'help', ''))} |" for each in arguments)
    if own:
        yield ""
        yield from _options(own)


def _options(options: list[Any]) -> Iterator[str]:
    yield "| option | |"
    yield "|---|---|"
    for option in options:
        if option.hidden:
            continue
        names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
        yield f"| {names}{_value(option)} | {_cell(option.help)}{_default(option)} |"


def _value(option: Any) -> str:  # noqa: ANN401 - an option of typer
    if option.is_flag:
        return ""
    choices = option.type_descriptor.choices
    if choices:
        return " " + " or ".join(f"`{getattr(choice, 'value', choice)}`" for choice in choices)
    return f" `{option.metavar or option.name.upper()}`"


def _default(option: Any) -> str:  # noqa: ANN401 - an option of typer
    default = getattr(option.default, "value", option.default)
    if option.required:
        return " It has to be given."
    return (
        ""
        if option.is_flag or default in {None, "", 0} or isinstance(default, tuple | list)
        else f" Default: `{default}`."
    )


def _cell(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
