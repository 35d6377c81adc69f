"""The end of an action: the only place that calls `CompleteLifecycleAction`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.aws.lifecycle_actions import Answer
from asg_lifecycle.execution.end_metrics import observe_completion, observe_end
from asg_lifecycle.execution.heartbeat import interpret_not_active, send_heartbeat
from asg_lifecycle.execution.work.slot_wait import holder_of
from asg_lifecycle.model import lifecycle_states
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.plan_position import position_of
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.timing import completion_retry
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.execution.completion import Completion
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.race.decision import RaceOutcome
    from asg_lifecycle.execution.setup import Setup
    from asg_lifecycle.execution.work.plan_runner import PlanRunner
    from asg_lifecycle.model.actions import ActionResult
    from asg_lifecycle.model.record_changes import RecordChanges
    from asg_lifecycle.model.records import Record

LOST_ANSWER = "the answer was lost and the action is over by now, so the completion is taken to have been accepted"

NOTE_TRIES = 3
STOP_TRIES = 5
CLOSE_TRIES = 60
SOON = 2.0
LATER = 60.0


class Finisher:
    """Brings one action to its end, one try at a time. No try raises for what AWS answers."""

    def __init__(
        self,
        action_context: ActionContext,
        setup: Setup,
        outcome: RaceOutcome,
        runner: PlanRunner | None,
        *,
        operations: Callable[[], int],
    ) -> None:
        self._operations = operations
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._setup = setup
        self._outcome = outcome
        self._runner = runner
        in_plan = runner.plan.drains_per_group if runner is not None else None
        self._limit = in_plan or self._dependencies.settings.drains_per_group
        self._closed: Record | None = None

    def attempt(self, state: Completion) -> Completion:
        """Go as far as one try can: note the result, stop what is under way, complete, close the record."""
        now = self._dependencies.clock()
        if self._outcome.how == "lost_ownership":
            self._dependencies.observer.warning(self._outcome.reason)
            return msgspec.structs.replace(state, lost_ownership=True, delay=None)
        state = msgspec.structs.replace(state, delay=0.0)
        for part in (self._note, self._stop, self._complete, self._leave, self._close):
            state = part(state, now)
            if state.lost_ownership or state.delay != 0.0:
                return state
        self._tell(state)
        return msgspec.structs.replace(state, delay=None)

    def _note(self, state: Completion, now: float) -> Completion:
        if state.noted:
            return state
        outcome = self._outcome
        over = outcome.how == "over"
        changes: RecordChanges = {"detail": _sentence(outcome), "detail_at": now, "reason": outcome.reason}
        if outcome.result is not None:
            changes |= {"status": Status.COMPLETING, "result": outcome.result, "completion_attempt": state.sends}
        try:
            before = self._dependencies.records.update(
                self._action_context.wait, self._action_context.execution, changes, before=True, even_closed=True
            )
        except CallFailed as failed:
            self._dependencies.observer.warning(f"the record could not be written: {failed}")
            if state.sends == 0 and state.tries + 1 < NOTE_TRIES:
                return msgspec.structs.replace(state, tries=state.tries + 1, delay=SOON)
            # The work is done and the instance waits: a table that is down does not hold it.
            return msgspec.structs.replace(state, noted=True, tries=state.tries if state.sends else 0, delay=0.0)
        if before is None:
            self._dependencies.observer.warning("another execution has taken this action over: nothing was completed")
            return msgspec.structs.replace(state, lost_ownership=True, delay=None)
        # The note of a try is written once, unless the Lambda died after it: then the completion may have been sent,
        # and the record may even have been closed.
        if state.sends:
            again = before.completion_attempt is not None and before.completion_attempt >= state.sends
            return msgspec.structs.replace(state, noted=True, sent=state.sent or again, delay=0.0)
        return msgspec.structs.replace(
            state,
            noted=True,
            stopping=position_of(before),
            sent=before.status in {Status.COMPLETING, Status.COMPLETED} and not over,
            tries=0,
            delay=0.0,
        )

    def _stop(self, state: Completion, now: float) -> Completion:
        if state.stopping is None or self._runner is None:
            return state
        observer = self._dependencies.observer
        try:
            stopped = self._runner.cancel(state.stopping, now)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.TRANSIENT and state.tries + 1 < STOP_TRIES:
                return msgspec.structs.replace(state, tries=state.tries + 1, delay=SOON)
            stopped = f"what was under way could not be stopped: {failed}"
            observer.error(stopped)
        if stopped is not None:
            observer.info(stopped)
        return msgspec.structs.replace(state, stopping=None, reason=stopped, tries=0, delay=0.0)

    def _complete(self, state: Completion, now: float) -> Completion:
        result = self._outcome.result
        if state.status is not None:
            return state
        if result is None:
            self._dependencies.observer.count(Metric.OVER)
            self._dependencies.observer.warning(self._outcome.reason)
            return msgspec.structs.replace(state, status=Status.OVER, tries=0, delay=0.0)
        if state.sent and self._has_gone_on():
            # Nothing more is sent: an instance id may stand for another wait by now (R11).
            return self._completed(state, result, LOST_ANSWER)
        try:
            return self._sent(state, now, result)
        except CallFailed as failed:
            if failed.failure.consequence in {Consequence.REFUSED, Consequence.NOT_FOUND}:
                return self._not_active(state, now, str(failed))
            return self._failed(state, now, failed)

    def _sent(self, state: Completion, now: float, result: ActionResult) -> Completion:
        answer = self._dependencies.lifecycle_actions.complete(self._action_context.action, result)
        if answer is Answer.NOT_ACTIVE and not state.sent:
            return self._not_active(state, now, "there was no such action to complete")
        return self._completed(state, result, LOST_ANSWER if answer is Answer.NOT_ACTIVE else None)

    def _completed(self, state: Completion, result: ActionResult, doubt: str | None) -> Completion:
        plan = self._runner.plan if self._runner is not None else None
        observe_completion(self._dependencies, plan, self._outcome)
        self._dependencies.observer.info(f"completed with {result}: {self._outcome.reason}")
        reason = "; ".join(part for part in (state.reason, doubt) if part) or None
        return msgspec.structs.replace(state, status=Status.COMPLETED, reason=reason, tries=0, delay=0.0)

    def _has_gone_on(self) -> bool:
        """Return whether the instance no longer waits: while answers are lost, only this tells that we completed it."""
        try:
            state = self._dependencies.lifecycle_actions.instance_state(self._action_context.action.instance)
        except CallFailed as failed:
            self._dependencies.observer.warning(f"the instance's state could not be read: {failed}")
            return False
        return not lifecycle_states.waits(state)

    def _not_active(self, state: Completion, now: float, why: str) -> Completion:
        try:
            heartbeat = interpret_not_active(self._action_context, state.heartbeat, now)
        except CallFailed as failed:
            return self._failed(state, now, failed, repeated=state.sent)
        if heartbeat.over is None:
            delay = max(1.0, heartbeat.next_at - now)
            return msgspec.structs.replace(state, heartbeat=heartbeat, noted=False, sends=state.sends + 1, delay=delay)
        self._dependencies.observer.count(Metric.OVER)
        self._dependencies.observer.warning(f"{why}: {heartbeat.over}")
        return msgspec.structs.replace(
            state, heartbeat=heartbeat, status=Status.OVER, reason=heartbeat.over, tries=0, delay=0.0
        )

    def _failed(self, state: Completion, now: float, failed: CallFailed, *, repeated: bool = True) -> Completion:
        observer = self._dependencies.observer
        denied = failed.failure.consequence is Consequence.DENIED
        if denied:
            observer.count(Metric.PERMISSION_MISSING)
        observer.error(f"the action could not be completed, trying again: {failed}")
        if now >= self._setup.bound:
            observer.count(Metric.LOST)
            return msgspec.structs.replace(state, status=Status.LOST, reason=str(failed), tries=0, delay=0.0)
        sent = state.sent or (repeated and failed.failure.effect_is_open)
        result = self._outcome.result
        if sent and not state.sent and result is not None and self._has_gone_on():
            return self._completed(state, result, LOST_ANSWER)
        heartbeat = state.heartbeat
        timeouts = self._setup.timeouts
        if heartbeat.next_at <= now < self._setup.deadline:
            heartbeat = send_heartbeat(self._action_context, timeouts, heartbeat, now)
        tries = state.tries + 1
        since = state.failing_since if state.failing_since is not None else now
        delay = completion_retry(now - since, tries, self._dependencies.chance())
        if heartbeat.next_at > now:
            # A heartbeat that is due must not wait for the next try.
            delay = min(delay, heartbeat.next_at - now)
        return msgspec.structs.replace(
            state,
            heartbeat=heartbeat,
            sent=sent,
            noted=False,
            sends=state.sends + 1,
            tries=tries,
            failing_since=since,
            delay=max(1.0, min(delay, self._setup.bound - now)),
        )

    def _leave(self, state: Completion, now: float) -> Completion:
        if self._limit is None or state.left:
            return state
        try:
            self._dependencies.drain_slots.release(
                self._action_context.action.group, holder_of(self._action_context), now=now
            )
        except CallFailed as failed:
            # The slot lapses with the wait; until then others would wait for it.
            self._dependencies.observer.warning(f"the drain slot could not be given back: {failed}")
            if state.tries + 1 < STOP_TRIES:
                return msgspec.structs.replace(state, tries=state.tries + 1, delay=SOON)
        return msgspec.structs.replace(state, left=True, tries=0)

    def _close(self, state: Completion, now: float) -> Completion:
        status = state.status or Status.OVER
        reason = self._reason(state)
        changes: RecordChanges = {
            "status": status,
            "result": self._outcome.result if status is Status.COMPLETED else None,
            "reason": reason,
            "detail": f"{status}: {reason}",
            "detail_at": now,
            "ended_at": now,
            "expires_at": int(now + self._dependencies.settings.record_retention),
            "in_flight": None,
            "inbox": None,
        }
        if self._outcome.messages:
            changes["messages"] = self._outcome.messages
        if self._outcome.steps:
            changes["step_outcomes"] = self._outcome.steps
        try:
            before = self._dependencies.records.update(
                self._action_context.wait, self._action_context.execution, changes, before=True, even_closed=True
            )
            if before is None:
                self._dependencies.observer.warning("the record is another action's by now and was left alone")
                self._closed = None
            else:
                self._closed = msgspec.structs.replace(before, **changes)
            if before is not None and before.ended_at is None:
                # Once for an action: a try that is repeated finds the record closed.
                operations = self._operations()
                observer = self._dependencies.observer
                observe_end(observer, before, self._outcome, status=status, operations=operations, now=now)
        except CallFailed as failed:
            self._dependencies.observer.error(f"the record could not be closed: {failed}")
            if state.tries + 1 < CLOSE_TRIES:
                delay = min(LATER, SOON * 2.0 ** min(state.tries, 10))
                return msgspec.structs.replace(state, tries=state.tries + 1, delay=delay)
        return msgspec.structs.replace(state, delay=0.0)

    def _tell(self, state: Completion) -> None:
        """Tell that the action has ended. The instance waits for nothing any more, so this delays nothing."""
        status = state.status or Status.OVER
        if (events := self._dependencies.action_events) is not None:
            result = self._outcome.result if status is Status.COMPLETED else None
            context, decision, reason = self._action_context, self._setup.decision, self._reason(state)
            events.ended(context, self._closed, decision, status=status, result=result, reason=reason)

    def _reason(self, state: Completion) -> str:
        return "; ".join(part for part in (self._outcome.reason, state.reason) if part)


def _sentence(outcome: RaceOutcome) -> str:
    return f"completing with {outcome.result}: {outcome.reason}" if outcome.result is not None else outcome.reason
