"""Which instance of a group is drained next, or why none is: decided anew at every look, from what is known then."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from asg_lifecycle.model.action_summary import Standing, standing_of
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.group_state import IN_SERVICE
from asg_lifecycle.model.lifecycle_states import is_retained
from asg_lifecycle.model.records import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asg_lifecycle.model.group_state import GroupState
    from asg_lifecycle.model.records import Record

NOTICED_WITHIN = 120.0
"""Seconds within which Auto Scaling lists an instance as terminating that it was told to terminate."""


class Begun(Struct, frozen=True, kw_only=True):
    """An instance whose termination has begun, or may have.

    Attributes:
        at: when, seconds since the epoch.
        earlier: the `claimed_at` of records that had ended before, by their wait: they tell of an earlier termination.
    """

    at: float
    earlier: tuple[tuple[str, float], ...] = ()


class Termination(StrEnum):
    """What became of a call that terminates an instance."""

    ACCEPTED = "accepted"
    """The termination has begun."""
    NOT_DONE = "not done"
    """The group was busy, or the call came too soon after others (R14, R15): nothing was done."""
    UNKNOWN = "unknown"
    """No answer came: it may have begun."""


class Phase(StrEnum):
    """How far the drain of one instance is."""

    UNDER_WAY = "under way"
    COMPLETED = "completed"
    """Our record says completed with CONTINUE, and the group no longer lists it."""
    FAILED = "failed"
    """It failed, is held, was abandoned or went without us."""


class InstanceProgress(Struct, frozen=True, kw_only=True):
    """How far the drain of one instance is, and a sentence about it."""

    phase: Phase
    detail: str


class Terminate(Struct, frozen=True):
    """Terminate this instance next."""

    instance: str


class Wait(Struct, frozen=True):
    """Terminate none now. `short_of` is how many instances are missing; 0 where none is waited for."""

    why: str
    short_of: int = 0


class Stop(Struct, frozen=True):
    """Terminate none any more."""

    why: str


class Finished(Struct, frozen=True):
    """Every instance is drained, and replaced where that is wanted."""


NextAction: TypeAlias = Terminate | Wait | Stop | Finished


def next_action(  # noqa: PLR0913 - the facts of a look, each by its name
    group: GroupState,
    wanted: Sequence[str],
    begun: Mapping[str, InstanceProgress],
    *,
    at_most: int,
    keep_capacity: bool,
    refreshing: str | None = None,
) -> NextAction:
    """Return what is to be done now.

    Args:
        group: the group as it is listed.
        wanted: the instances to be drained, in their order.
        begun: how far those are whose termination has begun, or may have.
        at_most: how many may be under way at once; one that has no replacement yet still is.
        keep_capacity: whether each is replaced.
        refreshing: an instance refresh under way that is not to be joined, None for none.
    """
    failed = [f"{instance}: {each.detail}" for instance, each in begun.items() if each.phase is Phase.FAILED]
    if failed:
        return Stop("; ".join(failed))
    waiting = [f"{instance}: {each.detail}" for instance, each in begun.items() if each.phase is Phase.UNDER_WAY]
    missing = missing_capacity(group, begun) if keep_capacity else 0
    candidate = next((instance for instance in wanted if instance not in begun), None)
    if candidate is None and not waiting and not missing:
        return Finished()
    if missing and "Launch" in group.suspended:
        return Stop(f"the process Launch of group {group.name} is suspended: no replacement is launched")
    if candidate is None or max(len(waiting), missing) >= at_most:
        short = f"{group.desired - missing} of {group.desired} instances of group {group.name} in service and healthy"
        return Wait("; ".join([*waiting, *([short] if missing else [])]), missing)
    if refusal := changed_refusal(group, candidate, refreshing, keep_capacity=keep_capacity):
        return Stop(refusal)
    return Terminate(candidate)


def changed_refusal(group: GroupState, instance: str, refreshing: str | None, *, keep_capacity: bool) -> str | None:
    """Return why an instance is not terminated now, a sentence; None when nothing speaks against it."""
    state = group.state_of(instance)
    if refreshing is not None:
        return f"an instance refresh of group {group.name} is under way ({refreshing})"
    if "Terminate" in group.suspended:
        return f"the process Terminate of group {group.name} is suspended"
    if state is None:
        return f"{instance} has left group {group.name} meanwhile, and not by this command"
    if state != IN_SERVICE:
        return f"{instance} is {state}, no longer {IN_SERVICE}, and not by this command"
    if not keep_capacity and group.desired <= group.minimum:
        return f"group {group.name} has no more than its minimum size, {group.minimum}"
    return None


def missing_capacity(group: GroupState, begun: Mapping[str, InstanceProgress]) -> int:
    """Return how many instances the group lacks of its desired capacity, as it is now.

    An instance that was told to terminate may still be listed in service: it does not count.
    """
    serving = [
        each for each in group.members if each.state == IN_SERVICE and each.healthy and each.instance not in begun
    ]
    return max(0, group.desired - len(serving))


def progress_of(
    instance: str, begun: Begun, state: str | None, records: Sequence[Record], now: float
) -> InstanceProgress:
    """Return how far the drain of an instance is.

    Args:
        instance: EC2 instance id.
        begun: when its termination began.
        state: its `LifecycleState`, None when the group does not list it.
        records: the current records of its waits under our terminate hooks.
        now: seconds since the epoch.
    """
    of_now = [record for record in records if (record.wait, record.claimed_at) not in begun.earlier]
    if why := next((why for record in of_now if (why := failure_of(record)) is not None), None):
        return InstanceProgress(phase=Phase.FAILED, detail=why)
    live = next((record for record in of_now if record.in_flight is not None), None)
    if state == IN_SERVICE:
        return _not_noticed(begun, live, now)
    if is_retained(state):
        return InstanceProgress(phase=Phase.FAILED, detail=f"it is {state}: it runs and bills until it is terminated")
    if live is not None or state is not None:
        done = "our work is done, and it is" if of_now else "no execution has it yet, and it is"
        detail = live.detail or f"{live.status}" if live is not None else f"{done} {state}"
        return InstanceProgress(phase=Phase.UNDER_WAY, detail=detail)
    if not of_now:
        return InstanceProgress(phase=Phase.FAILED, detail=f"{instance} is gone without a record of its drain")
    return InstanceProgress(phase=Phase.COMPLETED, detail="completed with CONTINUE, and gone")


def _not_noticed(begun: Begun, live: Record | None, now: float) -> InstanceProgress:
    if live is None and now - begun.at > NOTICED_WITHIN:
        why = f"Auto Scaling was told to terminate it {readable(now - begun.at)} ago and still lists it {IN_SERVICE}"
        return InstanceProgress(phase=Phase.FAILED, detail=why)
    return InstanceProgress(phase=Phase.UNDER_WAY, detail="Auto Scaling was told to terminate it")


def failure_of(record: Record) -> str | None:
    """Return why the drain that a record tells of is none to go on after, a sentence; None while it goes well."""
    if standing_of(record) is Standing.HELD:
        why = record.problem or (f"on hold, said {record.hold}" if record.hold is not None else record.detail)
        return f"held under hook {record.hook}: {why or 'nothing is known'}"
    failed = next((step for step in record.step_outcomes if step.outcome == "failed"), None)
    if failed is not None:
        return f"step {failed.kind} failed under hook {record.hook}: {failed.detail}"
    if record.in_flight is not None and record.result is not ActionResult.ABANDON:
        return None
    if record.result is ActionResult.ABANDON:
        return f"abandoned under hook {record.hook}: {record.reason or record.detail or 'nothing is known'}"
    if record.status is Status.COMPLETED:
        return None
    return f"{record.status} under hook {record.hook}: {record.reason or record.detail or 'nothing is known'}"
