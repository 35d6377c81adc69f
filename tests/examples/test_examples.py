"""The examples as they are written: linted, in their partition, one screen each, and nothing said twice."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped] # the package ships no types

from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.plans.validation import find_problems
from tests.examples.conftest import EXAMPLES, lint, resources
from tests.examples.user_data import COMPOSED
from tests.instance import ON_INSTANCE

if TYPE_CHECKING:
    from pathlib import Path

ROOT = EXAMPLES.parent
TEMPLATES = sorted(EXAMPLES.glob("*/template.yaml"))
ELSEWHERE = {"foreign-handler"}
"""What shows the simulator and not asg-lifecycle; its own tests look at it."""

FOLDERS = sorted(folder for folder in EXAMPLES.iterdir() if folder.is_dir() and folder.name not in ELSEWHERE)
SCREEN = (40, 125)
"""Lines and columns."""

every_template = pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.parent.name)
PLAIN_JSON = {"on-instance/policy.json"}
"""Files that can name no partition of their own; examples/README.md says so."""


def user_data(example: str) -> str:
    template = resources((EXAMPLES / example / "template.yaml").read_text())["LaunchTemplate"]
    text: str = template["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    return text


def test_cfn_lint_finds_nothing() -> None:
    assert lint(*TEMPLATES) == []


@every_template
def test_a_template_is_deployed_as_it_is_written(file: Path) -> None:
    # Nothing has to be expanded, packaged or generated before.
    assert "Transform" not in yaml_parse(file.read_text())


@pytest.mark.parametrize("example", COMPOSED)
def test_user_data_is_what_is_on_instances(example: str) -> None:
    assert user_data(example) == COMPOSED[example](), "python -m tests.examples.user_data writes it anew"


@pytest.mark.parametrize("example", COMPOSED)
def test_the_role_of_the_instances_has_the_policy_that_signals_need(example: str) -> None:
    role = resources((EXAMPLES / example / "template.yaml").read_text())["InstanceRole"]
    policy = next(it for it in role["Properties"]["Policies"] if it["PolicyName"] == "signals")
    theirs = json.loads((ON_INSTANCE / "policy.json").read_text())["Statement"]
    ours = policy["PolicyDocument"]["Statement"]
    # Only a plan that asks for a word needs an instance that gives itself one.
    assert [it["Sid"] for it in ours] == [it["Sid"] for it in theirs][: 2 if example == "ci-runner" else 1]
    for our, their in zip(ours, theirs, strict=False):
        # In a template an ARN has the partition, Region and account of the stack.
        place = our.pop("Resource")["Fn::Sub"].replace("${AWS::Partition}", "aws")
        assert place.replace("${AWS::Region}:${AWS::AccountId}", "*:*") == their.pop("Resource")
        written = json.dumps(our).replace("${AWS::Partition}", "aws").replace("${!", "${")
        assert json.loads(re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", written)) == their


def test_an_instance_that_run_command_reaches_reads_no_secrets_of_plans() -> None:
    """AmazonSSMManagedInstanceCore allows `ssm:GetParameter` and `ssm:GetParameters` on every parameter."""
    reached = [
        (file.parent.name, role["Properties"])
        for file in TEMPLATES
        for role in resources(file.read_text()).values()
        if role["Type"] == "AWS::IAM::Role" and "AmazonSSMManagedInstanceCore" in str(role)
    ]
    assert {name for name, _ in reached} >= {"warm-pool", "web-service"}
    for name, role in reached:
        statements = [it for policy in role.get("Policies", []) for it in policy["PolicyDocument"]["Statement"]]
        assert {
            "Sid": "RefuseParametersOfAsgLifecycle",
            "Effect": "Deny",
            "Action": "ssm:GetParameter*",
            "Resource": {"Fn::Sub": "arn:${AWS::Partition}:ssm:*:${AWS::AccountId}:parameter/asg-lifecycle/*"},
        } in statements, name


def plan_in(example: str, resource: str) -> Any:
    """Return a plan that a template keeps, with the defaults of the template's parameters in it."""
    template = (EXAMPLES / example / "template.yaml").read_text()
    value = resources(template)[resource]["Properties"]["Value"]
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    for name, default in re.findall(r"^  (\w+):\n    Type: .*\n    Default: (.*)$", template, re.MULTILINE):
        text = text.replace(f"${{{name}}}", default)
    return json.loads(text)


def plan_of(name: str) -> Any:
    return read_plan((ROOT / "plans" / f"{name}.yaml").read_text()).plan


@pytest.mark.parametrize(
    ("example", "plan"),
    [
        ("web-service", "web-service"),
        ("ci-runner", "ci-runner"),
        ("ecs-cluster", "ecs-cluster"),
        ("eks-nodes", "kubernetes-nodes"),
    ],
)
def test_the_plan_of_an_example_is_the_one_that_its_guide_shows(example: str, plan: str) -> None:
    assert plan_in(example, "TerminatePlan") == plan_of(plan)
    assert f"(../../plans/{plan}.yaml)" in (EXAMPLES / example / "README.md").read_text()


def test_the_plan_of_the_warm_pool_is_the_one_that_its_guide_shows_without_ecs() -> None:
    whole = plan_of("warm-pool")
    whole["steps"] = [step for step in whole["steps"] if step.get("kind") != "wait-for-ecs"]
    assert plan_in("warm-pool", "LaunchPlan") == whole


def test_the_launch_plan_of_the_web_service_waits_as_the_user_data_says() -> None:
    plan = plan_in("web-service", "LaunchPlan")
    assert find_problems(plan) == ()
    (said,) = re.findall(
        r"waits with (\{.*?\}),?\.?$", (ON_INSTANCE / "user-data.sh").read_text(), re.DOTALL | re.MULTILINE
    )
    assert plan["steps"] == [yaml.safe_load(re.sub(r"\n# ?", " ", said))]


def test_the_rights_in_a_cluster_are_those_that_the_guide_shows() -> None:
    (role, _) = (EXAMPLES / "eks-nodes" / "rbac.yaml").read_text().split("---\n")
    shown = "".join(f"    {line}\n" for line in role.splitlines() if not line.startswith("#"))
    assert shown in (ROOT / "docs" / "guides" / "kubernetes-nodes.md").read_text()


@every_template
def test_a_hook_is_ours_and_its_timer_releases_nothing(file: Path) -> None:
    hooks = []
    for resource in resources(file.read_text()).values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::AutoScaling::LifecycleHook":
            hooks.append(properties)
        hooks += properties.get("LifecycleHookSpecificationList", [])
    if file.parent.name != "event-rules":
        assert hooks
    for hook in hooks:
        assert hook["LifecycleHookName"].startswith("asg-lifecycle-")
        assert hook["HeartbeatTimeout"] >= 600
        assert hook["DefaultResult"] == "ABANDON"


def test_every_arn_has_the_partition_that_it_is_deployed_in() -> None:
    found = []
    for file in EXAMPLES.rglob("*"):
        name = str(file.relative_to(EXAMPLES))
        if file.is_file() and file.suffix != ".md" and name not in PLAIN_JSON:
            found += [f"{name}: {arn}" for arn in re.findall(r"arn:aws[^\s\"']*", file.read_text())]
    assert found == []
    assert all(name in (EXAMPLES / "README.md").read_text() for name in PLAIN_JSON)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_has_one_screen_of_text_and_a_line_in_the_index(folder: Path) -> None:
    lines = (folder / "README.md").read_text().splitlines()
    assert len(lines) <= SCREEN[0]
    assert [line for line in lines if len(line) > SCREEN[1] and not line.startswith("|")] == []
    assert f"({folder.name}/)" in (EXAMPLES / "README.md").read_text()
    assert "eeds AWS" in "\n".join(lines)


def test_texts_link_to_what_is_there() -> None:
    links = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
    missing = [
        f"{text.relative_to(EXAMPLES)}: {link}"
        for text in EXAMPLES.rglob("*.md")
        for link in links.findall(text.read_text())
        if not link.startswith("https://") and not (text.parent / link).exists()
    ]
    assert missing == []
