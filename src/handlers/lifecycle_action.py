"""Lambda entry point: one durable execution for each lifecycle action event."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution

from asg_lifecycle.composition.lifecycle_action import compose
from asg_lifecycle.execution.orchestrator import Outcome, handle_event
from asg_lifecycle.settings import from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python.types import LambdaContext

    from asg_lifecycle.execution.dependencies import Dependencies


def handler_of(given: Callable[[], Dependencies]) -> Callable[[Any, Any], Any]:
    """Return the Lambda handler that works with what `given` returns when the first event comes."""

    @durable_execution
    def lifecycle_action(event: object, context: DurableContext) -> Outcome:
        return handle_event(given(), event, context)

    def handle(event: Any, context: LambdaContext) -> Any:  # noqa: ANN401 - the durable engine's own envelope
        try:
            return lifecycle_action(event, context)
        finally:
            # However the invocation ends, what it counted is written.
            given().observer.flush()

    return handle


@cache
def dependencies() -> Dependencies:
    """Return this Lambda environment's application, made when the first event comes."""
    return compose(from_environment(os.environ))


handler = handler_of(dependencies)
"""Answers one lifecycle action event, one invocation at a time."""
