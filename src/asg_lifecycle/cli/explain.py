"""`asg-lifecycle explain`: what the handler would do with a payload, offline."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from asg_lifecycle.cli.console import ExitCode, fail, write_json
from asg_lifecycle.cli.input_files import file_name, read_text
from asg_lifecycle.cli.options import HookNamePrefix  # noqa: TC001 - typer reads the annotations
from asg_lifecycle.model.events import Handle, Ignore, Invalid, decisions_in_text
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX
from asg_lifecycle.plans.selection import plan_offline


class Explanation(Struct, frozen=True):
    """What `explain` prints.

    Attributes:
        decisions: one JSON object for each action that is handled or ignored, in the payload's order.
        invalid: why the others cannot be understood, in the payload's order.
    """

    decisions: tuple[dict[str, Any], ...]
    invalid: tuple[str, ...]


def explain(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The payload as JSON; - reads standard input.")],
    hook_name_prefix: HookNamePrefix = DEFAULT_HOOK_NAME_PREFIX,
) -> None:
    """Say what the handler would do with a payload. Asks nothing of AWS.

    The payload is an EventBridge event, a notification as an SQS body, an SNS message, what "aws sqs receive-message"
    prints, or the event a queue or topic hands to a Lambda function.

    Prints one line of JSON for each action in it. Exit code 0 when all are handled or ignored; 2, with one line on
    standard error, when the payload is no JSON or something in it is broken: the others are printed all the same.
    """
    explanation = explain_text(read_text(file), hook_name_prefix)
    for decision in explanation.decisions:
        write_json(decision)
    if explanation.invalid:
        first, *others = explanation.invalid
        reason = f"{first} (and {len(others)} more that are broken)" if others else first
        fail(f"{file_name(file)}: {reason}", ExitCode.BAD_INPUT)


def explain_text(text: str, hook_name_prefix: str) -> Explanation:
    """Return what the handler would do with the JSON text of a payload."""
    explained: list[dict[str, Any]] = []
    invalid: list[str] = []
    for decision in decisions_in_text(text, hook_name_prefix=hook_name_prefix):
        match decision:
            case Handle():
                explained.append(_explain_action(decision))
            case Ignore(reason=reason):
                explained.append({"decision": "ignore", "reason": reason})
            case Invalid(reason=reason):
                invalid.append(reason)
    return Explanation(tuple(explained), tuple(invalid))


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
