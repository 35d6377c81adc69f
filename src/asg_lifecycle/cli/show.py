"""`asg-lifecycle show`: the story of the action of an instance, from its beginning to now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from asg_lifecycle.cli.console import ExitCode, fail, is_quiet, reporting_failed_calls, say, write, write_sentences
from asg_lifecycle.cli.input_files import file_name, read_text
from asg_lifecycle.cli.local_times import local_time
from asg_lifecycle.cli.options import THE_ONLY_STACK, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list, write_plain
from asg_lifecycle.cli.output_files import STANDARD_OUTPUT, write_file
from asg_lifecycle.cli.ps import action_tools_of, rounded, stack_with_actions
from asg_lifecycle.model.action_story import StoryError, read_story, story_values
from asg_lifecycle.model.action_summary import Standing
from asg_lifecycle.model.action_timeline import TimelineEntry, orders_in_force, timeline_of, told_from
from asg_lifecycle.model.story_history import price_by, source_of
from asg_lifecycle.model.story_telling import story_of
from asg_lifecycle.model.timeline_rows import rows_of

if TYPE_CHECKING:
    from asg_lifecycle.cli.stack import Stack
    from asg_lifecycle.composition.action_tools import ActionTools
    from asg_lifecycle.model.action_story import ActionStory
    from asg_lifecycle.model.records import Record

SLOWEST_SWEEP = "30"
"""Minutes between two sweeps, the most that the template allows."""

COLUMNS: tuple[Column[TimelineEntry], ...] = (
    Column(name="time", value=lambda each: each.at, text=lambda each: local_time(each.at)),
    Column(name="what", value=lambda each: each.what),
    Column(name="lasted", value=lambda each: each.lasted, text=lambda each: rounded(each.lasted)),
    Column(name="detail", value=lambda each: each.detail, may_be_cut=True),
)


def show(  # noqa: PLR0913 - one parameter for each option
    target: Annotated[
        str | None, typer.Argument(metavar="INSTANCE|TOKEN", help="An instance id, or a lifecycle action token.")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Wait until it ends; the exit code says how.")] = False,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write it as one page with a timeline; - for standard output."),
    ] = None,
    saved: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE", help="Show the story that --json wrote, without AWS; - for standard input."
        ),
    ] = None,
    output: OutputForm = Output.TABLE,
    stack: StackName = THE_ONLY_STACK,
) -> None:
    """Show what happened to the action of an instance, in the order of time, with pages of the AWS console.

    Looks, heartbeats and the exact price come from Lambda's execution history, which is kept for 14 days after the end;
    without it the record tells the story alone, and the command says so. JSON is the whole story, which `--from` shows
    again later and anywhere; the other forms are a list of what happened.

    With `--follow` the exit code is 0 for CONTINUE, 10 for ABANDON, 11 when Auto Scaling's own timeout came first, 12
    when somebody else ended it, and 13 when its execution failed and no other took over within two sweeps.

    For example: `asg-lifecycle show i-0123456789abcdef0 --follow`
    """
    if html == STANDARD_OUTPUT and output is not Output.TABLE:
        fail(f"--html - and --output {output} both write to standard output", ExitCode.BAD_INPUT)
    code = ExitCode.SUCCESS
    if saved is not None:
        if target is not None or follow:
            fail("--from shows a saved story: it goes with neither an instance nor --follow", ExitCode.BAD_INPUT)
        story = _saved(saved)
    elif target is None:
        fail("name an instance or a token, or a saved story with --from", ExitCode.BAD_INPUT)
    else:
        found = stack_with_actions(stack)
        tools = action_tools_of(found)
        record = _found(tools, target)
        if follow:
            code, record = _followed(tools, record, found)
        story = _told(tools, record, found)
    _write(story, output, html)
    if code:
        raise typer.Exit(code)


def _told(tools: ActionTools, record: Record, stack: Stack) -> ActionStory:
    """Return the story of an action by its record and by what Lambda still knows of its executions."""
    history, now = tools.history_of(record), tools.clock()
    until = record.ended_at if record.ended_at is not None else now
    return story_of(
        record,
        now,
        stack=stack.name or None,
        log_group=stack.log_group,
        source=source_of(history, record),
        price=price_by(history, record, until),
    )


def _write(story: ActionStory, output: Output, html: str | None) -> None:
    if html is not None:
        from asg_lifecycle.cli.story_page.page import story_page  # noqa: PLC0415 - few commands draw

        write_file(html, story_page(story))
    if output is Output.JSON:
        write_plain(story_values(story), output)
    elif html is None or output is not Output.TABLE:
        timeline = timeline_of(story)
        # Only a table leaves anything out.
        rows = rows_of(timeline) if output is Output.TABLE else timeline
        write_list(rows, COLUMNS, output, none="nothing is known of it")
        if output is Output.TABLE and not is_quiet():
            _write_below(story)
    elif html != STANDARD_OUTPUT:
        say(f"wrote {file_name(html)}: open it in a browser")


def _write_below(story: ActionStory) -> None:
    price = story.price
    least = "at least " if price.at_least else ""
    write("")
    for sentence in orders_in_force(story, local_time):
        write_sentences(sentence)
    said = "price" if story.present.standing is Standing.ENDED else "price so far"
    say(f"{said}: {least}${price.dollars:.6f}. {price.basis}")
    say(told_from(story))
    for link in story.links:
        # Never broken: a part of an address leads nowhere.
        write(f"{link.what}: {link.address}")


def _saved(file: str) -> ActionStory:
    try:
        return read_story(read_text(file))
    except StoryError as error:
        fail(f"{file_name(file)}: {error}", ExitCode.BAD_INPUT)


def _found(tools: ActionTools, target: str) -> Record:
    with reporting_failed_calls():
        records = tools.history.of_target(target)
    if not records:
        fail(f"there is no record of {target}: it never waited at a hook of this stack, or that is long ago")
    if len(records) > 1:
        hooks = ", ".join(sorted(record.hook for record in records))
        fail(f"{target} waits under several hooks, {hooks}: name one by its token, see asg-lifecycle ps -o json")
    return records[0]


def _followed(tools: ActionTools, record: Record, stack: Stack) -> tuple[ExitCode, Record]:
    """Wait until an action has ended; return the exit code that says how, and its last record."""
    from asg_lifecycle.cli.followed_action import Followed  # noqa: PLC0415 - offline commands load no boto3
    from asg_lifecycle.composition.command_line import stack_parameters  # noqa: PLC0415 - likewise

    def sweep_interval() -> float:
        return 60.0 * float(stack_parameters(stack.name).get("SweepMinutes", SLOWEST_SWEEP))

    followed = Followed(tools, record, sweep_interval)
    return followed.wait(), followed.record
