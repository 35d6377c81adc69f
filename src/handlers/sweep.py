"""Lambda entry point: one sweep over all groups, on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.intake_dependencies import intake_dependencies

if TYPE_CHECKING:
    from asg_lifecycle.composition.intake import IntakeDependencies


def handler(_event: object, _context: object) -> dict[str, Any]:
    """Sweep once with the parts of this Lambda environment."""
    return handle(intake_dependencies())


def handle(dependencies: IntakeDependencies) -> dict[str, Any]:
    """Sweep once, and return what was found: JSON values."""
    with dependencies.observer.writing_metrics():
        return dependencies.sweep().run()
