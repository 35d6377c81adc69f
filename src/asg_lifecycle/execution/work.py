"""The branch of the race that runs the plan's steps in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aws_durable_execution_sdk_python.waits import WaitForConditionConfig
from msgspec import Struct

from asg_lifecycle.execution.looking import Look, StepUnderWay, target_of
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.waiting import decide_by_delay
from asg_lifecycle.model.plans import OnFailure
from asg_lifecycle.model.progress import Done, Failed
from asg_lifecycle.model.records import StepOutcome
from asg_lifecycle.steps.planning import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext

    from asg_lifecycle.aws.instances import InstanceFacts
    from asg_lifecycle.execution.application import Assignment
    from asg_lifecycle.execution.position import Position
    from asg_lifecycle.execution.turnstile import Turnstile
    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.steps.protocol import Step


class WorkEnd(Struct, frozen=True, kw_only=True):
    """How the work ended.

    Attributes:
        how: `done`: every step is; `abandon`: a step failed and the plan abandons; `held`: a step failed and the
            plan holds; `taken`: another execution owns the action.
        reason: why, a sentence.
        index: position of the step it ended at.
        outcomes: how the steps ended.
    """

    how: Literal["done", "abandon", "held", "taken"]
    reason: str
    index: int
    outcomes: tuple[StepOutcome, ...]


class Work:
    """The plan of one action, carried out."""

    def __init__(self, assignment: Assignment, plan: Plan, facts: InstanceFacts, turnstile: Turnstile) -> None:
        self._assignment = assignment
        self._application = assignment.application
        self.plan = plan
        self._facts = facts
        self._turnstile = turnstile

    def run(self, context: DurableContext, start: Position, round_number: int) -> WorkEnd:
        """Run the steps from `start` on. One durable operation a step, however long it takes."""
        if start.taken:
            return WorkEnd(how="taken", reason="", index=start.index, outcomes=start.outcomes)
        outcomes = list(start.outcomes)
        for index in range(start.index, len(self.plan.steps)):
            kind = self.plan.steps[index].kind
            step = build(self.plan.steps[index], self._application.services)
            if (reason := self._needless(step)) is not None:
                outcomes.append(StepOutcome(kind=kind, outcome="skipped", detail=reason))
                continue
            first = Look()
            if index == start.index and start.last is not None:
                first = Look(began_at=start.began_at, begun=True, progress=start.last, recorded=start.last)
            look = context.wait_for_condition(
                self._check(step, index, tuple(outcomes)),
                WaitForConditionConfig(wait_strategy=decide_by_delay, initial_state=first, serdes=StructSerDes(Look)),
                name=f"step-{index + 1}-{kind}" + (f"-round-{round_number}" if round_number > 1 else ""),
            )
            if look.taken:
                return WorkEnd(how="taken", reason="", index=index, outcomes=tuple(outcomes))
            if isinstance(look.progress, Failed):
                reason = f"step {index + 1} ({kind}) failed: {look.progress.reason}"
                if self.plan.on_failure is OnFailure.HOLD:
                    return WorkEnd(how="held", reason=reason, index=index, outcomes=tuple(outcomes))
                outcomes.append(StepOutcome(kind=kind, outcome="failed", detail=look.progress.reason))
                if self.plan.on_failure is OnFailure.ABANDON:
                    return WorkEnd(how="abandon", reason=reason, index=index, outcomes=tuple(outcomes))
            elif isinstance(look.progress, Done):
                outcomes.append(StepOutcome(kind=kind, outcome="done", detail=look.progress.detail))
        return WorkEnd(how="done", reason=_summary(outcomes), index=len(self.plan.steps), outcomes=tuple(outcomes))

    def cancel(self, position: Position, now: float) -> str | None:
        """Stop what the present step has under way because the action goes on without it.

        Returns:
            What was stopped, None when nothing was.

        Raises:
            CallFailed: the step could not be stopped.
        """
        if position.index >= len(self.plan.steps) or position.began_at is None:
            return None
        step = build(self.plan.steps[position.index], self._application.services)
        return step.cancel(
            target_of(self._assignment, self._facts, position.index, began_at=position.began_at, now=now), position.last
        )

    def _check(
        self, step: Step, index: int, outcomes: tuple[StepOutcome, ...]
    ) -> Callable[[Look, WaitForConditionCheckContext], Look]:
        under_way = StepUnderWay(
            self._assignment, self._facts, step, index=index, outcomes=outcomes, on_failure=self.plan.on_failure
        )

        def check(state: Look, _: WaitForConditionCheckContext) -> Look:
            with self._turnstile.passage() as is_open:
                return under_way.look(state) if is_open else state

        return check

    def _needless(self, step: Step) -> str | None:
        if step.needs_instance_alive and self._facts.gone:
            return f"skipped: instance {self._assignment.action.instance} is {self._facts.state}"
        if step.forgets_instance and self._assignment.action.survives:
            return f"skipped: instance {self._assignment.action.instance} survives"
        return None


def _summary(outcomes: list[StepOutcome]) -> str:
    if not outcomes:
        return "the plan has no steps"
    counts = {how: sum(outcome.outcome == how for outcome in outcomes) for how in ("done", "skipped", "failed")}
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count) + f" of {len(outcomes)} steps"
