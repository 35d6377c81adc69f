"""What steps have in common whose every look is their beginning again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asg_lifecycle.model.progress import Progress, Waiting
    from asg_lifecycle.steps.base import Target


class PollingStep(ABC):
    """A step that keeps nothing in mind between two looks, and leaves nothing behind that could be stopped."""

    @abstractmethod
    def begin(self, target: Target) -> Progress:
        """Do what there is to do, or find it done."""

    def check(self, target: Target, last: Waiting) -> Progress:
        """Begin again."""
        del last
        return self.begin(target)

    def cancel(self, target: Target, last: Waiting | None) -> str | None:
        """There is nothing to stop."""
        del target, last
        return None
