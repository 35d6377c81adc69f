"""Which instances of a group a drain is for, and what speaks against it before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.drain_progress import failure_of
from asg_lifecycle.model.group_state import IN_SERVICE
from asg_lifecycle.model.lifecycle_states import is_retained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from asg_lifecycle.model.group_state import GroupState, MemberState
    from asg_lifecycle.model.records import Record


class DrainSelection(Struct, frozen=True, kw_only=True):
    """The instances of a drain. What is said is a sentence for each.

    Attributes:
        to_terminate: those in service, in their order.
        terminating: those that terminate already: their drain is waited for.
        done: those that are gone, by what became of them.
        left_out: why others of the group are left out.
        refusals: why nothing is done; nothing is where there is one.
    """

    to_terminate: tuple[str, ...] = ()
    terminating: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


def select_named(
    group: GroupState, named: Sequence[str], records: Mapping[str, Sequence[Record]], *, include_protected: bool
) -> DrainSelection:
    """Return the instances that were named.

    Args:
        group: the group as it is listed.
        named: EC2 instance ids.
        records: by instance, the current records of their waits under our terminate hooks.
        include_protected: those that are protected from scale-in, too.
    """
    listed = {member.instance: member for member in group.members}
    done: list[str] = []
    refusals: list[str] = []
    terminating: list[str] = []
    to_terminate: list[str] = []
    for instance in dict.fromkeys(named):
        member = listed.get(instance)
        if member is None:
            known = records.get(instance, ())
            (done if known else refusals).append(_gone(group, instance, known))
        elif is_terminating(member.state):
            terminating.append(instance)
        elif why := _refusal(member, include_protected=include_protected):
            refusals.append(why)
        else:
            to_terminate.append(instance)
    return DrainSelection(
        to_terminate=tuple(to_terminate),
        terminating=tuple(terminating),
        done=tuple(done),
        refusals=tuple(refusals),
    )


def select_all(group: GroupState, *, include_protected: bool) -> DrainSelection:
    """Return all instances of the group that are in service or terminate; it says which others there are.

    Args:
        group: the group as it is listed.
        include_protected: those that are protected from scale-in, too.
    """
    others = [member for member in group.members if not is_terminating(member.state)]
    refused = {member.instance: _refusal(member, include_protected=include_protected) for member in others}
    return DrainSelection(
        to_terminate=tuple(instance for instance, why in refused.items() if why is None),
        terminating=tuple(member.instance for member in group.members if is_terminating(member.state)),
        left_out=tuple(why for member in others if member.state != IN_SERVICE and (why := refused[member.instance])),
        refusals=tuple(why for member in others if member.state == IN_SERVICE and (why := refused[member.instance])),
    )


def group_refusals(group: GroupState, *, terminations: int, keep_capacity: bool) -> tuple[str, ...]:
    """Return why so many instances of the group cannot be terminated, a sentence each.

    Args:
        group: the group as it is listed.
        terminations: how many instances.
        keep_capacity: whether each is replaced.
    """
    found = []
    if "Terminate" in group.suspended:
        found.append(f"the process Terminate of group {group.name} is suspended: resume it first")
    if keep_capacity and "Launch" in group.suspended:
        found.append(f"the process Launch of group {group.name} is suspended: no replacement would be launched")
    if not keep_capacity and group.desired - terminations < group.minimum:
        found.append(
            f"--shrink would take group {group.name} from {group.desired} to {group.desired - terminations} instances, "
            f"and its minimum size is {group.minimum}: lower that, name fewer instances, or --keep-capacity"
        )
    return tuple(found)


def is_terminating(state: str) -> bool:
    """Return whether an instance in `state` is on its way out, and will be gone by itself."""
    return state.startswith("Terminating") and not is_retained(state)


def _gone(group: GroupState, instance: str, records: Sequence[Record]) -> str:
    if not records:
        return (
            f"{instance} is not in group {group.name} or is in its warm pool, and there is no record of a drain of it"
        )
    why = next((why for record in records if (why := failure_of(record)) is not None), None)
    return f"{instance} is gone already{f': {why}' if why else ''}"


def _refusal(member: MemberState, *, include_protected: bool) -> str | None:
    instance, state = member.instance, member.state
    if is_retained(state):
        return f"{instance} is {state}: its drain was abandoned, and asg-lifecycle terminate-retained ends it"
    if state == "Standby":
        return (
            f"{instance} is in Standby, outside the desired capacity: neither a replacement nor a lower capacity would "
            "be right; put it back in service first (aws autoscaling exit-standby)"
        )
    if state != IN_SERVICE:
        return f"{instance} is {state}, not {IN_SERVICE}: wait until it is"
    if member.protected and not include_protected:
        return (
            f"{instance} is protected from scale-in, and Auto Scaling would terminate it all the same: lift the "
            "protection (aws autoscaling set-instance-protection), or say --include-protected"
        )
    return None
