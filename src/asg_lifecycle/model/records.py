"""The record of a lifecycle action: who owns it, how far it is, how it ended. One item per action.

The record is the truth for ownership and for people; an execution resumes from its own checkpoint log. Every field is
documented here and nowhere else.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.actions import ActionResult, LifecycleAction, Location, Transition
from asg_lifecycle.model.instances import InstanceFacts
from asg_lifecycle.model.progress import blockers_in
from asg_lifecycle.model.signals import Signal
from asg_lifecycle.model.step_memory import StepMemory, StepOutcome

if TYPE_CHECKING:
    from asg_lifecycle.model.blockers import Blocker

VERSION = 1
LONGEST_LIFE = 4 * 86_400.0
"""Seconds. No action lives longer: 48 hours of waiting (R4), and as long before the wait where the work began early."""

CURRENT = "current"


class Status(StrEnum):
    """Where an action stands."""

    CLAIMED = "claimed"
    """An execution owns it and has not yet proved that it still exists."""
    WORKING = "working"
    """Its steps run."""
    HELD = "held"
    """It waits, with heartbeats, for an operator or for the deadline; `problem` says why."""
    COMPLETING = "completing"
    """The result is decided and `CompleteLifecycleAction` is being called."""
    COMPLETED = "completed"
    """Auto Scaling accepted `result` from us."""
    OVER = "over"
    """The action ended without us; `reason` says how, as far as it can be known."""
    OBSERVED = "observed"
    """The plan only observes: the record says what each step would have done, the action was left to others."""
    LOST = "lost"
    """We could not complete it before Auto Scaling's own timeout; `reason` says why."""


LIVE = frozenset({Status.CLAIMED, Status.WORKING, Status.HELD, Status.COMPLETING})


class Takeovers(Struct, frozen=True, kw_only=True):
    """The takeovers of an action whose work has stood at one place since the first of them.

    Attributes:
        count: how many executions in a row have failed there.
        position: where the work stood, see `standing`.
        attempt: the last takeover: the dead execution, and when the sweep began another.
    """

    count: int
    position: str
    attempt: str


class Record(Struct, frozen=True, kw_only=True):
    """One lifecycle action as the table holds it. Times are seconds since the epoch, durations seconds.

    The brackets say what writes the field: the claim, the set-up (again when a plan is chosen again), the work (its
    steps, and the wait for a drain slot), the opening of a later round of the race, the finish, an announcement (the
    hook's event comes after the work began early), the signal function, the sweep. A takeover changes `execution` and
    `inbox`.

    Attributes:
        wait: partition key, see `wait_key`: the instance's wait under this hook. [claim]
        entry: sort key: `current`, or for an earlier action of the same wait the time it was claimed. [claim]
        version: of this layout. [claim]
        token: lifecycle action token, absent where it is not known (R16). [claim, announcement]
        identity: the permanent name of the action, where its work began without its token. [set-up]
        metadata: the hook's `NotificationMetadata`. [claim, announcement]
        early_reason: why the work began before the instance waited, `spot interruption` or `rebalance`; absent where
            it waits. [claim, set-up]
        early_until: when work that began early has to be over. [claim, set-up]
        plan_decision: the plan decision as JSON: a takeover follows the same plan. [set-up]
        group: Auto Scaling group. [claim]
        hook: lifecycle hook. [claim]
        instance: EC2 instance id. [claim]
        transition: `autoscaling:EC2_INSTANCE_LAUNCHING` or `…_TERMINATING`. [claim]
        origin: where the instance comes from. [claim, announcement]
        destination: where it goes. [claim, announcement]
        operation: `ReplaceRootVolume` or absent (R23). [claim, announcement]
        execution: ARN of the durable execution that owns the action. Every later write is conditional on it. [claim]
        event_time: when the wait began. [claim, announcement]
        claimed_at: when the execution took the action. [claim]
        status: see `Status`. [claim, set-up, work, round, finish, sweep]
        in_flight: `yes` while the action is live, absent after: the key of the index of live actions. [claim, finish,
            sweep]
        heartbeat_timeout: the hook's `HeartbeatTimeout`. [set-up]
        global_timeout: the hook's `GlobalTimeout`. [set-up]
        instance_facts: what EC2 told of the instance: one that is terminated has no address and may have no tag any
            more. [set-up]
        deadline: past this moment no heartbeat is sent and the plan's `on_timeout` decides. [set-up]
        inbox: id of the durable callback through which messages reach the action. [set-up, round, finish]
        plan_source: where the plan came from. [set-up]
        plan_why: why it was chosen, a sentence. [set-up]
        plan_kinds: the kinds of its steps, in order. [set-up]
        step_outcomes: the outcomes of the steps that have ended. [work, round, finish]
        queued_since: since when it waited for a drain slot, where it had to; it still does where no work has begun.
            [work]
        work_began_at: when the work began, moved on by the time for which dependencies kept it waiting: the plan's
            `timeout` counts from here. [work, round]
        extended_seconds: by how much operators have moved the plan's timeout. [round]
        step_index: the present entry of the plan, from 0. [work, round]
        step_began_at: when the present entry may first have had an effect. [work, round]
        present_steps: the memories of its steps: one, or several side by side; none when it has not begun. [work,
            round]
        wake_on: the events that say that the present wait may be over. [work]
        takeovers: of the present place in the plan; removed by hand to have a held action taken over again. [sweep]
        unowned_since: since when no execution works on it, because it met the same failure in one takeover after the
            other; the sweep keeps it alive. [sweep, set-up]
        paused_since: since when its execution is paused; the sweep keeps it alive. [sweep]
        signals: the signals the action was sent, oldest first. [signal]
        detail: the present progress as a sentence: the answer to "why is it still there?". [set-up, work, round,
            finish]
        detail_at: when `detail` was written. [likewise]
        problem: what is wrong, when something is. [set-up, work, round, sweep]
        hold: who has said that no further step begins and that the action is not completed, when and why; absent where
            nobody has. [round, handover]
        messages: the messages of operators and events, oldest first, the last twenty. [round, finish]
        result: `CONTINUE` or `ABANDON`, once decided. [finish]
        completion_attempt: which attempt to complete it is under way or was the last, from 0; absent before the
            first. [finish]
        reason: why that result, or how the action ended. [finish, sweep]
        ended_at: when the record was closed. [finish, sweep]
        expires_at: when DynamoDB may delete the item. [claim, finish]
    """

    wait: str
    group: str
    hook: str
    instance: str
    transition: str
    execution: str
    event_time: float
    claimed_at: float
    status: Status
    expires_at: int
    entry: str = CURRENT
    version: int = VERSION
    token: str | None = None
    identity: str | None = None
    metadata: str | None = None
    early_reason: str | None = None
    early_until: float | None = None
    plan_decision: str | None = None
    origin: str | None = None
    destination: str | None = None
    operation: str | None = None
    in_flight: str | None = None
    heartbeat_timeout: float | None = None
    global_timeout: float | None = None
    instance_facts: InstanceFacts | None = None
    deadline: float | None = None
    inbox: str | None = None
    plan_source: str | None = None
    plan_why: str | None = None
    plan_kinds: tuple[str, ...] = ()
    step_outcomes: tuple[StepOutcome, ...] = ()
    queued_since: float | None = None
    work_began_at: float | None = None
    extended_seconds: float = 0.0
    step_index: int = 0
    step_began_at: float | None = None
    present_steps: tuple[StepMemory, ...] = ()
    wake_on: tuple[str, ...] = ()
    takeovers: Takeovers | None = None
    unowned_since: float | None = None
    paused_since: float | None = None
    signals: tuple[Signal, ...] = ()
    detail: str | None = None
    detail_at: float | None = None
    problem: str | None = None
    hold: str | None = None
    messages: tuple[str, ...] = ()
    result: ActionResult | None = None
    completion_attempt: int | None = None
    reason: str | None = None
    ended_at: float | None = None


def blockers_of(record: Record) -> tuple[Blocker, ...]:
    """Return what keeps the instance at present, as its steps named it; nothing when the action is not worked on."""
    return tuple(blocker for memory in record.present_steps for blocker in blockers_in(memory.progress))


def standing(record: Record) -> str:
    """Return where the work stands: a name that changes whenever it has moved on."""
    return f"{record.status} at step {record.step_index + 1}, {len(record.step_outcomes)} ended"


def wait_key(group: str, hook: str, instance: str) -> str:
    """Return the partition key of the instance's wait under the hook.

    A JSON array, because group and hook names may contain any separator (R29).
    """
    return json.dumps([group, hook, instance], ensure_ascii=False, separators=(",", ":"))


def claim_record(  # noqa: PLR0913 - what a claim says, each by its name
    action: LifecycleAction,
    *,
    execution: str,
    now: float,
    retention: float,
    early: str | None = None,
    until: float | None = None,
) -> Record:
    """Return the record with which `execution` claims `action`.

    Args:
        action: the action.
        execution: ARN of the durable execution.
        now: seconds since the epoch.
        retention: seconds the record is kept after the action has ended.
        early: why the work begins before the instance waits, None where it waits.
        until: when work that begins early has to be over, seconds since the epoch.
    """
    return Record(
        wait=wait_key(action.group, action.hook, action.instance),
        token=action.token,
        identity=action.identity,
        metadata=action.metadata,
        group=action.group,
        hook=action.hook,
        instance=action.instance,
        transition=action.transition.value,
        origin=action.origin and action.origin.value,
        destination=action.destination and action.destination.value,
        operation=action.operation,
        execution=execution,
        event_time=action.time,
        claimed_at=now,
        status=Status.CLAIMED,
        early_reason=early,
        early_until=until,
        in_flight="yes",
        # A record that expired under its execution would look like another's.
        expires_at=int(now + LONGEST_LIFE + retention),
    )


def action_of(record: Record) -> LifecycleAction:
    """Return the action that `record` is about, for an execution that takes it over."""
    return LifecycleAction(
        token=record.token,
        group=record.group,
        hook=record.hook,
        instance=record.instance,
        transition=Transition(record.transition),
        time=record.event_time,
        origin=Location(record.origin) if record.origin is not None else None,
        destination=Location(record.destination) if record.destination is not None else None,
        metadata=record.metadata,
        operation=record.operation,
        identity=record.identity,
    )
