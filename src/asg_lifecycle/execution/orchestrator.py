"""The durable execution of one lifecycle action: claim, set up, race, finish.

Everything here runs again on every replay, except the functions that durable operations run. So it reads no clock, no
environment and no network. The names of the operations are an interface.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from asg_lifecycle.execution import durable
from asg_lifecycle.execution.claim import Claim, PriorState, claim
from asg_lifecycle.execution.completion import Completion
from asg_lifecycle.execution.dependencies import ActionContext, Dependencies
from asg_lifecycle.execution.finish import Finisher
from asg_lifecycle.execution.hand_over import HandOver
from asg_lifecycle.execution.observation import Observation, Observed
from asg_lifecycle.execution.operation_count import operations_used
from asg_lifecycle.execution.race.decision import RaceOutcome, Round
from asg_lifecycle.execution.race.early_race import EarlyRace, set_up_early
from asg_lifecycle.execution.race.race import Race
from asg_lifecycle.execution.setup import TAKEN_OVER, Setup, set_up
from asg_lifecycle.execution.work.plan_runner import PlanRunner
from asg_lifecycle.execution.work.step_callbacks import held_elsewhere
from asg_lifecycle.model import events
from asg_lifecycle.model.events import Handle, Ignore, Invalid
from asg_lifecycle.model.plans import timeout_result
from asg_lifecycle.model.records import wait_key
from asg_lifecycle.model.start_requests import StartReason
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext

    from asg_lifecycle.execution.work.step_callbacks import StepCallback
    from asg_lifecycle.model.actions import LifecycleAction
    from asg_lifecycle.model.instances import InstanceFacts
    from asg_lifecycle.model.plans import PlanDecision
    from asg_lifecycle.model.start_requests import StartRequest

LATE_EVENT_SECONDS = 10
"""For how long a wait that the sweep found is left to its own event, seconds."""

Outcome = dict[str, Any]
"""What the execution returns: `outcome` is `ignored`, `invalid`, `duplicate`, `joined`, `observed`, `completed`,
`over`, `lost`, `taken_over` or `handed_over`; `reason` is a sentence; `result` is `CONTINUE` or `ABANDON` where we
completed."""


def handle_event(dependencies: Dependencies, event: object, context: DurableContext) -> Outcome:
    """Carry out the lifecycle action of one event, or say why there is none.

    Args:
        dependencies: the parts to work with.
        event: an EventBridge event, a flat notification, or a start request, as parsed JSON.
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
    """One action's way through claim, set-up, race and finish."""

    def __init__(
        self, dependencies: Dependencies, context: DurableContext, action: LifecycleAction, start: StartRequest | None
    ) -> None:
        execution = context.execution_context.durable_execution_arn
        dependencies.observer.bind(action, execution)
        self._context = context
        self._start = start
        self._step_callback: StepCallback | None = None
        self._action_context = ActionContext(
            dependencies=dependencies,
            action=action,
            wait=wait_key(action.group, action.hook, action.instance),
            execution=execution,
        )

    def run(self) -> Outcome:
        """Return what became of the action."""
        claimed = self._claim()
        if not claimed.granted:
            how, verb = ("joined", "began") if claimed.joined else ("duplicate", "has")
            return {"outcome": how, "reason": f"{claimed.owner} {verb} this action, which is {claimed.status}"}
        if claimed.action is not None:
            self._take_on(claimed.action)
        if claimed.prior.early is not None:
            return self._run_early(claimed.prior)
        return self._run_waiting(claimed.prior, first_round=1)

    def _claim(self) -> Claim:
        if self._start is not None and self._start.reason is StartReason.SWEEP:
            # An event that is merely late comes first; the sweep's heartbeat has left time for that.
            durable.wait(self._context, "await-late-event", LATE_EVENT_SECONDS)
        return durable.run_step(
            self._context, "claim", Claim, lambda: claim(self._action_context, self._start), durable.retry_claim
        )

    def _run_waiting(self, prior: PriorState, *, first_round: int) -> Outcome:
        """Carry out an action whose instance waits."""
        inbox = durable.create_callback(self._context, f"inbox-{first_round}")
        setup = durable.perform(
            self._context,
            "set-up",
            Setup(),
            lambda state: set_up(self._action_context, inbox.callback_id, prior, state),
        )
        if setup.readiness == "observed" and setup.decision is not None:
            return self._observe(setup.decision, setup.facts)
        outcome = _decided_before_the_race(prior, setup)
        if outcome is None and setup.decision is not None:
            if prior.callback is not None:
                self._step_callback = held_elsewhere(prior.callback)
            reply = prior.callback.reply if prior.callback is not None else None
            first = Round(number=first_round, held=setup.held, hold=prior.hold, messages=prior.messages, reply=reply)
            race = Race(self._action_context, setup, setup.decision, self._step_callback)
            outcome, _ = race.run(self._context, inbox, first)
            if outcome.how == "out_of_operations":
                return self._hand_over(race, setup, outcome)
            setup = msgspec.structs.replace(setup, decision=race.decision)
        return self._finish(setup, outcome or RaceOutcome(how="over", reason="the action is over"))

    def _run_early(self, prior: PriorState) -> Outcome:
        """Begin the work before the instance waits, then go on under the action that its hook announces."""
        inbox = durable.create_callback(self._context, "inbox-1")
        setup = durable.perform(
            self._context,
            "set-up-early",
            Setup(),
            lambda state: set_up_early(self._action_context, inbox.callback_id, prior, state),
        )
        if setup.readiness == "observed" and setup.decision is not None:
            return self._observe(setup.decision, setup.facts)
        if setup.decision is None:
            return {"outcome": "taken_over", "reason": TAKEN_OVER}
        first = Round(held=setup.held, hold=prior.hold, expired=prior.until is None, messages=prior.messages)
        race = EarlyRace(self._action_context, setup, setup.decision, self._step_callback)
        outcome, last_round = race.run(self._context, inbox, first)
        if outcome.how == "out_of_operations":
            return self._hand_over(race, setup, outcome)
        if outcome.joined is None:
            return self._finish(setup, outcome)
        self._step_callback = race.step_callback
        self._take_on(outcome.joined)
        known = PriorState(decision=race.decision, held=outcome.held, hold=outcome.hold, messages=outcome.messages)
        return self._run_waiting(known, first_round=last_round + 1)

    def _hand_over(self, race: Race, setup: Setup, outcome: RaceOutcome) -> Outcome:
        """Hand the action over to a fresh execution; bring it to its end here where its deadline comes first."""
        hand_over = HandOver(
            self._action_context,
            messages=outcome.messages,
            hold=outcome.hold,
            step_callback=race.step_callback,
            reply=race.reply,
            send_if_due=race.send_if_due,
            deadline=setup.deadline,
        )
        succession = hand_over.run(self._context, race.inbox, race.heartbeat)
        if succession.how == "handed_over":
            return {"outcome": "handed_over", "reason": outcome.reason}
        if succession.how == "over":
            return self._finish(
                setup, RaceOutcome(how="over", reason=succession.heartbeat.over or "the action is over")
            )
        plan = race.decision.plan
        why = "the deadline came before the action was handed over"
        return self._finish(setup, RaceOutcome(how="complete", result=timeout_result(plan), reason=why))

    def _observe(self, decision: PlanDecision, facts: InstanceFacts) -> Outcome:
        """Write what the plan would do into the record, and leave the action alone."""
        observation = Observation(self._action_context, decision, facts)
        observed = durable.perform(self._context, "observe", Observed(), observation.attempt)
        return {"outcome": "observed", "reason": observed.reason}

    def _finish(self, setup: Setup, outcome: RaceOutcome) -> Outcome:
        plan = setup.decision.plan if setup.decision is not None else None
        runner = PlanRunner(self._action_context, plan, setup.facts) if plan is not None else None
        operations = partial(operations_used, self._context)
        finisher = Finisher(self._action_context, setup, outcome, runner, operations=operations)
        completion = durable.perform(self._context, "finish", Completion(), finisher.attempt)
        if completion.lost_ownership or completion.status is None:
            return {"outcome": "taken_over", "reason": TAKEN_OVER}
        reason = "; ".join(part for part in (outcome.reason, completion.reason) if part)
        answer: Outcome = {"outcome": completion.status.value, "reason": reason}
        if completion.status == "completed" and outcome.result is not None:
            answer["result"] = outcome.result.value
        return answer

    def _take_on(self, action: LifecycleAction) -> None:
        """Work on `action` from here on: as its record has it, or as its hook has announced it."""
        self._action_context = dataclasses.replace(self._action_context, action=action)
        self._action_context.dependencies.observer.bind(action, self._action_context.execution)


def _decided_before_the_race(prior: PriorState, setup: Setup) -> RaceOutcome | None:
    """Return how the action ends where there is no work to begin, None where there is."""
    if prior.completing is not None:
        return RaceOutcome(how="complete", result=prior.completing, reason=prior.reason or "decided before")
    if setup.readiness == "over" or setup.decision is None:
        return RaceOutcome(how="over", reason=setup.heartbeat.over or "the action is over")
    if setup.readiness == "late":
        result = timeout_result(setup.decision.plan)
        why = "the event came after the action's deadline: nothing was begun"
        return RaceOutcome(how="complete", result=result, reason=why)
    return None
