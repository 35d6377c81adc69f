"""The permissions the application needs whatever the plans say."""

from __future__ import annotations

CORE_PERMISSIONS = (
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "ec2:DescribeInstances",
)
"""IAM actions used outside steps; each step declares its own."""
