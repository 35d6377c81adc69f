"""The CloudFormation calls: the outputs and parameters of a deployed stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

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
        return _outputs(described[0]) if described else {}

    def parameters(self, stack: str) -> dict[str, str]:
        """Return the values of the parameters that a stack was deployed with, by key.

        Raises:
            CallFailed: no answer, throttled, denied, no such stack.
        """
        with calling("cloudformation:DescribeStacks"):
            described = self._clients.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        return {
            parameter["ParameterKey"]: parameter.get("ParameterValue", "")
            for each in described[:1]
            for parameter in each.get("Parameters", [])
            if "ParameterKey" in parameter
        }

    def all(self) -> dict[str, dict[str, str]]:
        """Return the outputs of every stack there is, by its name.

        Raises:
            CallFailed: no answer, throttled, denied.
        """
        with calling("cloudformation:DescribeStacks"):
            return {
                stack["StackName"]: _outputs(stack)
                for page in self._clients.cloudformation.get_paginator("describe_stacks").paginate()
                for stack in page["Stacks"]
            }


def _outputs(stack: StackTypeDef) -> dict[str, str]:
    return {
        output["OutputKey"]: output["OutputValue"]
        for output in stack.get("Outputs", [])
        if "OutputKey" in output and "OutputValue" in output
    }
