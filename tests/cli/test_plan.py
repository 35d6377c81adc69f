"""Plans are checked, kept, shown and tried, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asg_lifecycle.cli.plan_files import LARGEST_PLAN, read_plan
from asg_lifecycle.plans.validation import PLAN_FIELDS, find_problems
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH, Deployment
from tests.cli.plan_commands import at_path, run

if TYPE_CHECKING:
    from pathlib import Path

    from asg_lifecycle_simulator.deployment.testbed import Testbed


HOOK = "asg-lifecycle-terminate"

WEB = """\
# Take it out, then let it finish.
description: a web server
steps:
  - parallel:
      - kind: deregister-targets
        options: {names: [blue]}
      - kind: run-command
        timeout: 90s
        options:
          document: AWS-RunShellScript
          parameters: {commands: [systemctl stop web]}
  - kind: deregister-targets
timeout: 2h
on_failure: continue
"""

BROKEN = """\
stepz: []
steps:
  - kind: drain
  - kind: deregister-targets
    options:
      name: [blue]
      of_group: "yes"
  - parallel:
      - kind: run-command
        timeout: 5 minutes
on_failure: retry
"""


def write(folder: Path, name: str, text: str) -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


# Checking


def test_a_good_plan_can_be_used_as_yaml_and_as_json(tmp_path: Path) -> None:
    good = write(tmp_path, "web.yaml", WEB)
    same = write(tmp_path, "web.json", json.dumps(read_plan(WEB).plan, indent=2))
    result = run("check", good, same)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [f"{each}: can be used for terminate hooks, 2 steps" for each in (good, same)]


def test_every_problem_is_reported_in_one_run_with_its_line_and_the_valid_names(tmp_path: Path) -> None:
    bad, good = write(tmp_path, "bad.yaml", BROKEN), write(tmp_path, "good.yaml", WEB)
    result = run("check", bad, good)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert [line.removeprefix(bad).split(":")[1] for line in lines] == ["1", "3", "6", "7", "9", "10", "11"]
    valid = ", ".join(sorted(PLAN_FIELDS))
    assert f"{bad}:1: unknown field 'stepz' in the plan, perhaps 'steps' is meant; valid: {valid} (at stepz)" in lines
    unknown = "step 2: deregister-targets: unknown option 'name', perhaps 'names' is meant"
    assert f"{bad}:6: {unknown}; valid: arns, names, of_group, tags (at steps[1].options.name)" in lines
    assert f"{bad}:11: on_failure is 'retry'; valid: abandon, continue, hold (at on_failure)" in lines
    assert f"{good}: can be used for terminate hooks, 2 steps" in result.stdout


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("steps: [", 1, "is neither YAML nor JSON"),
        ("steps:\n  - kind: run-command\n bad", 3, "is neither YAML nor JSON"),
        ('{"steps": [}', 1, "is neither YAML nor JSON"),
        ("", 1, "is empty; expected a plan"),
        ("- kind: deregister-targets", 1, "is a list; expected a plan"),
        ("steps: []\nsteps: []", 2, "'steps' is given twice"),
        ("steps: []\n1: 2", 1, "1 cannot be a name; put it in quotes"),
        ("steps: []\ndescription: !!binary aGk=", 2, "cannot be written in JSON"),
        ("steps: !!python/object:os.system []", 1, "is neither YAML nor JSON"),
        ("steps:\n\t- kind: run-command", 2, "is neither YAML nor JSON: YAML takes no tab here; write spaces"),
        (f"description: {'x' * LARGEST_PLAN}", 1, f"a parameter holds {LARGEST_PLAN}"),
    ],
)
def test_what_is_no_plan_is_reported(text: str, line: int, words: str) -> None:
    result = run("check", "-", text=text)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"standard input:{line}: ")
    assert words in result.stderr


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("obsrve: true", "unknown field 'obsrve' in the plan, perhaps 'observe' is meant; valid: "),
        ("dry_run: 1", "dry_run is 1; expected true or false"),
        ("steps: 5", "steps is a number; expected a list"),
    ],
)
def test_only_where_text_is_wanted_quotes_are_advised(written: str, words: str) -> None:
    result = run("check", "-", text=f"transition: launch\n{written}")
    assert f"standard input:2: {words}" in result.stderr
    assert "without quotes" not in result.stderr
    wanted = run("check", "-", text="transition: launch\ntimeout: 600")
    assert "'600' without quotes is no text in YAML (at timeout)" in wanted.stderr


def test_a_date_is_text() -> None:
    found = read_plan("transition: launch\nsteps: [{kind: run-command, options: {document: d, version: 2026-01-01}}]")
    assert found.plan is not None
    assert found.plan["steps"][0]["options"]["version"] == "2026-01-01"


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = run("check", str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "No such file" in result.stderr


yaml_texts = st.text(alphabet="steps: []{}-\n\"'&*!|>%@k0#d,?", max_size=60)


@settings(deadline=None)
@given(yaml_texts | st.text(max_size=60) | st.text(max_size=20).map(lambda text: f"steps:\n  - kind: {text}"))
def test_any_text_in_a_file_is_a_plan_or_has_a_problem(text: str) -> None:
    found = read_plan(text)
    assert (found.plan is None) == bool(found.problems)
    if found.plan is not None:
        assert find_problems(json.loads(found.text)) == ()
    assert all(line >= 1 and sentence for line, sentence in found.problems)


# Trying


@pytest.mark.parametrize(("features", "expected"), [("TargetGroupSteps", 1), ("TargetGroupSteps,EcsSteps", 2)])
def test_the_stack_says_what_built_in_plans_may_use(testbed: Testbed[Deployment], features: str, expected: int) -> None:
    (instance,) = testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", HOOK, "TERMINATING", HeartbeatTimeout=900)
    outputs = {"PlanPath": {"Value": PLAN_PATH}, "BuiltInFeatures": {"Value": features}}
    template = {"Resources": {"Any": {"Type": "AWS::SQS::Queue"}}, "Outputs": outputs}
    with testbed.region.unobserved():
        testbed.region.client("cloudformation").create_stack(StackName="mine", TemplateBody=json.dumps(template))
        tag = {"Key": "asg-lifecycle:ecs-cluster", "Value": "prod"}
        testbed.region.client("ec2").create_tags(Resources=[instance], Tags=[tag])
    testbed.ecs.register(instance, "prod")
    testbed.run(60)
    told = run("explain", "--group", "web", "--stack", "mine", "--json").stdout
    (trial,) = json.loads(told)
    steps = trial["steps"]
    assert len(steps) == expected
    assert ("would drain container instance" in steps[-1]["would"]) is (expected == 2)


def trials(*arguments: str) -> list[dict[str, Any]]:
    result = at_path("explain", "--group", "web", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_what_each_hook_would_do_is_shown_and_nothing_is_done(testbed: Testbed[Deployment]) -> None:
    testbed.deployment.put_plan("web", read_plan(WEB).plan)
    (instance,) = testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", HOOK, "TERMINATING")
    testbed.autoscaling.put_hook(
        "web", "asg-lifecycle-launch", "LAUNCHING", NotificationMetadata='{"plan": {"steps": []}}'
    )
    testbed.autoscaling.put_hook("web", "somebody-elses", "TERMINATING")
    testbed.target_group("blue", instance)
    testbed.run_command.manage(instance)
    launch, terminate = sorted(trials(), key=lambda trial: str(trial["hook"]))

    assert (launch["source"], launch["steps"]) == ("hook metadata", [])
    assert (terminate["name"], terminate["source"], terminate["instance"]) == ("web", "group name", instance)
    assert terminate["steps"] == [
        {"step": "1.1", "kind": "deregister-targets", "would": "would deregister from blue (1)"},
        {
            "step": "1.2",
            "kind": "run-command",
            "would": f"would send AWS-RunShellScript to instance {instance}, whose agent is Online",
        },
        {"step": "2", "kind": "deregister-targets", "would": "not registered: there is no target group to look into"},
    ]
    told = at_path("explain", "--group", "web", "--hook", HOOK).stdout
    assert "hook asg-lifecycle-terminate (terminating): plan web from group name: it has the name of group web" in told
    assert "1.1. deregister-targets: would deregister from blue (1)" in told
    reads = {"Describe", "Get", "List"}
    assert all(any(operation.startswith(read) for read in reads) for _, operation in testbed.region.calls)


def test_a_plan_that_cannot_be_used_is_reported(testbed: Testbed[Deployment]) -> None:
    testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", HOOK, "TERMINATING", NotificationMetadata='{"plan": "wbe"}')
    result = at_path("explain", "--group", "web")
    assert result.exit_code == 1
    assert "its actions would be held: there is no plan named 'wbe'" in result.stdout


def test_each_step_of_a_trial_has_a_place_of_its_own_in_the_plan(testbed: Testbed[Deployment]) -> None:
    call = {"kind": "invoke-function", "options": {"function": "archive"}}
    steps = [call, {"parallel": [call, call]}, call]
    testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook(
        "web", HOOK, "TERMINATING", NotificationMetadata=json.dumps({"plan": {"steps": steps}})
    )
    told = [step["would"] for step in trials()[0]["steps"]]
    assert len(told) == len(set(told)) == 4
    assert "(terminating): plan from hook metadata: " in at_path("explain", "--group", "web").stdout


def test_a_group_without_instances_and_a_step_without_permission(testbed: Testbed[Deployment]) -> None:
    testbed.autoscaling.create_group("web", capacity=0)
    testbed.autoscaling.put_hook("web", HOOK, "TERMINATING")
    assert trials()[0]["steps"] == [{"step": "1", "kind": "deregister-targets", "would": "not tried"}]
    testbed.autoscaling.create_group("other")
    testbed.autoscaling.put_hook("other", HOOK, "TERMINATING")
    testbed.region.faults.deny("autoscaling", "DescribeLoadBalancerTargetGroups")
    told = at_path("explain", "--group", "other").stdout
    assert "could not be found out: permission autoscaling:DescribeLoadBalancerTargetGroups is missing" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--group", "nobody"), "there is no Auto Scaling group"),
        (("--group", "web"), "begins with 'asg-lifecycle': asg-lifecycle install-hook makes one"),
        (("--group", "web", "--hook", "asg-lifecycle-x"), "has no hook"),
    ],
)
def test_a_group_or_a_hook_that_is_missing_is_reported(
    testbed: Testbed[Deployment], arguments: tuple[str, ...], words: str
) -> None:
    testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", "somebody-elses", "TERMINATING")
    result = at_path("explain", *arguments)
    assert result.exit_code == 1
    assert words in result.stderr


def test_an_instance_that_there_is_not_is_said(testbed: Testbed[Deployment]) -> None:
    (mine,) = testbed.autoscaling.create_group("web")
    (other,) = testbed.autoscaling.create_group("other")
    testbed.autoscaling.put_hook("web", HOOK, "TERMINATING")
    none = at_path("explain", "--group", "web", "--instance", "i-0123456789abcdef0")
    assert (none.exit_code, none.stdout) == (1, "")
    assert f"no instance i-0123456789abcdef0 in this account and Region; group 'web' has: {mine}" in none.stderr
    elsewhere = at_path("explain", "--group", "web", "--instance", other)
    assert elsewhere.exit_code == 0
    assert f"instance {other} is none of group 'web'" in elsewhere.stderr
    assert at_path("explain", "--group", "web", "--instance", "web-1").exit_code == 2


def test_what_is_wrong_with_files_is_told_in_every_form(tmp_path: Path) -> None:
    bad, good = write(tmp_path, "bad.yaml", BROKEN), write(tmp_path, "good.yaml", WEB)
    result = run("check", bad, good, "--json")
    assert (result.exit_code, result.stderr) == (1, "")
    first, second = json.loads(result.stdout)
    assert (first["file"], first["usable"], first["problems"][0]["line"]) == (bad, False, 1)
    assert (second["usable"], second["transition"], second["steps"]) == (True, "terminate", 2)
    assert run("check", good, "--output", "csv").stdout.startswith("file,usable,transition,steps,problems,warnings")
