"""Which hooks a plan is for: it says so, or its steps do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.steps.catalog import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator


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


class WrittenStep(Struct, frozen=True, kw_only=True):
    """A step as a plan writes it.

    Attributes:
        path: where it stands, names and positions from 0: `("steps", 2, "parallel", 0)`.
        place: the same for people: `step 3: parallel step 1`.
        values: what is written there, JSON values.
    """

    path: tuple[str | int, ...]
    place: str
    values: Mapping[str, Any]


def one_way_steps(plan: Mapping[str, Any]) -> Iterator[OneWayStep]:
    """Yield the steps of a plan that are for one transition alone, in order; what is no step is passed over."""
    for step in steps_of(plan):
        kind = step.values.get("kind")
        if isinstance(kind, str) and kind in KINDS and (transition := KINDS[kind].transition) is not None:
            yield OneWayStep(path=step.path, place=step.place, kind=kind, transition=transition)


def steps_of(plan: Mapping[str, Any]) -> Iterator[WrittenStep]:
    """Yield the steps of a plan, those side by side after what holds them; what is no step is passed over."""
    for index, entry in enumerate(_listed(plan.get("steps"))):
        if not isinstance(entry, dict):
            continue
        path, place = ("steps", index), f"step {index + 1}"
        yield WrittenStep(path=path, place=place, values=entry)
        for member, inner in enumerate(_listed(entry.get("parallel"))):
            if isinstance(inner, dict):
                inside = f"{place}: parallel step {member + 1}"
                yield WrittenStep(path=(*path, "parallel", member), place=inside, values=inner)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
