"""Lambda entry point: a Spot interruption warning or a rebalance recommendation of EC2."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from asg_lifecycle.composition.intake import compose_intake
from asg_lifecycle.settings import intake_from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.composition.intake import Intake


def handler_of(given: Callable[[], Intake]) -> Callable[[Any, Any], dict[str, Any]]:
    """Return the Lambda handler that works with what `given` returns when the first event comes."""

    def handle(event: Any, context: Any) -> dict[str, Any]:  # noqa: ANN401 - the JSON of an event
        del context
        intake = given()
        try:
            return intake.interruption_door().receive(event)
        finally:
            intake.observer.flush()

    return handle


@cache
def application() -> Intake:
    """Return this Lambda environment's parts, made when the first event comes."""
    return compose_intake(intake_from_environment(os.environ))


handler = handler_of(application)
"""Answers one event."""
