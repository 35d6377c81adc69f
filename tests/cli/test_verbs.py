"""Operators end, skip and nudge actions, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.model.action_summary import Standing, standing_of
from asg_lifecycle.model.actions import LifecycleAction, Transition
from asg_lifecycle.model.messages import Nudge
from asg_lifecycle.model.start_requests import StartReason, StartRequest, payload
from asg_lifecycle.model.verbs import ENDS_WORK, Verb
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, HOOK, MISSPELT, SIGNAL, run, waiting

if TYPE_CHECKING:
    from asg_lifecycle.model.records import Record
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

WHY = ("--reason", "told to", "--yes")


def record_of(testbed: Testbed[Deployment], instance: str, group: str = "web") -> Record:
    record = testbed.deployment.record(group, HOOK, instance)
    assert record is not None
    return record


@pytest.mark.parametrize(("verb", "result"), [("finish", "CONTINUE"), ("abandon", "ABANDON")])
def test_an_action_is_ended_and_the_record_says_by_whom_when_and_why(
    stack: Testbed[Deployment], verb: str, result: str
) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, COMMAND)
    done = run(verb, instance, *WHY)
    stack.run(30)

    assert done.exit_code == 0, done.output
    assert (
        f"{instance} (group web, hook {HOOK}, working): ends with {result}, with 2 of 2 steps not done" in done.stdout
    )
    assert "heard, now comple" in done.stdout
    assert stack.completions() == [f"{result} CompleteLifecycleAction"]
    (said,) = record_of(stack, instance).messages
    assert said.startswith(f"finish {result}, said arn:aws:sts::123456789012:")
    assert said.endswith("at 2100-01-01T00:00:05Z: told to")


def test_the_present_step_is_skipped_and_the_next_one_begins(stack: Testbed[Deployment]) -> None:
    stack.run_command.behave(Behaviour(duration=600))
    (instance,) = waiting(stack, "web", SIGNAL, COMMAND)
    done = run("skip", instance, *WHY)
    stack.run(5)

    assert done.exit_code == 0
    assert "leaves step 1 of 2 (wait-for-signal) and goes on" in done.stdout
    assert [step.outcome for step in record_of(stack, instance).step_outcomes] == ["skipped"]
    assert len(stack.run_command.runs(instance)) == 1
    assert stack.completions() == []


def test_a_step_that_failed_begins_again_when_it_is_resumed(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", {"kind": "deregister-targets", "options": {"names": ["blue"]}})
    stack.run(60)
    assert record_of(stack, instance).status == "held"
    stack.target_group("blue", instance, delay=10)
    assert run("resume", instance).exit_code == 0
    stack.run(60)
    assert stack.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_an_action_is_named_by_its_token(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    token = record_of(stack, instance).token
    assert token is not None
    assert run("finish", token, *WHY).exit_code == 0


def test_many_are_named_by_their_group_and_status(stack: Testbed[Deployment]) -> None:
    held = waiting(stack, "web", MISSPELT, count=3)
    (other,) = waiting(stack, "other", MISSPELT)
    stack.run(60)
    assert run("finish", "--group", "web", "--status", "working", *WHY).exit_code == 1
    assert run("finish", "--group", "web", "--status", "held", *WHY).exit_code == 0
    stack.run(60)

    assert stack.completions() == ["CONTINUE CompleteLifecycleAction"] * len(held)
    assert record_of(stack, other, "other").in_flight is not None


def test_a_dry_run_changes_nothing(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    before = record_of(stack, instance)
    done = run("finish", instance, "--reason", "told to", "--dry-run")

    assert done.exit_code == 0
    assert done.stdout.endswith("dry run: nothing was done\n")
    stack.run(30)
    assert record_of(stack, instance) == before


@pytest.mark.parametrize("verb", sorted(ENDS_WORK))
def test_what_leaves_work_undone_needs_a_reason_and_somebody_who_agrees(stack: Testbed[Deployment], verb: Verb) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    unexplained = run(verb, instance, "--yes")
    assert unexplained.exit_code == 2
    assert unexplained.stderr == f"asg-lifecycle: {verb} needs a --reason: it stands in the record and in the log\n"
    unanswered = run(verb, instance, "--reason", "told to")
    assert unanswered.exit_code == 2
    assert unanswered.stderr == f"asg-lifecycle: nobody can be asked here: say --yes to {verb}\n"
    stack.run(30)
    assert record_of(stack, instance).messages == ()


@pytest.mark.parametrize(("typed", "code"), [("{instance}", 0), ("yes", 1), ("i-0123456789abcdef0", 1)])
def test_on_a_terminal_the_id_has_to_be_typed(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return typed.format(instance=instance)

    monkeypatch.setattr("asg_lifecycle.cli.confirmation.is_interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", answer)
    assert run("finish", instance, "--reason", "told to").exit_code == code
    stack.run(30)
    assert asked == ["type the instance's id to finish"]
    assert len(stack.completions()) == (1 if code == 0 else 0)


def test_wrong_usage(stack: Testbed[Deployment]) -> None:
    assert stack.completions() == []
    for words in (
        ("finish", *WHY),
        ("finish", "i-1", "--group", "web", *WHY),
        ("finish", "i-1", "--status", "held", *WHY),
    ):
        assert run(*words).exit_code == 2


def test_what_does_not_wait_is_said(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    missed = run("finish", instance, "i-0123456789abcdef0", *WHY)
    assert missed.exit_code == 1
    assert "i-0123456789abcdef0 does not wait at a hook of this stack" in missed.stderr
    stack.run(30)
    assert len(stack.completions()) == 1
    alone = run("finish", "i-0123456789abcdef0", *WHY)
    assert alone.exit_code == 1
    assert alone.stderr.endswith("asg-lifecycle: there is nothing to finish\n")


def test_an_action_that_ends_while_somebody_is_asked_is_said(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)

    def answer(_: str) -> str:
        with stack.region.unobserved():
            stack.region.client("autoscaling").complete_lifecycle_action(
                AutoScalingGroupName="web",
                LifecycleHookName=HOOK,
                InstanceId=instance,
                LifecycleActionResult="CONTINUE",
            )
        stack.run(900)
        return instance

    monkeypatch.setattr("asg_lifecycle.cli.confirmation.is_interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", answer)
    said = run("skip", instance, "--reason", "told to")

    assert said.exit_code == 1
    assert "it ended before it heard that, now over" in said.stderr


def test_a_message_that_is_noticed_late_is_not_sent_twice(stack: Testbed[Deployment]) -> None:
    stack.run_command.behave(Behaviour(duration=600))
    (instance,) = waiting(stack, "web", SIGNAL, COMMAND, COMMAND)
    stack.deployment.service.notices_late = True
    late = run("skip", instance, *WHY, "--wait", "4")
    assert late.exit_code == 1
    assert "sent, and not heard within 4 s; it is heard within five minutes" in late.stderr
    assert stack.region.calls["lambda", "SendDurableExecutionCallbackSuccess"] == 1
    stack.run(900)
    assert [step.outcome for step in record_of(stack, instance).step_outcomes][:1] == ["skipped"]
    assert sum(said.startswith("skip") for said in record_of(stack, instance).messages) == 1


def test_an_action_that_its_event_finds_meanwhile_is_still_the_same(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = json.dumps({"plan": {"steps": [SIGNAL, SIGNAL]}})
    (instance,) = stack.autoscaling.create_group("web")
    stack.autoscaling.put_hook(
        "web",
        HOOK,
        "TERMINATING",
        HeartbeatTimeout=900,
        NotificationMetadata=metadata,
    )
    action = LifecycleAction(
        token=None,
        group="web",
        hook=HOOK,
        instance=instance,
        transition=Transition.TERMINATING,
        time=stack.timeline.now(),
        metadata=metadata,
    )
    start = StartRequest(reason=StartReason.REBALANCE, action=action, until=stack.timeline.now() + 7_200)
    stack.deployment.start(payload(start))
    stack.run(30)
    before = record_of(stack, instance)
    assert standing_of(before) is Standing.EARLY

    def answer(_: str) -> str:
        stack.autoscaling.terminate(instance)
        stack.run(30)
        return instance

    monkeypatch.setattr("asg_lifecycle.cli.confirmation.is_interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", answer)
    said = run("skip", instance, "--reason", "told to")
    assert said.exit_code == 0, said.output
    assert record_of(stack, instance).event_time != before.event_time


def test_two_operators_at_once(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    stack.deployment.send_message(record_of(stack, instance), Nudge(by="another"))
    assert run("finish", instance, *WHY).exit_code == 0
    stack.run(30)
    assert len(record_of(stack, instance).messages) == 2
    assert stack.completions() == ["CONTINUE CompleteLifecycleAction"]


@pytest.mark.parametrize(
    ("service", "operation"),
    [("dynamodb", "BatchGetItem"), ("lambda", "SendDurableExecutionCallbackSuccess"), ("sts", "GetCallerIdentity")],
)
def test_what_aws_refuses_is_said_and_nothing_is_done(stack: Testbed[Deployment], service: str, operation: str) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    stack.region.faults.deny(service, operation)
    refused = run("finish", instance, *WHY)

    assert refused.exit_code == 1
    assert f"{service}:{operation}" in refused.stderr
    stack.run(30)
    assert stack.completions() == []


def test_quiet_says_only_what_was_asked_for(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, COMMAND)
    tried = run("finish", instance, *WHY, "--dry-run", "--quiet")
    assert tried.stdout.splitlines()[0].endswith("ends with CONTINUE, with 2 of 2 steps not done")
    done = run("finish", instance, *WHY, "--quiet")
    # The metrics of the simulated functions stand in the same output.
    assert (done.exit_code, [line for line in done.output.splitlines() if line[0] != "{"]) == (0, [])
