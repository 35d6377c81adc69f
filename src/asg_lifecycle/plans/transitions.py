"""Which hooks a plan is for: it says so, or its steps do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class OneWayStep(Struct, frozen=True, kw_only=True):
    """A step that is for one transition alone.

    Attributes:
        path: where it stands, names and positions from 0: `("steps", 2, "parallel", 0)`.
        place: the same for people: `step 3: parallel step 1`.
        kind: its kind.
        transition: the hooks that it is for.
    """

    path: tuple[str | int, ...]
    place: str
    kind: str
    transition: PlanTransition


def said_transition(plan: Mapping[str, Any]) -> PlanTransition | None:
    """Return the hooks that a plan, given as JSON values, says that it is for; None where it says nothing of use."""
    said = plan.get("transition")
    return next((transition for transition in PlanTransition if transition == said), None)


def transition_of(plan: Mapping[str, Any]) -> PlanTransition | None:
    """Return the hooks that a plan is for: it says so, or one of its steps is for these alone; None for neither."""
    return said_transition(plan) or next((step.transition for step in one_way_steps(plan)), None)


def one_way_steps(plan: Mapping[str, Any]) -> Iterator[OneWayStep]:
    """Yield the steps of a plan that are for one transition alone, in order; what is no step is passed over."""
    for index, entry in enumerate(_listed(plan.get("steps"))):
        path, place = ("steps", index), f"step {index + 1}"
        yield from _one_way_step(entry, path, place)
        for member, inner in enumerate(_listed(entry.get("parallel")) if isinstance(entry, dict) else ()):
            yield from _one_way_step(inner, (*path, "parallel", member), f"{place}: parallel step {member + 1}")


def _one_way_step(step: object, path: tuple[str | int, ...], place: str) -> Iterator[OneWayStep]:
    kind = step.get("kind") if isinstance(step, dict) else None
    if isinstance(kind, str) and kind in KINDS and (transition := KINDS[kind].transition) is not None:
        yield OneWayStep(path=path, place=place, kind=kind, transition=transition)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
