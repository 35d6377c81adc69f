"""The durable execution of one lifecycle action: claim, admit, race, finish.

Everything here but the functions handed to durable operations runs again on every replay: it reads no clock, no
environment and no network. The names of the operations are an interface.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import msgspec
from aws_durable_execution_sdk_python.config import Duration, StepConfig
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig

from asg_lifecycle.execution.claim import Claim, Prior, claim
from asg_lifecycle.execution.dependencies import Application, Assignment
from asg_lifecycle.execution.durable import decide_by_delay
from asg_lifecycle.execution.finish import Completion, Finisher
from asg_lifecycle.execution.race.branch_gate import Turnstile
from asg_lifecycle.execution.race.decision import Ending, Finishes, Round, decide, next_round, said_so_far
from asg_lifecycle.execution.race.keep_alive import KeepAlive, keep_alive
from asg_lifecycle.execution.race.phases import EarlyChapter, prepare
from asg_lifecycle.execution.race.race import Race
from asg_lifecycle.execution.retrying import claiming
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.setup import TAKEN_OVER, Admission, admit
from asg_lifecycle.execution.work.plan_runner import Work
from asg_lifecycle.execution.work.step_callbacks import Callbacks
from asg_lifecycle.model import events
from asg_lifecycle.model.events import Broken, Handle, Ignore
from asg_lifecycle.model.plans import timeout_result
from asg_lifecycle.model.start_requests import StartReason
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.plans import PlanDecision
    from asg_lifecycle.model.start_requests import Start

LATE_EVENT = Duration(10)
"""Seconds that a wait found by the sweep is left to its own event."""

Outcome = dict[str, Any]
"""What the execution returns: `outcome` is `ignored`, `invalid`, `duplicate`, `joined`, `completed`, `over`, `lost` or
`taken`; `reason` is a sentence; `result` is `CONTINUE` or `ABANDON` where we completed."""


def answer(application: Application, event: object, context: DurableContext) -> Outcome:
    """Answer one event: carry out its lifecycle action, or say why there is none.

    Args:
        application: the parts to work with.
        event: an EventBridge event, a flat notification, or a start from another door, as parsed JSON.
        context: the durable context.

    Raises:
        StepError: the action could not be claimed; the event goes to the dead-letter queue.
    """
    observer = application.observer
    observer.unbind()
    context.set_logger(observer.logger)
    match events.decide(event, hook_name_prefix=application.settings.hook_name_prefix, with_starts=True):
        case Ignore(reason):
            observer.count(Metric.IGNORED)
            context.logger.info("ignored: %s", reason)
            return {"outcome": "ignored", "reason": reason}
        case Broken(reason):
            observer.count(Metric.INVALID)
            context.logger.error("invalid event, a retry cannot help: %s", reason)
            return {"outcome": "invalid", "reason": reason}
        case Handle(action, start):
            return _Lifecycle(application, context, action, start).carry_out()


class _Lifecycle:
    """One event's way through claim, admission, race and finish."""

    def __init__(
        self, application: Application, context: DurableContext, action: LifecycleAction, start: Start | None
    ) -> None:
        execution = context.execution_context.durable_execution_arn
        application.observer.bind(action, execution)
        self._context = context
        self._start = start
        self._callbacks = Callbacks()
        self._assignment = Assignment(application=application, action=action, execution=execution)

    def carry_out(self) -> Outcome:
        """Return what became of the event."""
        if self._start is not None and self._start.reason is StartReason.SWEEP:
            # An event that is merely late comes first; the sweep's heartbeat has made the time for it.
            self._context.wait(LATE_EVENT, name="late-event-first")
        claimed = self._context.step(
            lambda _: claim(self._assignment, self._start),
            name="claim",
            config=StepConfig(retry_strategy=claiming, serdes=StructSerDes(Claim)),
        )
        if not claimed.granted:
            how, verb = ("joined", "began") if claimed.joined else ("duplicate", "has")
            return {"outcome": how, "reason": f"{claimed.owner} {verb} this action, which is {claimed.status}"}
        if claimed.action is not None:
            self._assume(claimed.action)
        callback = self._context.create_callback("inbox-1")
        if claimed.prior.early is None:
            return self._wait_through(callback, claimed.prior, first_round=1)
        return self._begin_early(callback, claimed.prior)

    def _begin_early(self, callback: Callback[str], prior: Prior) -> Outcome:
        preparation = self._poll("prepare", lambda state: prepare(self._assignment, callback.callback_id, prior, state))
        decision = preparation.decision
        if decision is None:
            return {"outcome": "taken", "reason": TAKEN_OVER}
        early = EarlyChapter(self._assignment, preparation)
        first = Round(held=preparation.held, expired=prior.until is None, messages=prior.messages)
        race = Race(self._assignment, preparation, decision, early, self._callbacks)
        ending, number = race.run(self._context, callback, first)
        if ending.joined is None:
            return self._finish(preparation, ending)
        self._assume(ending.joined)
        known = Prior(decision=race.decision, held=ending.held, messages=ending.messages)
        return self._wait_through(self._context.create_callback(f"inbox-{number + 1}"), known, first_round=number + 1)

    def _wait_through(self, callback: Callback[str], prior: Prior, *, first_round: int) -> Outcome:
        admission = self._poll("admit", lambda state: admit(self._assignment, callback.callback_id, prior, state))
        decision = admission.decision
        if prior.completing is not None:
            ending = Ending(how="complete", result=prior.completing, reason=prior.reason or "decided before")
        elif admission.verdict == "over" or decision is None:
            ending = Ending(how="over", reason=admission.pulse.over or "the action is over")
        elif admission.verdict == "late":
            ending = Ending(
                how="complete",
                result=timeout_result(decision.plan),
                reason="the event came after the action's deadline: nothing was begun",
            )
        else:
            answering = _Answering(self._assignment, admission)
            first = Round(number=first_round, held=admission.held, messages=prior.messages)
            race = Race(self._assignment, admission, decision, answering, self._callbacks)
            ending, _ = race.run(self._context, callback, first)
            admission = msgspec.structs.replace(admission, decision=race.decision)
        return self._finish(admission, ending)

    def _finish(self, admission: Admission, ending: Ending) -> Outcome:
        plan = admission.decision.plan if admission.decision is not None else None
        work = Work(self._assignment, plan, admission.facts, Turnstile()) if plan is not None else None
        finisher = Finisher(self._assignment, admission, ending, work)
        completion = self._context.wait_for_condition(
            lambda state, _: finisher.attempt(state),
            WaitForConditionConfig(
                wait_strategy=decide_by_delay, initial_state=Completion(), serdes=StructSerDes(Completion)
            ),
            name="finish",
        )
        if completion.taken or completion.status is None:
            return {"outcome": "taken", "reason": TAKEN_OVER}
        reason = "; ".join(part for part in (ending.reason, completion.reason) if part)
        outcome: Outcome = {"outcome": completion.status.value, "reason": reason}
        if completion.status == "completed" and ending.result is not None:
            outcome["result"] = ending.result.value
        return outcome

    def _poll(self, name: str, attempt: Callable[[Admission], Admission]) -> Admission:
        return self._context.wait_for_condition(
            lambda state, _: attempt(state),
            WaitForConditionConfig(
                wait_strategy=decide_by_delay, initial_state=Admission(), serdes=StructSerDes(Admission)
            ),
            name=name,
        )

    def _assume(self, action: LifecycleAction) -> None:
        self._assignment = dataclasses.replace(self._assignment, action=action)
        self._assignment.application.observer.bind(action, self._assignment.execution)


@dataclasses.dataclass(frozen=True)
class _Answering:
    """The race of an action that waits: kept alive until its deadline."""

    assignment: Assignment
    admission: Admission

    def watch(self, context: DurableContext, turnstile: Turnstile, current: Round, *, is_first: bool) -> KeepAlive:
        return keep_alive(context, self.assignment, self.admission, turnstile, current.number, is_first=is_first)

    def judge(self, current: Round, finishes: Finishes, decision: PlanDecision) -> Ending | Round:
        ending = decide(finishes, decision.plan)
        if ending is None:
            return next_round(current, finishes, "; ".join(decision.problems))
        return msgspec.structs.replace(ending, messages=said_so_far(current, finishes))
