"""When a step of a plan runs: its conditions, and what is known of each. What cannot be found out lets the step run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta, Struct

if TYPE_CHECKING:
    from collections.abc import Mapping


class Condition(StrEnum):
    """What a step can depend on."""

    UNREACHABLE = "unreachable"
    """The agent of Systems Manager is not online and a status check of EC2 is impaired; or the instance is gone."""
    GONE = "gone"
    """EC2 has terminated the instance (R28)."""
    SURVIVES = "survives"
    """The instance goes into a warm pool (R22), or gets a new root volume (R23)."""
    SPOT = "spot"
    """It is a Spot Instance."""
    SCALE_IN = "scale-in"
    """The group shrinks."""
    INSTANCE_REFRESH = "instance-refresh"
    """An instance refresh replaces it."""
    HEALTH_CHECK = "health-check"
    """A health check of it has failed."""
    REBALANCE = "rebalance"
    """It is replaced to balance Availability Zones, or because EC2 may take it back."""
    EARLIER_STEP_FAILED = "earlier-step-failed"
    """A step before it has failed, and the plan went on."""


CAUSES = frozenset({Condition.SCALE_IN, Condition.INSTANCE_REFRESH, Condition.HEALTH_CHECK, Condition.REBALANCE})
"""Why an instance terminates, as far as a plan can ask for it."""

OF_TERMINATIONS = CAUSES | {Condition.SURVIVES}
"""The conditions that are about terminate hooks alone."""

Conditions: TypeAlias = Condition | Annotated[tuple[Condition, ...], Meta(min_length=1)]
"""One condition, or several of which any is enough."""


class ConditionAnswer(Struct, frozen=True):
    """Whether a condition holds, None where that could not be found out, and why that is said.

    Attributes:
        holds: whether it does.
        because: what is known, the end of a sentence: `the instance is on-demand`.
    """

    holds: bool | None
    because: str


class StepConditions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The conditions of one step.

    Attributes:
        when: it runs only when any of these holds; none for always.
        unless: it does not run when any of these holds.
    """

    when: tuple[Condition, ...] = ()
    unless: tuple[Condition, ...] = ()

    @property
    def all(self) -> tuple[Condition, ...]:
        """Every condition, each once."""
        return tuple(dict.fromkeys((*self.when, *self.unless)))

    @property
    def said(self) -> str:
        """The conditions as people say them: `when spot or gone, unless unreachable`; empty for none."""
        words = (("when", self.when), ("unless", self.unless))
        return ", ".join(f"{word} {' or '.join(named)}" for word, named in words if named)

    def reason_to_skip(self, answers: Mapping[Condition, ConditionAnswer]) -> str | None:
        """Return why the step does not run, None when it runs.

        Args:
            answers: what is known of each of the conditions.
        """
        for condition in self.unless:
            if answers[condition].holds is True:
                return f"skipped (unless {condition}): {answers[condition].because}"
        if self.when and all(answers[condition].holds is False for condition in self.when):
            because = "; ".join(dict.fromkeys(answers[condition].because for condition in self.when))
            return f"skipped (when {' or '.join(self.when)}): {because}"
        return None


def as_tuple(conditions: Conditions | None) -> tuple[Condition, ...]:
    """Return conditions as a plan has them, in one form; none for None."""
    if conditions is None:
        return ()
    return (conditions,) if isinstance(conditions, Condition) else tuple(conditions)
