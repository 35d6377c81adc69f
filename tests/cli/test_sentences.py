"""What an operator reads at 80 columns: lines that break between words, and hints that help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from asg_lifecycle.cli.history import COLUMNS
from asg_lifecycle.cli.output import Column, table_of
from asg_lifecycle.model.explanation import explain
from asg_lifecycle.model.records import Status
from asg_lifecycle.model.verbs import Order, Verb, effect, refusal
from tests.cli.action_commands import HOOK, MISSPELT, SIGNAL, run, waiting

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed


def test_prose_in_a_table_breaks_between_words() -> None:
    columns = (
        Column[str](name="kind", value=lambda each: each[:4]),
        Column[str](name="purpose", value=lambda each: each, may_be_folded=True),
    )
    lines = str(table_of(["take the instance out and wait until it is drained"], columns, 36)).splitlines()
    assert [line[6:].strip() for line in lines[1:]] == ["take the instance out and wait", "until it is drained"]
    names = str(table_of(["a-name-of-many-letters-and-no-blank"], columns, 30)).splitlines()
    assert "".join(line[6:].strip() for line in names[1:]) == "a-name-of-many-letters-and-no-blank"


def test_the_list_of_ended_actions_keeps_within_80_columns(
    stack: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    group = "awseb-e-abcdefghij-stack-AWSEBAutoScalingGroup-1A2B3C4D5E6F7"
    (instance,) = waiting(stack, group, {"kind": "deregister-targets"})
    stack.run(60)
    record = stack.deployment.record(group, HOOK, instance)
    assert record is not None
    shown = str(table_of([record], COLUMNS, 80)).splitlines()
    assert max(len(line) for line in shown) <= 80
    assert "the work" in shown[1]


def test_why_an_instance_is_not_there_any_more(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    run("finish", instance, "--yes", "--reason", "told to")
    stack.run(30)
    said = run("why", instance)
    assert said.exit_code == 0
    assert "does not wait any more: completed with CONTINUE " in said.stdout
    assert run("why", "i-0123456789abcdef0").exit_code == 1


def test_skipping_the_last_step_says_that_the_work_is_done(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, {"parallel": [SIGNAL, {**SIGNAL, "options": {"name": "other"}}]})
    record = stack.deployment.record("web", HOOK, instance)
    assert record is not None
    assert effect(Order(verb=Verb.SKIP), record, 0.0, str) == "leaves step 1 of 3 (wait-for-signal) and goes on"
    run("skip", instance, "--yes", "--reason", "told to")
    stack.run(30)
    last = stack.deployment.record("web", HOOK, instance)
    assert last is not None
    assert effect(Order(verb=Verb.SKIP), last, 0.0, str) == (
        "leaves step 2 of 3 (wait-for-signal+wait-for-signal), the last one: the work is done"
    )
    alone = msgspec.structs.replace(record, plan_kinds=record.plan_kinds[:1])
    assert effect(Order(verb=Verb.SKIP), alone, 0.0, str).endswith("(wait-for-signal), the last one: the work is done")


@pytest.mark.parametrize("command", [("ps",), ("version",)])
def test_a_stack_that_was_named_is_not_asked_for_again(stack: Testbed[Deployment], command: tuple[str, ...]) -> None:
    assert stack.completions() == []
    said = run(*command, "--stack", "nobody")
    assert said.exit_code == 2
    assert "stack nobody could not be read" in said.stderr
    assert "--stack" not in said.stderr
    assert "name it with --stack" not in run("ps", "--profile", "nobody").stderr


def test_who_may_not_list_stacks_is_told_to_name_one(stack: Testbed[Deployment]) -> None:
    stack.region.faults.deny("cloudformation", "DescribeStacks")
    assert run("ps").stderr.endswith("; name it with --stack\n")


def test_what_an_action_on_hold_is_resumed_to(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    run("hold", instance, "--yes")
    run("skip", instance, "--yes", "--reason", "told to")
    stack.run(5)
    record = stack.deployment.record("web", HOOK, instance)
    assert record is not None
    assert record.status == "held"
    assert refusal(Order(verb=Verb.SKIP), record, 0.0, str) == "no step of it is left"
    resumed = effect(Order(verb=Verb.RESUME), record, 0.0, str)
    assert resumed == "goes on: no step is left, and it is completed"
    early = msgspec.structs.replace(record, token=None, early_reason="rebalance")
    assert effect(Order(verb=Verb.RESUME), early, 0.0, str) == "goes on: no step is left, and it waits for its hook"
    assert "on hold" in explain(record, 0.0)
    assert "on hold" not in explain(msgspec.structs.replace(record, status=Status.COMPLETING, detail="completing"), 0.0)


def test_a_plan_that_cannot_be_used_is_chosen_again_when_it_is_resumed(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", MISSPELT)
    record = stack.deployment.record("web", HOOK, instance)
    assert record is not None
    assert effect(Order(verb=Verb.RESUME), record, 0.0, str) == "goes on: its plan is chosen again"


@pytest.mark.parametrize("verb", [Verb.EXTEND, Verb.NUDGE])
def test_nothing_is_promised_of_a_step_that_nobody_looks_at(stack: Testbed[Deployment], verb: Verb) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    record = stack.deployment.record("web", HOOK, instance)
    assert record is not None
    assert refusal(Order(verb=Verb.NUDGE), record, 0.0, str) is None
    out_of_time = msgspec.structs.replace(record, status=Status.HELD, problem="the work was not done within 10m")
    order = Order(verb=verb, length=600)
    assert refusal(order, out_of_time, 0.0, str) == (
        "it is held, and its work has stopped: resume lets it go on, and a step that failed begins again"
    )
    assert effect(Order(verb=Verb.RESUME), out_of_time, 0.0, str) == "goes on with step 1 of 1 (wait-for-signal)"


def test_nobody_gets_more_time_than_any_hook_gives(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", {**SIGNAL, "timeout": "10m"})
    assert run("extend", "48h", instance, "--yes").exit_code == 0
    said = run("extend", "2d1s", instance, "--yes")
    assert said.exit_code == 2
    assert "longer than any hook lets an instance wait: expected 2d at most" in " ".join(said.stderr.split())
