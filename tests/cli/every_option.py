"""Draws command lines of the commands there are, from the options they say they have."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from hypothesis import strategies as st
from typer.core import TyperGroup
from typer.main import get_command

from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.every_command import commands_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from typer.core import TyperCommand

root = get_command(application)
assert isinstance(root, TyperGroup)
COMMANDS: dict[str, TyperCommand] = {" ".join(path): command for path, command in commands_of(root)}
"""Every command, by the words that call it."""

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def command_named(words: str) -> TyperCommand:
    """Return a command by the words that call it."""
    return COMMANDS[words]


def values_of(option: Any, text: st.SearchStrategy[str] = TEXT) -> st.SearchStrategy[str]:
    """Return what an option or an argument takes, as it is typed."""
    told: Any = option.type_descriptor.annotation
    one = get_args(told)[0] if get_origin(told) is list else told
    if get_origin(one) is Literal:
        return st.sampled_from([str(each) for each in get_args(one)])
    if isinstance(one, type) and issubclass(one, Enum):
        return st.sampled_from([str(each.value) for each in one])
    if one is int:
        return st.integers(option.min, option.max if option.max is not None else 1_000).map(str)
    return text


@st.composite
def words_of(
    draw: st.DrawFn,
    command: TyperCommand,
    *,
    always: Collection[str] = (),
    seldom: Collection[str] = (),
    values: Callable[[Any], st.SearchStrategy[str]] = values_of,
) -> list[str]:
    """Draw options of a command, each with a value it takes.

    Args:
        draw: hypothesis's.
        command: the command; its arguments are left out.
        always: the names of options that are always given.
        seldom: the names of options that are given one time in eight.
        values: what is typed as the value of an option.
    """
    options: list[Any] = [each for each in command.params if each.param_type_name == "option"]
    words: list[str] = []
    for option in draw(st.permutations(options)):
        if option.name not in always and draw(st.integers(0, 7 if option.name in seldom else 1)):
            continue
        for _ in range(draw(st.integers(1, 2)) if option.multiple else 1):
            flag = draw(st.sampled_from([*option.opts, *option.secondary_opts]))
            words += [flag] if option.is_flag else [flag, draw(values(option))]
    return words


@st.composite
def arguments_of(
    draw: st.DrawFn, command: TyperCommand, *, values: Callable[[Any], st.SearchStrategy[str]] = values_of
) -> list[str]:
    """Draw the arguments of a command, which are all of them as a rule.

    Args:
        draw: hypothesis's.
        command: the command.
        values: what is typed as an argument.
    """
    words: list[str] = []
    for argument in command.params:
        if argument.param_type_name == "argument" and draw(st.integers(0, 9)):
            words += draw(st.lists(values(argument), min_size=1, max_size=2 if argument.nargs == -1 else 1))
    return words
