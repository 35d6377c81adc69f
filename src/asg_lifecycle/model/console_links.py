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


def execution_link(region: str, function: str, partition: str = "aws") -> str:
    """Return the address of the durable executions of a Lambda function, see `group_link`.

    No address of a single execution is documented: the console lists them on a tab of the function.
    """
    return f"{function_link(region, function, partition)}?tab=durable"


def log_group_link(region: str, log_group: str, partition: str = "aws") -> str:
    """Return the address of a log group of CloudWatch Logs, see `group_link`."""
    # This part of the console escapes twice, and writes the percent sign of the second time as a dollar sign.
    name = quote(quote(log_group, safe=""), safe="").replace("%", "$")
    return f"{_home(region, partition, 'cloudwatch')}#logsV2:log-groups/log-group/{name}"


def command_link(region: str, command: str, instance: str, partition: str = "aws") -> str:
    """Return the address of what a command of Run Command did on an instance, see `group_link`."""
    path = f"run-command/{quote(command, safe='')}/{quote(instance, safe='')}"
    return f"{_console(region, partition)}/systems-manager/{path}?region={region}"


def task_link(region: str, cluster: str, task: str, partition: str = "aws") -> str:
    """Return the address of a task of ECS, by the name of its cluster and its id; see `group_link`."""
    path = f"clusters/{quote(cluster, safe='')}/tasks/{quote(task, safe='')}"
    return f"{_console(region, partition)}/ecs/v2/{path}?region={region}"


def target_group_link(region: str, target_group: str, partition: str = "aws") -> str:
    """Return the address of a target group of Elastic Load Balancing, by its ARN; see `group_link`."""
    return f"{_home(region, partition, 'ec2')}#TargetGroup:targetGroupArn={quote(target_group, safe='')}"


def _home(region: str, partition: str, service: str) -> str:
    return f"{_console(region, partition)}/{service}/home?region={region}"


def _console(region: str, partition: str) -> str:
    return f"https://{region}.{CONSOLES.get(partition, CONSOLE)}"
