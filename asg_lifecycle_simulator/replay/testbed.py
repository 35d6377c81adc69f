"""The testbed of the scenarios: the application deployed beside one group, in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.deployment.testbed import DeploymentT, Testbed
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle.model.messages import Message
    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.region.region import Region
    from asg_lifecycle_simulator.region.timeline import VirtualTimeline

GROUP = "web"
HOOK = "asg-lifecycle-terminate"
PATIENCE = 400_000.0
"""Seconds within which every scenario ends."""

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}
TWO_STEPS = {"steps": [DEREGISTER, COMMAND]}


class RecordingTestbed(Testbed[DeploymentT]):
    """The application deployed beside one group `web`.

    Args:
        deploy: makes the deployment.
        delay: deregistration delay of the target group, seconds.
    """

    def __init__(self, deploy: Callable[[Region, VirtualTimeline], DeploymentT], *, delay: int = 20) -> None:
        super().__init__(deploy)
        self._delay = delay
        self.hear()

    def hear(self, *sources: str) -> None:
        """Let events of Auto Scaling be delivered, those of the other sources only where they are named."""
        heard = {"aws.autoscaling", *sources}
        self.region.events.deliveries = lambda event: (1.0,) if event["source"] in heard else ()

    def group(self, plan: Any, *, capacity: int = 1, heartbeat: int = 300, hook: str = HOOK) -> list[str]:  # noqa: ANN401 - also a broken plan
        """Make the group with `plan` on its terminate hook, each instance under Run Command and in `blue`."""
        instances = self.autoscaling.create_group(GROUP, capacity=capacity)
        metadata = json.dumps({"plan": plan})
        self.autoscaling.put_hook(GROUP, hook, "TERMINATING", HeartbeatTimeout=heartbeat, NotificationMetadata=metadata)
        self.target_group("blue", *instances, delay=self._delay)
        for instance in instances:
            self.run_command.manage(instance)
        return instances

    def drain(self, plan: Any, *, heartbeat: int = 300, command: Behaviour | None = None) -> str:  # noqa: ANN401 - also a broken plan
        """Make the group and terminate its instance, which is returned."""
        (instance,) = self.group(plan, heartbeat=heartbeat)
        self.run_command.behave(command or Behaviour(duration=15))
        self.autoscaling.terminate(instance)
        return instance

    def finish(self) -> None:
        """Let time pass until every execution has ended.

        Raises:
            TimeoutError: one has not.
        """
        limit = self.timeline.now() + PATIENCE
        while not (self.deployment.executions and all(each.is_complete for each in self.deployment.executions)):
            due = self.timeline.next_due()
            if due is None or due > limit:
                raise TimeoutError(f"an execution has not ended: {self.record()}")
            self.timeline.advance()

    def record(self) -> Record:
        """Return the current record of the wait that was claimed first."""
        return next(record for record in self.deployment.records() if record.entry == "current")

    def send_message(self, message: Message) -> None:
        """Send `message` to the action, and let five seconds pass."""
        self.deployment.send_message(self.record(), message)
        self.run(5)

    def found(self, instance: str, reason: StartReason, *, until: float | None = None) -> None:
        """Start an execution for an action without a token."""
        with self.region.unobserved():
            (hook,) = self.region.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=GROUP)[
                "LifecycleHooks"
            ]
        action = LifecycleAction(
            token=None,
            group=GROUP,
            hook=HOOK,
            instance=instance,
            transition=Transition.TERMINATING,
            time=self.timeline.now(),
            metadata=hook["NotificationMetadata"],
        )
        self.deployment.start(payload(StartRequest(reason=reason, action=action, until=until)))
