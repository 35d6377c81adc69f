"""Asking before something is done to instances."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from asg_lifecycle.cli.console import ExitCode, fail

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_interactive() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def confirm_number(count: int, verb: str) -> None:
    """Ask whether something is to be done to so many instances, where somebody can be asked.

    Raises:
        typer.Abort: the answer is no.
    """
    if is_interactive():
        typer.confirm(f"{verb} {count}?", abort=True)


def confirm_instances(instances: Sequence[str], verb: str) -> None:
    """Have the instance's id typed, or the number of the instances; end the command where it is another one.

    Args:
        instances: EC2 instance ids, one at least.
        verb: what will be done to them, `drain`.

    Raises:
        typer.Exit: something else was typed, or nobody can be asked.
    """
    if not is_interactive():
        fail(f"nobody can be asked here: say --yes to {verb}", ExitCode.BAD_INPUT)
    expected = instances[0] if len(instances) == 1 else str(len(instances))
    what = "the instance's id" if len(instances) == 1 else f"their number, {expected},"
    if typer.prompt(f"type {what} to {verb}") != expected:
        fail("that is another one: nothing was done")
