"""Lambda entry point: a Spot interruption warning or a rebalance recommendation of EC2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.intake_dependencies import urgent_intake_dependencies

if TYPE_CHECKING:
    from asg_lifecycle.composition.intake import IntakeDependencies


def handler(event: object, _context: object) -> dict[str, Any]:
    """Answer one event with the parts of this Lambda environment."""
    return handle(event, urgent_intake_dependencies())


def handle(event: object, dependencies: IntakeDependencies) -> dict[str, Any]:
    """Return what became of one event: JSON values."""
    with dependencies.observer.writing_metrics():
        return dependencies.interruption_intake().receive(event)
