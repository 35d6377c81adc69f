from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed as SimulatedTestbed
from asg_lifecycle_simulator.region.log import LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.deployment.parameters import Parameters
    from asg_lifecycle_simulator.region.log import LogEntry
    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

GROUP = "web"
TERMINATE_HOOK = "asg-lifecycle-terminate"
LAUNCH_HOOK = "asg-lifecycle-launch"


class Testbed(SimulatedTestbed[Deployment]):
    """The application deployed beside a group `web`."""

    def __init__(self, parameters: Parameters | None = None) -> None:
        super().__init__(partial(Deployment, parameters=parameters))
        self.started = self.timeline.now()

    @property
    def elapsed(self) -> float:
        return self.timeline.now() - self.started

    @property
    def execution(self) -> SimulatedExecution:
        return self.deployment.executions[-1]

    def group(self, capacity: int = 1, *, heartbeat: int = 300, plan: Any = None, **hook: Any) -> list[str]:
        """Make the group with both hooks, `plan` on the terminate hook; return its instances, in service."""
        instances = self.autoscaling.create_group(GROUP, capacity=capacity, max_size=5)
        self.autoscaling.put_hook(GROUP, LAUNCH_HOOK, "LAUNCHING", HeartbeatTimeout=heartbeat)
        if plan is not None:
            hook["NotificationMetadata"] = json.dumps({"plan": plan})
        self.autoscaling.put_hook(GROUP, TERMINATE_HOOK, "TERMINATING", HeartbeatTimeout=heartbeat, **hook)
        return instances

    def launch(self, plan: Any, *, heartbeat: int = 900) -> str:
        """Make the group with `plan` on its launch hook, and launch its only instance; return that."""
        self.autoscaling.create_group(GROUP, capacity=0, max_size=5)
        metadata = json.dumps({"plan": plan})
        self.autoscaling.put_hook(
            GROUP, LAUNCH_HOOK, "LAUNCHING", HeartbeatTimeout=heartbeat, NotificationMetadata=metadata
        )
        self.autoscaling.scale(GROUP, 1)
        (instance,) = self.autoscaling.instances(GROUP)
        return instance

    def terminate(self, instance: str) -> None:
        self.autoscaling.terminate(instance)

    def finish(self, within: float = 172_800) -> SimulatedExecution:
        """Let time pass until the last execution has ended."""
        limit = self.timeline.now() + within
        while not self.execution_or_none_complete():
            due = self.timeline.next_due()
            assert due is not None, "nothing is left to happen and no execution has ended"
            assert due <= limit, f"not ended within {within} s: {self.record()}"
            self.timeline.advance()
        return self.execution

    def execution_or_none_complete(self) -> bool:
        return bool(self.deployment.executions) and all(each.is_complete for each in self.deployment.executions)

    def record(self) -> Record:
        """Return the only record."""
        (record,) = [each for each in self.deployment.records() if each.entry == "current"]
        return record

    def log(self, *kinds: LogKind) -> list[LogEntry]:
        return self.region.log.of(*kinds)

    def beats(self) -> list[float]:
        return [entry.time - self.started for entry in self.log(LogKind.HEARTBEAT)]

    def calls(self, service: str) -> dict[str, int]:
        return {operation: count for (name, operation), count in self.region.calls.items() if name == service}


@pytest.fixture
def over_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Auto Scaling end a wait after 20 heartbeats, not after 100, and say so: what comes between is all alike."""
    monkeypatch.setattr("asg_lifecycle_simulator.services.autoscaling.model.HEARTBEATS_IN_LONGEST_WAIT", 20)


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    with Testbed() as made:
        yield made
