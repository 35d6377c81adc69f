"""The work on one action: its plan, entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.work.broken_step import build_or_stand_in
from asg_lifecycle.execution.work.entry_checkpoint import first_checkpoint, remembered_checkpoints
from asg_lifecycle.execution.work.entry_end import failure_of, summary_of
from asg_lifecycle.execution.work.entry_runner import EntryRunner, outcomes_of
from asg_lifecycle.execution.work.resolved_step import ResolvedStep
from asg_lifecycle.execution.work.step_runner import StepRunner
from asg_lifecycle.execution.work.work_state import at_next_entry, ended, is_under_way
from asg_lifecycle.model.durations import readable, seconds
from asg_lifecycle.model.plans import IfMissing, OnFailure, PlannedStep, WhenSurviving
from asg_lifecycle.model.progress import Done, Waiting
from asg_lifecycle.model.step_memory import StepOutcome
from asg_lifecycle.observer import Metric
from asg_lifecycle.steps.base import CallbackStep

if TYPE_CHECKING:
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.work.entry_checkpoint import EntryCheckpoint
    from asg_lifecycle.execution.work.slot_wait import SlotWait
    from asg_lifecycle.execution.work.step_callbacks import StepCallback
    from asg_lifecycle.execution.work.work_state import WorkState
    from asg_lifecycle.model.instances import InstanceFacts
    from asg_lifecycle.model.plan_position import Position
    from asg_lifecycle.model.plans import Plan
    from asg_lifecycle.model.replies import Reply
    from asg_lifecycle.steps.base import Step

SIGNAL_EXPECTED_AFTER = 180.0
"""Seconds of a wait from which on its polls are a minute apart or more: an event that a poll goes before is late."""

ENOUGH = 20.0
"""Seconds after which a poll begins no other entry of the plan: an invocation must not run into its timeout."""


class PlanRunner:
    """Carries out the plan of one action.

    Args:
        action_context: the action and the execution that works on it.
        plan: the plan.
        facts: what EC2 knew of the instance.
        step_callback: the callback that the present step has handed out, None when none has.
        reply: what came back through it, None as long as nothing has.
        slot_wait: gets the action its drain slot, None where as many may drain as there are.
        woken: a message says that a wait may be over.
        hold: who has put the action on hold, when and why: only what is under way goes on. None where nobody has.
        restarts: whether steps that failed begin again.
    """

    def __init__(  # noqa: PLR0913 - what is known where work begins
        self,
        action_context: ActionContext,
        plan: Plan,
        facts: InstanceFacts,
        *,
        step_callback: StepCallback | None = None,
        reply: Reply | None = None,
        slot_wait: SlotWait | None = None,
        woken: bool = False,
        hold: str | None = None,
        restarts: bool = False,
    ) -> None:
        self._action_context = action_context
        self._services = action_context.dependencies.services
        self.plan = plan
        self._facts = facts
        self._step_callback = step_callback
        self._reply = reply
        # Under a hold nobody waits for the end of the plan: only the deadline decides.
        self._limit = seconds(plan.timeout) if plan.timeout is not None and hold is None else None
        self._slot_wait = slot_wait
        self._woken = woken
        self._hold = hold
        self._restarts = restarts

    def poll(self, state: WorkState) -> WorkState:
        """Go as far as the work can without waiting. Never raises: a fault of ours holds the action."""
        try:
            return self._polled(state)
        except Exception as error:  # noqa: BLE001 - whatever it is, the instance must not be forgotten for it
            observer = self._action_context.dependencies.observer
            observer.count(Metric.INTERNAL_ERROR)
            observer.error(f"internal error: {error!r}", with_traceback=True)
            return ended(state, "held", f"internal error, see the log: {error!r}")

    def _polled(self, state: WorkState) -> WorkState:
        clock = self._action_context.dependencies.clock
        if state.result is not None:
            return state
        if self._hold is None:
            state = self._with_slot(state)
            if state.result is not None or state.slot.delay is not None:
                return state
        began = clock()
        while state.index < len(self.plan.steps):
            if self._hold is not None and not is_under_way(state):
                break
            state = self._entry_polled(state)
            if state.result is not None or state.entry is not None:
                return state
            if clock() >= began + ENOUGH or self._has_to_be_kept_before(state.index):
                return msgspec.structs.replace(state, delay=0.0)
        if self._hold is not None:
            return self._put_on_hold(state, self._hold)
        return ended(state, "done", summary_of(state.outcomes))

    def _put_on_hold(self, state: WorkState, hold: str) -> WorkState:
        # An instance of which nothing was touched takes no turn from others. What begins again has touched it before.
        if self._slot_wait is not None and state.index == 0 and not state.memories:
            slot = self._slot_wait.leave(state.slot)
            if slot.delay is not None:
                return msgspec.structs.replace(state, slot=slot, delay=slot.delay)
        return ended(state, "on_hold", f"on hold, said {hold}")

    def _has_to_be_kept_before(self, index: int) -> bool:
        """Return whether the checkpoint log has to know what has ended before the entry at `index` begins.

        A poll that dies is repeated from its beginning. It would end the entries before again, and write over what the
        record says of a step that has begun and must not begin twice.
        """
        if index >= len(self.plan.steps):
            return False
        runners, _ = self._resolve(index)
        return any(runner.resolved.step.at_most_once for runner in runners)

    def _with_slot(self, state: WorkState) -> WorkState:
        """Return the work after a request for a drain slot, where only so many instances may drain at once."""
        if state.slot.delay is None:
            return state
        if self._slot_wait is None or state.index >= len(self.plan.steps):
            return msgspec.structs.replace(state, slot=msgspec.structs.replace(state.slot, delay=None))
        slot = self._slot_wait.attempt(state.slot)
        if slot.lost_ownership:
            return ended(state, "lost_ownership")
        return msgspec.structs.replace(state, slot=slot, delay=slot.delay)

    def _entry_polled(self, state: WorkState) -> WorkState:  # noqa: PLR0911 - one line a case
        """Return the work after a poll of its present entry: it waits, has ended, or stands at the next entry."""
        index = state.index
        runners, needless = self._resolve(index)
        if not runners:
            return at_next_entry(state, needless)
        entry = (
            state.entry
            if state.entry is not None
            else first_checkpoint(state.memories, len(runners), restarts=self._restarts)
        )
        undecided = runners[0].is_undecided(entry.steps[0])
        if not undecided and self._needs_callback(runners[0].resolved.step, index, begins=not entry.steps[0].begun):
            return ended(state, "needs_callback")
        limit = self._limit + state.extended_seconds if self._limit is not None else None
        entry_runner = EntryRunner(
            self._action_context,
            runners,
            index=index,
            outcomes=state.outcomes + needless,
            limit=limit,
            work_began_at=state.work_began_at,
            side_by_side=bool(self.plan.steps[index].parallel),
        )
        before, entry = entry, entry_runner.poll(entry)
        self._count_missed_signals(before, entry)
        if entry.lost_ownership:
            return ended(state, "lost_ownership")
        if entry.timed_out:
            return ended(state, "timed_out", f"the work was not done within {readable(limit or 0)}")
        if entry.delay is not None:
            return msgspec.structs.replace(state, entry=entry, delay=entry.delay)
        on_failure, reason = failure_of(self.plan.steps[index], index + 1, runners, entry)
        if on_failure is OnFailure.HOLD or (on_failure is not None and self._hold is not None):
            return ended(state, "held", reason)
        began = entry_runner.work_began(entry)
        state = at_next_entry(state, needless + outcomes_of(runners, entry.steps), began)
        return state if on_failure is not OnFailure.ABANDON else ended(state, "abandon", reason, index=index)

    def observe(self, now: float) -> tuple[StepOutcome, ...]:
        """Return what each step would do now, skipped ones included. Changes nothing; never raises."""
        outcomes: list[StepOutcome] = []
        for index in range(len(self.plan.steps)):
            runners, needless = self._resolve(index)
            outcomes += [*needless, *(runner.observe(now) for runner in runners)]
        return tuple(outcomes)

    def cancel(self, position: Position, now: float) -> str | None:
        """Stop what the present entry has under way because the action goes on without it.

        Returns:
            What was stopped, None when nothing was.

        Raises:
            CallFailed: a step could not be stopped.
        """
        if position.index >= len(self.plan.steps) or not position.steps:
            return None
        runners, _ = self._resolve(position.index)
        checkpoints = remembered_checkpoints(position.steps, len(runners))
        stopped = [runner.cancel(step, now) for runner, step in zip(runners, checkpoints, strict=True)]
        return "; ".join(each for each in stopped if each) or None

    def skipped(self, position: Position, detail: str, now: float) -> tuple[StepOutcome, ...]:
        """Return the outcomes of the present entry's steps when it is skipped: steps that are done stay done."""
        runners, needless = self._resolve(position.index)
        checkpoints = remembered_checkpoints(position.steps, len(runners))
        ended = [
            outcomes_of((runner,), (step,))
            if isinstance(step.progress, Done)
            else (
                StepOutcome(kind=runner.kind, outcome="skipped", detail=detail, began_at=step.began_at, ended_at=now),
            )
            for runner, step in zip(runners, checkpoints, strict=True)
        ]
        return (*needless, *(outcome for outcomes in ended for outcome in outcomes))

    def _count_missed_signals(self, before: EntryCheckpoint, after: EntryCheckpoint) -> None:
        """Count the waits whose end a poll of ours has found, although an event should have told of it.

        Only long waits: between two polls of a short one an event may be on its way.
        """
        dependencies = self._action_context.dependencies
        if self._woken or not dependencies.settings.signals:
            return
        now = dependencies.clock()
        for waited, polled in zip(before.steps, after.steps, strict=True):
            long_ago = polled.began_at is not None and now - polled.began_at >= SIGNAL_EXPECTED_AFTER
            listened = isinstance(waited.progress, Waiting) and waited.progress.wake_on is not None
            if listened and long_ago and isinstance(polled.progress, Done):
                dependencies.observer.count(Metric.SIGNAL_MISSED)
                dependencies.observer.warning(f"no event told that this is over: {polled.progress.detail}")

    def _needs_callback(self, step: Step, index: int, *, begins: bool) -> bool:
        """Return whether the step has to be given a callback: it has none yet, or begins again after an answer."""
        if self.plan.dry_run or not isinstance(step, CallbackStep) or step.times is None:
            return False
        return not self._has_callback(index) or (begins and self._reply is not None)

    def _has_callback(self, index: int) -> bool:
        return self._step_callback is not None and self._step_callback.index == index

    def _resolve(self, index: int) -> tuple[tuple[StepRunner, ...], tuple[StepOutcome, ...]]:
        """Return the runners of an entry's steps, and the outcomes of the steps that are skipped."""
        entry = self.plan.steps[index]
        runners, needless = [], []
        for number, planned in enumerate(entry.parallel or (entry,)):
            resolved = self._resolve_step(planned, index, number)
            if (reason := self._skip_reason(resolved.step, planned)) is not None:
                needless.append(StepOutcome(kind=planned.kind, outcome="skipped", detail=reason))
            else:
                runners.append(StepRunner(self._action_context, self._facts, resolved))
        return tuple(runners), tuple(needless)

    def _resolve_step(self, planned: PlannedStep, index: int, number: int) -> ResolvedStep:
        """Return one step. Settings that it leaves open come from its entry, then from the plan."""
        entry = self.plan.steps[index]
        timeout = planned.timeout or entry.timeout
        callback = self._step_callback if self._has_callback(index) else None
        return ResolvedStep(
            step=build_or_stand_in(planned, self._services),
            position=self.plan.position(index) + number,
            on_failure=planned.on_failure or entry.on_failure or self.plan.on_failure,
            if_missing=planned.if_missing or IfMissing.FAIL,
            timeout=seconds(timeout) if timeout is not None else None,
            dry_run=self.plan.dry_run,
            callback=callback.id if callback is not None else None,
            reply=self._reply if callback is not None else None,
            conditions=planned.conditions,
        )

    def _skip_reason(self, step: Step, planned: PlannedStep) -> str | None:
        instance = self._action_context.action.instance
        if step.needs_instance_alive and self._facts.gone:
            return f"skipped: instance {instance} is {self._facts.state}"
        if not self._action_context.action.survives:
            return None
        wanted = planned.when_instance_survives
        leaving = not self._action_context.action.launching
        skips = step.skip_if_instance_survives and leaving if wanted is None else wanted is WhenSurviving.SKIP
        return f"skipped: instance {instance} survives" if skips else None
