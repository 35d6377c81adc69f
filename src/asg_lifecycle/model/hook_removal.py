"""Which instances a hook that is to be removed would let go: pure decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.model.actions import Transition
from asg_lifecycle.model.sweep_decision import causes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from asg_lifecycle.model.lifecycle_hooks import HookSettings
    from asg_lifecycle.model.records import Record


class WaitingInstance(Struct, frozen=True, kw_only=True):
    """An instance that waits at a hook, or may.

    Attributes:
        instance: EC2 instance id.
        state: its `LifecycleState`, None where it does not wait in its group.
        status: what our record says of its action, None where there is none in flight.
    """

    instance: str
    state: str | None
    status: str | None

    def __str__(self) -> str:
        """Return what is known of it, for people."""
        if self.status is None:
            others = "another hook may hold it, or its plan only observes"
            return f"{self.instance} is {self.state}, and no action of ours is in flight: {others}"
        where = f"is {self.state}" if self.state is not None else "does not wait in its group"
        return f"{self.instance} {where}, and its action is {self.status}"


def waiting_at(
    group: str, hook: HookSettings, states: Mapping[str, str], records: Iterable[Record]
) -> tuple[WaitingInstance, ...]:
    """Return the instances that wait at a hook, as far as their states and our records tell (R16).

    Args:
        group: the Auto Scaling group.
        hook: the hook.
        states: the `LifecycleState` of each instance of the group and of its warm pool.
        records: of all actions in flight.
    """
    held = {instance: state for instance, state in states.items() if hook.transition in causes(state)}
    status = {
        record.instance: str(record.status)
        for record in records
        if (record.group, record.hook) == (group, hook.name) and record.in_flight is not None
    }
    return tuple(
        WaitingInstance(instance=each, state=held.get(each), status=status.get(each))
        for each in sorted({*held, *status})
    )


def release_effect(transition: Transition) -> str:
    """Return what becomes of instances whose hook is removed (R24), for people."""
    if transition is Transition.LAUNCHING:
        return "what launches there is abandoned: terminated, and replaced"
    return "what terminates there goes on at once, as after CONTINUE, whatever work is left"
