"""The branch of the race that keeps the action alive until the deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aws_durable_execution_sdk_python.waits import WaitForConditionConfig
from msgspec import Struct

from asg_lifecycle.execution.durable import decide_by_delay
from asg_lifecycle.execution.heartbeat import HeartbeatState, send_heartbeat
from asg_lifecycle.execution.serialization import StructSerDes

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext
    from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext

    from asg_lifecycle.execution.dependencies import ActionContext
    from asg_lifecycle.execution.race.branch_gate import BranchGate
    from asg_lifecycle.execution.setup import Setup


class KeepAlive(Struct, frozen=True, kw_only=True):
    """How the branch stands.

    Attributes:
        heartbeat: the heartbeats.
        deadline_reached: the deadline came before the work was done.
        delay: seconds until it has to be looked at again, None when the branch is finished.
    """

    heartbeat: HeartbeatState
    deadline_reached: bool = False
    delay: float | None = 0.0


def keep_alive(  # noqa: PLR0913 - the parts of one branch
    context: DurableContext,
    action_context: ActionContext,
    setup: Setup,
    gate: BranchGate,
    round_number: int,
    *,
    is_first: bool,
) -> KeepAlive:
    """Beat until the action is over or the deadline is reached. One durable operation, however long it takes."""

    def check(state: KeepAlive, _: WaitForConditionCheckContext) -> KeepAlive:
        with gate.enter() as is_open:
            return look(action_context, setup, state) if is_open else state

    # A later round does not know when the last beat was sent: it beats at once.
    heartbeat = setup.heartbeat if is_first else msgspec.structs.replace(setup.heartbeat, next_at=0.0)
    return context.wait_for_condition(
        check,
        WaitForConditionConfig(
            wait_strategy=decide_by_delay, initial_state=KeepAlive(heartbeat=heartbeat), serdes=StructSerDes(KeepAlive)
        ),
        name=f"keep-alive-{round_number}",
    )


def look(action_context: ActionContext, setup: Setup, state: KeepAlive) -> KeepAlive:
    """Beat if a beat is due, and say when to look again. Past the deadline no beat is sent (R4)."""
    now = action_context.dependencies.clock()
    if now >= setup.deadline:
        return msgspec.structs.replace(state, deadline_reached=True, delay=None)
    heartbeat = state.heartbeat
    if now >= heartbeat.next_at:
        heartbeat = send_heartbeat(action_context, setup.timeouts, heartbeat, now)
    if heartbeat.over is not None:
        return KeepAlive(heartbeat=heartbeat, delay=None)
    return KeepAlive(heartbeat=heartbeat, delay=min(heartbeat.next_at, setup.deadline) - now)
