"""The permissions the application needs whatever the plans say."""

from __future__ import annotations

CORE_PERMISSIONS = (
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "ec2:DescribeInstances",
    "lambda:GetDurableExecution",
    "lambda:SendDurableExecutionCallbackSuccess",
)
"""IAM actions used outside steps; each step declares its own."""
