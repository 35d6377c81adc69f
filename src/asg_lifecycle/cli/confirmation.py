"""Asking before instances are terminated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from asg_lifecycle.cli.console import ExitCode, fail
from asg_lifecycle.cli.verbs import is_interactive

if TYPE_CHECKING:
    from collections.abc import Sequence


def confirm_terminations(instances: Sequence[str], verb: str) -> None:
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
