"""The calls of AWS that a campaign disturbs in ways of their own."""

from __future__ import annotations

CORE = {
    "autoscaling": (
        "RecordLifecycleActionHeartbeat",
        "CompleteLifecycleAction",
        "DescribeLifecycleHooks",
        "DescribeAutoScalingInstances",
        "DescribeAutoScalingGroups",
    ),
    "dynamodb": ("PutItem", "UpdateItem", "GetItem", "Query", "BatchGetItem"),
    "lambda": ("Invoke", "GetDurableExecution", "SendDurableExecutionCallbackSuccess"),
}
"""What keeps an action alive: may be down for a part of the heartbeat timeout."""

EFFECTS = (
    ("ec2", "AttachVolume"),
    ("ec2", "DetachVolume"),
    ("ssm", "SendCommand"),
    ("ec2", "CreateImage"),
    ("ec2", "CreateSnapshot"),
    ("ec2", "CreateSnapshots"),
    ("ecs", "UpdateContainerInstancesState"),
    ("elb", "DeregisterInstancesFromLoadBalancer"),
    ("elbv2", "DeregisterTargets"),
    ("elbv2", "RegisterTargets"),
    ("events", "PutEvents"),
    ("route53", "ChangeResourceRecordSets"),
    ("servicediscovery", "DeregisterInstance"),
    ("autoscaling", "CompleteLifecycleAction"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "UpdateItem"),
    ("lambda", "Invoke"),
)
"""Calls whose lost answer leaves open whether they had their effect."""
