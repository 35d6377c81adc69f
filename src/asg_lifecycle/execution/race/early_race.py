"""Work that begins before the instance waits: no action exists yet, so nothing is kept alive and nothing completed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution.durable import poll
from asg_lifecycle.execution.heartbeat import HeartbeatState, KeepAlive
from asg_lifecycle.execution.race.decision import (
    BranchResults,
    RaceOutcome,
    Round,
    goes_before,
    is_out_of_operations,
    said_so_far,
)
from asg_lifecycle.execution.race.race import Race
from asg_lifecycle.execution.setup import InitialRecord, Setup, begin_work, with_plan
from asg_lifecycle.execution.work.work_state import PlanResult
from asg_lifecycle.model.messages import Finish, Join, describe
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext

    from asg_lifecycle.execution.claim import PriorState
    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.race.round_opening import Opening
    from asg_lifecycle.execution.race.running_round import RunningRound

EVENT_MAY_FOLLOW = 900.0
"""Seconds after the end of the instance during which the hook's event may still come: Auto Scaling notices the end
some minutes later (R28)."""


def set_up_early(action_context: ActionContext, inbox: str, prior: PriorState, state: Setup) -> Setup:
    """Make one try at setting up work without an action: the instance, the plan, the inbox. No heartbeat.

    Args:
        action_context: the action to come and the execution that works on it.
        inbox: id of the durable callback that is its inbox.
        prior: what is known of it.
        state: what the earlier tries found.
    """
    last = prior.until if prior.until is not None else action_context.action.time + GLOBAL_TIMEOUT_CAP
    state = with_plan(action_context, prior, state)
    if state.readiness == "observed":
        return state
    state = msgspec.structs.replace(state, deadline=last, bound=last + EVENT_MAY_FOLLOW)
    initial = InitialRecord(
        inbox=inbox, how=f"begun early: {prior.early}", changes={"identity": action_context.action.reference}
    )
    return begin_work(action_context, prior, state, initial)


class EarlyRace(Race):
    """The race of work that began early: it ends with the hook's event, or when that can no longer come."""

    def _may_look(self, running: RunningRound) -> bool:
        """Return True: there is no heartbeat timer yet."""
        del running
        return True

    def _keeps_alive_itself(self, running: RunningRound) -> bool:
        """Return False: this race ends with the instance, which no poll of the work can know."""
        del running
        return False

    def send_if_due(self, heartbeat: HeartbeatState, now: float) -> HeartbeatState:
        """Send none: there is no action yet that it could keep alive."""
        del now
        return heartbeat

    def _keep_time(self, context: DurableContext, running: RunningRound, opening: Opening) -> KeepAlive:
        """Wait for the end of the instance, then for as long as the event may still come. No heartbeat."""
        del opening
        current = running.current
        limit = self._setup.bound if current.expired else self._setup.deadline

        def attempt(state: KeepAlive) -> KeepAlive:
            if self._action_context.is_nearly_used_up(context):
                return msgspec.structs.replace(state, out_of_operations=True, delay=None)
            left = limit - self._dependencies.clock()
            return msgspec.structs.replace(state, deadline_reached=left <= 0, delay=left if left > 0 else None)

        return poll(context, f"await-event-{current.number}", KeepAlive(heartbeat=HeartbeatState(next_at=0.0)), attempt)

    def _conclude(self, current: Round, results: BranchResults) -> RaceOutcome | Round:
        messages = said_so_far(current, results)
        match results:
            case BranchResults(work=PlanResult(how="lost_ownership")):
                why = "another execution has taken this action over"
                return RaceOutcome(how="lost_ownership", reason=why, messages=messages)
            case BranchResults(message=Join(action=action)):
                return RaceOutcome(
                    how="joined", reason="", joined=action, held=current.held, hold=current.hold, messages=messages
                )
            case BranchResults(message=Finish() as message):
                why = f"{describe(message)}; the instance did not wait yet, so there was nothing to complete"
                return RaceOutcome(how="over", reason=why, messages=messages)
            case BranchResults(keep_alive=KeepAlive(deadline_reached=True)) if current.expired:
                return RaceOutcome(how="over", reason="the hook's event never came", messages=messages)
            case BranchResults(message=None) if is_out_of_operations(results):
                why = "the execution may have no more operations"
                return RaceOutcome(how="out_of_operations", reason=why, messages=messages, hold=current.hold)
        return self._next_round(current, results)

    def _next_round(self, current: Round, results: BranchResults) -> Round:
        following = self._following(current, results)
        if results.keep_alive is not None:
            why = "the time EC2 left the instance is over, waiting for the hook's event"
            return msgspec.structs.replace(following, idle=why, expired=True)
        work = results.work
        stays = work is None or work.how in {"held", "on_hold", "needs_callback"} or goes_before(results.message, work)
        if work is not None and not stays:
            # There is nothing to abandon or to complete yet: when the event comes, the work goes on where it failed, or
            # is out of time at once, and the plan decides.
            why = f"{work.reason}, waiting for the hook's event"
            return msgspec.structs.replace(following, idle=why, held=current.held, newly_held=False)
        return msgspec.structs.replace(following, idle=current.idle if current.expired else None)
