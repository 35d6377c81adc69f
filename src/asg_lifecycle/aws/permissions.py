"""The permissions the application needs whatever the plans say."""

from __future__ import annotations

CORE_PERMISSIONS = (
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:DescribeTags",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "ec2:DescribeInstances",
    "lambda:GetDurableExecution",
    "lambda:InvokeFunction",
    "lambda:SendDurableExecutionCallbackSuccess",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
)
"""IAM actions that the durable function uses outside of steps; each step declares its own."""

ACTION_EVENT_PERMISSIONS = ("events:PutEvents", "sns:Publish")
"""IAM actions of the durable function and of the sweep where they tell others about actions."""

SWEEP_PERMISSIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeWarmPool",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "lambda:GetDurableExecution",
    "lambda:InvokeFunction",
    "lambda:ListDurableExecutionsByFunction",
)
"""IAM actions of the sweep."""

NOTIFICATION_PERMISSIONS = ("lambda:InvokeFunction",)
"""IAM actions of the notification function, beside reading its queue."""

INTERRUPTION_PERMISSIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "lambda:InvokeFunction",
)
"""IAM actions of the interruption function."""

SIGNAL_PERMISSIONS = (
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "ec2:DescribeInstances",
    "lambda:SendDurableExecutionCallbackSuccess",
)
"""IAM actions of the signal function, whatever the plans say."""

ECS_SIGNAL_PERMISSIONS = ("ecs:DescribeContainerInstances", "ecs:DescribeTasks", "ecs:ListTasks")
"""IAM actions of the signal function where it handles events of ECS."""

AUTOMATION_SIGNAL_PERMISSIONS = ("ssm:ListTagsForResource",)
"""IAM actions of the signal function where it handles events of Automation."""

READ_ONLY_PERMISSIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeInstanceRefreshes",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeTags",
    "autoscaling:DescribeWarmPool",
    "cloudformation:DescribeStacks",
    "cloudformation:ListStackResources",
    "cloudwatch:DescribeAlarms",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "ec2:DescribeInstances",
    "ec2:DescribeRegions",
    "events:ListRules",
    "events:ListTargetsByRule",
    "iam:SimulatePrincipalPolicy",
    "lambda:GetDurableExecution",
    "lambda:GetDurableExecutionHistory",
    "lambda:ListDurableExecutionsByFunction",
    "sns:ListSubscriptionsByTopic",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "ssm:GetParameterHistory",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
)
"""IAM actions of the commands that change nothing, with the operator's own credentials. SQS has none that only reads: a
message is received, and given back."""

PREVIEW_PERMISSIONS = (
    "autoscaling:DescribeLoadBalancerTargetGroups",
    "autoscaling:DescribeLoadBalancers",
    "autoscaling:DescribeTrafficSources",
    "cloudwatch:GetMetricData",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeVolumes",
    "ecs:DescribeClusters",
    "ecs:DescribeContainerInstances",
    "ecs:DescribeTasks",
    "ecs:ListClusters",
    "ecs:ListContainerInstances",
    "ecs:ListTasks",
    "eks:DescribeCluster",
    "elasticloadbalancing:DescribeInstanceHealth",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "route53:ListResourceRecordSets",
    "servicediscovery:GetNamespace",
    "servicediscovery:ListInstances",
    "servicediscovery:ListNamespaces",
    "servicediscovery:ListServices",
    "ssm:DescribeInstanceInformation",
    "states:DescribeStateMachine",
    "tag:GetResources",
    "vpc-lattice:ListTargets",
)
"""IAM actions of steps with which `plan explain` finds out what they would do, and `doctor` whether what they name is
there. Not `ssm:GetParameter`: what it reads are tokens of clusters, and a token is not for everybody who may look."""

CHANGE_PERMISSIONS = (
    "autoscaling:DeleteLifecycleHook",
    "autoscaling:PutLifecycleHook",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "autoscaling:UpdateAutoScalingGroup",
    "events:PutEvents",
    "lambda:InvokeFunction",
    "lambda:SendDurableExecutionCallbackSuccess",
    "sqs:DeleteMessage",
    "ssm:DeleteParameter",
    "ssm:PutParameter",
)
"""IAM actions of the commands that change something, beside those of the commands that do not."""

READ_ONLY_OUTPUT = "ReadOnlyPolicyArn"
OPERATOR_OUTPUT = "OperatorPolicyArn"


def policy_output(action: str) -> str | None:
    """Return the stack's output that names the managed policy by which people get a permission, None where none has it.

    Args:
        action: IAM action. That of people who look is preferred to that of people who act.
    """
    if action in READ_ONLY_PERMISSIONS or action in PREVIEW_PERMISSIONS:
        return READ_ONLY_OUTPUT
    return OPERATOR_OUTPUT if action in CHANGE_PERMISSIONS else None
