"""The CloudFormation calls: the outputs of a deployed stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from asg_lifecycle.aws.clients import Clients


class Stacks:
    """The CloudFormation stacks of this account and Region."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of a stack, by key.

        Raises:
            CallFailed: no answer, throttled, denied, no such stack.
        """
        with calling("cloudformation:DescribeStacks"):
            described = self._clients.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        return {
            output["OutputKey"]: output["OutputValue"]
            for output in (described[0].get("Outputs", []) if described else [])
            if "OutputKey" in output and "OutputValue" in output
        }
