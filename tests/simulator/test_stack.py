"""The simulated stack is what the template says, and the policies of its roles are simulated as IAM does it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH, Deployment
from asg_lifecycle_simulator.deployment.parameters import TABLE
from asg_lifecycle_simulator.deployment.stack import LOG_GROUP, make_stack
from asg_lifecycle_simulator.deployment.testbed import Testbed

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET_GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"


@pytest.fixture
def testbed() -> Iterator[Testbed[Deployment]]:
    with Testbed(Deployment) as made:
        yield made


def kinds(stack: str) -> dict[str, str]:
    resources = boto3.client("cloudformation").list_stack_resources(StackName=stack)["StackResourceSummaries"]
    return {each["LogicalResourceId"]: each["ResourceType"] for each in resources}


def decision(role: str, action: str, *resources: str) -> str:
    answer = boto3.client("iam").simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=list(resources)
    )
    return str(answer["EvaluationResults"][0]["EvalDecision"])


def test_its_outputs_lead_to_the_deployment(testbed: Testbed[Deployment]) -> None:
    outputs = make_stack(testbed.region, testbed.deployment)
    assert outputs["FunctionAlias"] == testbed.deployment.service.alias_arn
    assert (outputs["Table"], outputs["PlanPath"]) == (TABLE, PLAN_PATH)
    assert outputs["LogGroupName"] == LOG_GROUP
    assert outputs["BuiltInFeatures"] == "TargetGroupSteps,StatusCheckSteps"
    testbed.deployment.rule_fails = True
    (instance,) = testbed.autoscaling.create_group("web")
    testbed.autoscaling.put_hook("web", "asg-lifecycle-terminate", "TERMINATING")
    testbed.autoscaling.terminate(instance)
    testbed.run(5)
    found = boto3.client("sqs").receive_message(QueueUrl=outputs["RuleDeadLetterQueueUrl"])["Messages"]
    assert json.loads(found[0]["Body"])["detail"]["EC2InstanceId"] == instance


def test_it_has_what_its_parameters_say(testbed: Testbed[Deployment]) -> None:
    make_stack(testbed.region, testbed.deployment, "one")
    make_stack(testbed.region, testbed.deployment, "two", {"Notifications": "on", "TargetGroupSteps": "off"})
    one, two = kinds("one"), kinds("two")
    assert "TargetGroupStepsPolicy" in one
    assert "NotificationTopic" not in one
    assert "TargetGroupStepsPolicy" not in two
    assert two["NotificationTopic"] == "AWS::SNS::Topic"


def test_a_policy_allows_on_the_resources_that_it_names(testbed: Testbed[Deployment]) -> None:
    make_stack(testbed.region, testbed.deployment)
    (role,) = [
        each["Arn"]
        for each in boto3.client("iam").list_roles()["Roles"]
        if "LifecycleActionFunctionRole" in each["RoleName"]
    ]
    assert decision(role, "elasticloadbalancing:DeregisterTargets", TARGET_GROUP) == "allowed"
    assert decision(role, "elasticloadbalancing:DeregisterTargets", "*") == "implicitDeny"
    assert decision(role, "ecs:StopTask", "*") == "implicitDeny"
    testbed.role_policies.refused.add("ec2:DescribeInstances")
    assert decision(role, "ec2:DescribeInstances", "*") == "explicitDeny"
    boto3.client("iam").put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="deny",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Deny", "Action": ["elasticloadbalancing:*"], "Resource": "*"}],
            }
        ),
    )
    assert decision(role, "elasticloadbalancing:DeregisterTargets", TARGET_GROUP) == "explicitDeny"


@pytest.mark.usefixtures("testbed")
def test_a_role_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ClientError) as refused:
        decision("arn:aws:iam::123456789012:role/nobody", "ec2:DescribeInstances", "*")
    assert refused.value.response["Error"]["Code"] == "NoSuchEntity"
