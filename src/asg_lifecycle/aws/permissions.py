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
    "lambda:SendDurableExecutionCallbackSuccess",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
)
"""IAM actions that carrying out an action uses outside steps; each step declares its own."""

SWEEP_PERMISSIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeWarmPool",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "lambda:GetDurableExecution",
    "lambda:InvokeFunction",
)
"""What the sweep uses."""

NOTIFICATION_PERMISSIONS = ("lambda:InvokeFunction",)
"""What the notification function uses, beside reading its queue."""

INTERRUPTION_PERMISSIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "lambda:InvokeFunction",
)
"""What the interruption function uses."""

SIGNAL_PERMISSIONS = (
    "dynamodb:BatchGetItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "lambda:SendDurableExecutionCallbackSuccess",
)
"""What the signal function uses whatever the plans say."""

ECS_SIGNAL_PERMISSIONS = ("ecs:DescribeContainerInstances", "ecs:DescribeTasks", "ecs:ListTasks")
"""What it uses where it hears of ECS."""

OPERATOR_PERMISSIONS = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribeTags",
    "cloudformation:DescribeStacks",
    "dynamodb:GetItem",
    "ec2:DescribeInstances",
    "events:PutEvents",
    "lambda:GetDurableExecution",
    "lambda:InvokeFunction",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "ssm:PutParameter",
)
"""What the command line uses, with the operator's own credentials; `plan explain` also what the steps read."""
