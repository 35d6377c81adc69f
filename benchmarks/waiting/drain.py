"""The work that every design does: a command on an instance that its group wants to terminate."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.region.log import LogKind
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP = "web"
DOCUMENT = "AWS-RunShellScript"
LONGEST = 200_000.0


@dataclass(frozen=True, kw_only=True)
class Drain:
    """One drain.

    Attributes:
        lasts: seconds that the command runs; 0 for an instance with nothing to drain.
        heartbeat_timeout: of the hook, seconds.
    """

    lasts: float
    heartbeat_timeout: int

    @property
    def has_work(self) -> bool:
        """Whether there is a command to run."""
        return self.lasts > 0


class DrainRegion(Testbed[Deployment]):
    """A simulated Region in which one instance is terminated under one hook.

    Args:
        drain: what is drained.
        parameters: of our own application; those of `nobody` leave the hook to another design.
        chance: what our own application draws from.

    Attributes:
        instance: the instance.
        hook: the hook's name.
    """

    def __init__(self, drain: Drain, parameters: Parameters, chance: Callable[[], float] = lambda: 0.5) -> None:
        super().__init__(partial(Deployment, parameters=parameters, chance=chance))
        self.drain = drain
        self.instance = ""
        self.hook = "asg-lifecycle-terminate"

    def prepare(self, metadata: dict[str, Any] | None = None) -> None:
        """Make the group and the hook, with the instance in service."""
        (self.instance,) = self.autoscaling.create_group(GROUP, capacity=1)
        self.autoscaling.put_hook(
            GROUP,
            self.hook,
            "TERMINATING",
            HeartbeatTimeout=self.drain.heartbeat_timeout,
            DefaultResult="ABANDON",
            NotificationMetadata=json.dumps(metadata or {}),
        )
        self.run_command.manage(self.instance)
        self.run_command.behave(Behaviour(duration=self.drain.lasts))

    def terminated(self) -> str:
        """Terminate the instance, and return the token of the action once its event has come."""
        events: list[Any] = []
        self.region.events.subscribe(events.append)
        self.autoscaling.terminate(self.instance)
        self.run(2)
        (detail,) = [event["detail"] for event in events if event["source"] == "aws.autoscaling"]
        return str(detail["LifecycleActionToken"])

    def late(self) -> float | str:
        """Return the seconds from the end of the work to the completion, or how the action ended instead."""
        ends = self.region.log.of(LogKind.COMPLETED)
        if [end.detail for end in ends] != ["CONTINUE CompleteLifecycleAction"]:
            return f"the action ended {', '.join(end.detail for end in ends) or 'never'}"
        if not self.drain.has_work:
            (began,) = self.region.log.of(LogKind.WAIT_STARTED)
            return ends[0].time - began.time
        (run,) = self.run_command.runs(self.instance)
        if run.ended_at is None or run.ended_at > ends[0].time:
            return "the instance was released before its work was done"
        return ends[0].time - run.ended_at


NOBODY = Parameters(prefix="nobody-uses-this-prefix", signals=False)
"""With these our own application answers nothing."""
