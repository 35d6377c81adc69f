"""`asg-lifecycle redrive`: look at dead letters and start their actions again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asg_lifecycle.cli.console import (
    ExitCode,
    fail,
    reporting_failed_calls,
    say,
    warn,
    with_what_to_do,
    write,
    write_json,
)
from asg_lifecycle.cli.local_times import time_ago
from asg_lifecycle.cli.options import THE_ONLY_STACK, HookNamePrefix, StackName
from asg_lifecycle.cli.output import Column, Output, OutputForm, write_list
from asg_lifecycle.cli.stack import Stack, find_stack, is_not_ours
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX

if TYPE_CHECKING:
    from asg_lifecycle.aws.queues import DeadLetter
    from asg_lifecycle.composition.dead_letter_tools import DeadLetterTools
    from asg_lifecycle.intake.redrive import Content

redrive = typer.Typer(
    help="Events that could not be delivered, or whose execution failed: look at them and start them again.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Queue = Annotated[
    list[str] | None, typer.Option(metavar="URL", help="Only this dead-letter queue; may be given again.")
]
Function = Annotated[str, typer.Option(metavar="ARN", help="The durable function, qualified, instead of the stack's.")]
TableName = Annotated[
    str, typer.Option("--table", metavar="NAME", help="The table of records, instead of the stack's.")
]


@dataclass(frozen=True)
class Received:
    """A dead letter and what it contains."""

    dead_letter: DeadLetter
    contents: tuple[Content, ...]


@dataclass(frozen=True, kw_only=True)
class ListedContent:
    """One action in a dead letter, as a list shows it.

    Attributes:
        dead_letter: the dead letter.
        content: what is in it about the action.
        now: when it was received, seconds since the epoch.
    """

    dead_letter: DeadLetter
    content: Content
    now: float

    @property
    def age(self) -> int:
        """Seconds since the dead letter was sent."""
        return round(self.now - self.dead_letter.sent_at)


COLUMNS: tuple[Column[ListedContent], ...] = (
    Column(name="message", value=lambda each: each.dead_letter.id),
    Column(
        name="instance",
        value=lambda each: each.content.action and each.content.action.instance,
    ),
    Column(name="standing", value=lambda each: each.content.standing),
    Column(
        name="sent_at",
        value=lambda each: each.dead_letter.sent_at,
        text=lambda each: time_ago(each.dead_letter.sent_at, each.now),
        always=False,
    ),
    Column(name="group", value=lambda each: each.content.action and each.content.action.group, always=False),
    Column(name="hook", value=lambda each: each.content.action and each.content.action.hook, always=False),
    Column(name="reason", value=lambda each: each.content.reason, may_be_cut=True),
    Column(name="error", value=lambda each: _error(each.dead_letter), always=False),
)
DETAILS: tuple[Column[ListedContent], ...] = (
    Column(name="token", value=lambda each: each.content.action and each.content.action.token),
    Column(name="queue", value=lambda each: each.dead_letter.queue),
    Column(name="age_seconds", value=lambda each: each.age),
)


@redrive.command("list")
def list_dead_letters(  # noqa: PLR0913 - one parameter for each option
    *,
    stack: StackName = THE_ONLY_STACK,
    queue: Queue = None,
    function: Function = "",
    table: TableName = "",
    hook_name_prefix: HookNamePrefix = DEFAULT_HOOK_NAME_PREFIX,
    output: OutputForm = Output.TABLE,
) -> None:
    """List the dead letters: what each is about, why it was not handled, and what became of its action.

    SQS has no call that only reads: messages are received, and given back at once. A message that somebody else has
    received at that moment is not listed.

    For example: `asg-lifecycle redrive list`
    """
    tools, queues = _tools(stack, queue, function, table, hook_name_prefix)
    received = _receive(tools, queues)
    _give_back(tools, received)
    now = tools.clock()
    found = [
        ListedContent(dead_letter=each.dead_letter, content=content, now=now)
        for each in received
        for content in each.contents
    ]
    columns = COLUMNS if output is Output.TABLE else (*COLUMNS, *DETAILS)
    write_list(found, columns, output, none="there are no dead letters")


@redrive.command()
def show(  # noqa: PLR0913 - one parameter for each option
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id, as `redrive list` shows it.")],
    *,
    stack: StackName = THE_ONLY_STACK,
    queue: Queue = None,
    function: Function = "",
    table: TableName = "",
    hook_name_prefix: HookNamePrefix = DEFAULT_HOOK_NAME_PREFIX,
) -> None:
    """Show all of one dead letter as JSON: its body, its attributes, and what became of its action.

    For example: `asg-lifecycle redrive show 5fea7756-0ea4-451a-a703-a558b933e274`
    """
    tools, queues = _tools(stack, queue, function, table, hook_name_prefix)
    received = _receive(tools, queues)
    _give_back(tools, received)
    for each in received:
        if each.dead_letter.id == message:
            content = {"body": each.dead_letter.body, "attributes": each.dead_letter.attributes}
            write_json(_summary(each, tools.clock()) | content, indent=2)
            return
    fail(f"there is no dead letter {message}, or somebody else holds it: list them again in a minute")


@redrive.command()
def start(  # noqa: PLR0913 - one parameter for each option
    messages: Annotated[list[str] | None, typer.Argument(metavar="[MESSAGE]...", help="Ids of dead letters.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    discard: Annotated[
        bool, typer.Option(help="Delete dead letters that there is nothing to start for: ignored and broken ones.")
    ] = False,
    stack: StackName = THE_ONLY_STACK,
    queue: Queue = None,
    function: Function = "",
    table: TableName = "",
    hook_name_prefix: HookNamePrefix = DEFAULT_HOOK_NAME_PREFIX,
) -> None:
    """Start dead letters again. One is deleted only when its executions have been started.

    An action that an execution works on is left alone. The action of a dead execution is taken over where it stopped.

    For example: `asg-lifecycle redrive start 5fea7756-0ea4-451a-a703-a558b933e274`
    """
    if bool(messages) == every:
        fail("name the dead letters, or say --all", ExitCode.BAD_INPUT)
    tools, queues = _tools(stack, queue, function, table, hook_name_prefix)
    received = _receive(tools, queues)
    wanted = [each for each in received if every or each.dead_letter.id in (messages or ())]
    _give_back(tools, [each for each in received if each not in wanted])
    unknown = set(messages or ()) - {each.dead_letter.id for each in wanted}
    for identity in sorted(unknown):
        warn(f"{identity}: there is no such dead letter, or somebody else holds it")
    deleted = [_start_and_delete(tools, each, discard=discard) for each in wanted]
    if every and not received:
        say("there are no dead letters")
    if unknown or not all(deleted):
        raise typer.Exit(ExitCode.FAILED)


def _start_and_delete(tools: DeadLetterTools, received: Received, *, discard: bool) -> bool:
    """Start what a dead letter contains, and delete it when nothing in it is left to start.

    Args:
        tools: the parts to work with.
        received: the dead letter.
        discard: delete it although there is nothing to start for some of its contents.

    Returns:
        Whether it was deleted; it was given back otherwise.
    """
    identity = received.dead_letter.id
    handled = [_start(tools, received.dead_letter, content, discard=discard) for content in received.contents]
    if not all(handled):
        _give_back(tools, [received])
        return False
    try:
        tools.queues.delete(received.dead_letter)
    except CallFailed as failed:
        warn(f"{identity}: handled, but it could not be deleted: {with_what_to_do(failed)}")
        return False
    left_out = " and ".join(content.standing for content in received.contents if content.action is None)
    write(f"{identity}: deleted{f', with what is {left_out} in it' if left_out else ''}")
    return True


def _start(tools: DeadLetterTools, dead_letter: DeadLetter, content: Content, *, discard: bool) -> bool:
    """Start an execution for one content; return whether the dead letter is no longer needed for it."""
    described = f"{dead_letter.id}: {_described(content)}"
    if content.action is None:
        hint = "" if discard else "; --discard deletes it"
        write(f"{described}: {content.standing}, {content.reason}{hint}")
        return discard
    try:
        redriven = tools.redrive.start(dead_letter, content)
    except CallFailed as failed:
        warn(f"{described}: no execution could be started: {with_what_to_do(failed)}")
        return False
    write(f"{described}: {'started' if redriven.started else 'left alone'}, {redriven.reason}")
    return redriven.started


def _tools(
    stack_name: str, queues: list[str] | None, function: str, table: str, prefix: str
) -> tuple[DeadLetterTools, list[str]]:
    """Return the parts to work with, and the URLs of the dead-letter queues."""
    from asg_lifecycle.composition.dead_letter_tools import (  # noqa: PLC0415 - offline commands load no boto3
        compose_dead_letter_tools,
    )

    given = queues and function and table
    stack = Stack() if given else find_stack(stack_name, instead="--queue, --function and --table")
    queues = queues or list(stack.dead_letter_queues)
    function, table = function or stack.function, table or stack.table
    if not (queues and function and table):
        reason = "its outputs name no queue, function or table"
        fail(is_not_ours(stack_name, reason), ExitCode.BAD_INPUT)
    tools = compose_dead_letter_tools(
        function=function, table=table, hook_name_prefix=prefix, function_queue=stack.function_queue
    )
    return tools, queues


def _receive(tools: DeadLetterTools, queues: list[str]) -> list[Received]:
    with reporting_failed_calls():
        dead_letters = [dead_letter for queue in queues for dead_letter in tools.queues.receive(queue)]
        return [Received(dead_letter, tools.redrive.contents(dead_letter)) for dead_letter in dead_letters]


def _give_back(tools: DeadLetterTools, received: list[Received]) -> None:
    try:
        tools.queues.give_back(each.dead_letter for each in received)
    except CallFailed as failed:
        warn(f"dead letters stay hidden for a minute: {with_what_to_do(failed)}")


def _summary(received: Received, now: float) -> dict[str, Any]:
    dead_letter = received.dead_letter
    return {
        "message": dead_letter.id,
        "queue": dead_letter.queue,
        "age_seconds": round(now - dead_letter.sent_at),
        "error": _error(dead_letter),
        "contents": [
            {
                "group": content.action.group if content.action else None,
                "hook": content.action.hook if content.action else None,
                "instance": content.action.instance if content.action else None,
                "token": content.action.token if content.action else None,
                "standing": content.standing,
                "reason": content.reason,
            }
            for content in received.contents
        ],
    }


def _error(dead_letter: DeadLetter) -> str:
    found = {name.replace("_", "").lower(): value for name, value in dead_letter.attributes.items()}
    return " ".join(part for part in (found.get("errorcode", ""), found.get("errormessage", "")) if part)


def _described(content: Content) -> str:
    if content.action is None:
        return "no action"
    return f"group {content.action.group}, hook {content.action.hook}, instance {content.action.instance}"
