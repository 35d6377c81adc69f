"""Addresses of pages of the AWS console."""

from __future__ import annotations

from urllib.parse import quote

CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
"""The console of each partition that has one of its own."""

CONSOLE = "console.aws.amazon.com"


def group_link(region: str, group: str, partition: str = "aws") -> str:
    """Return the address of an Auto Scaling group.

    Args:
        region: its Region.
        group: its name.
        partition: of the Region.
    """
    return f"{_home(region, partition, 'ec2')}#AutoScalingGroupDetails:id={quote(group, safe='')};view=details"


def instance_link(region: str, instance: str, partition: str = "aws") -> str:
    """Return the address of an instance, see `group_link`."""
    return f"{_home(region, partition, 'ec2')}#InstanceDetails:instanceId={quote(instance, safe='')}"


def function_link(region: str, function: str, partition: str = "aws") -> str:
    """Return the address of a Lambda function, which leads to its durable executions; see `group_link`."""
    return f"{_home(region, partition, 'lambda')}#/functions/{quote(function, safe='')}"


def _home(region: str, partition: str, service: str) -> str:
    return f"https://{region}.{CONSOLES.get(partition, CONSOLE)}/{service}/home?region={region}"
