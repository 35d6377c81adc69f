"""The CloudFormation calls: the outputs of a deployed stack, its parameters and its resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from asg_lifecycle.aws.errors import calling

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

    from asg_lifecycle.aws.clients import Clients


class DeployedStack(Struct, frozen=True, kw_only=True):
    """The outputs of a stack and the parameters it was deployed with, by key."""

    outputs: dict[str, str]
    parameters: dict[str, str]


class StackResource(Struct, frozen=True, kw_only=True):
    """A resource that a stack has made.

    Attributes:
        logical: its id in the template.
        physical: its name, ARN or URL, as the kind has it.
        kind: such as `AWS::Events::Rule`.
    """

    logical: str
    physical: str
    kind: str


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

    def deployed(self, stack: str) -> DeployedStack:
        """Return a stack with the outputs it has and the parameters it was deployed with.

        Raises:
            CallFailed: no answer, throttled, denied, no such stack.
        """
        with calling("cloudformation:DescribeStacks"):
            (described,) = self._clients.cloudformation.describe_stacks(StackName=stack)["Stacks"]
        return DeployedStack(
            outputs=_outputs(described),
            parameters={
                each.get("ParameterKey", ""): each.get("ParameterValue", "") for each in described.get("Parameters", [])
            },
        )

    def resources(self, stack: str) -> tuple[StackResource, ...]:
        """Return the resources that a stack has made.

        Raises:
            CallFailed: no answer, throttled, denied, no such stack.
        """
        found: list[StackResource] = []
        with calling("cloudformation:ListStackResources"):
            for page in self._clients.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
                found += [
                    StackResource(
                        logical=each["LogicalResourceId"],
                        physical=each.get("PhysicalResourceId", ""),
                        kind=each["ResourceType"],
                    )
                    for each in page["StackResourceSummaries"]
                ]
        return tuple(found)

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
