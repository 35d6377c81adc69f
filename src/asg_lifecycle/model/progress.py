"""What a step answers: waiting, done or failed. An outcome is a value, never an exception that steers."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import Struct, field

StepState: TypeAlias = dict[str, Any]
"""What a step remembers between two looks: JSON values under names of the step's own."""


class Waiting(Struct, frozen=True, tag="waiting"):
    """The step is not finished.

    Attributes:
        detail: a sentence an operator understands, with what is missing: "waiting for 2 of 5 tasks".
        again_after: seconds until the next look, None to let the engine choose.
        state: what the step needs at its next look. It is written to the record whenever it changes,
            so a value that changes at every look costs a write at every look.
        blocked: a dependency or a permission, not the instance, is what keeps the step waiting.
        wake_on: what is heard of when the wait may be over (see `asg_lifecycle.model.signals`), None when only looks
            can tell.
    """

    detail: str
    again_after: float | None = None
    state: StepState = field(default_factory=dict)
    blocked: bool = False
    wake_on: str | None = None


class Done(Struct, frozen=True, tag="done"):
    """The step is finished, or there was nothing to do. `detail` says which."""

    detail: str


class Failed(Struct, frozen=True, tag="failed"):
    """The step cannot succeed by waiting longer.

    Attributes:
        reason: what happened, what was expected and what to do about it.
        retryable: an operator can mend the cause and have the step begun again.
    """

    reason: str
    retryable: bool = False


Progress: TypeAlias = Waiting | Done | Failed
