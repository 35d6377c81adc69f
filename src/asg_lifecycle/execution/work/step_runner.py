"""One look at one step: ask it, and judge what went wrong and whether its time is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from asg_lifecycle.execution.work.failure_policy import Trouble, judge
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.progress import Done, Failed, Progress, Waiting
from asg_lifecycle.model.timing import look_gap, retry_delay
from asg_lifecycle.observer import Metric
from asg_lifecycle.steps.base import Target

if TYPE_CHECKING:
    from asg_lifecycle.aws.instances import InstanceFacts
    from asg_lifecycle.execution.dependencies import Assignment
    from asg_lifecycle.model.plans import OnFailure
    from asg_lifecycle.model.replies import Reply
    from asg_lifecycle.steps.base import Step

LONGEST_RETRY = 60.0
"""Seconds between two tries of a step whose dependency does not answer."""

JITTER = 0.1


class Look(Struct, frozen=True, kw_only=True):
    """One step between two looks. Times are seconds since the epoch.

    Attributes:
        began_at: when the step began, None before its first look.
        begun: its `begin` has answered.
        progress: what it last answered, None before it did.
        trouble: the dependency that stops it at present, None when none does.
        recorded: the sentence and the memory that the record holds, None when it holds neither.
        taken: another execution owns the action.
        out_of_time: the plan's time is over.
        held_up: seconds for which a dependency has kept it waiting: they count against no timeout.
        held_up_since: since when one does now, None when none does.
        delay: seconds until the next look, None when the step is finished.
    """

    began_at: float | None = None
    begun: bool = False
    progress: Progress | None = None
    trouble: Trouble | None = None
    recorded: Waiting | None = None
    taken: bool = False
    out_of_time: bool = False
    held_up: float = 0.0
    held_up_since: float | None = None
    delay: float | None = 0.0

    @property
    def finished(self) -> bool:
        """Whether the step has ended, well or not."""
        return self.progress is not None and not isinstance(self.progress, Waiting)


@dataclass(frozen=True, kw_only=True)
class Task:
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


class Inquiry:
    """Asks one step how it is doing. Never raises for what AWS answers, nor for a fault of the step's.

    Args:
        assignment: the action and who works on it.
        facts: what EC2 knew of the instance.
        task: the step.
    """

    def __init__(self, assignment: Assignment, facts: InstanceFacts, task: Task) -> None:
        self._assignment = assignment
        self._application = assignment.application
        self._facts = facts
        self.task = task

    def ask(self, state: Look, begun_before: float | None, now: float) -> Look:
        """Return the step after one look, without a delay.

        Args:
            state: the step before it; `began_at` is set.
            begun_before: when an earlier beginning of it may have had its effect, None when there was none.
            now: seconds since the epoch.
        """
        target = self._target(state, now, begun_before)
        last = state.progress if state.begun and isinstance(state.progress, Waiting) else None
        begun, trouble = state.begun, None
        try:
            progress = self._progress(target, last)
            begun = True
        except CallFailed as failed:
            progress, trouble = judge(
                self._assignment,
                failed.failure,
                last=last,
                before=state.trouble,
                on_failure=self.task.on_failure,
                now=now,
            )
        except Exception as error:  # noqa: BLE001 - a fault of ours must hold the instance, not end the execution
            self._application.observer.count(Metric.INTERNAL_ERROR)
            told = f"internal error, the instance is kept: {error!r}"
            self._application.observer.error(told, step=self.task.step.kind, with_traceback=True)
            detail = f"kept: internal error, see the log: {error!r}"
            progress = Waiting(detail, state=last.state if last is not None else {}, blocked=True)
        held_up = state.held_up + (now - state.held_up_since if state.held_up_since is not None else 0.0)
        progress = self._in_time(progress, target, held_up)
        if isinstance(progress, Failed):
            progress = self._failed(progress)
        return msgspec.structs.replace(
            state,
            begun=begun,
            progress=progress,
            trouble=trouble,
            held_up=held_up,
            held_up_since=now if isinstance(progress, Waiting) and progress.blocked else None,
        )

    def gap(self, state: Look, now: float) -> float:
        """Return the seconds until the next look."""
        chance = self._application.chance()
        began_at = state.began_at if state.began_at is not None else now
        asked = state.progress.again_after if isinstance(state.progress, Waiting) else None
        if asked is None and state.trouble is not None:
            gap = retry_delay(state.trouble.tries, chance, LONGEST_RETRY)
        else:
            # Instances that were drained together would all be looked at together, again and again (R15).
            heard = self._application.settings.signals and _woken_by(state.progress) is not None
            gap = (asked if asked is not None else look_gap(now - began_at, heard=heard)) * (1 + JITTER * chance)
        left = began_at + state.held_up + self.task.timeout - now if self.task.timeout is not None else gap
        return min(gap, left) if left > 0 else gap

    def cancel(self, state: Look, now: float) -> str | None:
        """Stop what the step has under way.

        Returns:
            What was stopped, None when nothing was.

        Raises:
            CallFailed: it could not be stopped.
        """
        if state.began_at is None or state.finished or self.task.dry_run:
            return None
        last = state.progress if isinstance(state.progress, Waiting) else None
        return self.task.step.cancel(self._target(state, now, None), last)

    def _progress(self, target: Target, last: Waiting | None) -> Progress:
        step = self.task.step
        if self.task.dry_run:
            return Done(f"dry run: {step.preview(target)}")
        return step.check(target, last) if last is not None else step.begin(target)

    def _in_time(self, progress: Progress, target: Target, held_up: float) -> Progress:
        limit = self.task.timeout
        # What a dependency holds up is not late by itself: an outage must not release the fleet.
        if limit is None or not isinstance(progress, Waiting) or progress.blocked:
            return progress
        if target.now < target.began_at + held_up + limit:
            return progress
        try:
            stopped = self.task.step.cancel(target, progress)
        except CallFailed as failed:
            stopped = f"it could not be stopped: {failed}"
            self._application.observer.error(stopped, step=self.task.step.kind)
        return Failed(f"not done within {readable(limit)}: {progress.detail}" + (f"; {stopped}" if stopped else ""))

    def _failed(self, progress: Failed) -> Progress:
        observer, step = self._application.observer, self.task.step
        if step.needs_instance_alive and self._gone_by_now():
            return Done(f"given up, the instance is gone: {progress.reason}")
        observer.count(Metric.STEP_FAILED)
        observer.error(f"step failed: {progress.reason}", step=step.kind)
        return progress

    def _gone_by_now(self) -> bool:
        try:
            return self._application.instances.facts(self._assignment.action.instance).gone
        except CallFailed as failed:
            self._application.observer.warning(f"the instance could not be described: {failed}")
            return False

    def _target(self, state: Look, now: float, begun_before: float | None) -> Target:
        return Target(
            action=self._assignment.action,
            facts=self._facts,
            position=self.task.position,
            began_at=state.began_at if state.began_at is not None else now,
            now=now,
            begun_before=begun_before,
            callback=self.task.callback,
            reply=self.task.reply,
        )


def sentence_of(progress: Progress) -> str:
    """Return a progress as a sentence."""
    return progress.reason if isinstance(progress, Failed) else progress.detail


def is_same(progress: Progress, recorded: Waiting | None) -> bool:
    """Return whether the record holds this progress already."""
    if recorded is None or not isinstance(progress, Waiting):
        return False
    if (progress.detail, progress.woken_by) != (recorded.detail, recorded.woken_by):
        return False
    # As JSON: what was read back from a checkpoint has lists where a step may have put tuples.
    return msgspec.json.encode(progress.state) == msgspec.json.encode(recorded.state)


def woken_by(*looks: Look) -> tuple[str, ...]:
    """Return what is heard of when the waits may be over."""
    return tuple(name for look in looks if (name := _woken_by(look.progress)) is not None)


def _woken_by(progress: Progress | None) -> str | None:
    return progress.woken_by if isinstance(progress, Waiting) else None


def work_began(before: float | None, state: Look) -> float | None:
    """Return when the work began, moved on by the time for which a dependency held this step up.

    Args:
        before: when it began, with the steps before this one; None when it begins with this one.
        state: this step.
    """
    began = before if before is not None else state.began_at
    return began + state.held_up if began is not None else None
