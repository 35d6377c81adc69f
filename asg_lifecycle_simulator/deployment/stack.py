"""The CloudFormation stack of the application: the command line finds everything else by its outputs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from asg_lifecycle_simulator.deployment.deployment import PLAN_PATH

if TYPE_CHECKING:
    from asg_lifecycle_simulator.deployment.deployment import Deployment
    from asg_lifecycle_simulator.region.region import Region

STACK = "asg-lifecycle"
SWEEP_EVERY = 300.0
"""Seconds between two sweeps, as the template has them."""

QUEUES = {
    "RuleDeadLetterQueueUrl": "rule",
    "FunctionDeadLetterQueueUrl": "function",
    "NotificationDeadLetterQueueUrl": "notification-dead",
}


def create_stack(region: Region, deployment: Deployment, name: str = STACK) -> None:
    """Create a stack whose outputs are those of `template.yaml` that the command line reads.

    Args:
        region: where.
        deployment: what the outputs name; its queues have been opened.
        name: the stack's.
    """
    outputs = stack_outputs(region, deployment)
    template = {
        # A stack has one resource at least.
        "Resources": {"Log": {"Type": "AWS::Logs::LogGroup"}},
        "Parameters": {
            key: {"Type": "String", "Default": value} for key, value in stack_parameters(deployment).items()
        },
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    with region.unobserved():
        region.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


def stack_parameters(deployment: Deployment) -> dict[str, str]:
    """Return the parameters that the command line reads, by key."""
    parameters = deployment.parameters
    return {
        "HookNamePrefix": parameters.prefix,
        "SweepMinutes": str(round((parameters.sweep_every or SWEEP_EVERY) / 60)),
        "DrainsPerGroup": str(parameters.drains_per_group or 0),
    }


def stack_outputs(region: Region, deployment: Deployment) -> dict[str, str]:
    """Return the outputs, by key."""
    parameters = deployment.parameters
    return {
        "FunctionAlias": deployment.service.alias_arn,
        "Table": parameters.table,
        "PlanPath": PLAN_PATH,
        "BuiltInFeatures": ",".join(sorted(parameters.features)),
        **{output: deployment.queues[queue] for output, queue in QUEUES.items()},
        "NotificationQueueArn": deployment.queue_arn("notification"),
        "NotificationTopicArn": deployment.topic,
        "RuleArn": f"arn:aws:events:{region.name}:{region.account}:rule/asg-lifecycle",
    }
