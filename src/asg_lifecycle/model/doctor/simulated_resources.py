"""On what the function's role is asked whether it is allowed an action: a resource as the template's policies mean it.

A policy is simulated for a resource, which need not exist. `*` would be refused wherever a policy names something
narrower.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXAMPLE = "asg-lifecycle-doctor"
"""In place of the names of things."""

EVERYTHING = ("*",)
GROUP = ("arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:0:autoScalingGroupName/{example}",)
TABLE = ("arn:{partition}:dynamodb:{region}:{account}:table/{table}",)
OWN_EXECUTIONS = ("{function}:live",)
PLANS = ("arn:{partition}:ssm:{region}:{account}:parameter{plans}/launch/{example}",)
TARGET_GROUP = ("arn:{partition}:elasticloadbalancing:{region}:{account}:targetgroup/{example}/0123456789abcdef",)
CLUSTER = ("arn:{partition}:ecs:{region}:{account}:cluster/{example}",)
CONTAINER_INSTANCE = ("arn:{partition}:ecs:{region}:{account}:container-instance/{example}/0123456789abcdef",)
TASK = ("arn:{partition}:ecs:{region}:{account}:task/{example}/0123456789abcdef",)
HOSTED_ZONE = ("arn:{partition}:route53:::hostedzone/Z0123456789ABC",)
HEALTH_CHECK = ("arn:{partition}:route53:::healthcheck/01234567-0123-0123-0123-0123456789ab",)
INSTANCE = "arn:{partition}:ec2:{region}:{account}:instance/i-0123456789abcdef0"
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
    "ec2:AttachVolume": (INSTANCE, VOLUME),
    "ec2:CreateImage": (IMAGE, INSTANCE, SNAPSHOT),
    "ec2:CreateSnapshot": (SNAPSHOT, VOLUME),
    "ec2:CreateSnapshots": (INSTANCE, SNAPSHOT, VOLUME),
    "ec2:CreateTags": (SNAPSHOT,),
    "ec2:DetachVolume": (INSTANCE, VOLUME),
    "ecs:DescribeClusters": CLUSTER,
    "ecs:DescribeContainerInstances": CONTAINER_INSTANCE,
    "ecs:DescribeServices": ("arn:{partition}:ecs:{region}:{account}:service/{example}/{example}",),
    "ecs:DescribeTasks": TASK,
    "ecs:GetTaskProtection": TASK,
    "ecs:ListContainerInstances": CLUSTER,
    "ecs:ListTasks": CONTAINER_INSTANCE,
    "ecs:StopTask": TASK,
    "ecs:UpdateContainerInstancesState": CONTAINER_INSTANCE,
    "ecs:UpdateTaskProtection": TASK,
    "eks:DescribeCluster": ("arn:{partition}:eks:{region}:{account}:cluster/{example}",),
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
    "vpc-lattice:DeregisterTargets": (
        "arn:{partition}:vpc-lattice:{region}:{account}:targetgroup/tg-0123456789abcdef0",
    ),
    "vpc-lattice:ListTargets": ("arn:{partition}:vpc-lattice:{region}:{account}:targetgroup/tg-0123456789abcdef0",),
}
"""Actions that IAM allows on single resources; the others know `*` alone."""


def by_resources(
    actions: Iterable[str], *, function: str, stack: str, table: str, plans: str
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return actions, put together by the resources that they are to be tried on.

    Args:
        actions: IAM actions.
        function: qualified ARN of the durable function; the account and the Region are read out of it.
        stack: name of the stack.
        table: name of the table of records.
        plans: where named plans are in Parameter Store.

    Raises:
        ValueError: the function is no qualified ARN.
    """
    unqualified, _, _ = function.rpartition(":")
    parts = unqualified.split(":")
    if len(parts) != 7:  # noqa: PLR2004 - arn, partition, service, Region, account, function, name
        raise ValueError(f"{function!r} is no qualified ARN of a function")
    values = {"partition": parts[1], "region": parts[3], "account": parts[4], "function": unqualified}
    values |= {"stack": stack, "table": table, "plans": plans, "example": EXAMPLE}
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for action in sorted(set(actions)):
        resources = tuple(resource.format(**values) for resource in RESOURCES.get(action, EVERYTHING))
        found[resources] = (*found.get(resources, ()), action)
    return found


def context_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the values of condition keys that requests have about what the stack's parameters allow.

    Args:
        parameters: of the stack.
    """
    return {
        "aws:RequestTag/asg-lifecycle:action": EXAMPLE,
        "aws:ResourceTag/asg-lifecycle:stack": parameters.get("VolumeTag", ""),
        "aws:ResourceTag/aws:autoscaling:groupName": parameters.get("AutoScalingGroups", "*").replace("*", EXAMPLE),
        "autoscaling:ResourceTag/asg-lifecycle:stack": parameters.get("AutoScalingGroupTag", ""),
        "ec2:CreateAction": "CreateSnapshot",
    }
