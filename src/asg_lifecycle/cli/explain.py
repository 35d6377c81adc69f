"""`asg-lifecycle explain`: what the handler would do with a payload, offline."""

from __future__ import annotations

import codecs
import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from msgspec import Struct

from asg_lifecycle.model.events import Handle, Ignore, Invalid, decisions_in_text
from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX
from asg_lifecycle.plans.selection import plan_offline

BAD_INPUT = 2
"""Exit code for a payload that cannot be read, is no JSON, or is broken."""

LARGEST_PAYLOAD = 16 * 1024 * 1024
"""Bytes. Above what any door can deliver: an event has 1 MiB at most, a batch of ten SQS messages 10 MiB."""

_ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    # What PowerShell writes when it redirects.
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Explanation(Struct, frozen=True):
    """What `explain` answers.

    Attributes:
        answers: one JSON object for each action that is handled or ignored, in the payload's order.
        broken: why the others are broken, in the payload's order.
    """

    answers: tuple[dict[str, Any], ...]
    broken: tuple[str, ...]


def explain(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The payload as JSON; - reads standard input.")],
    hook_name_prefix: Annotated[
        str,
        typer.Option(
            metavar="PREFIX",
            help="What the names of our hooks begin with. Empty: every hook but the known ones of other systems.",
        ),
    ] = DEFAULT_HOOK_NAME_PREFIX,
) -> None:
    """Say what the handler would do with a payload. Asks nothing of AWS.

    The payload is an EventBridge event, a notification as an SQS body, an SNS message, what "aws sqs receive-message"
    prints, or the event a queue or topic hands to a Lambda function.

    Prints one line of JSON for each action in it. Exit code 0 when all are handled or ignored; 2, with one line on
    standard error, when the payload is no JSON or something in it is broken: the others are printed all the same.
    """
    try:
        text = read_text(file)
    except OSError as error:
        _fail(file, error.strerror or type(error).__name__)
    except ValueError as error:
        _fail(file, str(error))
    explanation = explain_text(text, hook_name_prefix)
    for answer in explanation.answers:
        typer.echo(encode(answer))
    if explanation.broken:
        first, *others = explanation.broken
        _fail(file, f"{first} (and {len(others)} more that are broken)" if others else first)


def explain_text(text: str, hook_name_prefix: str) -> Explanation:
    """Return what the handler would do with the JSON text of a payload from any door."""
    answers: list[dict[str, Any]] = []
    broken: list[str] = []
    for decision in decisions_in_text(text, hook_name_prefix=hook_name_prefix):
        match decision:
            case Handle():
                answers.append(_explain_action(decision))
            case Ignore(reason=reason):
                answers.append({"decision": "ignore", "reason": reason})
            case Invalid(reason=reason):
                broken.append(reason)
    return Explanation(tuple(answers), tuple(broken))


def encode(answer: dict[str, Any]) -> bytes:
    """Return `answer` as JSON on one line of UTF-8, whatever the locale.

    Half a surrogate pair, which UTF-8 cannot carry, becomes the JSON escape it came from.
    """
    return json.dumps(answer, ensure_ascii=False).encode(errors="backslashreplace")


def read_text(file: str) -> str:
    """Return the text of a payload.

    Args:
        file: path of the file, or `-` for standard input.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text, or larger than `LARGEST_PAYLOAD`.
    """
    if file == "-":
        content = sys.stdin.buffer.read(LARGEST_PAYLOAD + 1)
    else:
        with Path(file).open("rb") as stream:
            content = stream.read(LARGEST_PAYLOAD + 1)
    if len(content) > LARGEST_PAYLOAD:
        raise ValueError(f"larger than {LARGEST_PAYLOAD} bytes, no payload is")
    encoding = next((encoding for mark, encoding in _ENCODINGS.items() if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"expected JSON, found no {encoding} text: {error.reason} at byte {error.start}") from None


def _explain_action(decision: Handle) -> dict[str, Any]:
    action = decision.action
    return {
        "decision": "handle",
        "group": action.group,
        "hook": action.hook,
        "instance": action.instance,
        "token": action.token,
        "transition": action.transition.value,
        "origin": action.origin and action.origin.value,
        "destination": action.destination and action.destination.value,
        "survives": action.survives,
        "plan": msgspec.to_builtins(plan_offline(action)),
    }


def _fail(file: str, reason: str) -> NoReturn:
    name = "standard input" if file == "-" else file if file.isprintable() else shown(file)
    typer.echo(f"asg-lifecycle explain: {name}: {reason}", err=True)
    raise typer.Exit(BAD_INPUT)
