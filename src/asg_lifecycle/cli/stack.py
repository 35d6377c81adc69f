"""What a command needs to know of the deployed stack."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.cli.console import ExitCode, fail
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES

QUEUE_OUTPUTS = ("RuleDeadLetterQueueUrl", "FunctionDeadLetterQueueUrl", "NotificationDeadLetterQueueUrl")
"""The outputs that name dead-letter queues; the last is there only with notifications."""


class Stack(Struct, frozen=True, kw_only=True):
    """The outputs of the stack; empty where it has no such output.

    Attributes:
        function: qualified ARN of the durable function.
        table: name of the table of records.
        plan_path: where named plans are in Parameter Store.
        features: the features of steps that the stack has switched on.
        dead_letter_queues: URLs of the dead-letter queues.
        function_queue: URL of the durable function's own dead-letter queue, None where it is not known.
    """

    function: str = ""
    table: str = ""
    plan_path: str = ""
    features: frozenset[str] = DEFAULT_FEATURES
    dead_letter_queues: tuple[str, ...] = ()
    function_queue: str | None = None


def find_stack(name: str, *, instead: str) -> Stack:
    """Return the deployed stack; end the command when it cannot be read.

    Args:
        name: the stack's name.
        instead: the options that say the same, for the message.

    Raises:
        typer.Exit: it cannot be read.
    """
    from asg_lifecycle.composition.command_line import stack_outputs  # noqa: PLC0415 - offline commands load no boto3

    try:
        outputs = stack_outputs(name)
    except CallFailed as failed:
        fail(f"stack {name} could not be read: {failed}; name it with --stack, or give {instead}", ExitCode.BAD_INPUT)
    features = outputs.get("BuiltInFeatures")
    return Stack(
        function=outputs.get("FunctionAlias", ""),
        table=outputs.get("Table", ""),
        plan_path=outputs.get("PlanPath", ""),
        features=frozenset(filter(None, features.split(","))) if features is not None else DEFAULT_FEATURES,
        dead_letter_queues=tuple(outputs[output] for output in QUEUE_OUTPUTS if output in outputs),
        function_queue=outputs.get("FunctionDeadLetterQueueUrl"),
    )
