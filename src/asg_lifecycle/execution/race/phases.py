"""Work that begins before the instance waits: no action exists yet, so nothing is kept alive and nothing completed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig

from asg_lifecycle.execution.durable import decide_by_delay
from asg_lifecycle.execution.heartbeat import Pulse
from asg_lifecycle.execution.race.decision import Ending, Finishes, Round, next_round, said_so_far
from asg_lifecycle.execution.race.keep_alive import KeepAlive
from asg_lifecycle.execution.serialization import StructSerDes
from asg_lifecycle.execution.setup import Admission, Opening, begin
from asg_lifecycle.execution.work.plan_runner import WorkEnd
from asg_lifecycle.model.messages import Finish, Join, describe
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext

    from asg_lifecycle.execution.claim import Prior
    from asg_lifecycle.execution.dependencies import Assignment
    from asg_lifecycle.execution.race.branch_gate import Turnstile
    from asg_lifecycle.model.plans import PlanDecision

EVENT_MAY_FOLLOW = 900.0
"""Seconds after the end of the instance during which the hook's event may still come: Auto Scaling notices the end
some minutes later (R28)."""


def prepare(assignment: Assignment, callback: str, prior: Prior, state: Admission) -> Admission:
    """Make one try at preparing work without an action: the instance, the plan, the inbox. No heartbeat.

    Args:
        assignment: the action to come and who works on it.
        callback: id of the durable callback that is its inbox.
        prior: what is known of it.
        state: what the earlier tries found.
    """
    last = prior.until if prior.until is not None else assignment.action.time + GLOBAL_TIMEOUT_CAP
    state = msgspec.structs.replace(state, deadline=last, bound=last + EVENT_MAY_FOLLOW)
    identity = {"identity": assignment.action.reference}
    opening = Opening(callback=callback, how=f"begun early: {prior.early}", particulars=identity)
    return begin(assignment, prior, state, opening)


@dataclass(frozen=True)
class EarlyChapter:
    """The race of work that began early: nothing to keep alive, and no end but the hook's event.

    Attributes:
        assignment: the action to come and who works on it.
        preparation: what is known of it.
    """

    assignment: Assignment
    preparation: Admission

    def watch(self, context: DurableContext, turnstile: Turnstile, current: Round, *, is_first: bool) -> KeepAlive:
        """Wait for the end of the instance, then for the end of our patience. One durable operation, no heartbeat."""
        del turnstile, is_first
        limit = self.preparation.bound if current.expired else self.preparation.deadline

        def check(state: KeepAlive, _: WaitForConditionCheckContext) -> KeepAlive:
            left = limit - self.assignment.application.clock()
            return msgspec.structs.replace(state, deadline_reached=left <= 0, delay=left if left > 0 else None)

        return context.wait_for_condition(
            check,
            WaitForConditionConfig(
                wait_strategy=decide_by_delay,
                initial_state=KeepAlive(pulse=Pulse(next_at=0.0)),
                serdes=StructSerDes(KeepAlive),
            ),
            name=f"expect-{current.number}",
        )

    def judge(  # noqa: PLR0911 - one line a case
        self, current: Round, finishes: Finishes, decision: PlanDecision
    ) -> Ending | Round:
        """Return what a round of early work comes to: an ending, or the next round."""
        messages = said_so_far(current, finishes)
        match finishes:
            case Finishes(work=WorkEnd(how="taken")):
                return Ending(how="taken", reason="another execution has taken this action over", messages=messages)
            case Finishes(message=Join(action=action)):
                return Ending(how="joined", reason="", joined=action, held=current.held, messages=messages)
            case Finishes(message=Finish() as message):
                why = f"{describe(message)}; the instance did not wait yet, so there was nothing to complete"
                return Ending(how="over", reason=why, messages=messages)
            case Finishes(keep_alive=KeepAlive(deadline_reached=True)) if current.expired:
                return Ending(how="over", reason="the hook's event never came", messages=messages)
        following = next_round(current, finishes, "; ".join(decision.problems))
        if finishes.keep_alive is not None:
            why = "the time EC2 left the instance is over, waiting for the hook's event"
            return msgspec.structs.replace(following, idle=why, expired=True)
        if finishes.work is not None and finishes.work.how not in {"held", "asks"}:
            # There is nothing to abandon or to complete yet: when the event comes, the work goes on where it failed, or
            # is late at once, and the plan decides.
            why = f"{finishes.work.reason}, waiting for the hook's event"
            return msgspec.structs.replace(following, idle=why, held=current.held, newly_held=False)
        return msgspec.structs.replace(following, idle=current.idle if current.expired else None)
