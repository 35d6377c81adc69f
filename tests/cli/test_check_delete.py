"""Whether the stack can be deleted, as `check-delete` says in a simulated region, and what is so when it is deleted."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest
import yaml

from asg_lifecycle_simulator.deployment.stack import make_stack
from tests.cli.action_commands import HOOK, SIGNAL, run, waiting
from tests.cli.hook_commands import hooks_of

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

LAUNCH = "asg-lifecycle-launch"


def test_a_stack_that_answers_no_hook_can_be_deleted(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("web")
    stack.autoscaling.put_hook("web", "ecs-managed-draining-termination-hook", "TERMINATING")
    stack.autoscaling.put_hook("web", "drain", "TERMINATING")
    said = run("check-delete")
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith("stack asg-lifecycle can be deleted: it answers no hook, and no instance waits\n")
    assert f"table {stack.deployment.parameters.table} with the records" in said.stdout
    assert said.stderr == ""


def test_a_hook_that_nobody_would_answer_is_in_the_way(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("web")
    stack.autoscaling.put_hook("web", HOOK, "TERMINATING", HeartbeatTimeout=3600, DefaultResult="CONTINUE")
    said = run("check-delete")
    assert said.exit_code == 1
    assert "waits 1h, then CONTINUE: is terminated, whatever work is left" in said.stdout
    assert "no instance waits, and 1 hook would be answered by nobody" in said.stderr
    command = f"asg-lifecycle remove-hook --group web --name {HOOK} --stack asg-lifecycle"
    assert said.stderr.splitlines()[-1] == f"remove the hook: {command}"
    assert run(*command.split()[1:], "--yes").exit_code == 0
    assert run("check-delete").exit_code == 0


def test_what_waits_is_listed_first_with_what_becomes_of_it(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("api")
    stack.autoscaling.put_hook("api", HOOK, "TERMINATING")
    first, second = waiting(stack, "web", SIGNAL, count=2)
    listed = json.loads(run("check-delete", "--json").stdout)
    assert [(each["group"], each["instance"], each["action"]) for each in listed] == [
        *(("web", instance, "working") for instance in sorted((first, second))),
        ("api", None, None),
    ]
    assert listed[0]["state"] == "Terminating:Wait"
    assert listed[0]["heartbeat"] == 900
    assert listed[0]["default"] == "ABANDON"
    assert listed[0]["without the stack"] == "waits 15m, then ABANDON: is terminated, whatever work is left"
    said = run("check-delete")
    assert said.exit_code == 1
    assert "2 instances may wait, and 2 hooks would be answered by nobody" in said.stderr
    assert f"then remove the hook: asg-lifecycle remove-hook --group web --name {HOOK}" in said.stderr


@pytest.mark.parametrize(
    ("transition", "default", "effect"),
    [
        ("LAUNCHING", "ABANDON", "ABANDON: is terminated, and replaced"),
        ("LAUNCHING", "CONTINUE", "CONTINUE: goes into service, ready or not"),
        ("TERMINATING", "CONTINUE", "CONTINUE: is terminated, whatever work is left"),
        ("TERMINATING", "ABANDON", "ABANDON: is retained, runs on and is billed"),
    ],
)
def test_r6_r10_it_says_what_the_default_does(
    stack: Testbed[Deployment], transition: str, default: str, effect: str
) -> None:
    stack.autoscaling.create_group("web")
    stack.autoscaling.put_hook("web", HOOK, transition, HeartbeatTimeout=60, DefaultResult=default)
    stack.autoscaling.retain("web")
    (listed,) = json.loads(run("check-delete", "--json").stdout)
    assert listed["without the stack"] == f"waits 1m, then {effect}"


def test_an_instance_of_a_warm_pool_is_in_the_way(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("web", capacity=0, max_size=1)
    stack.autoscaling.put_hook("web", LAUNCH, "LAUNCHING")
    with stack.region.unobserved():
        stack.region.client("autoscaling").put_warm_pool(AutoScalingGroupName="web", MinSize=1)
    (pooled,) = stack.autoscaling.instances("web")
    (listed,) = json.loads(run("check-delete", "--json").stdout)
    assert (listed["instance"], listed["state"]) == (pooled, "Warmed:Pending:Wait")


def test_an_action_whose_hook_is_gone_is_in_the_way_until_it_has_ended(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    assert run("remove-hook", "--group", "web", "--release-waiting", "--yes").exit_code == 0
    assert hooks_of(stack, "web") == []
    said = run("check-delete")
    assert said.exit_code == 1
    assert instance in said.stdout
    assert "1 instance may wait, and its hook is gone" in said.stderr
    assert "remove-hook" not in said.stderr
    stack.run(900)
    assert run("check-delete").exit_code == 0


def test_every_form_holds_the_same_and_nothing_else(stack: Testbed[Deployment]) -> None:
    waiting(stack, "web", SIGNAL)
    in_json = json.loads(run("check-delete", "--output", "json").stdout)
    assert yaml.safe_load(run("check-delete", "--output", "yaml").stdout) == in_json
    (row,) = csv.DictReader(io.StringIO(run("check-delete", "--output", "csv").stdout))
    assert row["group"] == "web"
    assert row.keys() == in_json[0].keys()


def test_where_nothing_is_in_the_way_json_is_an_empty_list(stack: Testbed[Deployment]) -> None:
    said = run("check-delete", "--json")
    assert (said.exit_code, json.loads(said.stdout), said.stderr) == (0, [], "")
    assert stack.completions() == []


def test_dead_letters_that_would_be_lost_are_said(testbed: Testbed[Deployment]) -> None:
    outputs = make_stack(testbed.region, testbed.deployment)
    assert "dead letter" not in run("check-delete").stderr
    with testbed.region.unobserved():
        testbed.region.client("sqs").send_message(QueueUrl=outputs["RuleDeadLetterQueueUrl"], MessageBody="{}")
    said = run("check-delete")
    assert said.exit_code == 0
    assert "1 dead letter in its queues will be lost: see `asg-lifecycle redrive list`" in said.stderr


def test_r10_retained_instances_are_named_because_they_outlive_the_stack(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL)
    stack.autoscaling.retain("web")
    assert "retained, and so billed" not in run("check-delete").stderr
    assert run("abandon", instance, "--reason", "to be looked into", "--yes").exit_code == 0
    stack.run(60)
    assert run("remove-hook", "--group", "web", "--terminate", "--yes").exit_code == 0
    said = run("check-delete")
    assert said.exit_code == 0
    named = f"{instance} of group web; see `asg-lifecycle ps --retained`"
    assert said.stderr == f"retained, and so billed until somebody terminates them: {named}\n"


def test_what_could_not_be_read_is_no_permission_to_delete(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("web")
    with stack.region.unobserved():
        stack.region.client("dynamodb").delete_table(TableName=stack.deployment.parameters.table)
    said = run("check-delete")
    assert said.exit_code == 1
    assert "can be deleted" not in said.stdout


def test_another_prefix_names_other_hooks(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("web")
    stack.autoscaling.put_hook("web", "drain", "TERMINATING")
    assert run("check-delete").exit_code == 0
    assert run("check-delete", "--hook-name-prefix", "drain").exit_code == 1
