"""How many operations a drain costs as Lambda meters them, at the dearer reading where AWS does not say."""

from __future__ import annotations

import json
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.execution.operation_count import counted
from asg_lifecycle.model.timing import rarer_with_age
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.deployment.testbed import Testbed
from asg_lifecycle_simulator.services.run_command.model import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution

MINUTE, HOUR = 60.0, 3_600.0
GROUP, HOOK = "web", "asg-lifecycle-terminate"
COMMAND = {
    "kind": "run-command",
    "options": {
        "document": "AWS-RunShellScript",
        "parameters": {"commands": ["stop"], "executionTimeout": ["172800"]},
    },
    "timeout": "48h",
}
DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}

RARELY = pytest.mark.one_of(99)
"""For what takes long and whose bound a shorter drain meets in the same way."""

CHANCES = [
    pytest.param(lambda: 0.0, id="longest gaps"),
    pytest.param(Random(7).random, id="random gaps", marks=RARELY),  # noqa: S311 - jitter, no secret
]


LONG = [pytest.param(hours * HOUR, marks=RARELY) for hours in (5, 20)]
"""Seconds. What is polled for longer than 50 minutes is polled every five or fifteen."""


class Drain(Testbed[Deployment]):
    """One instance and its drain."""

    def __init__(self, chance: Callable[[], float], *, signals: bool = True) -> None:
        super().__init__(partial(Deployment, parameters=Parameters(signals=signals), chance=chance))

    def drained(self, step: dict[str, Any], *, heartbeat: int, lasts: float = 0.0) -> SimulatedExecution:
        """Drain the instance with a plan of one step; return its execution, which has ended."""
        (instance,) = self.autoscaling.create_group(GROUP, capacity=1)
        metadata = json.dumps({"plan": {"steps": [step]}})
        self.autoscaling.put_hook(GROUP, HOOK, "TERMINATING", HeartbeatTimeout=heartbeat, NotificationMetadata=metadata)
        self.target_group("blue")
        self.run_command.manage(instance)
        self.run_command.behave(Behaviour(duration=lasts))
        self.autoscaling.terminate(instance)
        self.timeline.run_until_idle(within=200_000)
        assert self.completions() == ["CONTINUE CompleteLifecycleAction"]
        (execution,) = self.deployment.executions
        return execution


@pytest.mark.parametrize("chance", CHANCES)
@pytest.mark.parametrize(
    ("lasts", "heartbeat", "most"),
    [
        pytest.param(2 * MINUTE, 900, 24, id="two minutes"),
        pytest.param(10 * MINUTE, 900, 28, id="ten minutes"),
        pytest.param(20 * HOUR, 3_600, 145, id="twenty hours"),
        pytest.param(47.9 * HOUR, 1_800, 420, id="two days", marks=RARELY),
    ],
)
def test_a_command(chance: Callable[[], float], lasts: float, heartbeat: int, most: int) -> None:
    with Drain(chance) as drain:
        assert drain.drained(COMMAND, heartbeat=heartbeat, lasts=lasts).metered_operations <= most


def test_nothing_to_drain() -> None:
    with Drain(lambda: 0.0) as drain:
        assert drain.drained(DEREGISTER, heartbeat=900).metered_operations <= 10


@pytest.mark.parametrize(
    ("heartbeat", "most"),
    [pytest.param(180, 240, id="five hours"), pytest.param(1_800, 900, id="two days", marks=RARELY)],
)
def test_a_held_action(heartbeat: int, most: int) -> None:
    with Drain(lambda: 0.0) as drain:
        (instance,) = drain.autoscaling.create_group(GROUP, capacity=1)
        drain.autoscaling.put_hook(
            GROUP, HOOK, "TERMINATING", HeartbeatTimeout=heartbeat, NotificationMetadata='{"plan": "nobody wrote it"}'
        )
        began = drain.timeline.now()
        drain.autoscaling.terminate(instance)
        drain.timeline.run_until_idle(within=200_000)

        (execution,) = drain.deployment.executions
        assert drain.completions() == ["ABANDON CompleteLifecycleAction"]
        assert execution.runs[-1].started_at - began > 0.99 * min(48 * HOUR, 100 * heartbeat) - 120
        assert execution.metered_operations <= most


@pytest.mark.parametrize("lasts", [30, 90, 10 * MINUTE, 70 * MINUTE, *LONG])
def test_a_lost_event_costs_half_of_the_drain_and_fifteen_minutes_at_most(lasts: float) -> None:
    with Drain(lambda: 0.0) as drain:
        drain.region.events.deliveries = lambda event: (1.0,) if event["source"] == "aws.autoscaling" else ()
        began = drain.timeline.now()
        execution = drain.drained(COMMAND, heartbeat=3_600, lasts=lasts)
        late = execution.runs[-1].started_at - began - lasts

        assert late <= min(lasts / 2, 15 * MINUTE) + 2


@pytest.mark.parametrize("lasts", [30, 90, 10 * MINUTE, 70 * MINUTE, LONG[0]])
def test_without_events_the_end_is_seen_after_a_tenth_of_the_drain_and_five_minutes_at_most(lasts: float) -> None:
    with Drain(lambda: 0.0, signals=False) as drain:
        began = drain.timeline.now()
        execution = drain.drained(COMMAND, heartbeat=3_600, lasts=lasts)
        late = execution.runs[-1].started_at - began - lasts

        assert late <= min(max(5, lasts / 10), 5 * MINUTE) + 2


def test_an_execution_counts_no_fewer_operations_than_lambda_meters() -> None:
    with Drain(lambda: 0.0) as drain:
        execution = drain.drained(COMMAND, heartbeat=900, lasts=70 * MINUTE)
        own_count = counted(execution.record.operations)

        assert execution.metered_operations <= own_count <= 1.5 * execution.metered_operations


def test_whatever_a_step_asks_for_it_is_polled_a_thousand_times_in_two_days_at_most() -> None:
    for wanted in (1.0, 5.0, 10.0, 15.0, 60.0):
        spent, polls = 0.0, 0
        while spent < 48 * HOUR:
            spent += rarer_with_age(wanted, spent)
            polls += 1
        assert polls < 1_100, wanted
