from __future__ import annotations

import json
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle.model.records import Record

COMMAND = {"kind": "run-command", "options": {"document": "AWS-RunShellScript", "parameters": {"commands": ["stop"]}}}
PLAN = {"steps": [COMMAND]}


class IntakeTestbed(Testbed[Deployment]):
    """The application with everything that starts and wakes executions."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(partial(Deployment, parameters=parameters))

    def group(self, name: str = "web", *, capacity: int = 1, duration: float = 60, **hook: Any) -> list[str]:
        """Make a group with a terminate hook of ours that runs a command; return its instances, in service."""
        instances = self.autoscaling.create_group(name, capacity=capacity, max_size=50)
        fields = {"HeartbeatTimeout": 900, "NotificationMetadata": json.dumps({"plan": PLAN}), **hook}
        self.autoscaling.put_hook(name, "asg-lifecycle-terminate", "TERMINATING", **fields)
        self.run_command.behave(Behaviour(duration=duration))
        for instance in instances:
            self.run_command.manage(instance)
        return instances

    def lose_events(self) -> None:
        self.region.events.deliveries = lambda _: ()

    def record(self, instance: str, hook: str = "asg-lifecycle-terminate", group: str = "web") -> Record:
        record = self.deployment.record(group, hook, instance)
        assert record is not None
        return record

    def outcomes(self) -> list[str]:
        return [each.result["outcome"] for each in self.deployment.executions if each.is_complete and each.result]


@pytest.fixture
def testbed_of() -> Iterator[Callable[..., IntakeTestbed]]:
    with ExitStack() as entered:
        yield lambda **parameters: entered.enter_context(IntakeTestbed(Parameters(**parameters)))


@pytest.fixture
def testbed(testbed_of: Callable[..., IntakeTestbed]) -> IntakeTestbed:
    return testbed_of()
