"""What the entry points of the doors share: given parts, one answer, metrics written however it ends."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from asg_lifecycle.composition.intake import compose_intake
from asg_lifecycle.settings import intake_from_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.composition.intake import Intake

    Handler = Callable[[Any, Any], dict[str, Any]]


def lambda_handler(answer: Callable[[Intake, Any], dict[str, Any]]) -> Callable[[Callable[[], Intake]], Handler]:
    """Return what makes a Lambda handler out of a source of parts.

    Args:
        answer: returns what becomes of one event: JSON values.
    """

    def handler_of(given: Callable[[], Intake]) -> Handler:
        def handle(event: Any, context: Any) -> dict[str, Any]:  # noqa: ANN401 - the JSON of an event
            del context
            intake = given()
            try:
                return answer(intake, event)
            finally:
                # However the invocation ends, what it counted is written.
                intake.observer.flush()

        return handle

    return handler_of


@cache
def application() -> Intake:
    """Return this Lambda environment's parts, made when the first event comes."""
    return compose_intake(intake_from_environment(os.environ))
