"""Plans are kept, listed, shown, replaced, deleted and brought back, in the simulated region."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.aws.clients import Clients
from asg_lifecycle.aws.plan_store import PlanStore
from asg_lifecycle.cli import stored_plans
from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.model.failures import CallFailed
from asg_lifecycle.model.plans import PlanTransition
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH, Deployment
from tests.cli.plan_commands import at_path, run

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.testbed import Testbed

OUT = """\
steps:
- kind: deregister-targets
  options:
    names:
    - blue
"""
IN = OUT.replace("deregister-targets", "register-targets")
OTHER = OUT.replace("blue", "green")
EITHER = "transition: launch\nsteps: []\n"


def done(*arguments: str, text: str | None = None) -> str:
    result = at_path(*arguments, text=text)
    assert result.exit_code == 0, result.output
    return result.stdout


def listed() -> list[tuple[str, str, int]]:
    lines = json.loads(done("list", "--json"))
    return [(line["name"], line["transition"], line["version"]) for line in lines]


def kept(transition: PlanTransition, name: str = "web") -> Any:
    return json.loads(done("show", name, f"--{transition}", "--json"))


def test_a_plan_is_kept_listed_shown_and_used(testbed: Testbed[Deployment]) -> None:
    assert "there are no plans below" in done("list")
    told = done("put", "web", "-", text=OUT)
    assert told == "web for terminate hooks is kept below /asg-lifecycle/asg-lifecycle/plans, version 1\n"
    assert listed() == [("web", "terminate", 1)]
    assert done("list").splitlines()[1].split()[:3] == ["web", "terminate", "1"]
    assert done("show", "web") == OUT
    assert json.loads(done("show", "web", "--json")) == read_plan(OUT).plan

    (instance,) = testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING")
    testbed.target_group("blue", instance, delay=5)
    testbed.autoscaling.terminate(instance)
    testbed.run(300)
    assert testbed.completions() == ["CONTINUE CompleteLifecycleAction"]
    assert testbed.deployment.records()[0].plan_source == "group name"


# One plan for each transition


def test_a_name_has_one_plan_for_each_transition_and_put_replaces_only_its_own(testbed: Testbed[Deployment]) -> None:
    del testbed
    done("put", "web", "-", text=OUT)
    assert "is kept" in done("put", "web", "-", text=IN)
    assert listed() == [("web", "launch", 1), ("web", "terminate", 1)]
    done("put", "web", "-", "--yes", text=OTHER)
    assert listed() == [("web", "launch", 1), ("web", "terminate", 2)]
    assert kept(PlanTransition.LAUNCH) == read_plan(IN).plan
    assert kept(PlanTransition.TERMINATE) == read_plan(OTHER).plan


@pytest.mark.parametrize("command", [("show",), ("delete", "--yes"), ("versions",), ("restore",)])
def test_where_there_are_two_one_has_to_be_meant(testbed: Testbed[Deployment], command: tuple[str, ...]) -> None:
    for text in (OUT, IN):
        done("put", "web", "-", text=text)
    verb, *more = command
    arguments = (verb, "web", *more, *(["1"] if verb == "restore" else []))
    result = at_path(*arguments)
    assert result.exit_code == 2
    assert "there are two plans named web; add --launch or --terminate" in result.stderr
    calls = {operation for _, operation in testbed.region.calls}
    assert "DeleteParameter" not in calls
    done(*arguments, "--launch")


def test_a_plan_that_settles_no_transition_is_not_kept(testbed: Testbed[Deployment]) -> None:
    result = at_path("put", "web", "-", text="steps: []")
    assert result.exit_code == 1
    assert (
        "standard input:1: no step says which hooks the plan is for; add a line 'transition: launch'" in result.stderr
    )
    assert testbed.region.calls == {}
    done("put", "web", "-", text=EITHER)
    assert listed() == [("web", "launch", 1)]


def test_a_plan_with_steps_of_both_transitions_is_not_kept(testbed: Testbed[Deployment]) -> None:
    result = at_path("put", "web", "-", text=f"{OUT}- kind: wait-for-status-checks\n")
    assert result.exit_code == 1
    problem = (
        "step 2: wait-for-status-checks is for launch hooks, and step 1, deregister-targets, is for terminate hooks"
    )
    assert f"standard input:6: {problem} (at steps[1].kind)" in result.stderr
    result = at_path("put", "web", "-", text=f"transition: launch\n{OUT}")
    assert "step 1: deregister-targets is for terminate hooks, and the plan is for launch hooks" in result.stderr
    assert testbed.region.calls == {}


def test_what_somebody_put_beside_the_plans_is_said(testbed: Testbed[Deployment]) -> None:
    with testbed.region.unobserved():
        testbed.region.client("ssm").put_parameter(Name=f"{PLAN_PATH}/web", Value="{}", Type="String")
    result = at_path("list")
    assert f"{PLAN_PATH}/web is no plan: plans are below {PLAN_PATH}/launch and {PLAN_PATH}/terminate" in result.stderr


# Replacing


def test_put_shows_what_changes_and_nobody_who_could_be_asked_means_no(testbed: Testbed[Deployment]) -> None:
    del testbed
    done("put", "web", "-", text=OUT)
    result = at_path("put", "web", "-", text=OTHER)
    assert result.exit_code == 2
    assert "-    - blue\n+    - green\n" in result.stdout
    assert "replace plan web for terminate hooks? Nobody can be asked here; --yes does it" in result.stderr
    assert listed() == [("web", "terminate", 1)]


@pytest.mark.parametrize(("answer", "version"), [("y", 2), ("n", 1), ("", 1)])
def test_put_asks_before_it_replaces(
    testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch, tmp_path: Any, answer: str, version: int
) -> None:
    del testbed
    done("put", "web", "-", text=OUT)
    file = tmp_path / "other.yaml"
    file.write_text(OTHER)
    monkeypatch.setattr(stored_plans, "_somebody_can_be_asked", lambda: True)
    result = at_path("put", "web", str(file), text=f"{answer}\n")
    assert result.exit_code == (0 if version == 2 else 1)
    assert "replace plan web for terminate hooks? [y/N]" in result.output
    assert listed() == [("web", "terminate", version)]


def test_a_plan_that_is_kept_already_is_not_put_again(testbed: Testbed[Deployment]) -> None:
    del testbed
    done("put", "web", "-", text=OUT)
    assert "as it is already" in done("put", "web", "-", text=f"# the same\n{OUT}")
    assert listed() == [("web", "terminate", 1)]


def test_a_plan_that_somebody_puts_meanwhile_is_not_replaced(testbed: Testbed[Deployment]) -> None:
    store = PlanStore(Clients(), PLAN_PATH, testbed.timeline.now)
    testbed.deployment.put_plan("web", {"steps": []})
    with pytest.raises(CallFailed, match="ParameterAlreadyExists"):
        store.put(PlanTransition.TERMINATE, "web", "{}", replacing=False)
    assert store.texts(PlanTransition.TERMINATE, "web") == {"web": '{"steps": []}'}
    assert store.put(PlanTransition.TERMINATE, "web", "{}", replacing=True) == 2


# Versions


def test_versions_are_listed_shown_and_brought_back(testbed: Testbed[Deployment]) -> None:
    del testbed
    done("put", "web", "-", text=OUT)
    done("put", "web", "-", "--yes", text=OTHER)
    told = done("versions", "web")
    assert [line.split("  ")[0] for line in told.splitlines() if line.startswith("version")] == [
        "version 1",
        "version 2",
    ]
    assert "-    - blue\n+    - green\n" in told
    plans = [each["plan"] for each in json.loads(done("versions", "web", "--json"))]
    assert plans == [read_plan(OUT).plan, read_plan(OTHER).plan]
    assert done("show", "web", "--version", "1") == OUT
    assert "version 3" in done("restore", "web", "1", "--yes")
    assert done("show", "web") == OUT


@pytest.mark.parametrize("arguments", [("show", "web", "--version", "7"), ("restore", "web", "7", "--yes")])
def test_a_version_that_there_is_not_is_told_with_those_there_are(
    testbed: Testbed[Deployment], arguments: tuple[str, ...]
) -> None:
    del testbed
    done("put", "web", "-", text=OUT)
    result = at_path(*arguments)
    assert result.exit_code == 1
    assert "there is no version 7 of plan 'web' for terminate hooks; there are: 1" in result.stderr


def test_a_version_that_cannot_be_used_is_not_brought_back(testbed: Testbed[Deployment]) -> None:
    testbed.deployment.put_plan("web", {"steps": [{"kind": "drain"}]})
    done("put", "web", "-", "--yes", text=OUT)
    result = at_path("restore", "web", "1", "--yes")
    assert result.exit_code == 1
    assert "version 1 of web cannot be used: step 1: unknown kind 'drain'" in result.stderr


# Deleting


def test_a_plan_is_deleted_and_the_other_stays(testbed: Testbed[Deployment]) -> None:
    del testbed
    for text in (OUT, IN):
        done("put", "web", "-", text=text)
    told = done("delete", "web", "--terminate", "--yes")
    assert told == f"{OUT}web for terminate hooks is deleted below {PLAN_PATH}\n"
    assert listed() == [("web", "launch", 1)]
    assert at_path("delete", "web").exit_code == 2
    assert listed() == [("web", "launch", 1)]


# What goes wrong


def test_a_bad_plan_is_not_kept(testbed: Testbed[Deployment]) -> None:
    result = at_path("put", "web", "-", text="steps: [{kind: drain}]")
    assert result.exit_code == 1
    assert "unknown kind 'drain'" in result.stderr
    assert testbed.region.calls == {}


@pytest.mark.parametrize("name", ["", "a/b", "größe", "x" * 129, "a b"])
def test_a_name_that_no_plan_can_have(testbed: Testbed[Deployment], name: str) -> None:
    result = at_path("put", name, "-", text=OUT)
    assert result.exit_code == 2
    assert "cannot name a plan" in result.stderr
    assert testbed.region.calls == {}


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("GetParametersByPath", ("list",)),
        ("GetParameters", ("show", "web")),
        ("GetParameterHistory", ("versions", "web", "--launch")),
        ("PutParameter", ("put", "web", "-")),
        ("DeleteParameter", ("delete", "web", "--launch", "--yes")),
    ],
)
def test_a_call_that_fails_is_reported(
    testbed: Testbed[Deployment], operation: str, arguments: tuple[str, ...]
) -> None:
    testbed.deployment.put_plan("web", {"steps": []}, PlanTransition.LAUNCH)
    testbed.region.faults.deny("ssm", operation)
    result = at_path(*arguments, text=OUT)
    assert result.exit_code == 1
    assert f"permission ssm:{operation} is missing" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "web"),
        ("show", "web", "--launch"),
        ("delete", "web", "--launch", "--yes"),
        ("versions", "web"),
        ("versions", "web", "--terminate"),
        ("versions", "a/b", "--terminate"),
        ("restore", "web", "1"),
    ],
)
def test_a_missing_plan_is_reported(testbed: Testbed[Deployment], arguments: tuple[str, ...]) -> None:
    del testbed
    result = at_path(*arguments)
    assert (result.exit_code, "there is no plan named" in result.stderr) == (1, True)


def test_the_stack_says_where_plans_are(testbed: Testbed[Deployment]) -> None:
    template = {
        "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {"PlanPath": {"Value": PLAN_PATH}},
    }
    with testbed.region.unobserved():
        client = testbed.region.client("cloudformation")
        client.create_stack(StackName="mine", TemplateBody=json.dumps(template))
        client.create_stack(StackName="other", TemplateBody=json.dumps({"Resources": template["Resources"]}))
    testbed.deployment.put_plan("web", {"steps": []})
    assert "web   terminate   1" in run("list", "--stack", "mine").stdout
    other = run("list", "--stack", "other")
    assert (other.exit_code, "has no output PlanPath" in other.stderr) == (2, True)
    nobody = run("list", "--stack", "nobody")
    assert (nobody.exit_code, "could not be read" in nobody.stderr) == (2, True)


# Differences


def test_a_file_and_a_version_are_compared_with_what_is_kept(testbed: Testbed[Deployment], tmp_path: Any) -> None:
    del testbed
    file = tmp_path / "other.yaml"
    file.write_text(OTHER)
    done("put", "web", "-", text=OUT)
    assert "-    - blue\n+    - green\n" in done("diff", "web", str(file))
    done("put", "web", str(file), "--yes")
    assert done("diff", "web", str(file)) == "web for terminate hooks does not differ\n"
    assert done("diff", "web", str(file), "--quiet") == ""
    told = json.loads(done("diff", "web", "--version", "1", "--json"))
    assert (told["same"], "+    - blue" in told["difference"]) == (False, True)
    assert at_path("diff", "web", "--version", "1", "--output", "csv").exit_code == 2
    assert listed() == [("web", "terminate", 2)]


def test_what_is_compared_has_to_be_said_and_be_there(testbed: Testbed[Deployment]) -> None:
    del testbed
    assert at_path("diff", "web").exit_code == 2
    assert at_path("diff", "web", "-", "--version", "1", text=OUT).exit_code == 2
    assert at_path("diff", "web", "-", text=OUT).exit_code == 1
    assert at_path("diff", "web", "-", "--launch", text=OUT).exit_code == 2
    assert at_path("diff", "web", "-", text="steps: [{kind: drain}]").exit_code == 1
