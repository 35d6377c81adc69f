"""Operators send signals, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from asg_lifecycle.cli.app import application
from asg_lifecycle.model.wake_events import SIGNAL_SOURCE

if TYPE_CHECKING:
    from typer.testing import Result

    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

HOOK = "asg-lifecycle-terminate"


def waiting(testbed: Testbed[Deployment], **options: bool) -> str:
    (instance,) = testbed.autoscaling.create_group("web")
    steps = [{"kind": "wait-for-signal", "options": {"name": "drained", **options}}]
    metadata = json.dumps({"plan": {"steps": steps}})
    testbed.autoscaling.put_hook("web", HOOK, "TERMINATING", HeartbeatTimeout=900, NotificationMetadata=metadata)
    testbed.autoscaling.terminate(instance)
    testbed.run(60)
    return instance


def signal(*words: str) -> Result:
    return CliRunner().invoke(application, ["signal", *words])


def test_a_signal_ends_the_wait(testbed: Testbed[Deployment]) -> None:
    instance = waiting(testbed)
    done = signal(instance, "--name", "drained", "--message", "by hand")
    assert (done.exit_code, done.stdout) == (0, f"sent signal drained (success) of instance {instance}\n")
    testbed.run(2)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]


def test_a_signal_of_failure_holds_the_action(testbed: Testbed[Deployment]) -> None:
    instance = waiting(testbed)
    assert signal(instance, "--name", "drained", "--result", "failure", "--hook", HOOK).exit_code == 0
    testbed.run(2)
    record = testbed.deployment.record("web", HOOK, instance)
    assert record is not None
    assert record.problem == "step 1 (wait-for-signal) failed: signal drained said failure"


def test_a_signal_that_only_the_instance_can_send_is_not_sent(stack: Testbed[Deployment]) -> None:
    instance = waiting(stack, word=True)
    done = signal(instance, "--name", "drained")
    assert done.exit_code == 1
    assert f"the plan takes signal drained from {instance} itself alone" in done.stderr
    assert f"asg-lifecycle skip {instance}" in done.stderr
    assert signals_sent(stack) == 0
    # Another signal of the same instance is nobody's secret.
    assert signal(instance, "--name", "approved").exit_code == 0


def test_a_signal_for_another_hook_changes_nothing(testbed: Testbed[Deployment]) -> None:
    instance = waiting(testbed)
    signal(instance, "--name", "drained", "--hook", "another")
    testbed.run(60)
    assert testbed.completions() == []


def signals_sent(stack: Testbed[Deployment]) -> int:
    return sum(event["source"] == SIGNAL_SOURCE for event in stack.region.events.emitted)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["web-1"], "'web-1' is no instance id: expected 'i-' and 8 or 17 hexadecimal digits"),
        (["i-0123456789abcdef0", "--name", "two words"], "'two words' is no name of a signal: expected a letter"),
    ],
)
def test_what_could_not_be_understood_is_not_sent(words: list[str], said: str) -> None:
    done = signal(*words)
    assert done.exit_code == 2
    assert said in done.stderr


def test_a_signal_that_could_not_be_sent_says_why(testbed: Testbed[Deployment]) -> None:
    testbed.region.faults.deny("events", "PutEvents")
    done = signal("i-0123456789abcdef0")
    assert done.exit_code == 1
    assert "events:PutEvents" in done.stderr


def test_to_an_instance_that_does_not_wait_nothing_is_sent(stack: Testbed[Deployment]) -> None:
    (instance,) = stack.autoscaling.create_group("idle")
    done = signal(instance)
    assert done.exit_code == 1
    assert f"{instance} does not wait at a hook of this stack" in done.stderr
    assert signals_sent(stack) == 0

    waits = waiting(stack)
    wrong = signal(waits, "--name", "drained", "--hook", "another")
    assert wrong.exit_code == 1
    assert f"does not wait under hook 'another', but under {HOOK}" in wrong.stderr
    assert signals_sent(stack) == 0
    assert signal(waits, "--name", "drained").stderr == ""


def test_what_could_not_be_looked_up_is_said_and_it_is_sent(stack: Testbed[Deployment]) -> None:
    instance = waiting(stack)
    stack.region.faults.deny("dynamodb", "Query")
    done = signal(instance, "--name", "drained")
    assert done.exit_code == 0
    assert f"whether {instance} waits could not be looked up: permission dynamodb:Query is missing" in done.stderr
    assert signals_sent(stack) == 1


def test_a_stack_that_was_named_has_to_be_there(testbed: Testbed[Deployment]) -> None:
    done = signal("i-0123456789abcdef0", "--stack", "nobody")
    assert done.exit_code == 2
    assert "stack nobody could not be read" in done.stderr
    assert ("events", "PutEvents") not in testbed.region.calls
