"""The permissions the application needs whatever the plans say."""

from __future__ import annotations

CORE_PERMISSIONS = (
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
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
"""IAM actions of the durable function where it tells others about actions."""

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
    "lambda:SendDurableExecutionCallbackSuccess",
)
"""IAM actions of the signal function, whatever the plans say."""

ECS_SIGNAL_PERMISSIONS = ("ecs:DescribeContainerInstances", "ecs:DescribeTasks", "ecs:ListTasks")
"""IAM actions of the signal function where it handles events of ECS."""

OPERATOR_PERMISSIONS = (
    "autoscaling:DeleteLifecycleHook",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeInstanceRefreshes",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeTags",
    "autoscaling:DescribeWarmPool",
    "autoscaling:PutLifecycleHook",
    "autoscaling:TerminateInstanceInAutoScalingGroup",
    "autoscaling:UpdateAutoScalingGroup",
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
    "events:PutEvents",
    "iam:SimulatePrincipalPolicy",
    "lambda:GetDurableExecution",
    "lambda:GetDurableExecutionHistory",
    "lambda:InvokeFunction",
    "lambda:ListDurableExecutionsByFunction",
    "lambda:SendDurableExecutionCallbackSuccess",
    "sns:ListSubscriptionsByTopic",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "ssm:DeleteParameter",
    "ssm:GetParameterHistory",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "ssm:PutParameter",
)
"""IAM actions of the command line, with the operator's own credentials. `plan explain` also needs those that steps read
with."""
