"""The progress of a step: waiting, done or failed. It is a value, never an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Struct, field

from asg_lifecycle.model.blockers import Blocker

if TYPE_CHECKING:
    from collections.abc import Callable

StepState: TypeAlias = dict[str, Any]
"""The state of a step as JSON, as it is stored. A step itself sees its own struct (see `StatefulStep`)."""


class Waiting(Struct, frozen=True, tag="waiting"):
    """The step is not finished.

    Attributes:
        detail: a sentence an operator understands, which says what is missing: "waiting for 2 of 5 tasks".
        again_after: seconds until the next poll, None to let the engine choose.
        no_later_than: seconds until the next poll at the latest, where the engine chooses; None for no limit.
        state: what the step needs at its next poll. It is written to the record whenever it changes.
        blocked: the step waits for a dependency or a permission, not for the instance.
        wake_on: the signal that comes when the wait may be over (see `asg_lifecycle.model.signals`), None when only
            polling can tell.
        blockers: the things that it waits for, as data.
    """

    detail: str
    again_after: float | None = None
    state: StepState = field(default_factory=dict)
    blocked: bool = False
    wake_on: str | None = None
    blockers: tuple[Blocker, ...] = ()
    no_later_than: float | None = None


class Done(Struct, frozen=True, tag="done"):
    """The step is finished, or there was nothing to do. `detail` says which."""

    detail: str


class Skipped(Done, frozen=True, tag="skipped"):
    """The plan's conditions leave the step out: it never began. `detail` says why."""


class Failed(Struct, frozen=True, tag="failed"):
    """The step cannot succeed by waiting longer. `reason` says what happened, what was expected and what to do."""

    reason: str


Progress: TypeAlias = Waiting | Done | Skipped | Failed
"""What is kept of a step."""


class Missing(Struct, frozen=True):
    """Something that the plan names does not exist, and did not when the step began.

    The step has done what there was to do for everything else that is named. The plan's `if_missing` decides whether
    it is done or has failed. It is not for something that exists and does not know the instance, nor for something
    that the step saw and that was deleted since: then the step is done.

    Attributes:
        detail: what there is not, and what was done for the rest, a sentence.
    """

    detail: str


StepAnswer: TypeAlias = Progress | Missing
"""What a step answers to a poll."""

AnswerT = TypeVar("AnswerT", bound=StepAnswer)


def answer_without_secrets(answer: AnswerT, redact: Callable[[str], str]) -> AnswerT:
    """Return what a step answered with the secrets hidden in everything that people read of it.

    What it remembers for itself stays as it is.
    """
    match answer:
        case Waiting(detail):
            blockers = tuple(
                msgspec.structs.replace(each, name=redact(each.name), reason=redact(each.reason))
                for each in answer.blockers
            )
            return msgspec.structs.replace(answer, detail=redact(detail), blockers=blockers)
        case Failed(reason):
            return msgspec.structs.replace(answer, reason=redact(reason))
        case Done(detail) | Missing(detail):
            return msgspec.structs.replace(answer, detail=redact(detail))


def sentence_of(progress: StepAnswer) -> str:
    """Return a progress, or what a step answered, as a sentence."""
    return progress.reason if isinstance(progress, Failed) else progress.detail


def blockers_in(progress: StepAnswer | None) -> tuple[Blocker, ...]:
    """Return the blockers that a progress names: none when it is not one of waiting."""
    return progress.blockers if isinstance(progress, Waiting) else ()


def lasting(progress: Progress | None) -> Progress | None:
    """Return what of a progress is worth keeping: when to poll again changes at every poll."""
    if not isinstance(progress, Waiting):
        return progress
    return msgspec.structs.replace(progress, again_after=None, no_later_than=None)
