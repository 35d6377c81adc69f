"""Lifecycle hooks with all of their settings, and which hook of a group an operator means: pure decisions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model import hooks
from asg_lifecycle.model.actions import ActionResult, Transition
from asg_lifecycle.model.hooks import DEFAULT_HOOK_NAME_PREFIX
from asg_lifecycle.model.plans import PlanTransition, plan_transition
from asg_lifecycle.model.timing import GLOBAL_TIMEOUT_CAP

if TYPE_CHECKING:
    from collections.abc import Sequence

SHORTEST_HEARTBEAT = 30
"""Seconds, R3."""

LONGEST_HEARTBEAT = 7200
"""Seconds, R3."""

HEARTBEATS_IN_GLOBAL_TIMEOUT = 100
"""R4."""

MOST_HOOKS = 50
"""Hooks of one group, whoever owns them (R2)."""

MOST_METADATA = 4000
"""Characters of `NotificationMetadata` (R29)."""

HOOK_NAME = re.compile(r"[A-Za-z0-9\-_/]{1,255}")
"""Valid names of hooks (R29)."""


class HookSettings(Struct, frozen=True, kw_only=True):
    """A lifecycle hook with everything that `PutLifecycleHook` sets.

    Attributes:
        name: unique in its group.
        transition: what it holds.
        heartbeat: `HeartbeatTimeout`, seconds, 30 to 7200 (R3).
        default_result: what is applied when a timer runs out (R6).
        metadata: `NotificationMetadata`, None when absent.
        target: `NotificationTargetARN`, None when absent.
        role: `RoleARN`, None when absent.
    """

    name: str
    transition: Transition
    heartbeat: int
    default_result: ActionResult
    metadata: str | None = None
    target: str | None = None
    role: str | None = None

    @property
    def global_timeout(self) -> float:
        """How long an action can wait under it at most, seconds (R4)."""
        return min(GLOBAL_TIMEOUT_CAP, float(HEARTBEATS_IN_GLOBAL_TIMEOUT * self.heartbeat))


class HookChoice(Struct, frozen=True, kw_only=True):
    """The hook of a group that is meant.

    Attributes:
        name: of the hook.
        present: the hook as it is, None where it has to be made.
        beside: the other hooks of ours for the same transition.
        refusal: why no hook can be chosen; None when one was.
    """

    name: str = ""
    present: HookSettings | None = None
    beside: tuple[str, ...] = ()
    refusal: str | None = None


def default_name(prefix: str, transition: PlanTransition) -> str:
    """Return what a new hook is called: our prefix and what it holds, `asg-lifecycle-terminate`."""
    start = prefix or DEFAULT_HOOK_NAME_PREFIX
    return f"{start}{'' if start.endswith(('-', '_', '/')) else '-'}{transition}"


def name_problem(name: str, prefix: str) -> str | None:
    """Return why a hook of ours cannot have a name, None when it can."""
    if HOOK_NAME.fullmatch(name) is None:
        return f"{name!r} cannot name a hook: letters, digits, '-', '_' and '/', 255 at most"
    reason = hooks.refuse(name, prefix)
    return None if reason is None else f"{reason}: the stack would not answer it"


def choose_hook(present: Sequence[HookSettings], transition: PlanTransition, *, name: str, prefix: str) -> HookChoice:
    """Return the hook of a group that is to be made or changed; a refusal is a sentence about the group, "it".

    The one that is named, or else the only one of ours that the group has for the transition, or else a new one.

    Args:
        present: all hooks of the group, whoever owns them.
        transition: what the hook is to hold.
        name: its name, empty where nobody said it.
        prefix: what the names of our hooks begin with.
    """
    ours = [hook for hook in present if hooks.refuse(hook.name, prefix) is None]
    same_way = [hook.name for hook in ours if plan_transition(hook.transition) is transition]
    if not name and len(same_way) > 1:
        several = f"it has several hooks of ours for {transition}: {', '.join(same_way)}"
        return HookChoice(refusal=f"{several}; say which one with --name")
    chosen = name or (same_way[0] if same_way else default_name(prefix, transition))
    if problem := name_problem(chosen, prefix):
        return HookChoice(refusal=problem)
    found = next((hook for hook in present if hook.name == chosen), None)
    if found is not None and plan_transition(found.transition) is not transition:
        taken = f"it has a hook {chosen} for {transition.other}, and a name is there once in a group"
        return HookChoice(refusal=f"{taken}; give another --name")
    if found is None and len(present) >= MOST_HOOKS:
        return HookChoice(refusal=f"it has {len(present)} hooks already, and it can have {MOST_HOOKS}")
    return HookChoice(name=chosen, present=found, beside=tuple(each for each in same_way if each != chosen))


def choose_removed(
    present: Sequence[HookSettings], transition: PlanTransition | None, *, name: str, prefix: str, group: str
) -> HookChoice:
    """Return the hook of a group that is to be removed: the one that is named, or the only one of ours.

    Args:
        present: all hooks of the group, whoever owns them.
        transition: what the hook holds, None for either.
        name: its name, empty where nobody said it.
        prefix: what the names of our hooks begin with.
        group: the group's name, for the sentences.
    """
    foreign = hooks.refuse(name, prefix) if name else None
    if foreign is not None:
        return HookChoice(refusal=f"{foreign}; it is left alone")
    ours = [hook for hook in present if hooks.refuse(hook.name, prefix) is None]
    meant = [
        hook for hook in ours if name in {"", hook.name} and transition in {None, plan_transition(hook.transition)}
    ]
    if len(meant) == 1:
        return HookChoice(name=meant[0].name, present=meant[0])
    there_are = ", ".join(f"{hook.name} ({plan_transition(hook.transition)})" for hook in ours) or "none"
    wanted = f"no hook {name}" if name else "no hook"
    way = f" for {transition}" if transition is not None else ""
    if not meant:
        return HookChoice(refusal=f"group {group} has {wanted} of ours{way}; of ours there are: {there_are}")
    return HookChoice(refusal=f"group {group} has several hooks of ours: {there_are}; say which one with --name")
