"""Starts the drain of an instance that EC2 takes back before the lifecycle hook holds the instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asg_lifecycle.model import hooks
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.events import Ignore, Invalid
from asg_lifecycle.model.interruptions import Interruption, interruption
from asg_lifecycle.model.start_requests import StartReason, StartRequest
from asg_lifecycle.observer import Metric

if TYPE_CHECKING:
    from asg_lifecycle.aws.groups import Groups
    from asg_lifecycle.intake.execution_starter import ExecutionStarter
    from asg_lifecycle.observer import Observer

IN_SERVICE = "InService"


class InterruptionIntake:
    """Starts executions early, for the warnings of EC2 (R27)."""

    def __init__(self, groups: Groups, starter: ExecutionStarter, observer: Observer, hook_name_prefix: str) -> None:
        self._groups = groups
        self._starter = starter
        self._observer = observer
        self._prefix = hook_name_prefix

    def receive(self, event: object) -> dict[str, Any]:
        """Return what became of one event: JSON values.

        Raises:
            CallFailed: the group could not be read, or no execution could be started. Lambda tries the event again.
        """
        match interruption(event):
            case Ignore(reason):
                return self._ignored(reason)
            case Invalid(reason):
                self._observer.count(Metric.INVALID)
                self._observer.error(f"invalid event, a retry cannot help: {reason}")
                return {"outcome": "invalid", "reason": reason}
            case interrupted:
                return self._start(interrupted)

    def _start(self, interrupted: Interruption) -> dict[str, Any]:
        membership = self._groups.of_instance(interrupted.instance)
        if membership is None:
            return self._ignored(f"instance {interrupted.instance} is in no Auto Scaling group")
        name, state = membership
        if state != IN_SERVICE:
            return self._ignored(f"instance {interrupted.instance} of group {name} is {state}, not {IN_SERVICE}")
        ours = [
            hook
            for hook in self._groups.hooks(name)
            if hook.transition is Transition.TERMINATING and hooks.refuse(hook.name, self._prefix) is None
        ]
        if not ours:
            return self._ignored(f"group {name} has no terminate hook of ours")
        if interrupted.reason is StartReason.REBALANCE:
            group = self._groups.named(name)
            if group is None or not group.rebalances:
                why = "without Capacity Rebalancing nothing terminates the instance, draining it would only cost it"
                return self._ignored(f"group {name}: {why}")
        started = []
        for hook in ours:
            action = LifecycleAction(
                token=None,
                group=name,
                hook=hook.name,
                instance=interrupted.instance,
                transition=Transition.TERMINATING,
                time=interrupted.time,
                metadata=hook.metadata,
            )
            start = StartRequest(reason=interrupted.reason, action=action, until=interrupted.until)
            self._starter.start(start, generation=f"{interrupted.time:.0f}")
            self._observer.info(
                f"{interrupted.reason}: work begins early for instance {action.instance} of group {name}, "
                f"hook {hook.name}"
            )
            started.append(hook.name)
        return {"outcome": "started", "group": name, "instance": interrupted.instance, "hooks": started}

    def _ignored(self, reason: str) -> dict[str, Any]:
        self._observer.count(Metric.IGNORED)
        self._observer.info(f"ignored: {reason}")
        return {"outcome": "ignored", "reason": reason}
