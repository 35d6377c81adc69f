"""The CDK construct: `make cdk-example` synthesises it, and its stack is deployed into a simulated Region."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.cli.plan_files import read_plan
from tests.examples.conftest import EXAMPLES, lint

if TYPE_CHECKING:
    from pathlib import Path

    from tests.examples.conftest import ExampleTestbed

ROOT = EXAMPLES.parent
GATES = os.environ.get("GATES_FOLDER")
PACKAGES = ROOT / "gates" / "cdk_nag"
TERMINATED = "asg-lifecycle-terminate CONTINUE CompleteLifecycleAction"
needs_node = pytest.mark.skipif(
    GATES is None, reason="`make cdk-example` installs Node and the CDK, and sets GATES_FOLDER"
)


def synthesised(folder: Path, app: str = "", **context: str) -> subprocess.CompletedProcess[str]:
    """Run the app in a copy of the example's folder; what it makes is in `out`.

    Args:
        folder: an empty one.
        app: takes the place of `app.ts`.
        context: as `cdk --context` passes it.
    """
    assert GATES is not None
    shutil.copytree(EXAMPLES / "cdk", folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(PACKAGES / "node_modules")
    if app:
        (folder / "app.ts").write_text(app)
    return subprocess.run(  # noqa: S603 - the Node of the gates
        [ROOT / GATES / "node" / "bin" / "node", "app.ts"],
        cwd=folder,
        env={**os.environ, "CDK_OUTDIR": str(folder / "out"), "CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        check=False,
    )


def template_of(folder: Path, **context: str) -> dict[str, Any]:
    done = synthesised(folder, **context)
    assert (done.returncode, done.stderr) == (0, "")
    made: dict[str, Any] = json.loads((folder / "out" / "Answered.template.json").read_text())
    return made


def test_the_example_has_the_packages_that_the_gates_have() -> None:
    ours, theirs = (
        json.loads((folder / "package.json").read_text())["dependencies"] for folder in (EXAMPLES / "cdk", PACKAGES)
    )
    assert ours == {name: theirs[name] for name in ours}


@needs_node
def test_instances_of_both_groups_are_answered(testbed: ExampleTestbed, tmp_path: Path) -> None:
    (old,) = testbed.autoscaling.create_group("old-workers", capacity=1)
    network = testbed.parameters()
    with testbed.region.unobserved():
        subnet = network["SubnetIds"].split(",")[0]
        (found,) = testbed.region.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"]
    context = {"vpcId": network["VpcId"], "subnetId": subnet, "availabilityZone": found["AvailabilityZone"]}
    template = template_of(tmp_path, **context)
    assert lint(tmp_path / "out" / "Answered.template.json") == []
    # What it asks of the account that `cdk bootstrap` was run in.
    del template["Parameters"]["BootstrapVersion"], template["Rules"]
    testbed.deploy(json.dumps(template))
    plan = read_plan((ROOT / "plans" / "queue-worker.yaml").read_text()).plan
    with testbed.region.unobserved():
        kept = testbed.region.client("ssm").get_parameter(Name="/asg-lifecycle/asg-lifecycle/plans/terminate/worker")
    assert json.loads(kept["Parameter"]["Value"]) == plan

    (instance,) = testbed.autoscaling.instances("worker")
    testbed.run(10)
    assert testbed.state(instance) == "Pending:Wait"
    for each in (instance, old):
        testbed.run_command.manage(each)
    testbed.run(120)
    assert testbed.state(instance) == "InService"
    for each in (instance, old):
        testbed.autoscaling.terminate(each, decrement=each == old)
    testbed.run(120)
    assert testbed.ends(instance)[1:] == testbed.ends(old) == [TERMINATED]
    assert [len(testbed.run_command.runs(each)) for each in (instance, old)] == [1, 1]


@needs_node
def test_a_heartbeat_that_is_too_short_is_refused(tmp_path: Path) -> None:
    app = (EXAMPLES / "cdk" / "app.ts").read_text().replace("heartbeatTimeout: 1800", "heartbeatTimeout: 60")
    done = synthesised(tmp_path, app)
    assert done.returncode != 0
    assert "600 to 7200 seconds, not 60" in done.stderr
