"""Lambda entry point: one durable execution for each lifecycle action event."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution

from asg_lifecycle.composition import compose
from asg_lifecycle.execution.lifecycle import Outcome, answer
from asg_lifecycle.settings import from_environment

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python.types import LambdaContext

    from asg_lifecycle.execution.application import Application


@cache
def application() -> Application:
    """Return this Lambda environment's application, made at the first event."""
    return compose(from_environment(os.environ))


@durable_execution
def lifecycle_action(event: object, context: DurableContext) -> Outcome:
    """Answer one lifecycle action event."""
    return answer(application(), event, context)


def handler(event: Any, context: LambdaContext) -> Any:  # noqa: ANN401 - the durable engine's own envelope
    """Run one invocation of the durable execution, and write its metrics however it ends."""
    try:
        return lifecycle_action(event, context)
    finally:
        application().observer.flush()
