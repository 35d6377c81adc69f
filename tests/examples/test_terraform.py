"""The Terraform modules parse, agree with the snippets of `install-hook`, and make hooks that are answered."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import hcl2
import pytest

from asg_lifecycle.cli.plan_files import read_plan
from asg_lifecycle.model.actions import ActionResult, Transition
from asg_lifecycle.model.hook_snippets import SnippetHook, terraform
from asg_lifecycle.model.lifecycle_hooks import HookSettings
from tests.examples.conftest import EXAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.examples.conftest import ExampleTestbed

TERRAFORM = EXAMPLES / "terraform"
FILES = sorted(TERRAFORM.rglob("*.tf"))
HOOK = "aws_autoscaling_lifecycle_hook"
TOOL = shutil.which("terraform")
needs_terraform = pytest.mark.skipif(TOOL is None, reason="needs Terraform on PATH")
UNREACHABLE = re.compile(r"could not connect|Failed to query available provider packages")


def blocks(text: str, kind: str) -> dict[str, dict[str, Any]]:
    """Return the blocks of a kind in a file of HCL, by their last label; `__…__` are the parser's own."""
    found: dict[str, dict[str, Any]] = {}
    for block in hcl2.loads(text).get(kind, []):
        inner = block
        label = ""
        while "__is_block__" not in inner:
            ((label, inner),) = inner.items()
        found[label.strip('"')] = {name: value for name, value in inner.items() if not name.startswith("__")}
    return found


def of_module(folder: Path, kind: str) -> dict[str, dict[str, Any]]:
    return {label: block for file in folder.glob("*.tf") for label, block in blocks(file.read_text(), kind).items()}


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    assert TOOL is not None
    return subprocess.run(  # noqa: S603 - Terraform, where it is installed
        [TOOL, *arguments],
        cwd=folder,
        env={**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_CLI_ARGS": "-no-color"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("folder", [TERRAFORM, TERRAFORM / "deploy", TERRAFORM / "hooks"], ids=lambda each: each.name)
def test_what_goes_in_and_out_of_a_module_is_described(folder: Path) -> None:
    for kind in ("variable", "output"):
        described = of_module(folder, kind)
        assert described
        assert [label for label, block in described.items() if not block.get("description")] == []
    typed = of_module(folder, "variable")
    assert [label for label, block in typed.items() if "type" not in block] == []


def test_the_module_sets_what_the_snippet_of_a_hook_has() -> None:
    whole = HookSettings(
        name="asg-lifecycle-terminate",
        transition=Transition.TERMINATING,
        heartbeat=900,
        default_result=ActionResult.ABANDON,
        metadata='{"plan":"web"}',
        target="arn:aws:sqs:eu-west-1:123456789012:queue",
        role="arn:aws:iam::123456789012:role/notify",
    )
    ((_, written),) = blocks(terraform([SnippetHook(group="web", hook=whole)]), "resource").items()
    ours = of_module(TERRAFORM / "hooks", "resource")["this"]
    assert ours.keys() - EVERYWHERE == written.keys()


def test_what_an_example_passes_to_a_module_is_a_variable_of_it() -> None:
    modules = of_module(TERRAFORM, "module")
    assert modules.keys() == {"asg_lifecycle", "hooks"}
    for module in modules.values():
        variables = of_module(TERRAFORM / module.pop("source").strip('"'), "variable")
        assert module.keys() <= variables.keys()
        assert {name for name, variable in variables.items() if "default" not in variable} <= module.keys()


@needs_terraform
def test_terraform_finds_it_well_formatted() -> None:
    formatted = run("fmt", "-check", "-recursive", "-diff", ".", folder=TERRAFORM)
    assert (formatted.returncode, formatted.stdout) == (0, "")


@needs_terraform
@pytest.mark.parametrize("module", [".", "deploy", "hooks"])
def test_terraform_finds_it_valid(module: str, tmp_path: Path) -> None:
    shutil.copytree(TERRAFORM, tmp_path, dirs_exist_ok=True)
    got = run("init", "-backend=false", "-input=false", folder=tmp_path / module)
    if got.returncode and UNREACHABLE.search(got.stdout + got.stderr):
        pytest.skip("needs Terraform's registry, for the AWS provider")
    assert (got.returncode, got.stderr) == (0, "")
    valid = run("validate", folder=tmp_path / module)
    assert (valid.returncode, valid.stderr) == (0, "")


def evaluated(folder: Path, **variables: object) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the arguments of each resource that the module with hooks makes, as Terraform computes them.

    The AWS provider is not there to make them, so that each resource is written as an output of the same expressions.
    """
    module = TERRAFORM / "hooks"
    shutil.copy(module / "variables.tf", folder)
    text = (module / "main.tf").read_text()
    (transitions,) = re.findall(r"^locals \{.*?^\}", text, re.MULTILINE | re.DOTALL)
    written = [transitions]
    for kind, label, body in re.findall(r'^resource "(\w+)" "(\w+)" \{(.*?)^\}', text, re.MULTILINE | re.DOTALL):
        (each,) = re.findall(r"^  for_each = (.*)$", body, re.MULTILINE)
        kept = re.sub(r"^  lifecycle \{.*?^  \}$", "", body, flags=re.MULTILINE | re.DOTALL)
        kept = re.sub(r"^  (for_each|depends_on) .*$", "", kept, flags=re.MULTILINE).replace("each.value", "one")
        written.append(f'output "{kind}" {{\n  value = {{ for key, one in {each} : key => {{{kept}}} }}\n}}')
        assert label
    (folder / "main.tf").write_text("\n".join(written))
    (folder / "terraform.tfvars.json").write_text(json.dumps(variables))
    for arguments in (("init", "-input=false"), ("apply", "-auto-approve", "-input=false")):
        done = run(*arguments, folder=folder)
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
    outputs = json.loads(run("output", "-json", folder=folder).stdout)
    return {kind: output["value"] for kind, output in outputs.items()}


API = {
    "name": "LifecycleHookName",
    "autoscaling_group_name": "AutoScalingGroupName",
    "lifecycle_transition": "LifecycleTransition",
    "heartbeat_timeout": "HeartbeatTimeout",
    "default_result": "DefaultResult",
    "notification_metadata": "NotificationMetadata",
    "notification_target_arn": "NotificationTargetARN",
    "role_arn": "RoleARN",
}


@needs_terraform
def test_an_instance_of_an_existing_group_is_drained_by_the_plan_of_the_module(
    testbed: ExampleTestbed, tmp_path: Path
) -> None:
    plan = EXAMPLES.parent / "plans" / "web-service.yaml"
    made = evaluated(
        tmp_path,
        plans={"web": {"name": "web", "transition": "terminate", "file": str(plan)}},
        hooks={"web": {"group": "shop", "transition": "terminate", "plan": "web"}},
    )
    (instance,) = testbed.autoscaling.create_group("shop", capacity=1)
    testbed.run_command.manage(instance)
    testbed.target_group("web", instance, delay=60)
    (parameter,) = made["aws_ssm_parameter"].values()
    assert json.loads(parameter["insecure_value"]) == read_plan(plan.read_text()).plan
    (hook,) = made[HOOK].values()
    with testbed.region.unobserved():
        testbed.region.client("ssm").put_parameter(
            Name=parameter["name"], Value=parameter["insecure_value"], Type=parameter["type"]
        )
        testbed.region.client("autoscaling").put_lifecycle_hook(
            **{API[name]: value for name, value in hook.items() if value is not None}
        )
    testbed.autoscaling.terminate(instance)
    testbed.run(300)
    assert testbed.ends(instance) == ["asg-lifecycle-terminate CONTINUE CompleteLifecycleAction"]
    assert testbed.target_groups.registrations(instance) == []


@needs_terraform
@pytest.mark.parametrize(
    ("hook", "says"),
    [
        ({"group": "web", "transition": "out"}, "launch or terminate"),
        ({"group": "web", "transition": "launch", "heartbeat_timeout": 60}, "600 to 7200"),
        ({"group": "web", "transition": "launch", "default_result": "RETAIN"}, "ABANDON or CONTINUE"),
    ],
)
def test_a_mistake_is_refused(hook: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=says):
        evaluated(tmp_path, hooks={"web": hook})


@needs_terraform
def test_many_groups_have_a_hook_each_and_no_group_two_for_one_transition(tmp_path: Path) -> None:
    hooks = {group: {"group": group, "transition": "terminate"} for group in ("web", "api")}
    made = evaluated(tmp_path, hooks=hooks | {"old": {"group": "web", "transition": "launch", "suffix": "prepare"}})
    assert {key: (it["autoscaling_group_name"], it["name"]) for key, it in made[HOOK].items()} == {
        "web": ("web", "asg-lifecycle-terminate"),
        "api": ("api", "asg-lifecycle-terminate"),
        "old": ("web", "asg-lifecycle-prepare"),
    }
    assert {it["notification_metadata"] for it in made[HOOK].values()} == {"{}"}, "which is nothing of a plan"
    assert made["terraform_data"].keys() == made[HOOK].keys()
    with pytest.raises(RuntimeError, match="one hook for each transition"):
        evaluated(tmp_path, hooks=hooks | {"again": {"group": "web", "transition": "terminate", "suffix": "b"}})


PROVIDER = {
    "aws_autoscaling_lifecycle_hook": set(API),
    "aws_cloudformation_stack": {
        *("name", "template_url", "template_body", "parameters", "capabilities", "notification_arns", "tags"),
        *("iam_role_arn", "on_failure", "disable_rollback", "policy_body", "policy_url", "timeout_in_minutes"),
    },
    "aws_s3_object": {"bucket", "key", "source", "content", "tags", "kms_key_id", "etag", "source_hash"},
    "aws_ssm_parameter": {
        *("name", "type", "value", "insecure_value", "tier", "tags", "description", "key_id", "overwrite"),
        *("allowed_pattern", "data_type"),
    },
    "terraform_data": {"input", "triggers_replace"},
    "aws_caller_identity": set(),
    "aws_partition": set(),
    "aws_s3_bucket": {"bucket"},
    "aws_iam_policy_document": {"statement"},
}
"""The arguments of what is used, as the documentation of the AWS provider has them (versions 5 and 6)."""

EVERYWHERE = {"for_each", "count", "depends_on", "lifecycle", "provider"}


@pytest.mark.parametrize("file", FILES, ids=lambda each: f"{each.parent.name}/{each.name}")
def test_each_argument_is_one_of_the_provider(file: Path) -> None:
    for kind in ("resource", "data"):
        for block in hcl2.loads(file.read_text()).get(kind, []):
            ((resource, inner),) = block.items()
            (arguments,) = inner.values()
            names = {name for name in arguments if not name.startswith("__")}
            assert names - EVERYWHERE <= PROVIDER[resource.strip('"')], resource
