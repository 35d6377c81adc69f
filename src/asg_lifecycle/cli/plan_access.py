"""What the commands about plans read: the file of one, and the stack's plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, warn
from asg_lifecycle.cli.input_files import file_name, read_text
from asg_lifecycle.cli.stack import find_stack, is_not_ours

if TYPE_CHECKING:
    from asg_lifecycle.cli.plan_files import PlanFile
    from asg_lifecycle.composition.plan_tools import PlanTools

PlanPath = Annotated[
    str, typer.Option("--path", metavar="PATH", help="Where plans are in Parameter Store, instead of the stack's.")
]


def read_plan_file(file: str) -> PlanFile:
    """Return a plan file; end the command when it cannot be read."""
    from asg_lifecycle.cli.plan_files import read_plan  # noqa: PLC0415 - few commands need YAML

    return read_plan(read_text(file))


def say_what_is_wrong(name: str, found: PlanFile) -> None:
    """Write a line on standard error for each problem and warning of a file of this name."""
    for line, sentence in found.problems:
        warn(f"{name}:{line}: {sentence}")
    for line, sentence in found.warnings:
        warn(f"{name}:{line}: warning: {sentence}")


def read_usable_plan(file: str) -> PlanFile:
    """Return a plan file that can be used; end the command, with all of its problems, when it cannot."""
    found = read_plan_file(file)
    say_what_is_wrong(file_name(file), found)
    if found.plan is None:
        raise typer.Exit(ExitCode.FAILED)
    return found


def open_plan_tools(stack: str, path: str) -> PlanTools:
    """Return what the commands about plans work with, for the plans below `path` or else those of the stack."""
    from asg_lifecycle.composition.plan_tools import compose_plan_tools  # noqa: PLC0415 - offline commands load no boto3

    if path:
        return compose_plan_tools(path)
    found = find_stack(stack, instead="--path")
    if not found.plan_path:
        fail(is_not_ours(stack, "it has no output PlanPath"), ExitCode.BAD_INPUT)
    return compose_plan_tools(found.plan_path, found.features, function=found.function)
