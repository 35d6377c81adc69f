"""Events end waits at once. Polls find what was lost, and an event that no action waits for wakes no execution."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.events import Ignore, Invalid
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.wake_events import READERS, happening
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from handlers import signal_received
from tests.intake.conftest import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from asg_lifecycle_simulator.services.ecs.model import ContainerInstance
    from tests.intake.conftest import IntakeTestbed

HOUR = 3600.0
ECS_DRAIN = {"steps": [{"kind": "drain-ecs", "options": {"cluster": "prod"}}]}
WAIT = {"steps": [{"kind": "wait-for-signal", "options": {"name": "drained"}}]}


def plan(steps: Any) -> str:
    return json.dumps({"plan": steps})


def sent(testbed: IntakeTestbed, instance: str, **detail: Any) -> None:
    """Put a signal on the bus, as an instance does."""
    entry = {"instance": instance, "signal": "drained", "result": "success", **detail}
    with testbed.region.unobserved():
        answer = testbed.region.client("events").put_events(
            Entries=[{"Source": "asg-lifecycle.signal", "DetailType": "Lifecycle Signal", "Detail": json.dumps(entry)}]
        )
    assert answer["FailedEntryCount"] == 0


def signalled(testbed: IntakeTestbed, **hook: Any) -> str:
    """Let an instance wait for the signal `drained`."""
    (instance,) = testbed.group(**{"NotificationMetadata": plan(WAIT), **hook})
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    return instance


def heard(testbed: IntakeTestbed, outcome: str) -> int:
    return sum(each["outcome"] == outcome for each in testbed.deployment.heard)


def execution(testbed: IntakeTestbed) -> SimulatedExecution:
    (only,) = testbed.deployment.executions
    return only


def container(testbed: IntakeTestbed, *, timeout: int = 3600) -> tuple[str, ContainerInstance]:
    (instance,) = testbed.group(HeartbeatTimeout=timeout, NotificationMetadata=plan(ECS_DRAIN))
    return instance, testbed.ecs.register(instance, "prod")


def drained(testbed: IntakeTestbed, instance: str, within: float) -> float:
    """Let the instance be drained; return how long that takes."""
    began = testbed.timeline.now()
    testbed.autoscaling.terminate(instance)
    while not (testbed.deployment.executions and execution(testbed).is_complete):
        assert testbed.timeline.now() - began < within, testbed.record(instance).detail
        testbed.timeline.advance()
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    return testbed.timeline.now() - began


def test_a_drain_is_over_as_soon_as_its_last_task_has_stopped(testbed: IntakeTestbed) -> None:
    instance, there = container(testbed)
    for number in range(20):
        testbed.ecs.run(there, f"web:{number}", service="web", takes=600 - 10 * number)
    took = drained(testbed, instance, HOUR)

    # One second for the event of the hook, one for that of the task.
    assert 600 <= took <= 603
    assert len(execution(testbed).invocations) <= 12
    assert len(execution(testbed).operations) <= 12
    assert heard(testbed, "woken") == 1
    # The container instance is reported idle as soon as its tasks are told to stop: that is not the end.
    assert heard(testbed, "left") == 20


def test_a_drain_of_twenty_hours_costs_few_wake_ups(testbed: IntakeTestbed) -> None:
    instance, there = container(testbed, timeout=3600)
    testbed.ecs.run(there, "game:1", service="game", takes=20 * HOUR)
    took = drained(testbed, instance, 21 * HOUR)

    assert 20 * HOUR <= took <= 20 * HOUR + 3
    assert len(execution(testbed).invocations) <= 130
    assert len(execution(testbed).operations) <= 12


@pytest.mark.parametrize(("takes", "bound"), [(100.0, 100.0), (600.0, 600.0), (5 * HOUR, 900.0)])
def test_with_all_events_lost_polls_find_the_end(testbed: IntakeTestbed, takes: float, bound: float) -> None:
    testbed.region.events.deliveries = lambda event: (1.0,) if event["source"] == "aws.autoscaling" else ()
    instance, there = container(testbed)
    testbed.ecs.run(there, "web:1", service="web", takes=takes)
    assert takes <= drained(testbed, instance, takes + HOUR) <= takes + bound + 10


def test_without_signals_polls_are_frequent(testbed_of: Callable[..., IntakeTestbed]) -> None:
    testbed = testbed_of(signals=False)
    instance, there = container(testbed)
    testbed.ecs.run(there, "web:1", service="web", takes=700)
    assert 700 <= drained(testbed, instance, HOUR) <= 780
    assert testbed.deployment.heard == []


def test_a_task_elsewhere_wakes_nobody(testbed: IntakeTestbed) -> None:
    instance, there = container(testbed)
    testbed.ecs.run(there, "web:1", service="web", takes=math.inf)
    other = testbed.ecs.register("i-0123456789abcdef0", "prod")
    testbed.autoscaling.terminate(instance)
    testbed.run(32)
    before = len(execution(testbed).invocations)
    tasks = testbed.ecs.run(other, "job:1", ends_after=5, count=30)
    testbed.run(8)

    assert all(task.told_of for task in tasks)
    assert len(execution(testbed).invocations) == before
    assert heard(testbed, "woken") == 0
    # Which instance a container instance is does not change: it is asked once.
    asked = [call for call in testbed.region.requests if call.operation == "DescribeContainerInstances"]
    assert len([call for call in asked if call.time > testbed.timeline.now() - 8]) == 1


def test_a_container_instance_that_is_gone_is_not_waited_for(testbed: IntakeTestbed) -> None:
    event = json.loads(Path("events/ecs-task-stopped.json").read_text())
    answer = signal_received.handle(event, testbed.deployment.intake)
    assert answer["outcome"] == "not awaited"


@pytest.mark.parametrize(("exit_code", "status"), [(0, Status.COMPLETED), (1, Status.HELD)])
def test_the_end_of_a_command_ends_the_wait(testbed: IntakeTestbed, exit_code: int, status: Status) -> None:
    (instance,) = testbed.group()
    testbed.run_command.behave(Behaviour(duration=1000, exit_code=exit_code))
    testbed.autoscaling.terminate(instance)
    testbed.run(1010)
    assert testbed.record(instance).status is status
    assert heard(testbed, "woken") == 1


def test_another_command_on_the_instance_wakes_nobody(testbed: IntakeTestbed) -> None:
    (instance,) = testbed.group(duration=1000)
    testbed.autoscaling.terminate(instance)
    testbed.run(30)
    testbed.run_command.behave(Behaviour(duration=1))
    with testbed.region.unobserved():
        testbed.region.client("ssm").send_command(
            DocumentName="AWS-RunShellScript", InstanceIds=[instance], Parameters={"commands": ["uptime"]}
        )
    testbed.run(5)
    assert heard(testbed, "woken") == 0
    assert heard(testbed, "not awaited") == 1


def test_a_signal_that_is_kept_is_logged_with_what_it_says(
    testbed: IntakeTestbed, caplog: pytest.LogCaptureFixture
) -> None:
    instance = signalled(testbed)
    sent(testbed, instance, message="the queue is empty")
    testbed.run(2)
    assert f"signal drained of instance {instance} was kept: the queue is empty" in caplog.messages


def test_a_signal_ends_the_wait(testbed: IntakeTestbed) -> None:
    instance = signalled(testbed)
    assert testbed.record(instance).detail == f"wait-for-signal: waiting for signal drained of instance {instance}"
    sent(testbed, instance, message="the queue is empty")
    testbed.run(2)

    record = testbed.record(instance)
    assert record.status is Status.COMPLETED
    assert record.step_outcomes[0].detail == "signal drained said success: the queue is empty"
    assert [signal.name for signal in record.signals] == ["drained"]
    assert any("signal drained" in message for message in record.messages)


def test_a_signal_of_failure_fails_the_step(testbed: IntakeTestbed) -> None:
    instance = signalled(testbed)
    sent(testbed, instance, result="failure", message="14 jobs are left")
    testbed.run(2)
    record = testbed.record(instance)
    assert record.status is Status.HELD
    assert "signal drained said failure: 14 jobs are left" in (record.problem or "")


def test_the_last_signal_of_a_name_counts(testbed: IntakeTestbed) -> None:
    plan_of_two = {"steps": [{"kind": "wait", "options": {"duration": "5m"}}, *WAIT["steps"]]}
    instance = signalled(testbed, NotificationMetadata=plan(plan_of_two))
    sent(testbed, instance, result="failure")
    testbed.run(2)
    sent(testbed, instance)
    testbed.run(2)
    # Nobody waits for it yet, so nobody is woken; the record keeps it until the step asks.
    assert heard(testbed, "woken") == 0
    assert testbed.record(instance).status is Status.WORKING
    testbed.run(300)
    assert testbed.record(instance).status is Status.COMPLETED


def test_a_signal_that_is_repeated_is_kept_once(testbed: IntakeTestbed) -> None:
    wait_for_another = {"steps": [{"kind": "wait-for-signal", "options": {"name": "another"}}]}
    instance = signalled(testbed, NotificationMetadata=plan(wait_for_another))
    for _ in range(3):
        sent(testbed, instance)
        testbed.run(2)
    assert len(testbed.record(instance).signals) == 1


def test_a_sender_that_does_not_stop_does_not_fill_the_record(testbed: IntakeTestbed) -> None:
    wait_for_another = {"steps": [{"kind": "wait-for-signal", "options": {"name": "another"}}]}
    instance = signalled(testbed, NotificationMetadata=plan(wait_for_another))
    before = len(execution(testbed).invocations)
    for number in range(60):
        sent(testbed, instance, message=f"{number}")
    testbed.run(5)
    assert len(testbed.record(instance).signals) == 50
    assert heard(testbed, "dropped") == 10
    assert len(execution(testbed).invocations) == before


def test_a_signal_for_another_hook_is_not_for_this_one(testbed: IntakeTestbed) -> None:
    instance = signalled(testbed)
    sent(testbed, instance, hook="another")
    testbed.run(2)
    assert testbed.record(instance).status is Status.WORKING
    sent(testbed, instance, hook="asg-lifecycle-terminate")
    testbed.run(2)
    assert testbed.record(instance).status is Status.COMPLETED


def test_a_signal_for_nothing_in_flight_is_dropped_and_logged(
    testbed: IntakeTestbed, caplog: pytest.LogCaptureFixture
) -> None:
    sent(testbed, "i-0123456789abcdef0")
    testbed.run(2)
    said = [line.getMessage() for line in caplog.records if line.name == "asg-lifecycle"]
    assert said == ["signal drained of instance i-0123456789abcdef0 was dropped: no action of it is in flight"]
    assert testbed.deployment.heard == [{"outcome": "dropped", "reason": "no action of it is in flight"}]


def test_a_signal_after_the_end_is_dropped(testbed: IntakeTestbed) -> None:
    instance = signalled(testbed)
    sent(testbed, instance)
    testbed.run(10)
    sent(testbed, instance, message="again")
    testbed.run(2)
    assert heard(testbed, "dropped") == 1


def test_a_wake_up_is_no_message_of_an_operator(testbed: IntakeTestbed) -> None:
    """It does not start the timeout of the plan anew, and begins no failed step again."""
    limited = {**WAIT, "timeout": "10m", "on_timeout": "abandon"}
    first = {"kind": "wait", "options": {"duration": "60s"}}
    steps = {**limited, "steps": [first, COMMAND, *WAIT["steps"]]}
    (instance,) = testbed.group(duration=500, NotificationMetadata=plan(steps))
    testbed.autoscaling.terminate(instance)
    testbed.run(590)
    assert heard(testbed, "woken") == 1
    assert testbed.completions() == []
    testbed.run(30)
    assert testbed.completions() == ["ABANDON CompleteLifecycleAction"]


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem", "UpdateItem"])
def test_a_signal_that_could_not_be_kept_is_delivered_again(testbed: IntakeTestbed, operation: str) -> None:
    instance = signalled(testbed)
    testbed.region.faults.throttle("dynamodb", operation, times=4)
    sent(testbed, instance)
    testbed.run(200)
    assert testbed.record(instance).status is Status.COMPLETED


def test_a_lost_answer_keeps_and_wakes_once(testbed: IntakeTestbed) -> None:
    instance = signalled(testbed)
    testbed.region.faults.lose_response("dynamodb", "UpdateItem")
    sent(testbed, instance)
    testbed.run(200)
    record = testbed.record(instance)
    assert record.status is Status.COMPLETED


def test_without_signals_the_step_says_so(testbed_of: Callable[..., IntakeTestbed]) -> None:
    testbed = testbed_of(signals=False)
    instance = signalled(testbed)
    assert "deploy with Signals=on" in (testbed.record(instance).problem or "")


def test_each_of_two_instances_gets_its_own_signal(testbed: IntakeTestbed) -> None:
    first, second = testbed.group(capacity=2, NotificationMetadata=plan(WAIT))
    testbed.autoscaling.terminate(first)
    testbed.autoscaling.terminate(second)
    testbed.run(60)
    sent(testbed, second)
    testbed.run(2)
    assert (testbed.record(first).status, testbed.record(second).status) == (Status.WORKING, Status.COMPLETED)


@pytest.mark.parametrize("name", ["signal", "ecs-task-stopped", "ecs-container-instance", "command-ended"])
def test_the_samples_are_read(name: str) -> None:
    found = happening(json.loads(Path(f"events/{name}.json").read_text()))
    assert not isinstance(found, Ignore | Invalid)


def test_every_problem_of_an_event_is_reported() -> None:
    sample = json.loads(Path("events/signal.json").read_text())
    sample["detail"] = {"instance": "web-1", "signal": "no spaces", "result": "ok"}
    found = happening(sample)
    assert isinstance(found, Invalid)
    for said in ("detail.instance", "detail.signal", "detail.result: expected 'success' or 'failure', found 'ok'"):
        assert said in found.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
FIELDS = ["instance", "signal", "result", "hook", "message", "lastStatus", "clusterArn", "containerInstanceArn"]
FIELDS += ["ec2InstanceId", "status", "instance-id", "command-id", "runningTasksCount", "agentConnected"]


@given(
    st.sampled_from(sorted(READERS)),
    st.dictionaries(st.sampled_from(FIELDS), json_values | st.sampled_from(["STOPPED", "ACTIVE", "Success"])),
)
def test_every_event_has_a_decision(kind: tuple[str, str], detail: dict[str, Any]) -> None:
    source, detail_type = kind
    happening({"source": source, "detail-type": detail_type, "detail": detail})
