"""The Lambda dies at every call while a runbook or a state machine is started, watched and stopped; answers get lost.

Many instances go side by side, and each meets one failure at one place of its own. What was started is asked of the
simulated services.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.deployment.failpoints import Failpoint, InjectedFailure, UnluckyDeployment
from asg_lifecycle_simulator.replay.testbed import GROUP, HOOK, RecordingTestbed
from asg_lifecycle_simulator.services.automations import Runbook
from asg_lifecycle_simulator.services.state_machines import EXPRESS, Machine
from tests.execution.some_of import some_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = range(1, 11)
PLACES = [(invocation, call) for invocation in range(1, 4) for call in CALLS]
AUTOMATION = {"kind": "run-automation", "options": {"document": "Shop-Archive", "parameters": {"Id": "{instance}"}}}
MACHINE = {
    "kind": "start-execution",
    "options": {"state_machine": "decommission", "input": {"instance": "{instance}"}},
}
every_failure = pytest.mark.parametrize(
    "failure", [InjectedFailure.DIES_BEFORE_CALL, InjectedFailure.DIES_AFTER_CALL, InjectedFailure.RESPONSE_LOST]
)

Testbed = RecordingTestbed[UnluckyDeployment]


@contextmanager
def played(
    places: list[tuple[int, int]], failure: InjectedFailure, step: dict[str, Any], machine: Machine | None = None
) -> Iterator[tuple[Testbed, list[str]]]:
    """Yield a testbed with instances on their way out, one for each call that is to fail."""
    failpoints = [Failpoint(failure, invocation, call) for invocation, call in places]
    unlucky = dict(enumerate(failpoints, start=1))
    testbed: Testbed = RecordingTestbed(partial(UnluckyDeployment, failpoints=unlucky))
    with testbed:
        testbed.automations.publish("Shop-Archive", Runbook(duration=20))
        testbed.state_machines.make("decommission", machine or Machine(duration=20))
        instances = testbed.group({"steps": [step]}, capacity=len(places))
        for instance in instances:
            testbed.autoscaling.terminate(instance)
        yield testbed, instances


def crashes(testbed: Testbed) -> int:
    return sum(run.crashed for each in testbed.deployment.executions for run in each.runs)


def status(testbed: Testbed, instance: str) -> str:
    record = testbed.deployment.record(GROUP, HOOK, instance)
    assert record is not None
    return str(record.status)


@pytest.mark.one_of(3)
@every_failure
def test_a_runbook_is_started_once(failure: InjectedFailure, *, thorough: bool) -> None:
    with played(some_of(PLACES, 3, thorough=thorough), failure, AUTOMATION) as (testbed, instances):
        testbed.finish()
        started = {instance: [each.status for each in testbed.automations.of(instance)] for instance in instances}
        assert started == {instance: ["Success"] for instance in instances}
        assert {status(testbed, instance) for instance in instances} == {"completed"}
        assert testbed.region.calls["ssm", "DescribeAutomationExecutions"] > 0
        assert failure is InjectedFailure.RESPONSE_LOST or crashes(testbed) > len(instances) / 3


@pytest.mark.one_of(3)
@every_failure
def test_a_standard_state_machine_is_executed_once(failure: InjectedFailure, *, thorough: bool) -> None:
    with played(some_of(PLACES, 3, thorough=thorough), failure, MACHINE) as (testbed, instances):
        testbed.finish()
        started = {instance: [each.status for each in testbed.state_machines.of(instance)] for instance in instances}
        assert started == {instance: ["SUCCEEDED"] for instance in instances}
        assert {status(testbed, instance) for instance in instances} == {"completed"}
        assert failure is InjectedFailure.RESPONSE_LOST or crashes(testbed) > len(instances) / 3


@pytest.mark.one_of(3)
@every_failure
def test_an_express_state_machine_is_executed_once_at_most_and_what_is_not_known_is_said(
    failure: InjectedFailure, *, thorough: bool
) -> None:
    # It is executed in the first invocation, by one of the calls.
    places = PLACES if thorough else PLACES[: len(CALLS)]
    with played(places, failure, MACHINE, Machine(kind=EXPRESS)) as (testbed, instances):
        testbed.run(600)
        held = 0
        for instance in instances:
            record = testbed.deployment.record(GROUP, HOOK, instance)
            assert record is not None
            executions = testbed.state_machines.of(instance)
            assert len(executions) <= 1
            if record.status == "held":
                held += 1
                assert "it may have had its effect" in (record.problem or "")
            else:
                assert record.status == "completed"
                assert len(executions) == 1
        assert 0 < held < len(instances)
