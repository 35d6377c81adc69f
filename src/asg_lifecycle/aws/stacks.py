"""What a deployed stack says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients


def outputs(clients: Clients, stack: str) -> dict[str, str]:
    """Return the outputs of the CloudFormation stack `stack`, by key.

    Raises:
        CallFailed: no answer, throttled, denied, no such stack.
    """
    with calling("cloudformation:DescribeStacks"):
        described = clients.cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {
        output["OutputKey"]: output["OutputValue"]
        for output in (described[0].get("Outputs", []) if described else [])
        if "OutputKey" in output and "OutputValue" in output
    }
