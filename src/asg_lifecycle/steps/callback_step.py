"""What a step has to say that hands out a durable callback."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from msgspec import Struct

    from asg_lifecycle.model.replies import CallbackTimes


class CallbackStep(ABC):
    """A step that may need a callback: the engine makes one before it begins, and tells it what came back.

    Attributes:
        times: how long the answer is waited for; None when these options need no callback.
    """

    times: CallbackTimes | None

    @classmethod
    @abstractmethod
    def callback_times(cls, options: Struct) -> CallbackTimes | None:
        """Return how long an answer is waited for with `options`; None when they need no callback."""
