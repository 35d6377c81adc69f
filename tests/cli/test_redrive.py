"""Dead letters are listed, shown and started again, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from moto.sqs.models import SQSBackend
from typer.testing import CliRunner

from asg_lifecycle.aws.queues import DeadLetter
from asg_lifecycle.cli.app import application
from asg_lifecycle.cli.output import table_of
from asg_lifecycle.cli.redrive import COLUMNS, ListedContent
from asg_lifecycle.intake.redrive import Content
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH, Deployment
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

HOOK = "asg-lifecycle-terminate"


long_polling = SQSBackend.receive_message


def receive_at_once(backend: SQSBackend, queue: str, count: int, _wait: int, *rest: Any) -> list[Any]:
    """Receive without waiting."""
    return long_polling(backend, queue, count, 0, *rest)


class RedriveTestbed(Testbed[Deployment]):
    """The application with its dead-letter queues, and a stack that says where they are."""

    def __init__(self) -> None:
        super().__init__(Deployment)

    def open(self) -> None:
        # In virtual time nothing arrives while a receiver waits; moto would wait in real time.
        self.region.replace(SQSBackend, "receive_message", receive_at_once)
        self.deployment.open_queues(self.autoscaling)
        queues = self.deployment.queues
        values = {
            "FunctionAlias": self.deployment.service.alias_arn,
            "Table": TABLE,
            "PlanPath": PLAN_PATH,
            "RuleDeadLetterQueueUrl": queues["rule"],
            "FunctionDeadLetterQueueUrl": queues["function"],
            "NotificationDeadLetterQueueUrl": queues["notification-dead"],
        }
        template = {
            "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in values.items()},
        }
        with self.region.unobserved():
            client = self.region.client("cloudformation")
            client.create_stack(StackName="asg-lifecycle", TemplateBody=json.dumps(template))

    def waiting(self, *, heartbeat: int = 7200) -> str:
        (instance,) = self.autoscaling.create_group("web")
        self.autoscaling.put_hook("web", HOOK, "TERMINATING", HeartbeatTimeout=heartbeat)
        self.autoscaling.terminate(instance)
        return instance

    def lose_executions(self, instance: str) -> None:
        """Let the claim of the instance's event fail until Lambda gives the event up."""
        self.region.faults.deny("dynamodb", "PutItem")
        self.timeline.run_for(1200)
        self.region.faults.allow("dynamodb", "PutItem")
        assert [each.status for each in self.deployment.executions] == ["FAILED"]
        assert self.autoscaling.instance_state(instance) == "Terminating:Wait"

    def put(self, queue: str, body: str) -> None:
        with self.region.unobserved():
            self.region.client("sqs").send_message(QueueUrl=self.deployment.queues[queue], MessageBody=body)


@pytest.fixture
def testbed() -> Iterator[RedriveTestbed]:
    with RedriveTestbed() as made:
        made.open()
        yield made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application, ["redrive", *arguments])


def listed() -> list[dict[str, Any]]:
    result = run("list", "--json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_an_event_whose_execution_failed_is_started_again(testbed: RedriveTestbed) -> None:
    instance = testbed.waiting()
    testbed.lose_executions(instance)
    (dead_letter,) = listed()
    assert dead_letter["error"].startswith("200 ")
    assert (dead_letter["group"], dead_letter["hook"], dead_letter["instance"]) == ("web", HOOK, instance)
    assert dead_letter["standing"] == "none"

    result = run("start", dead_letter["message"])
    assert result.exit_code == 0, result.output
    assert f"group web, hook {HOOK}, instance {instance}: started, started again with its event" in result.stdout
    testbed.timeline.run_for(60)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert listed() == []
    assert "there are no dead letters" in run("start", "--all").stdout


def test_an_event_that_the_rule_could_not_deliver_is_started_again(testbed: RedriveTestbed) -> None:
    testbed.deployment.rule_fails = True
    testbed.waiting()
    testbed.timeline.run_for(10)
    (dead_letter,) = listed()
    assert dead_letter["error"] == "NO_PERMISSIONS not authorized to invoke"
    assert run("start", "--all").exit_code == 0
    testbed.timeline.run_for(60)

    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_dead_execution_is_taken_over(testbed: RedriveTestbed) -> None:
    instance = testbed.waiting()
    testbed.region.faults.deny("autoscaling", "CompleteLifecycleAction")
    testbed.timeline.run_for(30)
    record = testbed.deployment.record("web", HOOK, instance)
    assert record is not None
    testbed.deployment.service.stop(record.execution)
    testbed.region.faults.allow("autoscaling", "CompleteLifecycleAction")
    (dead_letter,) = listed()
    assert dead_letter["standing"] == "dead"

    result = run("start", dead_letter["message"])
    assert "takes over from" in result.stdout
    testbed.timeline.run_for(60)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_what_an_execution_works_on_is_left_alone_and_kept(testbed: RedriveTestbed) -> None:
    testbed.region.faults.deny("autoscaling", "CompleteLifecycleAction")
    testbed.waiting()
    testbed.timeline.run_for(30)
    (event,) = [json.loads(execution.payload) for execution in testbed.deployment.executions]
    testbed.put("notification-dead", json.dumps(event["detail"] | {"Time": event["time"]}))

    result = run("start", "--all")
    assert result.exit_code == 1
    assert "left alone" in result.stdout
    assert len(listed()) == 1
    assert len(testbed.deployment.executions) == 1


def test_what_there_is_nothing_to_start_for_is_kept_unless_it_is_to_be_discarded(testbed: RedriveTestbed) -> None:
    testbed.put("rule", "{broken")
    kept = run("start", "--all")
    assert kept.exit_code == 1
    assert "--discard deletes it" in kept.stdout
    assert len(listed()) == 1
    (message,) = [each["message"] for each in listed()]
    discarded = run("start", "--all", "--discard")
    assert discarded.exit_code == 0
    assert discarded.stdout.splitlines()[-1] == f"{message}: deleted, with what is broken in it"
    assert listed() == []


def start_request(testbed: RedriveTestbed, instance: str) -> str:
    action = LifecycleAction(
        token=None,
        group="web",
        hook=HOOK,
        instance=instance,
        transition=Transition.TERMINATING,
        time=testbed.timeline.now(),
    )
    return json.dumps(payload(StartRequest(reason=StartReason.SWEEP, action=action)))


def test_a_start_request_is_accepted_from_the_functions_own_queue(testbed: RedriveTestbed) -> None:
    testbed.region.events.deliveries = lambda _: ()
    testbed.put("function", start_request(testbed, testbed.waiting()))
    assert run("start", "--all").exit_code == 0
    testbed.timeline.run_for(60)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.parametrize("queue", ["rule", "notification-dead"])
def test_a_start_request_is_not_accepted_from_a_queue_that_others_may_write_to(
    testbed: RedriveTestbed, queue: str
) -> None:
    testbed.region.events.deliveries = lambda _: ()
    testbed.put(queue, start_request(testbed, testbed.waiting()))
    (dead_letter,) = listed()
    assert dead_letter["standing"] == "broken"
    assert "accepted only in the dead-letter queue of the stack's own function" in dead_letter["reason"]
    assert run("start", "--all").exit_code == 1
    assert testbed.deployment.executions == []


def test_a_dead_letter_whose_start_fails_is_kept(testbed: RedriveTestbed) -> None:
    instance = testbed.waiting()
    testbed.lose_executions(instance)
    testbed.region.faults.deny("lambda", "Invoke")
    result = run("start", "--all")

    assert result.exit_code == 1
    assert "permission lambda:InvokeFunction is missing" in result.stderr
    assert len(listed()) == 1


def test_a_dead_letter_is_shown_whole(testbed: RedriveTestbed) -> None:
    instance = testbed.waiting()
    testbed.lose_executions(instance)
    (dead_letter,) = listed()
    shown = json.loads(run("show", dead_letter["message"]).stdout)

    assert json.loads(shown["body"])["detail"]["EC2InstanceId"] == instance
    assert set(shown["attributes"]) == {"RequestID", "ErrorCode", "ErrorMessage"}


def test_the_list_for_people(testbed: RedriveTestbed) -> None:
    assert run("list").stdout == "there are no dead letters\n"
    named = run("start", "x")
    assert named.exit_code == 1
    assert (named.stdout, named.stderr) == ("", "x: there is no such dead letter, or somebody else holds it\n")
    instance = testbed.waiting()
    testbed.lose_executions(instance)
    assert instance in run("list").stdout
    (each,) = listed()
    now = testbed.timeline.now()
    content = Content(standing="broken", reason="expected JSON, found something quite long")
    letter = DeadLetter(
        id=each["message"], queue="q", body="", sent_at=now, attributes={"ErrorMessage": "x" * 300}, receipt=""
    )
    table = table_of([ListedContent(dead_letter=letter, content=content, now=now)], COLUMNS, 80)
    assert each["message"] in table.plain
    assert all(len(line) <= 80 for line in table.plain.splitlines())


def test_wrong_usage(testbed: RedriveTestbed) -> None:
    del testbed
    assert run("start").exit_code == 2
    assert run("start", "x", "--all").exit_code == 2
    missing = run("list", "--stack", "nobody")
    assert missing.exit_code == 2
    assert "stack nobody could not be read" in missing.stderr
    assert run("show", "nothing").exit_code == 1
    assert run("start", "nothing").exit_code == 1


def test_the_stack_is_not_asked_when_everything_is_given(testbed: RedriveTestbed) -> None:
    queue, arn = testbed.deployment.queues["rule"], testbed.deployment.service.alias_arn
    result = run("list", "--stack", "nobody", "--queue", queue, "--function", arn, "--table", TABLE)
    assert result.exit_code == 0, result.output
