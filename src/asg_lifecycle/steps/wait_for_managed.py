"""The step kind `wait-for-managed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.model.blockers import Blocker, BlockerKind
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle.model.progress import Done, Progress, Waiting
from asg_lifecycle.steps.base import NoOptions, PollingStep

if TYPE_CHECKING:
    from asg_lifecycle.steps.base import Target

POLL_INTERVAL = 10.0
"""Seconds."""


class WaitForManaged(PollingStep[NoOptions]):
    """Wait until the instance's Systems Manager agent is online.

    From then on commands can be sent to it.
    """

    kind = "wait-for-managed"
    transition = PlanTransition.LAUNCH
    permissions = ("ssm:DescribeInstanceInformation",)
    template_parameter = "CommandSteps"
    needs_instance_alive = True

    def preview(self, target: Target) -> str:
        """Say how the agent is now."""
        ping = self._services.commands.ping_status(target.action.instance) or "unknown to Systems Manager"
        return f"would wait for the agent of instance {target.action.instance}; now: {ping}"

    def poll(self, target: Target) -> Progress:
        """Ask for the agent's ping status."""
        ping = self._services.commands.ping_status(target.action.instance)
        if ping == "Online":
            return Done("the Systems Manager agent is online")
        how = f"it is {ping}" if ping is not None else "Systems Manager does not know the instance yet"
        return Waiting(
            f"waiting for the Systems Manager agent of instance {target.action.instance}: {how}",
            again_after=POLL_INTERVAL,
            blockers=(Blocker(kind=BlockerKind.AGENT, name="Systems Manager agent", reason=how),),
        )
