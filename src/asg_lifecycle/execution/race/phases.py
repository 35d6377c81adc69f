"""What tells a race of an instance that waits from one of work that began early.

While the instance does not wait yet, no action exists: nothing is kept alive, and nothing completed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig

from asg_lifecycle.execution.durable import decide_by_delay
from asg_lifecycle.execution.heartbeat import HeartbeatState
from asg_lifecycle.execution.race.decision import BranchResults, RaceOutcome, Round, decide, next_round, said_so_far
from asg_lifecycle.execution.race.keep_alive import KeepAlive, keep_alive
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.setup import InitialRecord, Setup, begin
from asg_lifecycle.execution.work.plan_runner import PlanResult
from asg_lifecycle.model.messages import Finish, Join, describe
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext

    from asg_lifecycle.execution.claim import PriorState
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.race.branch_gate import BranchGate
    from asg_lifecycle.model.plans import PlanDecision
    from asg_lifecycle.model.record_changes import RecordChanges

EVENT_MAY_FOLLOW = 900.0
"""Seconds after the end of the instance during which the hook's event may still come: Auto Scaling notices the end
some minutes later (R28)."""


def prepare(action_context: ActionContext, callback: str, prior: PriorState, state: Setup) -> Setup:
    """Make one try at preparing work without an action: the instance, the plan, the inbox. No heartbeat.

    Args:
        action_context: the action to come and who works on it.
        callback: id of the durable callback that is its inbox.
        prior: what is known of it.
        state: what the earlier tries found.
    """
    last = prior.until if prior.until is not None else action_context.action.time + GLOBAL_TIMEOUT_CAP
    state = msgspec.structs.replace(state, deadline=last, bound=last + EVENT_MAY_FOLLOW)
    identity: RecordChanges = {"identity": action_context.action.reference}
    initial = InitialRecord(callback=callback, how=f"begun early: {prior.early}", particulars=identity)
    return begin(action_context, prior, state, initial)


@dataclass(frozen=True)
class WaitingPhase:
    """The race of an action whose instance waits: it is kept alive until its deadline.

    Attributes:
        action_context: the action and who works on it.
        setup: what is known of it.
    """

    action_context: ActionContext
    setup: Setup

    def watch(self, context: DurableContext, gate: BranchGate, current: Round, *, is_first: bool) -> KeepAlive:
        """Send heartbeats until the action is over or its deadline is reached."""
        return keep_alive(context, self.action_context, self.setup, gate, current.number, is_first=is_first)

    def conclude_round(self, current: Round, results: BranchResults, decision: PlanDecision) -> RaceOutcome | Round:
        """Return what a round comes to: how the action ends, or the next round."""
        outcome = decide(results, decision.plan)
        if outcome is None:
            return next_round(current, results, "; ".join(decision.problems))
        return msgspec.structs.replace(outcome, messages=said_so_far(current, results))


@dataclass(frozen=True)
class EarlyPhase:
    """The race of work that began early: nothing to keep alive, and no end but the hook's event.

    Attributes:
        action_context: the action to come and who works on it.
        preparation: what is known of it.
    """

    action_context: ActionContext
    preparation: Setup

    def watch(self, context: DurableContext, gate: BranchGate, current: Round, *, is_first: bool) -> KeepAlive:
        """Wait for the end of the instance, then for the end of our patience. One durable operation, no heartbeat."""
        del gate, is_first
        limit = self.preparation.bound if current.expired else self.preparation.deadline

        def check(state: KeepAlive, _: WaitForConditionCheckContext) -> KeepAlive:
            left = limit - self.action_context.dependencies.clock()
            return msgspec.structs.replace(state, deadline_reached=left <= 0, delay=left if left > 0 else None)

        return context.wait_for_condition(
            check,
            WaitForConditionConfig(
                wait_strategy=decide_by_delay,
                initial_state=KeepAlive(heartbeat=HeartbeatState(next_at=0.0)),
                serdes=StructSerDes(KeepAlive),
            ),
            name=f"await-event-{current.number}",
        )

    def conclude_round(  # noqa: PLR0911 - one line a case
        self, current: Round, results: BranchResults, decision: PlanDecision
    ) -> RaceOutcome | Round:
        """Return what a round of early work comes to: an ending, or the next round."""
        messages = said_so_far(current, results)
        match results:
            case BranchResults(work=PlanResult(how="lost_ownership")):
                return RaceOutcome(
                    how="lost_ownership", reason="another execution has taken this action over", messages=messages
                )
            case BranchResults(message=Join(action=action)):
                return RaceOutcome(how="joined", reason="", joined=action, held=current.held, messages=messages)
            case BranchResults(message=Finish() as message):
                why = f"{describe(message)}; the instance did not wait yet, so there was nothing to complete"
                return RaceOutcome(how="over", reason=why, messages=messages)
            case BranchResults(keep_alive=KeepAlive(deadline_reached=True)) if current.expired:
                return RaceOutcome(how="over", reason="the hook's event never came", messages=messages)
        following = next_round(current, results, "; ".join(decision.problems))
        if results.keep_alive is not None:
            why = "the time EC2 left the instance is over, waiting for the hook's event"
            return msgspec.structs.replace(following, idle=why, expired=True)
        if results.work is not None and results.work.how not in {"held", "needs_callback"}:
            # There is nothing to abandon or to complete yet: when the event comes, the work goes on where it failed, or
            # is late at once, and the plan decides.
            why = f"{results.work.reason}, waiting for the hook's event"
            return msgspec.structs.replace(following, idle=why, held=current.held, newly_held=False)
        return msgspec.structs.replace(following, idle=current.idle if current.expired else None)
