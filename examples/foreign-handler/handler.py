"""A Lambda function that answers terminate hooks: it keeps the wait alive once, drains nothing, and lets go."""

import os

import boto3

HOOK = os.environ.get("HOOK_NAME", "drain")
autoscaling = boto3.client("autoscaling")


def lambda_handler(event, context):
    """Answer one `EC2 Instance-terminate Lifecycle Action`."""
    detail = event["detail"]
    if detail["LifecycleHookName"] != HOOK:
        return {"ignored": detail["LifecycleHookName"]}
    action = {
        "AutoScalingGroupName": detail["AutoScalingGroupName"],
        "LifecycleHookName": detail["LifecycleHookName"],
        "LifecycleActionToken": detail["LifecycleActionToken"],
    }
    autoscaling.record_lifecycle_action_heartbeat(**action)
    autoscaling.complete_lifecycle_action(**action, LifecycleActionResult="CONTINUE")
    return {"released": detail["EC2InstanceId"]}
