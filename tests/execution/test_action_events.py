"""Others are told of an action, and no drain is delayed or failed by it: the simulated bus and topic are the judge."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from asg_lifecycle.model import events, wake_events
from asg_lifecycle.model.action_events import SOURCE, ActionEvent, EventKind
from asg_lifecycle.model.actions import ActionResult
from asg_lifecycle.model.messages import Finish, Nudge, Resume
from asg_lifecycle.model.records import Status, action_of
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.parameters import Parameters
from asg_lifecycle_simulator.region.faults import Fault, FaultKind
from asg_lifecycle_simulator.services.durable_executions.checkpoints import CallCrash
from handlers import interruption, signal_received
from tests.execution.conftest import GROUP, TERMINATE_HOOK, Testbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from asg_lifecycle_simulator.deployment.testbed import Testbed as SimulatedTestbed

RARELY = pytest.mark.one_of(99)
DEREGISTER = {"kind": "deregister-targets", "options": {"names": ["blue"]}}
SIGNAL = {"kind": "wait-for-signal", "options": {"name": "ready"}}
FAILING = {"kind": "deregister-targets", "options": {"names": ["there-is-none"]}}
LONG = {"steps": [{**FAILING, "on_failure": "continue"}, {"kind": "wait", "options": {"duration": "10m"}}]}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:asg-lifecycle-actions"
CHAT = "https://global.sns-api.chatbot.amazonaws.com"


class SilentTestbed(Testbed):
    """The application where nobody is told."""

    def __init__(self) -> None:
        super(Testbed, self).__init__(partial(Deployment, parameters=Parameters(action_events=False)))
        self.started = self.timeline.now()


class TopicTestbed(Testbed):
    """The application where people are told through a topic, and no events are put on the bus."""

    def __init__(self) -> None:
        parameters = Parameters(action_events=False, action_topic=TOPIC)
        super(Testbed, self).__init__(partial(Deployment, parameters=parameters))
        self.started = self.timeline.now()


@pytest.fixture
def silent() -> Iterator[Testbed]:
    with SilentTestbed() as made:
        yield made


@dataclass(frozen=True)
class Drained:
    """How a drain went, in a region of its own."""

    elapsed: float
    beats: list[float]
    completions: list[str]
    reason: str | None
    operations: list[str]


def drained(testbed: Testbed, plan: Any, *, heartbeat: int = 300) -> Drained:
    drain(testbed, plan, heartbeat=heartbeat)
    # Branches are threads: which of two begins first is not said.
    operations = sorted(str(each) for each in testbed.finish().operations)
    return Drained(
        elapsed=testbed.elapsed,
        beats=testbed.beats(),
        completions=testbed.completions(),
        reason=testbed.record().reason,
        operations=operations,
    )


@cache
def undisturbed(heartbeat: int) -> Drained:
    """Return how the drain goes where nobody is told."""
    with SilentTestbed() as silent:
        return drained(silent, LONG, heartbeat=heartbeat)


@contextmanager
def topic_testbed() -> Iterator[Testbed]:
    with TopicTestbed() as made:
        with made.region.unobserved():
            made.region.client("sns").create_topic(Name=TOPIC.rpartition(":")[2])
        yield made


@pytest.fixture
def telling() -> Iterator[Testbed]:
    with topic_testbed() as made:
        yield made


def raw(testbed: SimulatedTestbed[Deployment]) -> list[dict[str, Any]]:
    return [event for event in testbed.region.events.emitted if event["source"] == SOURCE]


def heard(testbed: SimulatedTestbed[Deployment]) -> list[tuple[EventKind, ActionEvent]]:
    """Return the events that arrived at the bus, in order."""
    return [
        (EventKind(str(event["detail-type"])), msgspec.convert(event["detail"], ActionEvent)) for event in raw(testbed)
    ]


def kinds(testbed: SimulatedTestbed[Deployment]) -> list[str]:
    return [kind.value.removeprefix("Lifecycle Action ") for kind, _ in heard(testbed)]


def drain(testbed: Testbed, plan: Any = None, *, heartbeat: int = 300) -> str:
    (instance,) = testbed.group(plan=plan or {"steps": [DEREGISTER]}, heartbeat=heartbeat)
    testbed.target_group("blue", instance, delay=120)
    testbed.terminate(instance)
    return instance


# What is told


def test_the_start_and_the_end_of_an_action_are_told(testbed: Testbed) -> None:
    instance = drain(testbed)
    execution = testbed.finish()

    (_, started), (_, ended) = heard(testbed)
    assert kinds(testbed) == ["Started", "Ended"]
    token = testbed.record().token
    assert (started.id, ended.id) == (f"{token}-started-1", f"{token}-ended-1")
    assert (started.status, ended.status) == (Status.WORKING, Status.COMPLETED)
    assert (started.result, ended.result) == (None, ActionResult.CONTINUE)
    assert started.reason == f"the plan is from hook metadata: {testbed.record().plan_why}"
    assert ended.reason == testbed.record().reason
    for event in (started, ended):
        assert (event.group, event.hook, event.instance, event.token) == (GROUP, TERMINATE_HOOK, instance, token)
        assert (event.action, event.transition) == (token, "autoscaling:EC2_INSTANCE_TERMINATING")
        assert (event.plan_source, event.plan_name, event.version) == ("hook metadata", None, "1")
        assert (event.waiting_since, event.deadline) == (testbed.record().event_time, testbed.record().deadline)
        assert event.execution == execution.arn
        assert event.blockers == ()
    home = "https://eu-west-1.console.aws.amazon.com"
    assert ended.links.group == f"{home}/ec2/home?region=eu-west-1#AutoScalingGroupDetails:id=web;view=details"
    assert ended.links.instance == f"{home}/ec2/home?region=eu-west-1#InstanceDetails:instanceId={instance}"
    assert ended.links.function == f"{home}/lambda/home?region=eu-west-1#/functions/lifecycle-action"
    assert started.step is not None
    assert (started.step.number, started.step.of, started.step.kind) == (1, 1, "deregister-targets")
    assert ended.step is None


def test_every_field_is_in_the_event_even_if_it_has_no_value(testbed: Testbed) -> None:
    drain(testbed)
    testbed.finish()

    for event in raw(testbed):
        assert set(event["detail"]) == set(ActionEvent.__struct_fields__)


def test_the_name_of_a_stored_plan_is_told(testbed: Testbed) -> None:
    testbed.deployment.put_plan(GROUP, {"steps": []})
    (instance,) = testbed.group()
    testbed.terminate(instance)
    testbed.finish()

    assert [(event.plan_source, event.plan_name) for _, event in heard(testbed)] == [("group name", GROUP)] * 2


def test_a_failed_step_that_holds_is_told_with_what_held_it(testbed: Testbed) -> None:
    drain(testbed, {"steps": [{"kind": "wait", "options": {"duration": "1m"}}, FAILING]})
    testbed.run(300)

    assert kinds(testbed) == ["Started", "Step Failed", "Held"]
    failed, held = (event for _, event in heard(testbed)[1:])
    assert testbed.record().status is Status.HELD
    assert (failed.status, held.status) == (Status.WORKING, Status.HELD)
    assert failed.reason in held.reason
    assert held.reason == testbed.record().problem
    for event in (failed, held):
        assert event.step is not None
        assert (event.step.number, event.step.of, event.step.kind) == (2, 2, "deregister-targets")


def test_a_step_that_fails_and_is_passed_over_is_told_and_nothing_is_held(testbed: Testbed) -> None:
    drain(testbed, {"steps": [{**FAILING, "on_failure": "continue"}, DEREGISTER]})
    testbed.finish()

    assert kinds(testbed) == ["Started", "Step Failed", "Ended"]


def test_an_abandoned_action_is_told_as_that(testbed: Testbed) -> None:
    drain(testbed, {"steps": [FAILING], "on_failure": "abandon"})
    testbed.finish()

    assert kinds(testbed) == ["Started", "Step Failed", "Ended"]
    assert heard(testbed)[-1][1].result is ActionResult.ABANDON


@pytest.mark.parametrize("on_timeout", ["hold", "abandon"])
def test_what_blocks_an_instance_is_told_by_name(testbed: Testbed, on_timeout: str) -> None:
    instance = drain(testbed, {"steps": [SIGNAL], "timeout": "5m", "on_timeout": on_timeout})
    testbed.run(400)

    kind, event = heard(testbed)[-1]
    assert kind is (EventKind.HELD if on_timeout == "hold" else EventKind.ENDED)
    (blocker,) = event.blockers
    assert (blocker.kind, blocker.name) == ("signal", "ready")
    assert event.step is not None
    assert (event.step.number, event.step.kind) == (1, "wait-for-signal")
    assert event.instance == instance


def test_a_step_out_of_time_is_told_with_what_it_waited_for(testbed: Testbed) -> None:
    drain(testbed, {"steps": [{**SIGNAL, "timeout": "2m"}]})
    testbed.run(300)

    (failed,) = [event for kind, event in heard(testbed) if kind is EventKind.STEP_FAILED]
    assert [blocker.name for blocker in failed.blockers] == ["ready"]


def test_of_steps_side_by_side_the_one_that_failed_is_told_at_once(testbed: Testbed) -> None:
    drain(testbed, {"steps": [{"parallel": [SIGNAL, FAILING]}, DEREGISTER]})
    testbed.run(120)

    assert kinds(testbed) == ["Started", "Step Failed"]
    step = heard(testbed)[-1][1].step
    assert step is not None
    assert (step.number, step.of, step.kind) == (2, 3, "deregister-targets")


def test_a_plan_that_cannot_be_used_is_held_and_told(testbed: Testbed) -> None:
    drain(testbed, {"steps": [{"kind": "no-such-kind"}]})
    testbed.run(60)

    assert kinds(testbed) == ["Started", "Held"]
    assert "no-such-kind" in heard(testbed)[-1][1].reason
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.CONTINUE, by="ann"))
    testbed.finish()
    assert kinds(testbed) == ["Started", "Held", "Ended"]
    assert "ann" in heard(testbed)[-1][1].reason


def test_an_action_that_ends_without_us_is_told_as_over(testbed: Testbed) -> None:
    instance = drain(testbed)
    testbed.run(10)
    with testbed.region.unobserved():
        testbed.region.client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=GROUP,
            LifecycleHookName=TERMINATE_HOOK,
            InstanceId=instance,
            LifecycleActionResult="CONTINUE",
        )
    testbed.finish()

    _, ended = heard(testbed)[-1]
    assert (ended.status, ended.result) == (Status.OVER, None)


def test_nobody_is_told_of_what_is_only_observed(testbed: Testbed) -> None:
    drain(testbed, {"steps": [DEREGISTER], "observe": True})
    testbed.finish()

    assert heard(testbed) == []


# Told twice, and told anew


def test_what_is_held_again_has_another_id(testbed: Testbed) -> None:
    drain(testbed, {"steps": [FAILING]})
    testbed.run(200)
    testbed.deployment.send_message(testbed.record(), Resume(by="ann"))
    testbed.run(200)

    assert kinds(testbed) == ["Started", *["Step Failed", "Held"] * 2]
    assert len({event.id for _, event in heard(testbed)}) == 5


def test_what_the_execution_that_takes_over_tells_has_other_ids(testbed: Testbed) -> None:
    drain(testbed, {"steps": [{"kind": "wait", "options": {"duration": "1m"}}, FAILING]})
    testbed.run(10)
    # So the step fails in the second round of this execution, as it will in that of the next.
    testbed.deployment.send_message(testbed.record(), Nudge(by="ann"))
    testbed.run(200)
    record = testbed.record()
    testbed.deployment.service.stop(record.execution)
    start = StartRequest(reason=StartReason.TAKEOVER, action=action_of(record), takes_over=record.execution)
    testbed.deployment.start(payload(start))
    testbed.run(60)
    assert kinds(testbed) == ["Started", "Step Failed", "Held"]
    testbed.deployment.send_message(testbed.record(), Resume(by="ann"))
    testbed.run(200)

    assert kinds(testbed) == ["Started", *["Step Failed", "Held"] * 2]
    assert len({event.id for _, event in heard(testbed)}) == 5
    assert len({event.id.removesuffix("-2-2")[:-8] for kind, event in heard(testbed) if "Step" in kind}) == 1


@pytest.mark.parametrize(
    "call", [pytest.param(call, marks=[] if call in {1, 6, 10, 13} else RARELY) for call in range(1, 14)]
)
def test_what_a_dying_lambda_tells_twice_has_one_id(testbed: Testbed, call: int) -> None:
    testbed.deployment.service.call_crashes.append(CallCrash(invocation=1, call=call, after=True))
    drain(testbed, {"steps": [{**FAILING, "on_failure": "continue"}]})
    testbed.finish()

    told = Counter(event.id.rpartition("-")[0] for _, event in heard(testbed))
    assert len(told) == 3, told
    assert len({event.id for _, event in heard(testbed)}) == 3
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_lambda_that_dies_before_its_result_is_kept_tells_it_again() -> None:
    told: set[tuple[str, int]] = set()
    # First those after which it happens today.
    for call in (6, 10, *range(1, 14)):
        if {("Started", 2), ("Ended", 2)} <= told:
            break
        with Testbed() as dying:
            dying.deployment.service.call_crashes.append(CallCrash(invocation=1, call=call, after=True))
            drain(dying, {"steps": []})
            dying.finish()
            told |= {*Counter(kinds(dying)).items()}
    assert {("Started", 2), ("Ended", 2)} <= told


# What cannot be told

REFUSED = Fault(FaultKind.REFUSED, "ValidationException")
UNTOLD: dict[str, Callable[[Testbed, str, str], None]] = {
    "denied": lambda testbed, *call: testbed.region.faults.deny(*call),
    "throttled": lambda testbed, *call: testbed.region.faults.throttle(*call, times=100),
    "unavailable": lambda testbed, *call: testbed.region.faults.fail(
        *call, code="InternalFailure", status=500, times=100
    ),
    "request lost": lambda testbed, *call: testbed.region.faults.lose_request(*call, times=100),
    "answer lost": lambda testbed, *call: testbed.region.faults.lose_response(*call, times=100),
    "refused": lambda testbed, *call: testbed.region.faults.stand(
        *call, Fault(FaultKind.REFUSED, "ValidationException")
    ),
}


def metrics(capsys: pytest.CaptureFixture[str]) -> Counter[str]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws')]
    totals: Counter[str] = Counter()
    for line in lines:
        for directive in line["_aws"]["CloudWatchMetrics"]:
            totals.update({metric["Name"]: int(sum(line[metric["Name"]])) for metric in directive["Metrics"]})
    return totals


@pytest.mark.parametrize(
    ("fault", "heartbeat", "service", "operation"),
    [
        pytest.param(fault, heartbeat, *call, marks=[] if number % 7 == 0 else RARELY)
        for number, (fault, heartbeat, call) in enumerate(
            product(UNTOLD, (30, 300, 3600), (("events", "PutEvents"), ("sns", "Publish")))
        )
    ],
)
def test_a_drain_is_the_same_when_nobody_can_be_told(
    capsys: pytest.CaptureFixture[str], fault: str, heartbeat: int, service: str, operation: str
) -> None:
    expected = undisturbed(heartbeat)
    capsys.readouterr()
    with Testbed() if service == "events" else topic_testbed() as testbed:
        UNTOLD[fault](testbed, service, operation)
        assert drained(testbed, LONG, heartbeat=heartbeat) == expected

        assert testbed.calls(service) == {operation: 3}
    assert expected.completions == ["CONTINUE CompleteLifecycleAction"]
    counted = metrics(capsys)
    assert counted["ActionEventsUnpublished"] == 3
    assert counted["PermissionsMissing"] == (3 if fault == "denied" else 0)
    assert counted["InternalErrors"] == 0


def test_an_entry_that_is_refused_is_counted(
    testbed: Testbed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # An answer of EventBridge whose entry was not taken: the simulated bus refuses sources that are AWS's.
    monkeypatch.setattr("asg_lifecycle.aws.action_events.SOURCE", "aws.lifecycle")
    drain(testbed)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert metrics(capsys)["ActionEventsUnpublished"] == 2


def test_a_fault_of_ours_in_telling_does_not_hold_the_instance(
    testbed: Testbed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asg_lifecycle.execution.action_events.action_event", lambda *_, **__: 1 / 0)
    drain(testbed)
    testbed.finish()

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert metrics(capsys)["InternalErrors"] == 2


def test_the_end_is_told_even_if_the_table_is_down(testbed: Testbed) -> None:
    drain(testbed)
    testbed.run(20)
    testbed.region.faults.deny("dynamodb", "UpdateItem")
    testbed.finish()

    kind, ended = heard(testbed)[-1]
    assert (kind, ended.status, ended.plan_source) == (EventKind.ENDED, Status.COMPLETED, "hook metadata")
    assert ended.deadline is None


# Nobody is told


def test_where_it_is_off_nothing_is_called(silent: Testbed) -> None:
    drain(silent, {"steps": [{**FAILING, "on_failure": "continue"}, DEREGISTER]})
    silent.finish()

    assert silent.calls("events") == silent.calls("sns") == {}
    assert raw(silent) == []


def test_where_it_is_off_nothing_is_loaded() -> None:
    script = (
        "import sys\n"
        "from asg_lifecycle.composition.lifecycle_action import compose\n"
        "from asg_lifecycle.settings import Settings\n"
        "for settings in ({}, {'action_events': True}):\n"
        "    compose(Settings(table='t', hook_name_prefix='', record_retention=1.0, **settings))\n"
        "    print(sorted(name for name in sys.modules if 'action_event' in name))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    off, on = done.stdout.splitlines()
    assert off == "[]"
    assert "asg_lifecycle.model.action_events" in on


def test_an_execution_is_the_same_whether_others_are_told_or_not() -> None:
    with Testbed() as testbed:
        told = drained(testbed, LONG)
        assert kinds(testbed) == ["Started", "Step Failed", "Ended"]
    assert told == undisturbed(300)


# No loops


def test_nothing_of_ours_acts_on_an_event_of_ours(testbed: Testbed) -> None:
    drain(testbed, {"steps": [FAILING]})
    testbed.run(300)
    testbed.deployment.send_message(testbed.record(), Finish(ActionResult.CONTINUE, by="ann"))
    testbed.finish()

    assert set(kinds(testbed)) == {"Started", "Step Failed", "Held", "Ended"}
    assert len(testbed.deployment.executions) == 1
    assert testbed.deployment.heard == []
    intake = testbed.deployment.intake
    for event in raw(testbed):
        for with_starts in (False, True):
            decision = events.decide(event, hook_name_prefix="", with_starts=with_starts)
            assert decision == events.Ignore(f"source {SOURCE!r} is not 'aws.autoscaling'")
        assert isinstance(wake_events.happening(event), events.Ignore)
        executions = len(testbed.deployment.executions)
        signal_received.handle(event, intake)
        interruption.handle(event, intake)
        assert len(testbed.deployment.executions) == executions
        assert testbed.deployment.start(event) is not None
        testbed.run(1)
        assert testbed.deployment.executions[-1].result["outcome"] == "ignored"


# People


class Inbox:
    """What the subscribers of the topic got: a queue that stands for mail, and the HTTPS endpoint of the chat."""

    def __init__(self, testbed: Testbed, monkeypatch: pytest.MonkeyPatch, **filtered: Any) -> None:
        self._testbed = testbed
        self.posted: list[dict[str, Any]] = []

        def post(url: str, **request: Any) -> None:
            assert url == CHAT
            self.posted.append(request["json"])

        monkeypatch.setattr("moto.sns.models.requests.post", post)
        with testbed.region.unobserved():
            sqs, sns = testbed.region.client("sqs"), testbed.region.client("sns")
            self._queue = sqs.create_queue(QueueName="mail")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
            attributes = {"FilterPolicy": json.dumps(filtered)} if filtered else {}
            sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=arn, Attributes=attributes)
            sns.subscribe(TopicArn=TOPIC, Protocol="https", Endpoint=CHAT)

    def mails(self) -> list[tuple[str, str]]:
        with self._testbed.region.unobserved():
            received = self._testbed.region.client("sqs").receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        bodies = [json.loads(message["Body"]) for message in received.get("Messages", [])]
        return [(body["Subject"], body["Message"]) for body in bodies]

    def chats(self) -> list[dict[str, Any]]:
        return [json.loads(each["Message"]) for each in self.posted]


def test_people_get_three_lines_and_a_link(telling: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(telling, monkeypatch)
    instance = drain(telling, {"steps": [SIGNAL], "timeout": "5m", "on_timeout": "hold"})
    telling.run(400)

    (_, _), (subject, message) = inbox.mails()
    assert subject == f"Held: {instance} in web"
    first, second, third, link = message.splitlines()
    assert first == (
        f"Instance {instance} of group web has been waiting for 5m1s under the terminate hook "
        f"{TERMINATE_HOOK}, step 1 of 1 (wait-for-signal)."
    )
    assert second == "Held: the work was not done within 5m"
    assert third.startswith("It is kept by signal ready (")
    assert (
        link
        == "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#AutoScalingGroupDetails:id=web;view=details"
    )
    assert telling.calls("events") == {}


def test_a_chat_gets_custom_notifications_in_one_thread(telling: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(telling, monkeypatch)
    instance = drain(telling, {"steps": [FAILING]})
    telling.run(300)
    telling.deployment.send_message(telling.record(), Finish(ActionResult.CONTINUE, by="ann"))
    telling.finish()

    chats = inbox.chats()
    assert [chat["metadata"]["eventType"] for chat in chats] == [
        "Lifecycle Action Started",
        "Lifecycle Action Step Failed",
        "Lifecycle Action Held",
        "Lifecycle Action Ended",
    ]
    assert {chat["metadata"]["threadId"] for chat in chats} == {telling.record().token}
    for chat in chats:
        assert (chat["version"], chat["source"], chat["content"]["textType"]) == ("1.0", "custom", "client-markdown")
        assert len(chat["content"]["description"].splitlines()) == 3
        assert chat["metadata"]["relatedResources"] == [instance, GROUP]
        assert set(chat["content"]) <= {"textType", "title", "description", "nextSteps", "keywords"}
        assert all(isinstance(step, str) and step for step in chat["content"]["nextSteps"])
    assert f"`asg-lifecycle why {instance}`" in chats[2]["content"]["nextSteps"]
    assert chats[3]["content"]["title"] == f":checkered_flag: Ended with CONTINUE: {instance} in web"


def test_a_subscription_may_ask_for_what_is_held_alone(telling: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = Inbox(telling, monkeypatch, kind=["held"], group=[GROUP])
    drain(telling, {"steps": [FAILING]})
    telling.run(300)

    assert [subject.split(":")[0] for subject, _ in inbox.mails()] == ["Held"]
    assert len(inbox.posted) == 3
