"""`asg-lifecycle version`: the version of this tool, and that of each deployed stack."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

from asg_lifecycle.cli.console import ExitCode, fail, with_what_to_do, write, write_sentences
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.stack import OUTPUTS
from asg_lifecycle.model.failures import CallFailed

DISTRIBUTION = "asg-lifecycle"
OUTPUT = "Version"
"""The output of the stack that holds its version."""


def installed_version() -> str:
    """Return the version of this tool."""
    try:
        return version_of(DISTRIBUTION)
    except PackageNotFoundError:
        return "from a source tree, not installed"


def version(stack: StackName = THE_ONLY_STACK) -> None:
    """Say which version this tool has, and which the deployed stacks have.

    That no stack can be read is no failure, unless one was named: the line says why. `asg-lifecycle --version` asks
    nothing of AWS.

    For example: `asg-lifecycle version --stack asg-lifecycle`
    """
    write(f"{DISTRIBUTION} {installed_version()}")
    try:
        found = _outputs(stack)
    except CallFailed as failed:
        if stack:
            fail(f"stack {stack} could not be read: {with_what_to_do(failed)}", ExitCode.BAD_INPUT)
        write_sentences(f"stack: could not be read: {with_what_to_do(failed)}")
        return
    for name, outputs in sorted(found.items()):
        write(f"stack {name} {outputs.get(OUTPUT) or 'does not say its version: it is older than this tool'}")
    if not found:
        write("stack: there is none of asg-lifecycle in this account and Region")


def _outputs(stack: str) -> dict[str, dict[str, str]]:
    from asg_lifecycle.composition.command_line import (  # noqa: PLC0415 - offline commands load no boto3
        every_stack,
        stack_outputs,
    )

    if stack:
        return {stack: stack_outputs(stack)}
    return {name: outputs for name, outputs in every_stack().items() if outputs.keys() >= OUTPUTS}
