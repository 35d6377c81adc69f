"""`asg-lifecycle redrive`: dead letters, looked at and started again by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX

if TYPE_CHECKING:
    from asg_lifecycle.aws.queues import DeadLetter
    from asg_lifecycle.composition.operator import DeadLetterTools
    from asg_lifecycle.intake.redrive import Content

NOT_ALL_DONE = 1
WRONG_USAGE = 2

FUNCTION_QUEUE = "FunctionDeadLetterQueueUrl"
QUEUE_OUTPUTS = ("RuleDeadLetterQueueUrl", FUNCTION_QUEUE, "NotificationDeadLetterQueueUrl")
"""Outputs of the stack that lead to its dead-letter queues; the last is there only with notifications."""

redrive = typer.Typer(
    help="Events that could not be delivered, or whose execution failed: look at them and start them again.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Stack = Annotated[str, typer.Option(metavar="NAME", help="The deployed stack; its outputs say where everything is.")]
Queue = Annotated[
    list[str] | None, typer.Option(metavar="URL", help="Only this dead-letter queue; may be given again.")
]
Function = Annotated[str, typer.Option(metavar="ARN", help="The durable function, qualified, instead of the stack's.")]
TableName = Annotated[
    str, typer.Option("--table", metavar="NAME", help="The table of records, instead of the stack's.")
]
Prefix = Annotated[str, typer.Option("--hook-name-prefix", metavar="PREFIX", help="What our hooks' names begin with.")]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON for each.")]


@dataclass(frozen=True)
class Opened:
    """A dead letter and what is in it."""

    letter: DeadLetter
    contents: tuple[Content, ...]


@redrive.command("list")
def list_letters(  # noqa: PLR0913 - one parameter for each option
    *,
    stack: Stack = "asg-lifecycle",
    queue: Queue = None,
    function: Function = "",
    table: TableName = "",
    hook_name_prefix: Prefix = DEFAULT_HOOK_NAME_PREFIX,
    as_json: AsJson = False,
) -> None:
    """List the dead letters: what each is about, why it is dead, and how its action stands now.

    SQS can only be read by taking messages for a moment; they are given back at once. A message that somebody else
    holds just then is not seen.
    """
    office, queues = _office(stack, queue, function, table, hook_name_prefix)
    opened = _open(office, queues)
    _give_back(office, opened)
    if as_json:
        for each in opened:
            typer.echo(json.dumps(_summary(each, office.clock())))
        return
    if not opened:
        typer.echo("there are no dead letters")
        return
    shown = Table("message", "age", "group", "hook", "instance", "error", "stands")
    for each in opened:
        for content in each.contents:
            shown.add_row(*_row(each.letter, content, office.clock()))
    Console(width=None if Console().is_terminal else 240).print(shown)


@redrive.command()
def show(  # noqa: PLR0913 - one parameter for each option
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="Its id, as `redrive list` shows it.")],
    *,
    stack: Stack = "asg-lifecycle",
    queue: Queue = None,
    function: Function = "",
    table: TableName = "",
    hook_name_prefix: Prefix = DEFAULT_HOOK_NAME_PREFIX,
) -> None:
    """Show one dead letter whole, as JSON: its body, its attributes, and how its action stands now."""
    office, queues = _office(stack, queue, function, table, hook_name_prefix)
    opened = _open(office, queues)
    _give_back(office, opened)
    for each in opened:
        if each.letter.id == message:
            whole = _summary(each, office.clock()) | {"body": each.letter.body, "attributes": each.letter.attributes}
            typer.echo(json.dumps(whole, indent=2))
            return
    _fail(f"there is no dead letter {message}, or somebody else holds it: list them again in a minute", NOT_ALL_DONE)


@redrive.command()
def start(  # noqa: PLR0913 - one parameter for each option
    messages: Annotated[list[str] | None, typer.Argument(metavar="[MESSAGE]...", help="Ids of dead letters.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All dead letters.")] = False,
    discard: Annotated[
        bool, typer.Option(help="Delete letters that ask for nothing: ignored and broken ones.")
    ] = False,
    stack: Stack = "asg-lifecycle",
    queue: Queue = None,
    function: Function = "",
    table: TableName = "",
    hook_name_prefix: Prefix = DEFAULT_HOOK_NAME_PREFIX,
) -> None:
    """Start dead letters again. A letter is deleted only when its executions have been started.

    What an execution works on is left alone; what a dead execution owned is taken over where it stood.
    """
    if bool(messages) == every:
        _fail("name the dead letters, or say --all", WRONG_USAGE)
    office, queues = _office(stack, queue, function, table, hook_name_prefix)
    opened = _open(office, queues)
    wanted = [each for each in opened if every or each.letter.id in (messages or ())]
    _give_back(office, [each for each in opened if each not in wanted])
    unknown = set(messages or ()) - {each.letter.id for each in wanted}
    for identity in sorted(unknown):
        typer.echo(f"{identity}: there is no such dead letter, or somebody else holds it", err=True)
    done = [_start(office, each, discard=discard) for each in wanted]
    if not opened:
        typer.echo("there are no dead letters")
    if unknown or not all(done):
        raise typer.Exit(NOT_ALL_DONE)


def _start(office: DeadLetterTools, opened: Opened, *, discard: bool) -> bool:
    """Start what one letter holds; return whether it is done with."""
    keep = False
    for content in opened.contents:
        named = f"{opened.letter.id}: {_named(content)}"
        if content.action is None:
            keep = keep or not discard
            typer.echo(f"{named}: {content.standing}, {content.reason}" + ("" if discard else "; --discard deletes it"))
            continue
        try:
            redriven = office.redrive.start(opened.letter, content)
        except CallFailed as failed:
            typer.echo(f"{named}: no execution could be started: {failed}", err=True)
            keep = True
            continue
        keep = keep or not redriven.started
        typer.echo(f"{named}: {'started' if redriven.started else 'left alone'}, {redriven.reason}")
    if keep:
        _give_back(office, [opened])
        return False
    try:
        office.queues.delete(opened.letter)
    except CallFailed as failed:
        typer.echo(f"{opened.letter.id}: started, but it could not be deleted: {failed}", err=True)
        return False
    return True


def _office(
    stack: str, queues: list[str] | None, function: str, table: str, prefix: str
) -> tuple[DeadLetterTools, list[str]]:
    # Commands that ask nothing of AWS do not pay for what does.
    from asg_lifecycle.composition.operator import compose_dead_letter_tools, stack_outputs  # noqa: PLC0415 - see above

    outputs: dict[str, str] = {}
    if not (queues and function and table):
        try:
            outputs = stack_outputs(stack)
        except CallFailed as failed:
            hint = "name it with --stack, or give --queue, --function and --table"
            _fail(f"stack {stack} could not be read: {failed}; {hint}", WRONG_USAGE)
    known = queues or [outputs[name] for name in QUEUE_OUTPUTS if name in outputs]
    function, table = function or outputs.get("FunctionAlias", ""), table or outputs.get("Table", "")
    if not (known and function and table):
        _fail(f"stack {stack} is no stack of asg-lifecycle: its outputs name no queue, function or table", WRONG_USAGE)
    office = compose_dead_letter_tools(
        function=function, table=table, hook_name_prefix=prefix, function_queue=outputs.get(FUNCTION_QUEUE)
    )
    return office, known


def _open(office: DeadLetterTools, queues: list[str]) -> list[Opened]:
    try:
        letters = [letter for queue in queues for letter in office.queues.letters(queue)]
        return [Opened(letter, office.redrive.look(letter)) for letter in letters]
    except CallFailed as failed:
        _fail(str(failed), NOT_ALL_DONE)


def _give_back(office: DeadLetterTools, opened: list[Opened]) -> None:
    try:
        office.queues.give_back(each.letter for each in opened)
    except CallFailed as failed:
        typer.echo(f"dead letters stay hidden for a minute: {failed}", err=True)


def _summary(opened: Opened, now: float) -> dict[str, Any]:
    letter = opened.letter
    return {
        "message": letter.id,
        "queue": letter.queue,
        "age_seconds": round(now - letter.sent_at),
        "error": _error(letter),
        "contents": [
            {
                "group": content.action.group if content.action else None,
                "hook": content.action.hook if content.action else None,
                "instance": content.action.instance if content.action else None,
                "token": content.action.token if content.action else None,
                "standing": content.standing,
                "reason": content.reason,
            }
            for content in opened.contents
        ],
    }


def _row(letter: DeadLetter, content: Content, now: float) -> tuple[str, ...]:
    action = content.action
    about = (action.group, action.hook, action.instance) if action is not None else ("", "", "")
    age = f"{(now - letter.sent_at) / 60:.0f} min"
    return (letter.id, age, *about, _error(letter), f"{content.standing}: {content.reason}")


def _error(letter: DeadLetter) -> str:
    found = {name.replace("_", "").lower(): value for name, value in letter.attributes.items()}
    return " ".join(part for part in (found.get("errorcode", ""), found.get("errormessage", "")) if part)


def _named(content: Content) -> str:
    if content.action is None:
        return "no action"
    return f"group {content.action.group}, hook {content.action.hook}, instance {content.action.instance}"


def _fail(sentence: str, code: int) -> NoReturn:
    typer.echo(f"asg-lifecycle redrive: {sentence}", err=True)
    raise typer.Exit(code)
