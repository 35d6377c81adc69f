"""Events end waits at once. Polls find what was lost, and an event that no action waits for wakes no execution."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.cli.story_page.page import story_page
from asg_lifecycle.composition.observer import compose_observer
from asg_lifecycle.model.action_story import story_values
from asg_lifecycle.model.events import Ignore, Invalid
from asg_lifecycle.model.records import Status, blockers_of
from asg_lifecycle.model.signals import Signal
from asg_lifecycle.model.story_telling import story_of
from asg_lifecycle.model.wake_events import READERS, happening
from asg_lifecycle.store.signals import MOST_KEPT, Signals
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.services.automations import Runbook
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from asg_lifecycle_simulator.services.state_machines import Machine
from handlers import signal_received
from tests.intake.conftest import COMMAND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


WORD = "f3a9" * 16
OTHERS_WORD = "0b7c" * 16
WAIT_FOR_WORD = {"steps": [{"kind": "wait-for-signal", "options": {"name": "drained", "word": True}}]}


def with_word(testbed: IntakeTestbed, *, tagged: bool = True) -> str:
    """Let an instance that has given itself a word wait for the signal `drained`."""
    (instance,) = testbed.group(NotificationMetadata=plan(WAIT_FOR_WORD))
    if tagged:
        give(testbed, instance, WORD)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    return instance


def give(testbed: IntakeTestbed, instance: str, word: str) -> None:
    """Do what the script `asg-lifecycle-word` does."""
    tag = {"Key": "asg-lifecycle:word/drained", "Value": hashlib.sha256(word.encode()).hexdigest()}
    with testbed.region.unobserved():
        testbed.region.client("ec2").create_tags(Resources=[instance], Tags=[tag])


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


@pytest.mark.parametrize(("hours", "most"), [(6, 45), pytest.param(20, 130, marks=pytest.mark.one_of(99))])
def test_a_drain_of_many_hours_costs_few_wake_ups(testbed: IntakeTestbed, hours: int, most: int) -> None:
    instance, there = container(testbed, timeout=3600)
    testbed.ecs.run(there, "game:1", service="game", takes=hours * HOUR)
    took = drained(testbed, instance, (hours + 1) * HOUR)

    assert hours * HOUR <= took <= hours * HOUR + 3
    assert len(execution(testbed).invocations) <= most
    assert len(execution(testbed).operations) <= 12


@pytest.mark.parametrize(("takes", "bound"), [(100.0, 100.0), (600.0, 600.0), (HOUR, 900.0)])
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


AUTOMATION = {"steps": [{"kind": "run-automation", "options": {"document": "Shop-Archive"}}]}
MACHINE = {
    "steps": [
        {
            "kind": "start-execution",
            "options": {"state_machine": "decommission", "input": {"instance": "{instance}"}},
        }
    ]
}


@pytest.mark.parametrize(("ended", "status"), [("Success", Status.COMPLETED), ("Failed", Status.HELD)])
def test_the_end_of_an_automation_ends_the_wait(testbed: IntakeTestbed, ended: str, status: Status) -> None:
    testbed.automations.publish("Shop-Archive", Runbook(duration=1000, status=ended))
    (instance,) = testbed.group(NotificationMetadata=plan(AUTOMATION))
    testbed.autoscaling.terminate(instance)
    testbed.run(1010)
    assert testbed.record(instance).status is status
    assert heard(testbed, "woken") == 1


@pytest.mark.parametrize(("ended", "status"), [("SUCCEEDED", Status.COMPLETED), ("FAILED", Status.HELD)])
def test_the_end_of_an_execution_ends_the_wait(testbed: IntakeTestbed, ended: str, status: Status) -> None:
    # What Step Functions tells at once is what it has told by an event.
    testbed.state_machines.late_by = 0.0
    testbed.state_machines.make("decommission", Machine(duration=1000, status=ended))
    (instance,) = testbed.group(NotificationMetadata=plan(MACHINE))
    testbed.autoscaling.terminate(instance)
    testbed.run(1010)
    assert testbed.record(instance).status is status
    assert heard(testbed, "woken") == 1


def test_an_event_that_is_earlier_than_what_step_functions_tells_loses_nothing(testbed: IntakeTestbed) -> None:
    testbed.state_machines.late_by = 60.0
    testbed.state_machines.make("decommission", Machine(duration=1000))
    (instance,) = testbed.group(NotificationMetadata=plan(MACHINE))
    testbed.autoscaling.terminate(instance)
    testbed.run(1030)
    assert testbed.record(instance).status is Status.WORKING
    testbed.run(900)
    assert testbed.record(instance).status is Status.COMPLETED


def test_runbooks_and_state_machines_of_others_wake_nobody(testbed: IntakeTestbed) -> None:
    testbed.automations.publish("Shop-Archive", Runbook(duration=1000))
    testbed.state_machines.make("decommission", Machine(duration=1))
    (instance,) = testbed.group(NotificationMetadata=plan(AUTOMATION))
    testbed.autoscaling.terminate(instance)
    testbed.run(30)
    testbed.automations.publish("Shop-Archive", Runbook(duration=1))
    arn = testbed.state_machines.make("decommission", Machine(duration=1))
    tags = [{"Key": "asg-lifecycle:instance", "Value": instance}]
    with testbed.region.unobserved():
        testbed.region.client("ssm").start_automation_execution(DocumentName="Shop-Archive")
        testbed.region.client("ssm").start_automation_execution(DocumentName="Shop-Archive", Tags=tags)
        testbed.region.client("stepfunctions").start_execution(stateMachineArn=arn, name="nightly")
    testbed.run(10)
    assert heard(testbed, "woken") == 0
    assert heard(testbed, "not awaited") == 2


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


SAMPLES = [
    "signal",
    "ecs-task-stopped",
    "ecs-container-instance",
    "command-ended",
    "automation-ended",
    "execution-ended",
]


@pytest.mark.parametrize("name", SAMPLES)
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
FIELDS += ["ExecutionId", "Status", "name"]


@given(
    st.sampled_from(sorted(READERS)),
    st.dictionaries(st.sampled_from(FIELDS), json_values | st.sampled_from(["STOPPED", "ACTIVE", "Success"])),
)
def test_every_event_has_a_decision(kind: tuple[str, str], detail: dict[str, Any]) -> None:
    source, detail_type = kind
    happening({"source": source, "detail-type": detail_type, "detail": detail})


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """Yield the log lines as they are written: the logger keeps the stream that it began with."""
    (handler,) = (it for it in compose_observer("local").logger.handlers if isinstance(it, logging.StreamHandler))
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


def everything_kept(testbed: IntakeTestbed, instance: str, log_lines: io.StringIO, printed: str) -> str:
    """Return all that is kept, logged and told of an action."""
    record = testbed.record(instance)
    history = "".join(repr(vars(operation)) for operation in execution(testbed).record.get_assertable_operations())
    story = story_of(record, testbed.timeline.now())
    shown = json.dumps(story_values(story)) + story_page(story)
    return f"{record}{log_lines.getvalue()}{printed}{history}{shown}{testbed.deployment.heard}"


def test_a_word_of_its_own_ends_the_wait_and_is_seen_nowhere(
    capsys: pytest.CaptureFixture[str], log_lines: io.StringIO, testbed: IntakeTestbed
) -> None:
    instance = with_word(testbed)
    sent(testbed, instance, word=WORD, message=f"all done, {WORD}")
    testbed.run(60)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    (signal,) = testbed.record(instance).signals
    assert signal.proved
    kept = everything_kept(testbed, instance, log_lines, capsys.readouterr().out)
    assert "all done, [redacted]" in kept
    assert WORD not in kept


@pytest.mark.parametrize(
    "word",
    [
        None,
        OTHERS_WORD,
        WORD[:-1],
        WORD + " ",
        WORD.upper(),
        hashlib.sha256(WORD.encode()).hexdigest(),
        "",
        7,
        [WORD],
        {"word": WORD},
        "x" * 5000,
    ],
)
@pytest.mark.parametrize("result", ["success", pytest.param("failure", marks=pytest.mark.one_of(5))])
def test_a_signal_without_the_word_of_its_instance_is_dropped_and_counted(
    capsys: pytest.CaptureFixture[str], log_lines: io.StringIO, testbed: IntakeTestbed, word: Any, result: str
) -> None:
    instance = with_word(testbed)
    detail = {} if word is None else {"word": word}
    sent(testbed, instance, result=result, message=f"let me through: {word}", **detail)
    testbed.run(600)
    assert testbed.completions() == []
    assert testbed.record(instance).signals == ()
    assert heard(testbed, "dropped") == 1
    kept = everything_kept(testbed, instance, log_lines, capsys.readouterr().out)
    assert f"signal drained of instance {instance} was dropped: " in kept
    assert '"SignalsRefused":[1.0]' in kept
    if isinstance(word, str) and len(word) > 3 and word not in hashlib.sha256(WORD.encode()).hexdigest():
        assert word not in kept
    # The instance itself is heard all the same.
    sent(testbed, instance, word=WORD)
    testbed.run(60)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_another_instance_s_word_is_none(testbed: IntakeTestbed) -> None:
    instance = with_word(testbed, tagged=False)
    sent(testbed, instance, word=WORD)
    testbed.run(600)
    assert testbed.completions() == []
    (blocker,) = blockers_of(testbed.record(instance))
    assert "no tag asg-lifecycle:word/drained" in blocker.reason
    # A word that is given later counts from then on.
    give(testbed, instance, WORD)
    sent(testbed, instance, word=WORD)
    testbed.run(60)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_signals_without_their_word_leave_room_for_those_with_it(testbed: IntakeTestbed) -> None:
    instance = with_word(testbed)
    for number in range(MOST_KEPT + 5):
        sent(testbed, instance, signal=f"noise-{number}")
    testbed.run(60)
    assert len(testbed.record(instance).signals) == MOST_KEPT
    sent(testbed, instance, word=WORD)
    testbed.run(60)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_signal_that_came_before_the_plan_was_known_counts_with_its_word_alone(testbed: IntakeTestbed) -> None:
    instance = with_word(testbed)
    signals = Signals(Clients(), TABLE)
    unproved = Signal(name="drained", succeeded=True, message="", at=testbed.timeline.now())
    assert signals.keep(testbed.record(instance), unproved) is not None
    testbed.run(900)
    assert testbed.completions() == []


def test_where_the_plan_asks_for_no_word_a_wrong_one_is_none_all_the_same(testbed: IntakeTestbed) -> None:
    instance = signalled(testbed)
    sent(testbed, instance, word=OTHERS_WORD)
    testbed.run(60)
    assert testbed.completions() == []
    sent(testbed, instance)
    testbed.run(60)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
