"""`asg-lifecycle doctor`: what is wrong in an account, with the evidence and what mends it."""

from __future__ import annotations

import shutil
import sys
import textwrap
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, fail_for_unknown_group, reporting_failed_calls, write
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.cli.stack import find_stack, is_not_ours
from asg_lifecycle.model.doctor.findings import Finding, Severity
from asg_lifecycle.model.doctor.registry import CHECKS, diagnose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DISTRIBUTION = "asg-lifecycle"
COLUMNS: tuple[Column[Finding], ...] = (
    Column(name="severity", value=lambda each: each.severity.value),
    Column(name="finding", value=lambda each: each.name),
    Column(name="group", value=lambda each: each.group),
    Column(name="hook", value=lambda each: each.hook),
    Column(name="evidence", value=lambda each: each.evidence),
    Column(name="command", value=lambda each: each.command),
)


def doctor(
    *,
    group: Annotated[str | None, typer.Option(metavar="NAME", help="Only this Auto Scaling group.")] = None,
    output: OutputForm = Output.TABLE,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Look for what is wrong: with hooks, plans, rules, permissions, alarms, executions. Only reads.

    Without --group every group is looked at that has a hook of ours, a plan of its name, or the tag
    `asg-lifecycle:plan`. What could not be read is a finding, too. `docs/operations/doctor.md` says what each finding
    means. Exit code 0 when there are notes at most, 20 when there are warnings, 21 when there are errors.

    For example: `asg-lifecycle doctor --group web --output csv`
    """
    from asg_lifecycle.composition.doctor import compose_doctor  # noqa: PLC0415 - offline commands load no boto3

    found = find_stack(stack)
    if not found.function:
        fail(is_not_ours(found.name, "it has no output FunctionAlias"), ExitCode.BAD_INPUT)
    with reporting_failed_calls():
        facts = compose_doctor(found.name).read(group, _installed_version())
    if group is not None and facts.groups == ():
        fail_for_unknown_group(group)
    findings = diagnose(facts)
    if output is Output.TABLE:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in in_words(findings, group_count=len(facts.groups or ()), width=width):
            write(line)
    else:
        write_list(findings, COLUMNS, output, none="")
    severities = {finding.severity for finding in findings}
    if Severity.ERROR in severities:
        raise typer.Exit(ExitCode.ERRORS_FOUND)
    if Severity.WARNING in severities:
        raise typer.Exit(ExitCode.WARNINGS_FOUND)


def in_words(findings: Sequence[Finding], *, group_count: int, width: int | None) -> Iterator[str]:
    """Yield the lines of the findings for people.

    Args:
        findings: what was found.
        group_count: how many groups were looked at.
        width: columns of the terminal; None where no sentence is to be broken. A command never is: it is to be copied.
    """
    for finding in findings:
        yield f"{finding.severity.value}: {finding.name}"
        yield from textwrap.wrap(
            finding.evidence,
            width or len(finding.evidence) + 2,
            initial_indent="  ",
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        yield f"  $ {finding.command}" if is_typed(finding.command) else f"  → {finding.command}"
        yield ""
    counts = ", ".join(_counted(findings, severity) for severity in Severity)
    groups = "1 group" if group_count == 1 else f"{group_count} groups"
    yield f"{counts}; {len(CHECKS)} checks, {groups}"


def is_typed(command: str) -> bool:
    """Return whether what mends a finding is a command, and not a sentence about what to do."""
    return command.split(" ", 1)[0] in {"asg-lifecycle", "aws", "sam"}


def _counted(findings: Sequence[Finding], severity: Severity) -> str:
    count = sum(finding.severity is severity for finding in findings)
    return f"{count} {severity.value}{'' if count == 1 else 's'}"


def _installed_version() -> str | None:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return None
