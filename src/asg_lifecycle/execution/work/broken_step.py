"""What stands in for a step that could not be built: options came out of data, and nobody thought of such data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.plans.validation import build
from asg_lifecycle.steps.base import NoOptions, Step
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from asg_lifecycle.model.plans import PlannedStep
    from asg_lifecycle.model.progress import StepAnswer, Waiting
    from asg_lifecycle.steps.base import Target
    from asg_lifecycle.steps.services import Services


class BrokenStep(Step):
    """A step of a plan that could not be built. It raises why when it is asked to begin, inside the engine's guard.

    Args:
        planned: what the plan says.
        error: why it could not be built.
        services: the AWS services.
    """

    options = NoOptions

    def __init__(self, planned: PlannedStep, error: Exception, services: Services) -> None:
        super().__init__(NoOptions(), services)
        self._error = error
        self.kind = planned.kind  # type: ignore[misc] # of this step alone: the class stands for every kind
        meant = KINDS.get(planned.kind)
        if meant is not None:
            self.skip_if_instance_survives = meant.skip_if_instance_survives  # type: ignore[misc] # likewise
            self.needs_instance_alive = meant.needs_instance_alive  # type: ignore[misc] # likewise

    def preview(self, target: Target) -> str:
        """Raise why it could not be built."""
        del target
        raise self._error

    def begin(self, target: Target) -> StepAnswer:
        """Raise why it could not be built."""
        del target
        raise self._error

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """Raise why it could not be built: it may have been begun when it still could be."""
        del target, last
        raise self._error


def build_or_stand_in(planned: PlannedStep, services: Services) -> Step:
    """Return the step that a plan names, or a stand-in that raises why there is none. Never raises itself."""
    try:
        return build(planned, services)
    except Exception as error:  # noqa: BLE001 - a fault of ours must hold the instance, not end the execution
        return BrokenStep(planned, error, services)
