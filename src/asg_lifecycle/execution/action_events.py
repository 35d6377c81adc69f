"""Tells others about an action: inside durable operations that exist anyway, and without ever getting in their way.

An event that cannot be published is counted and logged, and that is all. What an operation does may be done twice, so
an event may come twice, with the same id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.action_events import EventKind, EventStep, Told, action_event, event_number
from asg_lifecycle.model.progress import Failed, Waiting
from asg_lifecycle.model.records import Status
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.aws.action_events import ActionEventChannels
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.work.resolved_step import ResolvedStep
    from asg_lifecycle.execution.work.step_checkpoint import StepCheckpoint
    from asg_lifecycle.model.actions import ActionResult
    from asg_lifecycle.model.plans import PlanDecision
    from asg_lifecycle.model.records import Record

FIRST = "1"
"""The number of an event that an action has once."""


class ActionEvents:
    """Publishes the events about actions. No method raises.

    Args:
        channels: where to.
    """

    def __init__(self, channels: ActionEventChannels) -> None:
        self._channels = channels

    def started(self, action_context: ActionContext, record: Record) -> None:
        """Tell that the work begins, or would: a plan that cannot be used is held at once."""
        told = Told(
            kind=EventKind.STARTED,
            number=FIRST,
            status=record.status,
            reason=f"the plan is from {record.plan_source}: {record.plan_why}",
            blockers=(),
        )
        self._tell(action_context, told, record)

    def held(self, action_context: ActionContext, record: Record, reason: str, round_number: int) -> None:
        """Tell that the action is held from this round of the race on."""
        number = event_number(action_context.execution, round_number)
        self._tell(action_context, Told(kind=EventKind.HELD, number=number, status=Status.HELD, reason=reason), record)

    def step_failed(
        self,
        action_context: ActionContext,
        record: Record | None,
        resolved: ResolvedStep,
        before: StepCheckpoint,
        after: StepCheckpoint,
    ) -> None:
        """Tell that a step has failed, if it has failed between two checkpoints.

        Args:
            action_context: the action and the execution that works on it.
            record: the record as it was written last, None where it could not be.
            resolved: the step.
            before: the step before it was polled.
            after: the step now.
        """
        if before.finished or not isinstance(after.progress, Failed):
            return
        place = resolved.position + 1
        steps = len(record.plan_kinds) if record is not None else place
        told = Told(
            kind=EventKind.STEP_FAILED,
            number=event_number(action_context.execution, action_context.round_number, place),
            status=Status.WORKING,
            reason=after.progress.reason,
            step=EventStep(number=place, of=max(place, steps), kind=resolved.step.kind),
            blockers=before.progress.blockers if isinstance(before.progress, Waiting) else (),
        )
        self._tell(action_context, told, record)

    def ended(  # noqa: PLR0913 - how an action ended, each by its name
        self,
        action_context: ActionContext,
        record: Record | None,
        decision: PlanDecision | None,
        *,
        status: Status,
        result: ActionResult | None,
        reason: str,
    ) -> None:
        """Tell how the action ended.

        Args:
            action_context: the action and the execution that worked on it.
            record: the record as it was closed, None where it was not.
            decision: the plan and why, None where none was chosen.
            status: how it ended.
            result: what it was completed with, None where not by us.
            reason: why, a sentence.
        """
        told = Told(kind=EventKind.ENDED, number=FIRST, status=status, reason=reason, result=result)
        self._tell(action_context, told, record, decision)

    def _tell(
        self, action_context: ActionContext, told: Told, record: Record | None, decision: PlanDecision | None = None
    ) -> None:
        dependencies = action_context.dependencies
        try:
            event = action_event(
                action_context.action,
                action_context.execution,
                told,
                stack=dependencies.settings.stack,
                record=record,
                decision=decision,
            )
            for failed in self._channels.tell(told.kind, event, dependencies.clock()):
                dependencies.observer.unpublished(failed.failure)
        except Exception as error:  # noqa: BLE001 - a fault of ours here must not hold up an instance
            dependencies.observer.count(Metric.INTERNAL_ERROR)
            dependencies.observer.error(f"internal error: {error!r}", with_traceback=True)
