"""One step of an action's plan: polls it, and decides what an error means and whether its time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.work.condition_reading import ConditionReader
from asg_lifecycle.execution.work.failure_policy import progress_after_failure, progress_when_missing
from asg_lifecycle.execution.work.step_checkpoint import StepCheckpoint
from asg_lifecycle.model.blockers import Blocker, BlockerKind, followed
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.failures import CallFailed, Consequence
from asg_lifecycle.model.placeholders import CannotFillError
from asg_lifecycle.model.progress import Done, Failed, Missing, Progress, Skipped, Waiting, answer_without_secrets
from asg_lifecycle.model.step_memory import StepOutcome
from asg_lifecycle.model.timing import LONGEST_INTERRUPTION, interrupted_delay, poll_delay, rarer_with_age
from asg_lifecycle.observer import Metric
from asg_lifecycle.steps.base import Target

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.work.resolved_step import ResolvedStep
    from asg_lifecycle.model.instances import InstanceFacts
    from asg_lifecycle.model.progress import StepAnswer

JITTER = 0.1
LONGEST_JITTER = 30.0
"""Seconds by which a poll comes later than its step wants it, or earlier than the engine does, at most."""


class StepRunner:
    """Polls one step. Never raises for what AWS answers, nor for a fault of the step's.

    Args:
        action_context: the action and the execution that works on it.
        facts: what EC2 knew of the instance.
        resolved: the step.
    """

    def __init__(self, action_context: ActionContext, facts: InstanceFacts, resolved: ResolvedStep) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._facts = facts
        self.resolved = resolved
        self._redact = self._dependencies.services.known_secrets

    @property
    def kind(self) -> str:
        """The step's kind."""
        return self.resolved.step.kind

    def is_undecided(self, state: StepCheckpoint) -> bool:
        """Return whether the conditions of the step have still to say whether it runs."""
        return bool(self.resolved.conditions.all) and state.began_at is None and state.progress is None

    def decide(self, state: StepCheckpoint, now: float, *, earlier_failed: bool) -> StepCheckpoint:
        """Return the step after its conditions have said whether it runs. It has not begun by that.

        Args:
            state: the step; see `is_undecided`.
            now: seconds since the epoch.
            earlier_failed: whether a step before has failed.
        """
        reason = self._reason_to_skip(earlier_failed=earlier_failed)
        if reason is None:
            return msgspec.structs.replace(state, progress=Waiting(f"beginning ({self.resolved.conditions.said})"))
        skipped = Skipped(self._redact(reason))
        return msgspec.structs.replace(state, progress=skipped, ended_at=now)

    def _reason_to_skip(self, *, earlier_failed: bool | None) -> str | None:
        conditions = self.resolved.conditions
        reader = ConditionReader(self._action_context, self._facts, earlier_failed=earlier_failed)
        return conditions.reason_to_skip(reader.answers(conditions.all))

    def poll(self, state: StepCheckpoint, began_before: float | None, now: float) -> StepCheckpoint:
        """Return the step after one poll.

        Args:
            state: the step before the poll; `began_at` is set.
            began_before: when an earlier beginning of it may have had its effect, None when there was none.
            now: seconds since the epoch.
        """
        try:
            return self._polled(state, began_before, now)
        except Exception as error:  # noqa: BLE001 - a fault of ours must hold the instance, not end the execution
            return self._kept_in_spite_of(error, state, now)

    def _polled(self, state: StepCheckpoint, began_before: float | None, now: float) -> StepCheckpoint:
        target = self._target(state, now, began_before)
        last = state.last_wait
        begun, streak = state.begun, None
        try:
            target = msgspec.structs.replace(target, facts=self._known_facts())
            answer = self._ask(target, last)
            begun = True
        except CallFailed as failed:
            answer, streak = progress_after_failure(
                self._action_context,
                failed.failure,
                last=last,
                before=state.streak,
                on_failure=self.resolved.on_failure,
                now=now,
            )
        except CannotFillError as cannot:
            answer = Failed(str(cannot))
        progress = self._settled(answer_without_secrets(answer, self._redact), state.progress, now)
        blocked_seconds = state.blocked_until(now)
        interrupted = streak is not None
        if not interrupted:
            progress = self._in_time(progress, target, blocked_seconds, state.extended_seconds)
        if isinstance(progress, Failed):
            progress = self._failed(progress)
        return msgspec.structs.replace(
            state,
            begun=begun,
            progress=progress,
            streak=streak,
            blocked_seconds=blocked_seconds,
            blocked_since=now if isinstance(progress, Waiting) and (interrupted or progress.blocked) else None,
            ended_at=None if isinstance(progress, Waiting) else now,
            slowed_by=now - state.streak.since if state.streak is not None and not interrupted else 0.0,
        )

    def next_poll_delay(self, state: StepCheckpoint, now: float) -> float:
        """Return the seconds until the next poll."""
        chance = self._dependencies.chance()
        began_at = state.began_at if state.began_at is not None else now
        waiting = state.progress if isinstance(state.progress, Waiting) else None
        wanted = waiting.again_after if waiting is not None else None
        spent = now - began_at
        if wanted is not None:
            # Instances that were drained together would all be polled together, again and again (R15).
            delay = rarer_with_age(wanted, spent) + min(JITTER * wanted, LONGEST_JITTER) * chance
        elif state.streak is not None:
            delay = rarer_with_age(interrupted_delay(spent, state.streak.tries, chance), spent)
        else:
            event_comes = self._dependencies.settings.signals and waiting is not None and waiting.wake_on is not None
            delay = poll_delay(spent, heard=event_comes)
            delay -= min(JITTER * delay, LONGEST_JITTER) * chance
            if waiting is not None and waiting.no_later_than is not None:
                delay = min(delay, waiting.no_later_than)
        # What took a while to be answered is not asked again sooner: others want to be answered, too (R15).
        delay = max(delay, min(2 * state.slowed_by, LONGEST_INTERRUPTION))
        timeout = self.resolved.timeout
        moved = began_at + state.blocked_seconds + state.extended_seconds
        left = moved + timeout - now if timeout is not None else delay
        return min(delay, left) if left > 0 else delay

    def observe(self, now: float) -> StepOutcome:
        """Return what the step would do now, or why its conditions leave it out. Changes nothing; never raises."""
        try:
            if (reason := self._reason_to_skip(earlier_failed=None)) is not None:
                return StepOutcome(kind=self.kind, outcome="skipped", detail=self._redact(reason))
            detail = self.resolved.step.preview(self._target(StepCheckpoint(), now, None))
        except CallFailed as failed:
            detail = f"what it would do could not be found out: {failed}"
        except CannotFillError as cannot:
            detail = f"would fail: {cannot}"
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the execution
            self._report_internal_error(error)
            detail = f"what it would do could not be found out: internal error, see the log: {error!r}"
        said = f"{self.resolved.conditions.said}: " if self.resolved.conditions.said else ""
        return StepOutcome(kind=self.kind, outcome="observed", detail=self._redact(said + detail))

    def cancel(self, state: StepCheckpoint, now: float) -> str | None:
        """Stop what the step has under way.

        Returns:
            What was stopped, or that a fault of ours prevented it; None when nothing was.

        Raises:
            CallFailed: it could not be stopped.
        """
        if state.began_at is None or isinstance(state.progress, Done) or self.resolved.dry_run:
            return None
        return self._stopped(self._target(state, now, None), state.last_wait)

    def _stopped(self, target: Target, last: Waiting | None) -> str | None:
        try:
            stopped = self.resolved.step.cancel(target, last)
        except CallFailed:
            raise
        except Exception as error:  # noqa: BLE001 - the action ends all the same
            self._report_internal_error(error)
            stopped = f"it could not be stopped: internal error, see the log: {error!r}"
        return self._redact(stopped) if stopped is not None else None

    def _settled(self, answer: StepAnswer, before: Progress | None, now: float) -> Progress:
        if isinstance(answer, Missing):
            return progress_when_missing(answer, self.resolved.if_missing)
        if not isinstance(answer, Waiting):
            return answer
        named_before = before.blockers if isinstance(before, Waiting) else ()
        return msgspec.structs.replace(answer, blockers=followed(answer.blockers, named_before, now))

    def _ask(self, target: Target, last: Waiting | None) -> StepAnswer:
        step = self.resolved.step
        if self.resolved.dry_run:
            return Done(f"dry run: {step.preview(target)}")
        return step.check(target, last) if last is not None else step.begin(target)

    def _kept_in_spite_of(self, error: Exception, state: StepCheckpoint, now: float) -> StepCheckpoint:
        what = self._redact(repr(error))
        detail = f"kept: internal error, see the log: {what}"
        before = state.progress if isinstance(state.progress, Waiting) else None
        if before is None or before.detail != detail:
            # Said once: a fault that every poll meets again would fill the log and the metric.
            self._report_internal_error(error)
        blocker = Blocker(kind=BlockerKind.INTERNAL_ERROR, name=self.kind, reason=what)
        last = state.last_wait
        return msgspec.structs.replace(
            state,
            progress=Waiting(
                detail,
                state=last.state if last is not None else {},
                blocked=True,
                blockers=followed((blocker,), before.blockers if before is not None else (), now),
            ),
            streak=None,
            blocked_seconds=state.blocked_until(now),
            blocked_since=now,
        )

    def _report_internal_error(self, error: Exception) -> None:
        self._dependencies.observer.count(Metric.INTERNAL_ERROR)
        self._dependencies.observer.error(f"internal error: {error!r}", step=self.kind, with_traceback=True)

    def _in_time(self, progress: Progress, target: Target, blocked: float, extended: float) -> Progress:
        # Time for which a dependency keeps the step waiting does not count: an outage must not release the fleet.
        if self.resolved.timeout is None or not isinstance(progress, Waiting) or progress.blocked:
            return progress
        limit = self.resolved.timeout + extended
        if target.now < target.began_at + blocked + limit:
            return progress
        try:
            stopped = self._stopped(target, progress)
        except CallFailed as failed:
            stopped = f"it could not be stopped: {failed}"
            self._dependencies.observer.error(stopped, step=self.kind)
        return Failed(f"not done within {readable(limit)}: {progress.detail}" + (f"; {stopped}" if stopped else ""))

    def _failed(self, progress: Failed) -> Progress:
        if self.resolved.step.needs_instance_alive and self._gone_by_now():
            return Done(f"given up, the instance is gone: {progress.reason}")
        self._dependencies.observer.count(Metric.STEP_FAILED)
        self._dependencies.observer.error(f"step failed: {progress.reason}", step=self.kind)
        return progress

    def _gone_by_now(self) -> bool:
        try:
            action = self._action_context.action
            return self._dependencies.instances.facts(action.instance, launching=action.launching).gone
        except CallFailed as failed:
            self._dependencies.observer.warning(f"the instance could not be described: {failed}")
            return False

    def _known_facts(self) -> InstanceFacts:
        """Return what EC2 knows of the instance, asked again as long as it did not answer.

        Without its addresses and tags a step would look past what is registered under them.

        Raises:
            CallFailed: EC2 does not answer, or throttles.
        """
        if not self._facts.unread:
            return self._facts
        action = self._action_context.action
        try:
            return self._dependencies.instances.facts(action.instance, launching=action.launching)
        except CallFailed as failed:
            if failed.failure.consequence is Consequence.TRANSIENT:
                raise
            return self._facts

    def _target(self, state: StepCheckpoint, now: float, began_before: float | None) -> Target:
        return Target(
            action=self._action_context.action,
            facts=self._facts,
            position=self.resolved.position,
            began_at=state.began_at if state.began_at is not None else now,
            now=now,
            began_before=began_before,
            attempt=state.attempt,
            callback=self.resolved.callback,
            reply=self.resolved.reply,
            execution=self._action_context.execution,
        )
