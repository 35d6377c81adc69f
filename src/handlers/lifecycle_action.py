"""Lambda entry point: one durable execution for each lifecycle action event."""

from __future__ import annotations

import gc
import os
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python import durable_execution

from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.execution.orchestrator import handle_event
from asg_lifecycle.settings import Settings

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python.types import LambdaContext
    from mypy_boto3_lambda import LambdaClient

    from asg_lifecycle.execution.dependencies import Dependencies


def handler(event: Any, context: LambdaContext) -> Any:  # noqa: ANN401 - the durable engine's own envelope
    """Answer one invocation with the parts of this Lambda environment."""
    dependencies = lifecycle_dependencies()
    return handle(event, context, dependencies, checkpoints=dependencies.checkpoint_client())


def handle(
    event: Any,  # noqa: ANN401 - as above
    context: LambdaContext,
    dependencies: Dependencies,
    *,
    checkpoints: LambdaClient | None = None,
) -> Any:  # noqa: ANN401 - as above
    """Return what becomes of one invocation of a durable execution, in the durable engine's own envelope.

    Args:
        event: the engine's envelope.
        context: Lambda's context.
        dependencies: the parts to work with.
        checkpoints: writes the checkpoints; None where the event brings what writes them, as the simulator's does.
    """
    with dependencies.observer.writing_metrics():
        return durable_execution(partial(handle_event, dependencies), boto3_client=checkpoints)(event, context)


@cache
def lifecycle_dependencies() -> Dependencies:
    """Return the parts, made when the first event arrives.

    Raises:
        KeyError: the environment lacks a setting.
        ValueError: a switch is neither on nor off.
    """
    # What is loaded by now stays as long as the environment. Collecting garbage, which making the clients sets off many
    # times, need not go through it: one millisecond of twenty of a cold start.
    gc.freeze()
    return compose(Settings.from_environment(os.environ))
