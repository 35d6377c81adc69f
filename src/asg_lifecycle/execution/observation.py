"""A plan that only observes: the record says what each step would do, and the action is left to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.execution.setup import TAKEN_OVER, plan_fields
from asg_lifecycle.execution.work.plan_runner import PlanRunner
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.timing import retry_delay

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.instances import InstanceFacts
    from asg_lifecycle.model.plans import PlanDecision
    from asg_lifecycle.model.record_changes import RecordChanges

MOST_TRIES = 60
LONGEST_RETRY_DELAY = 60.0
"""Seconds between two tries to write the record."""

LEFT = "the plan only observes: nothing was changed, and the action was neither kept alive nor completed"


class Observed(Polled, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        tries: how many tries could not write the record.
        reason: a sentence, empty before the record is written.
    """

    tries: int = 0
    reason: str = ""


class Observation:
    """Observes one action.

    Args:
        action_context: the action and the execution that has it.
        decision: the plan and why.
        facts: what EC2 knows of the instance.
    """

    def __init__(self, action_context: ActionContext, decision: PlanDecision, facts: InstanceFacts) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._decision = decision
        self._facts = facts

    def attempt(self, state: Observed) -> Observed:
        """Find out what each step would do and close the record with it. Never raises for what AWS answers."""
        now = self._dependencies.clock()
        try:
            record = self._dependencies.records.update(
                self._action_context.wait, self._action_context.execution, self._changes(now), even_closed=True
            )
        except CallFailed as failed:
            self._dependencies.observer.warning(f"the record could not be written: {failed}")
            if state.tries + 1 >= MOST_TRIES:
                return Observed(reason=f"{LEFT}; the record could not be written: {failed}", delay=None)
            delay = retry_delay(state.tries + 1, self._dependencies.chance(), LONGEST_RETRY_DELAY)
            return msgspec.structs.replace(state, tries=state.tries + 1, delay=delay)
        if record is None:
            return Observed(reason=TAKEN_OVER, delay=None)
        self._dependencies.observer.info(record.reason or LEFT)
        return Observed(reason=record.reason or LEFT, delay=None)

    def _changes(self, now: float) -> RecordChanges:
        problem = "; ".join(self._decision.problems) or None
        reason = f"{LEFT}; the plan cannot be used: {problem}" if problem is not None else LEFT
        plan = self._decision.plan
        changes: RecordChanges = {
            **plan_fields(self._decision),
            "status": Status.OBSERVED,
            "problem": problem,
            "detail": f"{Status.OBSERVED}: {reason}",
            "detail_at": now,
            "reason": reason,
            "ended_at": now,
            "expires_at": int(now + self._dependencies.settings.record_retention),
            "in_flight": None,
            "unowned_since": None,
        }
        if plan is not None:
            changes["step_outcomes"] = PlanRunner(self._action_context, plan, self._facts).observe(now)
        return changes
