"""CloudFormation and CloudWatch, where moto's are not enough: alarms in stacks, and lists that come in pages.

Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html,
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudwatch.models import cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.common_models import CloudFormationModel

from asg_lifecycle_simulator.services.base import Service, page

if TYPE_CHECKING:
    from moto.core.responses import ActionResult

    from asg_lifecycle_simulator.services.base import Response

RESOURCES_A_PAGE = 100
ALARMS_A_PAGE = 50
"""As many as `DescribeAlarms` returns where the request leaves it open."""


class StackAlarm(CloudFormationModel):
    """An alarm that a stack makes: moto makes none. It finds this class by its type.

    Attributes:
        physical_resource_id: the alarm's name.
    """

    def __init__(self, name: str) -> None:
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type() -> str:
        """Return the property that names an alarm."""
        return "AlarmName"

    @staticmethod
    def cloudformation_type() -> str:
        """Return the kind of resource."""
        return "AWS::CloudWatch::Alarm"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """Return whether `Fn::GetAtt` knows an attribute."""
        return attr == "Arn"

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
        **_: object,
    ) -> StackAlarm:
        """Make the alarm."""
        given = cloudformation_json["Properties"]
        cloudwatch_backends[account_id][region_name].put_metric_alarm(
            name=resource_name,
            namespace=given.get("Namespace", ""),
            metric_name=given.get("MetricName", ""),
            comparison_operator=given["ComparisonOperator"],
            evaluation_periods=given["EvaluationPeriods"],
            period=given.get("Period", 60),
            threshold=given["Threshold"],
            statistic=given.get("Statistic", ""),
            description=given.get("AlarmDescription", ""),
            dimensions=[],
            alarm_actions=given.get("AlarmActions") or [],
            actions_enabled=True,
        )
        return cls(resource_name)


class Stacks(Service):
    """The stacks of a region, and the alarms."""

    def install(self) -> None:
        """Answer the lists that moto does not cut into pages."""
        resources = CloudFormationResponse.list_stack_resources
        alarms = CloudWatchResponse.describe_alarms

        def list_stack_resources(response: CloudFormationResponse) -> Response:
            listed = _result(resources(response))["StackResourceSummaries"]
            # moto lists resources whose condition is false, too, without a name.
            found = [each for each in listed if each["LogicalResourceId"]]
            position = {"NextToken": response._get_param("NextToken")}  # noqa: SLF001 - moto's way to the parameters
            return page(
                found, "StackResourceSummaries", position, most=min(self.region.page_size or 100, RESOURCES_A_PAGE)
            )

        def describe_alarms(response: CloudWatchResponse) -> Response:
            found = _result(alarms(response))
            request = {name: response._get_param(name) for name in ("NextToken", "MaxRecords")}  # noqa: SLF001 - likewise
            most = int(request["MaxRecords"] or ALARMS_A_PAGE)
            answer = page(found["MetricAlarms"], "MetricAlarms", request, most=most, size="MaxRecords")
            return answer | {"CompositeAlarms": found["CompositeAlarms"]}

        self.answer(CloudFormationResponse, {"list_stack_resources": list_stack_resources})
        self.answer(CloudWatchResponse, {"describe_alarms": describe_alarms})


def _result(answer: ActionResult) -> Response:
    """Return what moto answers, as the service model has it."""
    result: Response = answer.result  # type: ignore[assignment]  # moto gives it no type
    return result
