"""`ps` and `why`: what waits, and why, in the simulated region."""

from __future__ import annotations

import csv
import io
import json
import shlex
from typing import TYPE_CHECKING

import pytest
import yaml
from moto.dynamodb.models import dynamodb_backends
from rich.console import Console

from asg_lifecycle.cli.output import table_of
from asg_lifecycle.cli.ps import COLUMNS, rounded
from asg_lifecycle.model.action_summary import summarize
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.services.run_command.model import Behaviour
from tests.cli.action_commands import COMMAND, HOOK, SIGNAL, run, waiting
from tests.cli.conftest import make_stack

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

FLEET, THOROUGH_FLEET = 1_000, 5_000


def test_nothing_waits(stack: Testbed[Deployment]) -> None:
    found = run("ps")
    assert (found.exit_code, found.stdout) == (0, "no instance waits at our hooks\n")
    assert run("ps", "--output", "json").stdout == "[]\n"
    assert stack.region.calls["dynamodb", "Query"] == 2


def test_the_one_whose_time_is_over_first_comes_first(stack: Testbed[Deployment]) -> None:
    stack.run_command.behave(Behaviour(duration=4_000))
    (long,) = waiting(stack, "long", COMMAND, heartbeat=7_200)
    (short,) = waiting(stack, "short", SIGNAL, COMMAND, heartbeat=60)
    stack.run(60)
    lines = run("ps").stdout.splitlines()

    assert lines[0].split() == [
        "left",
        "status",
        "instance",
        "group",
        "step",
        "hook",
        "transition",
        "age",
        "plan",
        "waits",
        "for",
    ]
    assert [line.split()[1:5] for line in lines[1:]] == [
        ["working", short, "short", "1/2"],
        ["working", long, "long", "1/1"],
    ]
    assert lines[1].startswith("1h36m")
    assert "hook metadata  signal drained of instance" in lines[1]
    assert run("ps", "--group", "long").stdout.splitlines()[1].split()[2] == long
    assert run("ps", "--status", "held").stdout == "no instance waits at our hooks and is held\n"
    assert run("ps", "--hook", "another").stdout == "no instance waits at hook another\n"
    assert run("ps", "--group", "nobody").stdout == "no instance of group nobody waits at our hooks\n"


def test_each_status_is_told_apart(stack: Testbed[Deployment]) -> None:
    stack.run_command.behave(Behaviour(duration=4_000))
    waiting(stack, "queued", COMMAND, count=2, drains_per_group=1)
    waiting(stack, "held", {"kind": "run-comand"})
    stack.run(60)
    found = {(each["group"], each["status"]) for each in json.loads(run("ps", "-o", "json").stdout)}
    assert found == {("queued", "working"), ("queued", "queued"), ("held", "held")}


def test_every_form_holds_everything(stack: Testbed[Deployment]) -> None:
    waiting(stack, "web", SIGNAL)
    (as_json,) = json.loads(run("ps", "--output", "json").stdout)
    (as_yaml,) = yaml.safe_load(run("ps", "--output", "yaml").stdout)
    (as_csv,) = csv.DictReader(io.StringIO(run("ps", "--output", "csv").stdout))

    assert as_json == as_yaml
    assert as_json["kind"] == "wait-for-signal"
    assert as_json["transition"] == "terminate"
    assert as_json["blockers"][0]["kind"] == "signal"
    assert as_json["token"]
    assert as_csv.keys() == as_json.keys()
    assert as_csv["instance"] == as_json["instance"]
    assert json.loads(as_csv["blockers"]) == as_json["blockers"]


@pytest.mark.parametrize("width", [80, 140])
def test_a_table_breaks_no_line_and_cuts_no_name(stack: Testbed[Deployment], width: int) -> None:
    (instance,) = waiting(stack, "a-group-with-quite-a-name", SIGNAL, COMMAND)
    record = stack.deployment.record("a-group-with-quite-a-name", HOOK, instance)
    assert record is not None
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(table_of([summarize(record, stack.timeline.now())], COLUMNS, width))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]

    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)
    assert instance in lines[1]
    assert "a-group-with-quite-a-name" in lines[1]
    assert ("hook" in lines[0].split()) is (width == 140)


def test_the_stack_is_found_or_has_to_be_named(testbed: Testbed[Deployment]) -> None:
    none = run("ps")
    assert none.exit_code == 2
    assert none.stderr == (
        "asg-lifecycle: there is no stack of asg-lifecycle in this account and Region; name another Region with "
        "--region, or another account with --profile\n"
    )
    make_stack(testbed, "one")
    assert run("ps").exit_code == 0
    make_stack(testbed, "two")
    several = run("ps")
    assert several.exit_code == 2
    assert "there are several stacks of asg-lifecycle: one, two; name it with --stack" in several.stderr
    assert run("ps", "--stack", "two").exit_code == 0
    unknown = run("ps", "--stack", "three")
    assert unknown.exit_code == 2
    assert "stack three could not be read: " in unknown.stderr
    assert unknown.stderr.endswith("; the stacks of asg-lifecycle here: one, two\n")


def test_a_group_that_there_is_not_does_not_look_like_one_in_which_nothing_waits(stack: Testbed[Deployment]) -> None:
    stack.autoscaling.create_group("web")
    assert run("ps", "--group", "web").stderr == ""
    unknown = run("ps", "--group", "wbe")
    assert (unknown.exit_code, unknown.stdout) == (0, "no instance of group wbe waits at our hooks\n")
    assert unknown.stderr == "asg-lifecycle: there is no Auto Scaling group 'wbe' in this account and Region\n"
    stack.region.faults.deny("autoscaling", "DescribeAutoScalingGroups")
    denied = run("ps", "--group", "wbe")
    assert denied.exit_code == 0
    assert "whether there is a group 'wbe' is not known: permission autoscaling:DescribeAuto" in denied.stderr


def test_a_table_that_cannot_be_read_is_said(stack: Testbed[Deployment]) -> None:
    stack.region.faults.deny("dynamodb", "Query")
    refused = run("ps")
    assert refused.exit_code == 1
    assert "permission dynamodb:Query is missing" in refused.stderr


def test_thousands_of_actions_take_a_bounded_number_of_calls(stack: Testbed[Deployment], *, thorough: bool) -> None:
    fleet = THOROUGH_FLEET if thorough else FLEET
    (instance,) = waiting(stack, "web", SIGNAL)
    with stack.region.unobserved():
        client = stack.region.client("dynamodb")
        (item,) = [each for each in client.scan(TableName=TABLE)["Items"] if "status" in each]
        others = [f"i-{number:017x}" for number in range(fleet)]
        # Past boto3, which would take half a minute for it.
        table = dynamodb_backends[stack.region.account][stack.region.name].get_table(TABLE)
        for other in others:
            wait = json.dumps(["web", HOOK, other], separators=(",", ":"))
            table.put_item(item | {"wait": {"S": wait}, "instance": {"S": other}})
    stack.region.calls.clear()
    found = json.loads(run("ps", "-o", "json").stdout)

    assert {each["instance"] for each in found} == {instance, *others}
    # A batch holds a hundred records. moto counts whole records to the megabyte of a page, AWS only the keys.
    assert stack.region.calls["dynamodb", "BatchGetItem"] == fleet // 100 + 1
    assert 1 < stack.region.calls["dynamodb", "Query"] <= 20
    assert stack.region.calls["cloudformation", "DescribeStacks"] == 1
    assert stack.region.calls.keys() == {
        ("cloudformation", "DescribeStacks"),
        ("dynamodb", "Query"),
        ("dynamodb", "BatchGetItem"),
    }


def test_why_says_what_holds_an_instance(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, COMMAND)
    stack.run(595)
    said = run("why", instance)

    assert said.exit_code == 0
    assert said.stdout == (
        f"Instance {instance} of group web (terminate hook {HOOK}) has been waiting for 10m and is working at step "
        f"1 of 2 (wait-for-signal): waiting for signal drained of instance {instance}. It is kept by signal drained "
        "(it has not come, for 9m59s). By itself it goes on when what it waits for has come; it is completed with "
        "ABANDON at its deadline, in 1d. An operator may skip, hold, extend, nudge, finish or abandon it.\n"
    )


def test_why_says_what_an_operator_may_do_about_a_held_action(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", {"kind": "run-comand"})
    stack.run(60)
    said = run("why", instance).stdout
    assert "is held" in said
    assert "run-comand" in said
    assert "An operator may" in said


def test_why_of_an_instance_that_does_not_wait(stack: Testbed[Deployment]) -> None:
    (instance,) = stack.autoscaling.create_group("web")
    said = run("why", instance)
    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr == f"asg-lifecycle: {instance} does not wait at a hook of this stack\n"
    assert run("why", "web").exit_code == 2


def test_an_observed_action_is_not_said_to_be_over_and_can_be_ended_by_hand(stack: Testbed[Deployment]) -> None:
    (instance,) = waiting(stack, "web", SIGNAL, observe=True)
    assert stack.autoscaling.instance_state(instance) == "Terminating:Wait"
    said = run("why", instance).stdout
    assert "was left to others: observed " in said
    assert "Whether it still waits is not known here" in said
    assert "does not wait any more" not in said
    refused = run("finish", instance, "--reason", "tried", "--yes")
    assert refused.exit_code == 1
    command = refused.stderr.splitlines()[0].partition("to end it by hand: ")[2]
    assert said.rstrip().endswith(command)
    program, service, operation, *words = shlex.split(command)
    assert (program, service, operation) == ("aws", "autoscaling", "complete-lifecycle-action")
    given = {option.removeprefix("--").title().replace("-", ""): value for option, value in batched(words)}
    with stack.region.unobserved():
        stack.region.client("autoscaling").complete_lifecycle_action(**given)
    stack.run(60)
    assert stack.autoscaling.instance_state(instance) != "Terminating:Wait"
    # R4: nothing waits for longer than two days.
    stack.run(172_800)
    assert "does not wait any more: observed" in run("why", instance).stdout


def batched(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (None, "-"),
        (-1, "over"),
        (0, "0s"),
        (59.4, "59s"),
        (61, "1m1s"),
        (3_661, "1h1m"),
        (90_061, "1d1h"),
        (172_800, "2d"),
    ],
)
def test_a_duration_has_two_units(length: float | None, shown: str) -> None:
    assert rounded(length) == shown
