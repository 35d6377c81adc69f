from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from asg_lifecycle.composition import action_tools, hook_tools
from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH, Deployment
from asg_lifecycle_simulator.deployment.parameters import PREFIX, TABLE
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def testbed() -> Iterator[Testbed[Deployment]]:
    with Testbed(Deployment) as made:
        yield made


@pytest.fixture
def stack(testbed: Testbed[Deployment], monkeypatch: pytest.MonkeyPatch) -> Testbed[Deployment]:
    """Return a region whose only stack is ours, and whose time is that of the command line."""
    make_stack(testbed, "asg-lifecycle")
    timeline = testbed.timeline
    in_time = partial(action_tools.compose_action_tools, clock=timeline.now, pause=timeline.run_for)
    monkeypatch.setattr(action_tools, "compose_action_tools", in_time)
    hooks_in_time = partial(hook_tools.compose_hook_tools, clock=timeline.now, pause=timeline.run_for)
    monkeypatch.setattr(hook_tools, "compose_hook_tools", hooks_in_time)
    return testbed


def make_stack(testbed: Testbed[Deployment], name: str, **parameters: str) -> None:
    """Make a stack with the outputs and parameters of ours."""
    declared = {"HookNamePrefix": PREFIX, "SweepMinutes": "5", "DrainsPerGroup": "0"} | parameters
    values = {"FunctionAlias": testbed.deployment.service.alias_arn, "Table": TABLE, "PlanPath": PLAN_PATH}
    outputs = {key: {"Value": value} for key, value in values.items()}
    template = {
        "Parameters": {key: {"Type": "String", "Default": value} for key, value in declared.items()},
        "Resources": {"Any": {"Type": "AWS::SQS::Queue"}},
        "Outputs": outputs,
    }
    with testbed.region.unobserved():
        testbed.region.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
