"""What a CloudFormation stack makes of Auto Scaling is what the API makes: hooks fire, and the pool is filled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle_simulator.deployment.deployment import Deployment
from asg_lifecycle_simulator.deployment.testbed import Testbed as SimulatedTestbed

if TYPE_CHECKING:
    from collections.abc import Iterator

LAUNCH_TEMPLATE = {
    "Type": "AWS::EC2::LaunchTemplate",
    "Properties": {"LaunchTemplateData": {"ImageId": "ami-12c6146b", "InstanceType": "t4g.small"}},
}
HOOK = {
    "LifecycleHookName": "other-launch",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "HeartbeatTimeout": "600",
    "DefaultResult": "ABANDON",
}


def group(**properties: Any) -> dict[str, Any]:
    version = {"LaunchTemplateId": {"Ref": "Template"}, "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]}}
    given = {"MinSize": "0", "MaxSize": "4", "DesiredCapacity": 1, "AvailabilityZones": ["eu-west-1a"], **properties}
    return {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {**given, "LaunchTemplate": version}}


class Testbed(SimulatedTestbed[Deployment]):
    def make(self, **resources: Any) -> dict[str, str]:
        """Make a stack, and return the physical ids of its resources."""
        client = self.region.client("cloudformation")
        body = json.dumps({"Resources": {"Template": LAUNCH_TEMPLATE, **resources}})
        client.create_stack(StackName="stack", TemplateBody=body)
        found = client.describe_stack_resources(StackName="stack")["StackResources"]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found}


@pytest.fixture
def testbed() -> Iterator[Testbed]:
    with Testbed(Deployment) as made:
        yield made


def test_a_hook_of_the_group_holds_its_first_instance(testbed: Testbed) -> None:
    made = testbed.make(Group=group(AutoScalingGroupName="web", LifecycleHookSpecificationList=[HOOK]))
    assert made["Group"] == "web"
    (instance,) = testbed.autoscaling.instances("web")
    testbed.run(10)
    assert testbed.autoscaling.instance_state(instance) == "Pending:Wait"
    testbed.run(600)
    assert testbed.completions() == ["ABANDON heartbeat timeout"]


def test_a_hook_of_its_own_comes_after_the_first_instance(testbed: Testbed) -> None:
    hook = {"Type": "AWS::AutoScaling::LifecycleHook", "Properties": {**HOOK, "AutoScalingGroupName": {"Ref": "Group"}}}
    made = testbed.make(Group=group(), Hook=hook)
    assert made["Hook"] == "other-launch"
    (first,) = testbed.autoscaling.instances(made["Group"])
    testbed.autoscaling.scale(made["Group"], 2)
    testbed.run(30)
    (_, second) = testbed.autoscaling.instances(made["Group"])
    assert [testbed.autoscaling.instance_state(each) for each in (first, second)] == ["InService", "Pending:Wait"]
    described = testbed.region.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName=made["Group"])
    assert [each["HeartbeatTimeout"] for each in described["LifecycleHooks"]] == [600]


def test_a_warm_pool_is_filled(testbed: Testbed) -> None:
    pool = {
        "Type": "AWS::AutoScaling::WarmPool",
        "Properties": {
            "AutoScalingGroupName": {"Ref": "Group"},
            "MaxGroupPreparedCapacity": "3",
            "PoolState": "Stopped",
        },
    }
    made = testbed.make(Group=group(), Pool=pool)
    assert made["Pool"] == made["Group"]
    testbed.run(120)
    states = [testbed.autoscaling.instance_state(each) for each in testbed.autoscaling.instances(made["Group"])]
    assert sorted(map(str, states)) == ["InService", "Warmed:Stopped", "Warmed:Stopped"]


def test_what_is_not_simulated_fails_the_stack(testbed: Testbed) -> None:
    with pytest.raises(ValueError, match="does not know MixedInstancesPolicy, PlacementGroup"):
        testbed.make(Group=group(PlacementGroup="spread", MixedInstancesPolicy={}))
