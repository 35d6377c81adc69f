"""Which function of the stack an event of EventBridge goes to, and what that does with it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from asg_lifecycle.model import interruptions, start_requests
from asg_lifecycle.model.events import Ignore, Invalid
from asg_lifecycle.model.fields import shown
from asg_lifecycle.model.interruptions import Interruption, interruption
from asg_lifecycle.model.start_requests import StartReason
from asg_lifecycle.model.wake_events import (
    READERS,
    AutomationEnded,
    CommandEnded,
    ContainerInstanceChanged,
    ExecutionEnded,
    Happening,
    SignalSent,
    TaskStopped,
    happening,
)


class EntryPoint(StrEnum):
    """The functions that answer events, by their names in the template."""

    LIFECYCLE_ACTION = "LifecycleActionFunction"
    INTERRUPTION = "InterruptionFunction"
    SIGNAL = "SignalFunction"


class Elsewhere(Struct, frozen=True, kw_only=True):
    """What another function than that of lifecycle actions does with an event.

    Attributes:
        entry_point: the function.
        does: a sentence: what it does, as far as that can be told without asking AWS.
        parameter: the parameter of the stack without which no rule passes the event on.
        instance: EC2 instance id, None where the event names none.
    """

    entry_point: EntryPoint
    does: str
    parameter: str
    instance: str | None


def answered_elsewhere(event: object) -> Elsewhere | Ignore | Invalid | None:
    """Return what another function does with an event, None when no rule passes it to one. Any JSON is accepted."""
    if not isinstance(event, dict):
        return None
    kind = (event.get("source"), event.get("detail-type"))
    if not all(isinstance(part, str) for part in kind):
        return None
    if kind[0] == interruptions.SOURCE and kind[1] in interruptions.REASONS:
        found = interruption(event)
        return _of_interruption(found) if isinstance(found, Interruption) else found
    if kind in READERS:
        read = happening(event)
        return read if isinstance(read, Ignore | Invalid) else _of_wake_event(read)
    if kind[0] == start_requests.SOURCE:
        return Ignore("a start request is accepted only from who may invoke LifecycleActionFunction, and from no rule")
    return None


def _of_interruption(found: Interruption) -> Elsewhere:
    is_spot = found.reason is StartReason.SPOT_INTERRUPTION
    condition = "" if is_spot else ", and the group has Capacity Rebalancing"
    return Elsewhere(
        entry_point=EntryPoint.INTERRUPTION,
        does=f"begins the work of every terminate hook of ours on instance {found.instance} before the hook does, "
        f"if it is InService in a group{condition}",
        parameter="EarlyDrain: spot-interruptions" if is_spot else "EarlyDrain: spot-interruptions-and-rebalance",
        instance=found.instance,
    )


def _of_wake_event(found: Happening) -> Elsewhere | Ignore:
    match found:
        case SignalSent(instance=instance):
            return _of_signal_function(_of_signal(found), "Signals: on", instance)
        case TaskStopped(container_instance=container_instance):
            does = (
                f"wakes the actions that wait for the last task on container instance {shown(container_instance)}, "
                "if none is left"
            )
            return _of_signal_function(does, "Signals: on, EcsSteps: on", None)
        case ContainerInstanceChanged(instance=instance):
            what = _awaited(found)
            if what is None:
                return Ignore(
                    f"SignalFunction finds nothing that ends a wait: the container instance of {instance} is "
                    f"{shown(found.status)}, and tasks are left"
                )
            does = f"wakes the actions of instance {instance} that wait for {what}"
            return _of_signal_function(does, "Signals: on, EcsSteps: on", instance)
        case CommandEnded() | AutomationEnded() | ExecutionEnded():
            return _of_end(found)


def _of_end(found: CommandEnded | AutomationEnded | ExecutionEnded) -> Elsewhere:
    match found:
        case CommandEnded(instance=instance, command=command, status=status):
            does = f"wakes the actions of instance {instance} that wait for command {command}, which ended {status}"
            return _of_signal_function(does, "Signals: on, CommandSteps: on", instance)
        case ExecutionEnded(instance=instance, name=name, status=status):
            does = f"wakes the actions of instance {instance} that wait for execution {name}, which ended {status}"
            return _of_signal_function(does, "Signals: on, StateMachines: its ARN", instance)
        case AutomationEnded(execution=execution, status=status):
            does = f"wakes the actions that wait for automation {shown(execution)}, which ended {status}"
            return _of_signal_function(does, "Signals: on, AutomationDocuments: its name", None)


def _of_signal(sent: SignalSent) -> str:
    under = f" under hook {shown(sent.hook)}" if sent.hook is not None else ""
    return (
        f"keeps signal {sent.name} ({'success' if sent.succeeded else 'failure'}) for the actions of instance "
        f"{sent.instance} in flight{under}, and wakes those whose step waits for it; without one it is dropped"
    )


def _awaited(changed: ContainerInstanceChanged) -> str | None:
    """Return what actions may wait for that has come with this, None for nothing."""
    if changed.status == "ACTIVE" and changed.connected:
        return "its registration in ECS"
    return "its last task in ECS, if none is left" if changed.is_idle else None


def _of_signal_function(does: str, parameter: str, instance: str | None) -> Elsewhere:
    return Elsewhere(entry_point=EntryPoint.SIGNAL, does=does, parameter=parameter, instance=instance)
