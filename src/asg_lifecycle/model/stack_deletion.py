"""What a stack that is to be deleted still answers: pure decisions.

With the stack go the rule, the sweep and the function, and with the function every heartbeat. An instance that waits
then has its hook's `DefaultResult` when a timer runs out (R6), and so has each that begins to wait later, as long as
the hook is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model import hooks as our_hooks
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.durations import readable
from asg_lifecycle.model.hook_removal import WaitingInstance, waiting_at
from asg_lifecycle.model.lifecycle_hooks import HookSettings
from asg_lifecycle.model.lifecycle_states import is_retained
from asg_lifecycle.model.plans import PlanTransition, plan_transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from asg_lifecycle.model.records import Record


class HookedGroup(Struct, frozen=True, kw_only=True):
    """An Auto Scaling group.

    Attributes:
        name: of the group.
        hooks: all of its lifecycle hooks, whoever owns them.
        states: the `LifecycleState` of each instance, those of its warm pool included, by instance id.
        retains: an abandoned termination leaves its instance retained (R10).
    """

    name: str
    hooks: tuple[HookSettings, ...]
    states: Mapping[str, str]
    retains: bool = False

    @property
    def retained(self) -> tuple[str, ...]:
        """The instances that an abandoned termination has left running (R10)."""
        return tuple(sorted(instance for instance, state in self.states.items() if is_retained(state)))


class AnsweredHook(Struct, frozen=True, kw_only=True):
    """A lifecycle hook that the stack answers.

    Attributes:
        group: its Auto Scaling group.
        hook: its name.
        transition: what it holds; None where the hook is gone, and its action is still in flight.
        heartbeat: its `HeartbeatTimeout`, seconds; None likewise.
        default_result: what is applied when a timer runs out (R6); None likewise.
        retains: with ABANDON a terminating instance stays, retained (R10).
        waiting: the instances that wait at it.
    """

    group: str
    hook: str
    transition: PlanTransition | None
    heartbeat: int | None
    default_result: ActionResult | None
    retains: bool
    waiting: tuple[WaitingInstance, ...]

    @property
    def without_stack(self) -> str:
        """What becomes of an instance that waits at it when nobody answers, for people."""
        if self.heartbeat is None or self.default_result is None:
            return "its hook is gone, and its execution is about to end"
        return f"waits {readable(self.heartbeat)}, then {self._effect()}"

    def _effect(self) -> str:
        if self.transition is PlanTransition.TERMINATE:
            if self.default_result is ActionResult.ABANDON and self.retains:
                return "ABANDON: is retained, runs on and is billed"
            return f"{self.default_result}: is terminated, whatever work is left"
        if self.default_result is ActionResult.CONTINUE:
            return "CONTINUE: goes into service, ready or not"
        return "ABANDON: is terminated, and replaced"


def answered_hooks(groups: Iterable[HookedGroup], records: Sequence[Record], prefix: str) -> tuple[AnsweredHook, ...]:
    """Return the hooks that the stack answers, those with waiting instances first.

    Args:
        groups: the Auto Scaling groups of the account and Region.
        records: of the actions in flight.
        prefix: the names of our hooks begin with it.
    """
    found = [
        _answered(group, hook, records)
        for group in groups
        for hook in group.hooks
        if our_hooks.refuse(hook.name, prefix) is None
    ]
    known = {(each.group, each.hook) for each in found}
    found += [
        AnsweredHook(
            group=group,
            hook=hook,
            transition=None,
            heartbeat=None,
            default_result=None,
            retains=False,
            waiting=tuple(
                WaitingInstance(instance=record.instance, state=None, status=str(record.status))
                for record in records
                if (record.group, record.hook) == (group, hook) and record.in_flight is not None
            ),
        )
        for group, hook in sorted({(it.group, it.hook) for it in records if it.in_flight is not None} - known)
    ]
    return tuple(sorted(found, key=lambda each: (not each.waiting, each.group, each.hook)))


def _answered(group: HookedGroup, hook: HookSettings, records: Sequence[Record]) -> AnsweredHook:
    return AnsweredHook(
        group=group.name,
        hook=hook.name,
        transition=plan_transition(hook.transition),
        heartbeat=hook.heartbeat,
        default_result=hook.default_result,
        retains=group.retains,
        waiting=waiting_at(group.name, hook, group.states, records),
    )
