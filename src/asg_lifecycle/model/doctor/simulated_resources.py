"""On what the function's role is asked whether it is allowed an action: a resource as the template's policies mean it.

A policy is simulated for a resource, which need not exist. `*` would be refused wherever a policy names something
narrower, and so would any name be where a parameter of the stack lets the policies name some alone. What a condition of
a policy asks of a request is given, too: without it IAM takes the condition for one that is not met.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXAMPLE = "asg-lifecycle-doctor"
"""In place of the names of things."""

EVERYTHING = ("*",)
GROUP = ("arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:0:autoScalingGroupName/{group}",)
TABLE = ("arn:{partition}:dynamodb:{region}:{account}:table/{table}",)
OWN_EXECUTIONS = ("{function}:live",)
PLANS = ("arn:{partition}:ssm:{region}:{account}:parameter{plans}/launch/{example}",)
TARGET_GROUP = ("arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/{example}/0123456789abcdef",)
CLUSTER = ("arn:{partition}:ecs:{region}:{account}:cluster/{ecs_cluster}",)
CONTAINER_INSTANCE = ("arn:{partition}:ecs:{region}:{account}:container-instance/{ecs_cluster}/0123456789abcdef",)
TASK = ("arn:{partition}:ecs:{region}:{account}:task/{ecs_cluster}/0123456789abcdef",)
HOSTED_ZONE = ("arn:{partition}:route53:::hostedzone/{hosted_zone}",)
AUTOMATION = ("arn:{partition}:ssm:{region}:{account}:automation-execution/01234567-0123-0123-0123-0123456789ab",)
MACHINE = ("{machine}",)
EXECUTION = ("{execution}:asg-lifecycle-{example}",)
HEALTH_CHECK = ("arn:{partition}:route53:::healthcheck/01234567-0123-0123-0123-0123456789ab",)
INSTANCE = "arn:{partition}:ec2:{region}:{account}:instance/i-0123456789abcdef0"
ELASTIC_IP = "arn:{partition}:ec2:{region}:{account}:elastic-ip/eipalloc-0123456789abcdef0"
NETWORK_INTERFACE = "arn:{partition}:ec2:{region}:{account}:network-interface/eni-0123456789abcdef0"
VOLUME = "arn:{partition}:ec2:{region}:{account}:volume/vol-0123456789abcdef0"
SNAPSHOT = "arn:{partition}:ec2:{region}::snapshot/snap-0123456789abcdef0"
IMAGE = "arn:{partition}:ec2:{region}::image/ami-0123456789abcdef0"

RESOURCES: Mapping[str, tuple[str, ...]] = {
    "autoscaling:CompleteLifecycleAction": GROUP,
    "autoscaling:RecordLifecycleActionHeartbeat": GROUP,
    "dynamodb:DeleteItem": TABLE,
    "dynamodb:GetItem": TABLE,
    "dynamodb:PutItem": TABLE,
    "dynamodb:Query": TABLE,
    "dynamodb:UpdateItem": TABLE,
    "ec2:AssignPrivateIpAddresses": (NETWORK_INTERFACE,),
    "ec2:AssociateAddress": (ELASTIC_IP, NETWORK_INTERFACE),
    "ec2:AttachNetworkInterface": (INSTANCE, NETWORK_INTERFACE),
    "ec2:AttachVolume": (INSTANCE, VOLUME),
    "ec2:CreateImage": (IMAGE, INSTANCE, SNAPSHOT),
    "ec2:CreateSnapshot": (SNAPSHOT, VOLUME),
    "ec2:CreateSnapshots": (INSTANCE, SNAPSHOT, VOLUME),
    "ec2:CreateTags": (SNAPSHOT,),
    "ec2:DetachNetworkInterface": (INSTANCE, NETWORK_INTERFACE),
    "ec2:DetachVolume": (INSTANCE, VOLUME),
    "ec2:DisassociateAddress": (ELASTIC_IP, NETWORK_INTERFACE),
    "ec2:ModifyNetworkInterfaceAttribute": (INSTANCE, NETWORK_INTERFACE),
    "ec2:UnassignPrivateIpAddresses": (NETWORK_INTERFACE,),
    "ecs:DescribeClusters": CLUSTER,
    "ecs:DescribeContainerInstances": CONTAINER_INSTANCE,
    "ecs:DescribeServices": ("arn:{partition}:ecs:{region}:{account}:service/{ecs_cluster}/{example}",),
    "ecs:DescribeTasks": TASK,
    "ecs:GetTaskProtection": TASK,
    "ecs:ListContainerInstances": CLUSTER,
    "ecs:ListTasks": CONTAINER_INSTANCE,
    "ecs:StopTask": TASK,
    "ecs:UpdateContainerInstancesState": CONTAINER_INSTANCE,
    "ecs:UpdateTaskProtection": TASK,
    "eks:DescribeCluster": ("arn:{partition}:eks:{region}:{account}:cluster/{eks_cluster}",),
    "elasticloadbalancing:DeregisterInstancesFromLoadBalancer": (
        "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/{example}",
    ),
    "elasticloadbalancing:DeregisterTargets": TARGET_GROUP,
    "elasticloadbalancing:RegisterTargets": TARGET_GROUP,
    "events:PutEvents": ("arn:{partition}:events:{region}:{account}:event-bus/default",),
    "lambda:GetDurableExecution": OWN_EXECUTIONS,
    "lambda:InvokeFunction": OWN_EXECUTIONS,
    "lambda:SendDurableExecutionCallbackSuccess": OWN_EXECUTIONS,
    "route53:ChangeResourceRecordSets": HOSTED_ZONE,
    "route53:DeleteHealthCheck": HEALTH_CHECK,
    "route53:GetChange": ("arn:{partition}:route53:::change/C0123456789ABC",),
    "route53:GetHealthCheck": HEALTH_CHECK,
    "route53:ListResourceRecordSets": HOSTED_ZONE,
    "route53:UpdateHealthCheck": HEALTH_CHECK,
    "secretsmanager:GetSecretValue": (
        "arn:{partition}:secretsmanager:{region}:{account}:secret:asg-lifecycle/{stack}/http/{example}",
    ),
    "servicediscovery:DeregisterInstance": (
        "arn:{partition}:servicediscovery:{region}:{account}:service/srv-0123456789abcdef",
    ),
    "sns:Publish": ("arn:{partition}:sns:{region}:{account}:{example}",),
    "ssm:AddTagsToResource": AUTOMATION,
    "ssm:GetAutomationExecution": AUTOMATION,
    "ssm:GetParameter": (
        "arn:{partition}:ssm:{region}:{account}:parameter/asg-lifecycle/{stack}/kubernetes/{example}",
    ),
    "ssm:GetParameters": PLANS,
    "ssm:GetParametersByPath": PLANS,
    # Sending a command needs both its document and the instance.
    "ssm:SendCommand": (
        INSTANCE,
        "arn:{partition}:ssm:{region}::document/AWS-RunShellScript",
    ),
    "ssm:StartAutomationExecution": (
        "arn:{partition}:ssm:{region}::automation-definition/{runbook}:1",
        "arn:{partition}:ssm:{region}::document/{runbook}",
    ),
    "ssm:StopAutomationExecution": AUTOMATION,
    "states:DescribeExecution": EXECUTION,
    "states:DescribeStateMachine": MACHINE,
    "states:StartExecution": MACHINE,
    "states:StartSyncExecution": MACHINE,
    "states:StopExecution": EXECUTION,
    "vpc-lattice:DeregisterTargets": (
        "arn:{partition}:vpc-lattice:{region}:{account}:targetgroup/tg-0123456789abcdef0",
    ),
    "vpc-lattice:ListTargets": ("arn:{partition}:vpc-lattice:{region}:{account}:targetgroup/tg-0123456789abcdef0",),
}
"""Actions that IAM allows on single resources; the others know `*` alone."""

NAMED_BY = {
    "group": "AutoScalingGroups",
    "ecs_cluster": "EcsClusters",
    "eks_cluster": "EksClusters",
    "hosted_zone": "HostedZones",
}
"""The parameter of the stack that says which names the policies have, by the place in the resources above."""

TAG_PARAMETER = "AutoScalingGroupTag"
GROUP_TAG = "asg-lifecycle:stack"
"""The tag of a group that the parameter asks for."""

STEP_SOURCE = "asg-lifecycle"
"""The source of the events that plans publish."""


NOT_TRIED = frozenset({"iam:PassRole"})
"""What depends on more than its resource: to which service a role is passed."""


def by_resources(  # noqa: PLR0913 - what the stack's policies name
    actions: Iterable[str], *, function: str, stack: str, table: str, plans: str, parameters: Mapping[str, str]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return actions, put together by the resources that they are to be tried on. Some cannot be tried.

    Args:
        actions: IAM actions.
        function: qualified ARN of the durable function; the account and the Region are read out of it.
        stack: name of the stack.
        table: name of the table of records.
        plans: where named plans are in Parameter Store.
        parameters: of the stack: some name the only things that are allowed.

    Raises:
        ValueError: the function is no qualified ARN.
    """
    unqualified, _, _ = function.rpartition(":")
    parts = unqualified.split(":")
    if len(parts) != 7:  # noqa: PLR2004 - arn, partition, service, Region, account, function, name
        raise ValueError(f"{function!r} is no qualified ARN of a function")
    values = {"partition": parts[1], "region": parts[3], "account": parts[4], "function": unqualified}
    values |= {"stack": stack, "table": table, "plans": plans, "example": EXAMPLE}
    values |= {place: example_of(parameters.get(parameter, "*")) for place, parameter in NAMED_BY.items()}
    machine = parameters.get("StateMachines", "").partition(",")[0]
    values |= {"runbook": parameters.get("AutomationDocuments", "").partition(",")[0] or EXAMPLE}
    values |= {"machine": machine or EXAMPLE, "execution": machine.replace(":stateMachine:", ":execution:") or EXAMPLE}
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for action in sorted({*actions} - NOT_TRIED):
        resources = tuple(resource.format(**values) for resource in RESOURCES.get(action, EVERYTHING))
        found[resources] = (*found.get(resources, ()), action)
    return found


def example_of(pattern: str) -> str:
    """Return a name that a pattern of IAM matches."""
    return pattern.replace("*", EXAMPLE).replace("?", "x")


def is_matched(name: str, pattern: str) -> bool:
    """Return whether a pattern of IAM matches a name: `*` stands for any text, `?` for one character."""
    parts = (".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    return re.fullmatch("".join(parts), name, re.DOTALL) is not None


def request_context(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return what the conditions of the stack's policies ask of a request, as it is where everything is right.

    Args:
        parameters: of the stack.
    """
    group = example_of(parameters.get(NAMED_BY["group"], "*"))
    found = {
        "aws:RequestTag/asg-lifecycle:action": EXAMPLE,
        "aws:ResourceTag/asg-lifecycle:stack": parameters.get("VolumeTag", ""),
        "aws:ResourceTag/aws:autoscaling:groupName": group,
        f"autoscaling:ResourceTag/{GROUP_TAG}": parameters.get(TAG_PARAMETER, ""),
        "ec2:CreateAction": "CreateSnapshot",
        "ec2:ResourceTag/asg-lifecycle:pool": example_of(parameters.get("AddressPools", "*")),
        "events:source": STEP_SOURCE,
        "ssm:resourceTag/aws:autoscaling:groupName": group,
    }
    return {key: value for key, value in found.items() if value}
