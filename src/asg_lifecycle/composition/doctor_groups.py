"""The groups and hooks that `asg-lifecycle doctor` looks at, as facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from asg_lifecycle.model.doctor.facts import GroupFacts, HookFacts
from asg_lifecycle.model.timing import HookTimeouts

if TYPE_CHECKING:
    from asg_lifecycle.aws.groups import Group, Member
    from asg_lifecycle.model.lifecycle_hooks import HookSettings


def group_facts(group: Group) -> GroupFacts:
    """Return a group without its hooks and its warm pool."""
    return GroupFacts(
        name=group.name,
        arn=group.arn,
        desired=group.desired,
        states={member.instance: member.state for member in group.members},
        has_pool=group.has_pool,
        tags=group.tags,
    )


def with_pool(group: GroupFacts, pool: tuple[Member, ...]) -> GroupFacts:
    """Return a group with the instances of its warm pool."""
    return msgspec.structs.replace(group, states={**group.states, **{member.instance: member.state for member in pool}})


def hook_facts(hook: HookSettings) -> HookFacts:
    """Return a hook without its plan."""
    return HookFacts(
        name=hook.name,
        transition=hook.transition,
        timeouts=HookTimeouts(heartbeat=float(hook.heartbeat), overall=hook.global_timeout),
        default_result=hook.default_result.value,
        metadata=hook.metadata,
        target=hook.target,
    )
