"""What a command needs to know of the deployed stack."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.cli.console import ExitCode, fail, with_what_to_do
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES

OUTPUTS = frozenset({"FunctionAlias", "PlanPath", "Table"})
"""The outputs by which a stack of ours is known."""

QUEUE_OUTPUTS = ("RuleDeadLetterQueueUrl", "FunctionDeadLetterQueueUrl", "NotificationDeadLetterQueueUrl")
"""The outputs that name dead-letter queues; the last is there only with notifications."""


class Stack(Struct, frozen=True, kw_only=True):
    """The outputs of the stack; empty where it has no such output.

    Attributes:
        name: its name.
        function: qualified ARN of the durable function.
        table: name of the table of records.
        plan_path: where named plans are in Parameter Store.
        features: the features of steps that the stack has switched on.
        dead_letter_queues: URLs of the dead-letter queues.
        function_queue: URL of the durable function's own dead-letter queue, None where it is not known.
        log_group: name of the log group of all functions, None where it is not known.
    """

    name: str = ""
    function: str = ""
    table: str = ""
    plan_path: str = ""
    features: frozenset[str] = DEFAULT_FEATURES
    dead_letter_queues: tuple[str, ...] = ()
    function_queue: str | None = None
    log_group: str | None = None


def find_stack(name: str, *, instead: str = "") -> Stack:
    """Return the deployed stack; end the command when it cannot be read.

    Args:
        name: the stack's name, empty for the only one there is.
        instead: the options that say the same, for the message; empty where there are none.

    Raises:
        typer.Exit: it cannot be read, there is none, or there are several and none was named.
    """
    found = look_for_stack(name, instead=instead)
    return fail(found, ExitCode.BAD_INPUT) if isinstance(found, str) else found


def is_not_ours(name: str, lacking: str) -> str:
    """Return a sentence about a stack that cannot be used.

    Args:
        name: the stack's name, empty for the only one there is.
        lacking: what it lacks.
    """
    return f"{f'stack {name}' if name else 'the stack'} is no stack of asg-lifecycle: {lacking}"


def look_for_stack(name: str, *, instead: str = "") -> Stack | str:
    """Return the deployed stack, or a sentence that says why there is none to be found.

    Args:
        name: the stack's name, empty for the only one there is.
        instead: the options that say the same, for the sentence; empty where there are none.
    """
    from asg_lifecycle.composition.command_line import stack_outputs  # noqa: PLC0415 - offline commands load no boto3

    name_it = f"name it with --stack{f', or give {instead}' if instead else ''}"
    try:
        found = (name, stack_outputs(name)) if name else _only_stack(name_it, instead)
    except CallFailed as failed:
        if name and failed.failure.code == "ValidationError":
            return f"stack {name} could not be read: {failed.failure.message}; {_known_stacks()}"
        what = f"stack {name}" if name else "the stacks"
        # Whoever may not list the stacks may still read the one that is named; no name helps against anything else.
        hint = f"; {name_it}" if not name and failed.failure.consequence is Consequence.DENIED else ""
        other = f"; or give {instead}" if instead and not hint else ""
        return f"{what} could not be read: {with_what_to_do(failed)}{hint}{other}"
    return found if isinstance(found, str) else stack_of(*found)


def stack_of(name: str, outputs: dict[str, str]) -> Stack:
    """Return the stack with these outputs."""
    features = outputs.get("BuiltInFeatures")
    return Stack(
        name=name,
        function=outputs.get("FunctionAlias", ""),
        table=outputs.get("Table", ""),
        plan_path=outputs.get("PlanPath", ""),
        features=frozenset(filter(None, features.split(","))) if features is not None else DEFAULT_FEATURES,
        dead_letter_queues=tuple(outputs[output] for output in QUEUE_OUTPUTS if output in outputs),
        function_queue=outputs.get("FunctionDeadLetterQueueUrl"),
        log_group=outputs.get("LogGroupName"),
    )


def our_stacks(region: str | None = None) -> dict[str, Stack]:
    """Return the stacks of asg-lifecycle in this account and a Region, by name.

    Args:
        region: name of the Region, None for the present one.

    Raises:
        CallFailed: no answer, throttled, denied.
    """
    from asg_lifecycle.composition.command_line import every_stack  # noqa: PLC0415 - offline commands load no boto3

    return {name: stack_of(name, outputs) for name, outputs in every_stack(region).items() if outputs.keys() >= OUTPUTS}


def _known_stacks() -> str:
    """Return which stacks could have been meant, after one was named that CloudFormation does not know."""
    try:
        known = sorted(our_stacks())
    except CallFailed as failed:
        return f"which ones there are could not be read: {with_what_to_do(failed)}"
    if not known:
        return "there is no stack of asg-lifecycle in this account and Region"
    return f"the stacks of asg-lifecycle here: {', '.join(known)}"


def _only_stack(name_it: str, instead: str) -> tuple[str, dict[str, str]] | str:
    from asg_lifecycle.composition.command_line import every_stack  # noqa: PLC0415 - offline commands load no boto3

    found = {name: outputs for name, outputs in every_stack().items() if outputs.keys() >= OUTPUTS}
    if len(found) == 1:
        return next(iter(found.items()))
    if found:
        return f"there are several stacks of asg-lifecycle: {', '.join(sorted(found))}; {name_it}"
    return (
        "there is no stack of asg-lifecycle in this account and Region; name another Region with --region, or another "
        f"account with --profile{f', or give {instead}' if instead else ''}"
    )
