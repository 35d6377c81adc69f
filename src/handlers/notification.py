"""Lambda entry point: the messages of the queue that hooks notify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.intake_dependencies import intake_dependencies

if TYPE_CHECKING:
    from asg_lifecycle.composition.intake import IntakeDependencies


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one batch of messages with the parts of this Lambda environment."""
    return handle(event, intake_dependencies())


def handle(event: dict[str, Any], dependencies: IntakeDependencies) -> dict[str, Any]:
    """Return which messages of one batch have to be delivered again, as Lambda expects it of an SQS batch."""
    with dependencies.observer.writing_metrics():
        return dependencies.notification_intake().receive(event)
