from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cli.action_commands import run

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.deployment.testbed import Testbed

OUTPUTS = {"FunctionAlias": "f", "Table": "t", "PlanPath": "/p"}


def make_stack(testbed: Testbed[Deployment], name: str, **outputs: str) -> None:
    template = {
        "Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    with testbed.region.unobserved():
        testbed.region.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


def test_the_version_of_every_stack_is_said(testbed: Testbed[Deployment]) -> None:
    make_stack(testbed, "new", **OUTPUTS, Version="0.9.0")
    make_stack(testbed, "old", **OUTPUTS)
    make_stack(testbed, "foreign", Version="7")

    said = run("version")

    assert said.exit_code == 0
    tool, *stacks = said.stdout.splitlines()
    assert tool == run("--version").stdout.strip()
    assert stacks == ["stack new 0.9.0", "stack old does not say its version: it is older than this tool"]
    assert run("version", "--stack", "new").stdout.splitlines()[1:] == ["stack new 0.9.0"]


def test_a_stack_that_cannot_be_read_is_no_failure(testbed: Testbed[Deployment]) -> None:
    assert "there is none" in run("version").stdout
    testbed.region.faults.deny("cloudformation", "DescribeStacks")

    said = run("version")

    assert (said.exit_code, said.stderr) == (0, "")
    assert "stack: could not be read: " in said.stdout


def test_the_option_asks_nothing_of_aws(testbed: Testbed[Deployment]) -> None:
    run("--version")
    assert not testbed.region.calls
