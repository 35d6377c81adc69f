"""`asg-lifecycle history`: the actions that have ended, the last one first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, reporting_failed_calls
from asg_lifecycle.cli.local_times import local_minute
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.cli.ps import open_action_tools, rounded
from asg_lifecycle.model.durations import seconds
from asg_lifecycle.model.progress import Failed
from asg_lifecycle.model.records import Record, Status

if TYPE_CHECKING:
    from asg_lifecycle.model.step_memory import StepOutcome


def longest_step(record: Record) -> StepOutcome | None:
    """Return the step that took longest, None where no step's times are known."""
    timed = [step for step in record.step_outcomes if _length(step) is not None]
    return max(timed, key=lambda step: _length(step) or 0.0, default=None)


def has_failed(record: Record) -> bool:
    """Return whether an action ended in another way than its plan meant it to: a step failed, or others ended it."""
    failed = any(step.outcome == "failed" for step in record.step_outcomes)
    # One that was held when an operator ended the action has no outcome.
    held = any(isinstance(memory.progress, Failed) for memory in record.present_steps)
    return failed or held or record.status in {Status.LOST, Status.OVER}


def _length(step: StepOutcome) -> float | None:
    return step.ended_at - step.began_at if step.ended_at is not None and step.began_at is not None else None


def _lived(record: Record) -> float | None:
    return record.ended_at - record.event_time if record.ended_at is not None else None


COLUMNS: tuple[Column[Record], ...] = (
    Column(name="ended", value=lambda each: each.ended_at, text=lambda each: local_minute(each.ended_at)),
    Column(name="instance", value=lambda each: each.instance),
    Column(name="group", value=lambda each: each.group, may_be_folded=True),
    Column(name="hook", value=lambda each: each.hook, always=False),
    Column(
        name="result",
        value=lambda each: each.result.value if each.status is Status.COMPLETED and each.result else each.status.value,
    ),
    Column(name="length", value=_lived, text=lambda each: rounded(_lived(each)), always=False),
    Column(
        name="longest_step",
        value=lambda each: step.kind if (step := longest_step(each)) is not None else None,
        text=lambda each: f"{step.kind} {rounded(_length(step))}" if (step := longest_step(each)) is not None else "-",
        always=False,
    ),
    Column(name="reason", value=lambda each: each.reason, may_be_cut=True),
)


def history(
    *,
    since: Annotated[str, typer.Option(metavar="DURATION", help="How far back.")] = "7d",
    group: Annotated[str | None, typer.Option(metavar="NAME", help="Only this Auto Scaling group; quicker.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only where a step failed, or others ended it.")] = False,
    output: OutputForm = Output.TABLE,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """List the actions that have ended, the last one first.

    Records are kept for as long as the parameter `RecordRetentionDays` says. Without --group the whole table is read.
    For example: `asg-lifecycle history --group web --since 12h --failed`
    """
    try:
        back = seconds(since)
    except ValueError as wrong:
        fail(f"--since {wrong}", ExitCode.BAD_INPUT)
    tools = open_action_tools(stack)
    with reporting_failed_calls():
        records = tools.history.ended(tools.clock() - back, group)
    found = [record for record in records if not failed or has_failed(record)]
    whose = f" of group {group}" if group is not None else ""
    none = f"no action{whose} has {'failed' if failed and records else 'ended'} in the last {since}"
    write_list(found, COLUMNS, output, none=none)
