"""What a command needs to know of the deployed stack."""

from __future__ import annotations

from msgspec import Struct

from asg_lifecycle.cli.console import ExitCode, fail, with_what_to_do
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.plans.built_in import DEFAULT_FEATURES

OUTPUTS = frozenset({"FunctionAlias", "PlanPath", "Table"})
"""The outputs by which a stack of ours is known."""

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


def find_stack(name: str, *, instead: str = "") -> Stack:
    """Return the deployed stack; end the command when it cannot be read.

    Args:
        name: the stack's name, empty for the only one there is.
        instead: the options that say the same, for the message; empty where there are none.

    Raises:
        typer.Exit: it cannot be read, there is none, or there are several and none was named.
    """
    from asg_lifecycle.composition.command_line import stack_outputs  # noqa: PLC0415 - offline commands load no boto3

    name_it = f"name it with --stack{f', or give {instead}' if instead else ''}"
    try:
        outputs = stack_outputs(name) if name else _only_stack(name_it)
    except CallFailed as failed:
        what = f"stack {name}" if name else "the stacks"
        fail(f"{what} could not be read: {with_what_to_do(failed)}; {name_it}", ExitCode.BAD_INPUT)
    features = outputs.get("BuiltInFeatures")
    return Stack(
        function=outputs.get("FunctionAlias", ""),
        table=outputs.get("Table", ""),
        plan_path=outputs.get("PlanPath", ""),
        features=frozenset(filter(None, features.split(","))) if features is not None else DEFAULT_FEATURES,
        dead_letter_queues=tuple(outputs[output] for output in QUEUE_OUTPUTS if output in outputs),
        function_queue=outputs.get("FunctionDeadLetterQueueUrl"),
    )


def _only_stack(name_it: str) -> dict[str, str]:
    from asg_lifecycle.composition.command_line import every_stack  # noqa: PLC0415 - offline commands load no boto3

    found = {name: outputs for name, outputs in every_stack().items() if outputs.keys() >= OUTPUTS}
    if len(found) != 1:
        several = f"there are several stacks of asg-lifecycle: {', '.join(sorted(found))}"
        none = "there is no stack of asg-lifecycle in this account and Region"
        fail(f"{several if found else none}; {name_it}", ExitCode.BAD_INPUT)
    return next(iter(found.values()))
