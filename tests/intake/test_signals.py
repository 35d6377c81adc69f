"""Events end waits at once; what is lost is found by looks, and what nobody waits for wakes nobody."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.model.events import Broken, Ignore
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.wake_events import READERS, happening
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from handlers.signal_received import handler_of
from tests.intake.conftest import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable

    from asg_lifecycle_simulator.services.durable_executions.execution import SimulatedExecution
    from asg_lifecycle_simulator.services.ecs import ContainerInstance
    from tests.intake.conftest import Town

HOUR = 3600.0
ECS_DRAIN = {"steps": [{"kind": "drain-ecs", "options": {"cluster": "prod"}}]}
WAIT = {"steps": [{"kind": "wait-for-signal", "options": {"name": "drained"}}]}


def plan(steps: Any) -> str:
    return json.dumps({"plan": steps})


def sent(town: Town, instance: str, **detail: Any) -> None:
    """Put a signal on the bus, as an instance does."""
    entry = {"instance": instance, "signal": "drained", "result": "success", **detail}
    with town.region.unobserved():
        answer = town.region.client("events").put_events(
            Entries=[{"Source": "asg-lifecycle.signal", "DetailType": "Lifecycle Signal", "Detail": json.dumps(entry)}]
        )
    assert answer["FailedEntryCount"] == 0


def signalled(town: Town, **hook: Any) -> str:
    """Let an instance wait for the signal `drained`."""
    (instance,) = town.group(**{"NotificationMetadata": plan(WAIT), **hook})
    town.region.terminate(instance)
    town.run(60)
    return instance


def heard(town: Town, outcome: str) -> int:
    return sum(each["outcome"] == outcome for each in town.deployment.heard)


def execution(town: Town) -> SimulatedExecution:
    (only,) = town.deployment.executions
    return only


def container(town: Town, *, timeout: int = 3600) -> tuple[str, ContainerInstance]:
    (instance,) = town.group(HeartbeatTimeout=timeout, NotificationMetadata=plan(ECS_DRAIN))
    return instance, town.ecs.register(instance, "prod")


def drained(town: Town, instance: str, within: float) -> float:
    """Let the instance be drained; return how long that takes."""
    began = town.timeline.now()
    town.region.terminate(instance)
    while not (town.deployment.executions and execution(town).is_complete):
        assert town.timeline.now() - began < within, town.record(instance).detail
        town.timeline.advance()
    assert town.completions() == ["CONTINUE CompleteLifecycleAction"]
    return town.timeline.now() - began


def test_a_drain_is_over_as_soon_as_its_last_task_has_stopped(town: Town) -> None:
    instance, there = container(town)
    for number in range(20):
        town.ecs.run(there, f"web:{number}", service="web", takes=600 - 10 * number)
    took = drained(town, instance, HOUR)

    # One second for the event of the hook, one for that of the task.
    assert 600 <= took <= 603
    assert len(execution(town).invocations) <= 12
    assert len(execution(town).operations) <= 12
    assert heard(town, "woken") == 1
    # The container instance is reported idle as soon as its tasks are told to stop: that is not the end.
    assert heard(town, "left") == 20


def test_a_drain_of_twenty_hours_costs_few_wake_ups(town: Town) -> None:
    instance, there = container(town, timeout=3600)
    town.ecs.run(there, "game:1", service="game", takes=20 * HOUR)
    took = drained(town, instance, 21 * HOUR)

    assert 20 * HOUR <= took <= 20 * HOUR + 3
    assert len(execution(town).invocations) <= 130
    assert len(execution(town).operations) <= 12


@pytest.mark.parametrize(("takes", "bound"), [(100.0, 100.0), (600.0, 600.0), (5 * HOUR, 900.0)])
def test_with_all_events_lost_looks_find_it(town: Town, takes: float, bound: float) -> None:
    town.region.events.deliveries = lambda event: (1.0,) if event["source"] == "aws.autoscaling" else ()
    instance, there = container(town)
    town.ecs.run(there, "web:1", service="web", takes=takes)
    assert takes <= drained(town, instance, takes + HOUR) <= takes + bound + 10


def test_without_signals_looks_are_close(town_of: Callable[..., Town]) -> None:
    town = town_of(signals=False)
    instance, there = container(town)
    town.ecs.run(there, "web:1", service="web", takes=700)
    assert 700 <= drained(town, instance, HOUR) <= 780
    assert town.deployment.heard == []


def test_a_task_elsewhere_wakes_nobody(town: Town) -> None:
    instance, there = container(town)
    town.ecs.run(there, "web:1", service="web", takes=math.inf)
    other = town.ecs.register("i-0123456789abcdef0", "prod")
    town.region.terminate(instance)
    town.run(30)
    before = len(execution(town).invocations)
    tasks = town.ecs.run(other, "job:1", ends_after=5, count=30)
    town.run(8)

    assert all(task.told_of for task in tasks)
    assert len(execution(town).invocations) == before
    assert heard(town, "woken") == 0
    # Which instance a container instance is does not change: it is asked once.
    asked = [call for call in town.region.requests if call.operation == "DescribeContainerInstances"]
    assert len([call for call in asked if call.time > town.timeline.now() - 8]) == 1


def test_a_container_instance_that_is_gone_is_not_waited_for(town: Town) -> None:
    event = json.loads(Path("events/ecs-task-stopped.json").read_text())
    answer = handler_of(lambda: town.deployment.intake)(event, None)
    assert answer["outcome"] == "not awaited"


@pytest.mark.parametrize(("exit_code", "status"), [(0, Status.COMPLETED), (1, Status.HELD)])
def test_a_command_that_ends_is_heard_of(town: Town, exit_code: int, status: Status) -> None:
    (instance,) = town.group()
    town.run_command.behave(Behaviour(duration=1000, exit_code=exit_code))
    town.region.terminate(instance)
    town.run(1010)
    assert town.record(instance).status is status
    assert heard(town, "woken") == 1


def test_another_command_on_the_instance_wakes_nobody(town: Town) -> None:
    (instance,) = town.group(duration=1000)
    town.region.terminate(instance)
    town.run(30)
    town.run_command.behave(Behaviour(duration=1))
    with town.region.unobserved():
        town.region.client("ssm").send_command(
            DocumentName="AWS-RunShellScript", InstanceIds=[instance], Parameters={"commands": ["uptime"]}
        )
    town.run(5)
    assert heard(town, "woken") == 0
    assert heard(town, "not awaited") == 1


def test_a_signal_ends_the_wait(town: Town) -> None:
    instance = signalled(town)
    assert town.record(instance).detail == f"wait-for-signal: waiting for signal drained of instance {instance}"
    sent(town, instance, message="the queue is empty")
    town.run(2)

    record = town.record(instance)
    assert record.status is Status.COMPLETED
    assert record.steps[0].detail == "signal drained said success: the queue is empty"
    assert [signal.name for signal in record.signals] == ["drained"]
    assert any("signal drained" in message for message in record.messages)


def test_a_signal_of_failure_fails_the_step(town: Town) -> None:
    instance = signalled(town)
    sent(town, instance, result="failure", message="14 jobs are left")
    town.run(2)
    record = town.record(instance)
    assert record.status is Status.HELD
    assert "signal drained said failure: 14 jobs are left" in (record.problem or "")


def test_the_last_signal_of_a_name_counts(town: Town) -> None:
    plan_of_two = {"steps": [{"kind": "wait", "options": {"duration": "5m"}}, *WAIT["steps"]]}
    instance = signalled(town, NotificationMetadata=plan(plan_of_two))
    sent(town, instance, result="failure")
    town.run(2)
    sent(town, instance)
    town.run(2)
    # Nobody waits for it yet, so nobody is woken; the record keeps it until the step asks.
    assert heard(town, "woken") == 0
    assert town.record(instance).status is Status.WORKING
    town.run(300)
    assert town.record(instance).status is Status.COMPLETED


def test_a_signal_that_is_repeated_is_kept_once(town: Town) -> None:
    wait_for_another = {"steps": [{"kind": "wait-for-signal", "options": {"name": "another"}}]}
    instance = signalled(town, NotificationMetadata=plan(wait_for_another))
    for _ in range(3):
        sent(town, instance)
        town.run(2)
    assert len(town.record(instance).signals) == 1


def test_a_sender_that_does_not_stop_does_not_fill_the_record(town: Town) -> None:
    wait_for_another = {"steps": [{"kind": "wait-for-signal", "options": {"name": "another"}}]}
    instance = signalled(town, NotificationMetadata=plan(wait_for_another))
    before = len(execution(town).invocations)
    for number in range(60):
        sent(town, instance, message=f"{number}")
    town.run(5)
    assert len(town.record(instance).signals) == 50
    assert heard(town, "dropped") == 10
    assert len(execution(town).invocations) == before


def test_a_signal_for_another_hook_is_not_for_this_one(town: Town) -> None:
    instance = signalled(town)
    sent(town, instance, hook="another")
    town.run(2)
    assert town.record(instance).status is Status.WORKING
    sent(town, instance, hook="asg-lifecycle-terminate")
    town.run(2)
    assert town.record(instance).status is Status.COMPLETED


def test_a_signal_for_nothing_in_flight_is_dropped_and_said(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    sent(town, "i-0123456789abcdef0")
    town.run(2)
    said = [line.getMessage() for line in caplog.records if line.name == "asg-lifecycle"]
    assert said == ["signal drained of instance i-0123456789abcdef0 was dropped: no action of it is in flight"]
    assert town.deployment.heard == [{"outcome": "dropped", "reason": "no action of it is in flight"}]


def test_a_signal_after_the_end_is_dropped(town: Town) -> None:
    instance = signalled(town)
    sent(town, instance)
    town.run(10)
    sent(town, instance, message="again")
    town.run(2)
    assert heard(town, "dropped") == 1


def test_waking_is_not_a_word_of_an_operator(town: Town) -> None:
    """What comes does not give the plan its time again, and begins nothing that has failed."""
    limited = {**WAIT, "timeout": "10m", "on_timeout": "abandon"}
    first = {"kind": "wait", "options": {"duration": "60s"}}
    steps = {**limited, "steps": [first, COMMAND, *WAIT["steps"]]}
    (instance,) = town.group(duration=500, NotificationMetadata=plan(steps))
    town.region.terminate(instance)
    town.run(590)
    assert heard(town, "woken") == 1
    assert town.completions() == []
    town.run(30)
    assert town.completions() == ["ABANDON CompleteLifecycleAction"]


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem", "UpdateItem"])
def test_a_signal_that_could_not_be_handed_on_comes_again(town: Town, operation: str) -> None:
    instance = signalled(town)
    town.region.faults.throttle("dynamodb", operation, times=4)
    sent(town, instance)
    town.run(200)
    assert town.record(instance).status is Status.COMPLETED


def test_a_lost_answer_keeps_and_wakes_once(town: Town) -> None:
    instance = signalled(town)
    town.region.faults.lose_response("dynamodb", "UpdateItem")
    sent(town, instance)
    town.run(200)
    record = town.record(instance)
    assert record.status is Status.COMPLETED


def test_without_signals_the_step_says_so(town_of: Callable[..., Town]) -> None:
    town = town_of(signals=False)
    instance = signalled(town)
    assert "deploy with Signals=on" in (town.record(instance).problem or "")


def test_two_instances_hear_their_own(town: Town) -> None:
    first, second = town.group(capacity=2, NotificationMetadata=plan(WAIT))
    town.region.terminate(first)
    town.region.terminate(second)
    town.run(60)
    sent(town, second)
    town.run(2)
    assert (town.record(first).status, town.record(second).status) == (Status.WORKING, Status.COMPLETED)


@pytest.mark.parametrize("name", ["signal", "ecs-task-stopped", "ecs-container-instance", "command-ended"])
def test_the_samples_are_read(name: str) -> None:
    found = happening(json.loads(Path(f"events/{name}.json").read_text()))
    assert not isinstance(found, Ignore | Broken)


def test_everything_wrong_is_said_at_once() -> None:
    sample = json.loads(Path("events/signal.json").read_text())
    sample["detail"] = {"instance": "web-1", "signal": "no spaces", "result": "ok"}
    found = happening(sample)
    assert isinstance(found, Broken)
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
def test_whatever_comes_in_a_decision_comes_out(kind: tuple[str, str], detail: dict[str, Any]) -> None:
    source, detail_type = kind
    happening({"source": source, "detail-type": detail_type, "detail": detail})
