"""The line that calls a command again with the options it was called with."""

from __future__ import annotations

import shlex
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import typer

PROGRAM = "asg-lifecycle"
TYPED = "COMMANDLINE"
"""How click calls the source of a value that was typed. What the environment and the configuration say holds again."""


def command_again(context: typer.Context, *, without: Collection[str], added: Iterable[str] = ()) -> str:
    """Return the line that calls a command again as it is typed in a shell.

    Args:
        context: of the command that runs; one of options alone.
        without: the names of the parameters that are left out.
        added: words at the end.
    """
    _, *path = context.command_path.split()
    words = [PROGRAM, *path]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in without and source is not None and source.name == TYPED:
            words += _typed(parameter, context.params[name])
    return shlex.join([*words, *added])


def _typed(option: Any, value: Any) -> list[str]:  # noqa: ANN401 - an option of typer, and what it holds
    """Return the words that give an option its value."""
    longest = max(option.opts, key=len)
    if option.is_flag:
        return [longest] if value or not option.secondary_opts else [max(option.secondary_opts, key=len)]
    values = value if isinstance(value, list | tuple) else [value]
    return [word for each in values for word in (longest, str(each.value if isinstance(each, Enum) else each))]
