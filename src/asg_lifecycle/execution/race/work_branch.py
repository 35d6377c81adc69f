"""The branch of the race that carries out the plan, and sends the heartbeats where their timer leaves time for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.execution import durable
from asg_lifecycle.execution.durable import Polled
from asg_lifecycle.execution.heartbeat import KeepAlive
from asg_lifecycle.execution.race.decision import BranchResults
from asg_lifecycle.execution.work.work_state import WorkState, out_of_operations

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.durable import BranchGate
    from asg_lifecycle.execution.heartbeat import HeartbeatState, KeepAliveBranch
    from asg_lifecycle.execution.work.plan_runner import PlanRunner


class WorkBranchState(Polled, frozen=True, kw_only=True, omit_defaults=True):
    """The work between two polls, and the heartbeats; None where another branch sends them."""

    work: WorkState
    keep_alive: KeepAlive | None = None


@dataclass(frozen=True, kw_only=True)
class WorkBranch:
    """Carries out the plan.

    Attributes:
        action_context: the action and the execution that works on it.
        runner: carries out the plan.
        keeper: sends the heartbeats; None where another branch does.
        gate: closed when the race is over.
    """

    action_context: ActionContext
    runner: PlanRunner
    keeper: KeepAliveBranch | None
    gate: BranchGate

    def run(self, context: DurableContext, number: int, work: WorkState, heartbeat: HeartbeatState) -> BranchResults:
        """Run the branch of the round `number`. One durable operation, however long it takes."""
        keep_alive = KeepAlive(heartbeat=heartbeat) if self.keeper is not None else None

        def attempt(state: WorkBranchState) -> WorkBranchState:
            if self.action_context.is_nearly_used_up(context):
                return msgspec.structs.replace(state, work=out_of_operations(state.work), delay=None)
            return self.attempt(state)

        initial = WorkBranchState(work=work, keep_alive=keep_alive)
        state = durable.poll(context, f"work-{number}", initial, self.gate.guarded(attempt))
        return BranchResults(work=state.work.result, keep_alive=state.keep_alive)

    def attempt(self, state: WorkBranchState) -> WorkBranchState:
        """Send a heartbeat if one is due, then poll the work: a poll that dies must not keep the heartbeat back."""
        keep_alive = state.keep_alive
        if self.keeper is not None and keep_alive is not None:
            keep_alive = self.keeper.attempt(keep_alive)
            if keep_alive.delay is None:
                return msgspec.structs.replace(state, keep_alive=keep_alive, delay=None)
        work = self.runner.poll(state.work)
        if work.delay is None or self.keeper is None or keep_alive is None:
            return msgspec.structs.replace(state, work=work, keep_alive=keep_alive, delay=work.delay)
        keep_alive = self.keeper.ahead(keep_alive, work.delay)
        delay = min(work.delay, keep_alive.delay) if keep_alive.delay is not None else None
        return WorkBranchState(work=work, keep_alive=keep_alive, delay=delay)
