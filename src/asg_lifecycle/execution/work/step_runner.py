"""One look at one step: ask it, and judge what went wrong and whether its time is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.execution.work.failure_policy import ErrorStreak, progress_after_failure
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.timing import poll_delay, retry_delay
from asg_lifecycle.observer import Metric
from asg_lifecycle.steps.base import Target

if TYPE_CHECKING:
    from asg_lifecycle.aws.instances import InstanceFacts
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.model.plans import OnFailure
    from asg_lifecycle.model.replies import Reply
    from asg_lifecycle.steps.base import Step

LONGEST_RETRY = 60.0
"""Seconds between two tries of a step whose dependency does not answer."""

JITTER = 0.1


class StepCheckpoint(Struct, frozen=True, kw_only=True):
    """One step between two looks. Times are seconds since the epoch.

    Attributes:
        began_at: when the step began, None before its first look.
        begun: its `begin` has answered.
        progress: what it last answered, None before it did.
        streak: the dependency that stops it at present, None when none does.
        recorded: the sentence and the memory that the record holds, None when it holds neither.
        lost_ownership: another execution owns the action.
        timed_out: the plan's time is over.
        blocked_seconds: seconds for which a dependency has kept it waiting: they count against no timeout.
        blocked_since: since when one does now, None when none does.
        delay: seconds until the next look, None when the step is finished.
    """

    began_at: float | None = None
    begun: bool = False
    progress: Progress | None = None
    streak: ErrorStreak | None = None
    recorded: Waiting | None = None
    lost_ownership: bool = False
    timed_out: bool = False
    blocked_seconds: float = 0.0
    blocked_since: float | None = None
    delay: float | None = 0.0

    @property
    def finished(self) -> bool:
        """Whether the step has ended, well or not."""
        return self.progress is not None and not isinstance(self.progress, Waiting)


@dataclass(frozen=True, kw_only=True)
class ResolvedStep:
    """One step of one action's plan, and what the plan says of it.

    Attributes:
        step: the step.
        position: how many steps with a kind come before it in the plan.
        on_failure: what happens when it fails.
        timeout: seconds it may take, None for as long as it likes.
        dry_run: it may change nothing.
        callback: id of the callback that it hands out, None when it has none.
        reply: what came back through it.
    """

    step: Step
    position: int
    on_failure: OnFailure
    timeout: float | None = None
    dry_run: bool = False
    callback: str | None = None
    reply: Reply | None = None


class StepRunner:
    """Asks one step how it is doing. Never raises for what AWS answers, nor for a fault of the step's.

    Args:
        action_context: the action and who works on it.
        facts: what EC2 knew of the instance.
        resolved: the step.
    """

    def __init__(self, action_context: ActionContext, facts: InstanceFacts, resolved: ResolvedStep) -> None:
        self._action_context = action_context
        self._dependencies = action_context.dependencies
        self._facts = facts
        self.resolved = resolved

    def poll(self, state: StepCheckpoint, began_before: float | None, now: float) -> StepCheckpoint:
        """Return the step after one look, without a delay.

        Args:
            state: the step before it; `began_at` is set.
            began_before: when an earlier beginning of it may have had its effect, None when there was none.
            now: seconds since the epoch.
        """
        target = self._target(state, now, began_before)
        last = state.progress if state.begun and isinstance(state.progress, Waiting) else None
        begun, streak = state.begun, None
        try:
            progress = self._progress(target, last)
            begun = True
        except CallFailed as failed:
            progress, streak = progress_after_failure(
                self._action_context,
                failed.failure,
                last=last,
                before=state.streak,
                on_failure=self.resolved.on_failure,
                now=now,
            )
        except Exception as error:  # noqa: BLE001 - a fault of ours must hold the instance, not end the execution
            self._dependencies.observer.count(Metric.INTERNAL_ERROR)
            told = f"internal error, the instance is kept: {error!r}"
            self._dependencies.observer.error(told, step=self.resolved.step.kind, with_traceback=True)
            detail = f"kept: internal error, see the log: {error!r}"
            progress = Waiting(detail, state=last.state if last is not None else {}, blocked=True)
        blocked_seconds = state.blocked_seconds + (
            now - state.blocked_since if state.blocked_since is not None else 0.0
        )
        progress = self._in_time(progress, target, blocked_seconds)
        if isinstance(progress, Failed):
            progress = self._failed(progress)
        return msgspec.structs.replace(
            state,
            begun=begun,
            progress=progress,
            streak=streak,
            blocked_seconds=blocked_seconds,
            blocked_since=now if isinstance(progress, Waiting) and progress.blocked else None,
        )

    def next_poll_delay(self, state: StepCheckpoint, now: float) -> float:
        """Return the seconds until the next look."""
        chance = self._dependencies.chance()
        began_at = state.began_at if state.began_at is not None else now
        asked = state.progress.again_after if isinstance(state.progress, Waiting) else None
        if asked is None and state.streak is not None:
            next_poll_delay = retry_delay(state.streak.tries, chance, LONGEST_RETRY)
        else:
            # Instances that were drained together would all be looked at together, again and again (R15).
            heard = self._dependencies.settings.signals and _woken_by(state.progress) is not None
            next_poll_delay = (asked if asked is not None else poll_delay(now - began_at, heard=heard)) * (
                1 + JITTER * chance
            )
        left = (
            began_at + state.blocked_seconds + self.resolved.timeout - now
            if self.resolved.timeout is not None
            else next_poll_delay
        )
        return min(next_poll_delay, left) if left > 0 else next_poll_delay

    def cancel(self, state: StepCheckpoint, now: float) -> str | None:
        """Stop what the step has under way.

        Returns:
            What was stopped, None when nothing was.

        Raises:
            CallFailed: it could not be stopped.
        """
        if state.began_at is None or state.finished or self.resolved.dry_run:
            return None
        last = state.progress if isinstance(state.progress, Waiting) else None
        return self.resolved.step.cancel(self._target(state, now, None), last)

    def _progress(self, target: Target, last: Waiting | None) -> Progress:
        step = self.resolved.step
        if self.resolved.dry_run:
            return Done(f"dry run: {step.preview(target)}")
        return step.check(target, last) if last is not None else step.begin(target)

    def _in_time(self, progress: Progress, target: Target, blocked_seconds: float) -> Progress:
        limit = self.resolved.timeout
        # What a dependency holds up is not late by itself: an outage must not release the fleet.
        if limit is None or not isinstance(progress, Waiting) or progress.blocked:
            return progress
        if target.now < target.began_at + blocked_seconds + limit:
            return progress
        try:
            stopped = self.resolved.step.cancel(target, progress)
        except CallFailed as failed:
            stopped = f"it could not be stopped: {failed}"
            self._dependencies.observer.error(stopped, step=self.resolved.step.kind)
        return Failed(f"not done within {readable(limit)}: {progress.detail}" + (f"; {stopped}" if stopped else ""))

    def _failed(self, progress: Failed) -> Progress:
        observer, step = self._dependencies.observer, self.resolved.step
        if step.needs_instance_alive and self._gone_by_now():
            return Done(f"given up, the instance is gone: {progress.reason}")
        observer.count(Metric.STEP_FAILED)
        observer.error(f"step failed: {progress.reason}", step=step.kind)
        return progress

    def _gone_by_now(self) -> bool:
        try:
            return self._dependencies.instances.facts(self._action_context.action.instance).gone
        except CallFailed as failed:
            self._dependencies.observer.warning(f"the instance could not be described: {failed}")
            return False

    def _target(self, state: StepCheckpoint, now: float, began_before: float | None) -> Target:
        return Target(
            action=self._action_context.action,
            facts=self._facts,
            position=self.resolved.position,
            began_at=state.began_at if state.began_at is not None else now,
            now=now,
            began_before=began_before,
            callback=self.resolved.callback,
            reply=self.resolved.reply,
        )


def sentence_of(progress: Progress) -> str:
    """Return a progress as a sentence."""
    return progress.reason if isinstance(progress, Failed) else progress.detail


def is_same(progress: Progress, recorded: Waiting | None) -> bool:
    """Return whether the record holds this progress already."""
    if recorded is None or not isinstance(progress, Waiting):
        return False
    if (progress.detail, progress.wake_on) != (recorded.detail, recorded.wake_on):
        return False
    # As JSON: what was read back from a checkpoint has lists where a step may have put tuples.
    return msgspec.json.encode(progress.state) == msgspec.json.encode(recorded.state)


def wake_on(*checkpoints: StepCheckpoint) -> tuple[str, ...]:
    """Return what is heard of when the waits may be over."""
    return tuple(name for look in checkpoints if (name := _woken_by(look.progress)) is not None)


def _woken_by(progress: Progress | None) -> str | None:
    return progress.wake_on if isinstance(progress, Waiting) else None


def work_began(before: float | None, state: StepCheckpoint) -> float | None:
    """Return when the work began, moved on by the time for which a dependency held this step up.

    Args:
        before: when it began, with the steps before this one; None when it begins with this one.
        state: this step.
    """
    began = before if before is not None else state.began_at
    return began + state.blocked_seconds if began is not None else None
