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

from asg_lifecycle.execution.claim import Claim, PriorState, claim
from asg_lifecycle.execution.dependencies import ActionContext, Dependencies
from asg_lifecycle.execution.durable import decide_by_delay
from asg_lifecycle.execution.finish import Completion, Finisher
from asg_lifecycle.execution.race.branch_gate import BranchGate
from asg_lifecycle.execution.race.decision import RaceOutcome, Round
from asg_lifecycle.execution.race.phases import EarlyPhase, WaitingPhase, prepare
from asg_lifecycle.execution.race.race import Race
from asg_lifecycle.execution.retrying import claiming
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.setup import TAKEN_OVER, Setup, set_up
from asg_lifecycle.execution.work.plan_runner import PlanRunner
from asg_lifecycle.execution.work.step_callbacks import StepCallbacks
from asg_lifecycle.model import events
from asg_lifecycle.model.events import Handle, Ignore, Invalid
from asg_lifecycle.model.plans import timeout_result
from asg_lifecycle.model.start_requests import StartReason
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import Callback

    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.start_requests import StartRequest

LATE_EVENT = Duration(10)
"""Seconds that a wait found by the sweep is left to its own event."""

Outcome = dict[str, Any]
"""What the execution returns: `outcome` is `ignored`, `invalid`, `duplicate`, `joined`, `completed`, `over`, `lost` or
`lost_ownership`; `reason` is a sentence; `result` is `CONTINUE` or `ABANDON` where we completed."""


def handle_event(dependencies: Dependencies, event: object, context: DurableContext) -> Outcome:
    """Answer one event: carry out its lifecycle action, or say why there is none.

    Args:
        dependencies: the parts to work with.
        event: an EventBridge event, a flat notification, or a start from another door, as parsed JSON.
        context: the durable context.

    Raises:
        StepError: the action could not be claimed; the event goes to the dead-letter queue.
    """
    observer = dependencies.observer
    observer.unbind()
    context.set_logger(observer.logger)
    match events.decide(event, hook_name_prefix=dependencies.settings.hook_name_prefix, with_starts=True):
        case Ignore(reason):
            observer.count(Metric.IGNORED)
            context.logger.info("ignored: %s", reason)
            return {"outcome": "ignored", "reason": reason}
        case Invalid(reason):
            observer.count(Metric.INVALID)
            context.logger.error("invalid event, a retry cannot help: %s", reason)
            return {"outcome": "invalid", "reason": reason}
        case Handle(action, start):
            return Orchestrator(dependencies, context, action, start).run()


class Orchestrator:
    """One event's way through claim, admission, race and finish."""

    def __init__(
        self, dependencies: Dependencies, context: DurableContext, action: LifecycleAction, start: StartRequest | None
    ) -> None:
        execution = context.execution_context.durable_execution_arn
        dependencies.observer.bind(action, execution)
        self._context = context
        self._start = start
        self._callbacks = StepCallbacks()
        self._action_context = ActionContext(dependencies=dependencies, action=action, execution=execution)

    def run(self) -> Outcome:
        """Return what became of the event."""
        if self._start is not None and self._start.reason is StartReason.SWEEP:
            # An event that is merely late comes first; the sweep's heartbeat has made the time for it.
            self._context.wait(LATE_EVENT, name="await-late-event")
        claimed = self._context.step(
            lambda _: claim(self._action_context, self._start),
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

    def _begin_early(self, callback: Callback[str], prior: PriorState) -> Outcome:
        preparation = self._poll(
            "set-up-early", lambda state: prepare(self._action_context, callback.callback_id, prior, state)
        )
        decision = preparation.decision
        if decision is None:
            return {"outcome": "taken_over", "reason": TAKEN_OVER}
        early = EarlyPhase(self._action_context, preparation)
        first = Round(held=preparation.held, expired=prior.until is None, messages=prior.messages)
        race = Race(self._action_context, preparation, decision, early, self._callbacks)
        outcome, number = race.run(self._context, callback, first)
        if outcome.joined is None:
            return self._finish(preparation, outcome)
        self._assume(outcome.joined)
        known = PriorState(decision=race.decision, held=outcome.held, messages=outcome.messages)
        return self._wait_through(self._context.create_callback(f"inbox-{number + 1}"), known, first_round=number + 1)

    def _wait_through(self, callback: Callback[str], prior: PriorState, *, first_round: int) -> Outcome:
        setup = self._poll("set-up", lambda state: set_up(self._action_context, callback.callback_id, prior, state))
        decision = setup.decision
        if prior.completing is not None:
            outcome = RaceOutcome(how="complete", result=prior.completing, reason=prior.reason or "decided before")
        elif setup.readiness == "over" or decision is None:
            outcome = RaceOutcome(how="over", reason=setup.heartbeat.over or "the action is over")
        elif setup.readiness == "late":
            outcome = RaceOutcome(
                how="complete",
                result=timeout_result(decision.plan),
                reason="the event came after the action's deadline: nothing was begun",
            )
        else:
            phase = WaitingPhase(self._action_context, setup)
            first = Round(number=first_round, held=setup.held, messages=prior.messages)
            race = Race(self._action_context, setup, decision, phase, self._callbacks)
            outcome, _ = race.run(self._context, callback, first)
            setup = msgspec.structs.replace(setup, decision=race.decision)
        return self._finish(setup, outcome)

    def _finish(self, setup: Setup, outcome: RaceOutcome) -> Outcome:
        plan = setup.decision.plan if setup.decision is not None else None
        work = PlanRunner(self._action_context, plan, setup.facts, BranchGate()) if plan is not None else None
        finisher = Finisher(self._action_context, setup, outcome, work)
        completion = self._context.wait_for_condition(
            lambda state, _: finisher.attempt(state),
            WaitForConditionConfig(
                wait_strategy=decide_by_delay, initial_state=Completion(), serdes=StructSerDes(Completion)
            ),
            name="finish",
        )
        if completion.lost_ownership or completion.status is None:
            return {"outcome": "taken_over", "reason": TAKEN_OVER}
        reason = "; ".join(part for part in (outcome.reason, completion.reason) if part)
        answer: Outcome = {"outcome": completion.status.value, "reason": reason}
        if completion.status == "completed" and outcome.result is not None:
            answer["result"] = outcome.result.value
        return answer

    def _poll(self, name: str, attempt: Callable[[Setup], Setup]) -> Setup:
        return self._context.wait_for_condition(
            lambda state, _: attempt(state),
            WaitForConditionConfig(wait_strategy=decide_by_delay, initial_state=Setup(), serdes=StructSerDes(Setup)),
            name=name,
        )

    def _assume(self, action: LifecycleAction) -> None:
        self._action_context = dataclasses.replace(self._action_context, action=action)
        self._action_context.dependencies.observer.bind(action, self._action_context.execution)
