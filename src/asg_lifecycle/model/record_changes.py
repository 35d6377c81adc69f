"""The changes of a record after it was claimed, typed so that the type checker checks each write.

The fields' meanings, units and writers are documented at `asg_lifecycle.model.records.Record`, and nowhere else.
"""

from __future__ import annotations

from typing import TypedDict

from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.records import Status, Takeovers
from asg_lifecycle.model.step_memory import StepMemory, StepOutcome


class RecordChanges(TypedDict, total=False):
    """New values of fields of a `Record`, by their names; None removes a field."""

    token: str | None
    event_time: float
    origin: str | None
    destination: str | None
    operation: str | None
    metadata: str | None
    identity: str | None
    early_reason: str | None
    early_until: float | None
    plan_decision: str
    plan_source: str
    plan_why: str
    plan_kinds: tuple[str, ...]
    heartbeat_timeout: float
    global_timeout: float
    instance_facts: InstanceFacts
    deadline: float
    status: Status
    in_flight: str | None
    inbox: str | None
    work_began_at: float | None
    extended_seconds: float
    step_index: int
    step_began_at: float | None
    present_steps: tuple[StepMemory, ...]
    step_outcomes: tuple[StepOutcome, ...]
    wake_on: tuple[str, ...]
    takeovers: Takeovers
    unowned_since: float | None
    paused_since: float | None
    detail: str | None
    queued_since: float
    detail_at: float
    problem: str | None
    hold: str | None
    messages: tuple[str, ...]
    result: ActionResult | None
    completion_attempt: int
    reason: str | None
    ended_at: float
    expires_at: int
