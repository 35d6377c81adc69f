"""Nothing is allowed on everything, but where IAM knows no resources, or where the reason stands in the template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.steps.move_address import MoveAddress
from gates.findings import explained_in_metadata
from gates.template import with_every_switch_on
from tests.template.expanded import expand, source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.template.expanded import Expanded

WITHOUT_RESOURCES = frozenset(
    {
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeInstanceRefreshes",
        "autoscaling:DescribeLifecycleHooks",
        "autoscaling:DescribeLoadBalancerTargetGroups",
        "autoscaling:DescribeLoadBalancers",
        "autoscaling:DescribeTags",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeTrafficSources",
        "autoscaling:DescribeWarmPool",
        "cloudwatch:GetMetricData",
        "ec2:DescribeImages",
        "ec2:DescribeAddresses",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRegions",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSnapshots",
        "ec2:DescribeSubnets",
        "ec2:DescribeVolumes",
        "ec2:DescribeVpcs",
        "ecs:ListClusters",
        "elasticloadbalancing:DescribeInstanceHealth",
        "elasticloadbalancing:DescribeLoadBalancerAttributes",
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
        "events:ListRules",
        "servicediscovery:GetNamespace",
        "servicediscovery:GetOperation",
        "servicediscovery:ListInstances",
        "servicediscovery:ListNamespaces",
        "servicediscovery:ListServices",
        "ssm:CancelCommand",
        "ssm:DescribeAutomationExecutions",
        "ssm:DescribeInstanceInformation",
        "ssm:GetCommandInvocation",
        "ssm:ListCommands",
        "tag:GetResources",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
)
"""Actions that name no resource which is known when the stack is made (Service Authorization Reference)."""

FOR_PEOPLE = frozenset({"cloudformation:DescribeStacks"})
"""What people need to find the stack among all of the Region."""

MADE_BY_LAMBDA = frozenset(
    {
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
    }
)
"""What Lambda does with its network interfaces; their code is denied it by the same policy."""

ALSO_ON_EVERYTHING = {
    "KeyNetworkAndTracingPolicy": MADE_BY_LAMBDA,
    "OperatorPolicy": FOR_PEOPLE,
    "ReadOnlyPolicy": FOR_PEOPLE,
}

SCOPES = {
    "AutoScalingGroups": "autoScalingGroupName/only-mine",
    "EcsClusters": "/only-mine/",
    "EksClusters": "cluster/only-mine",
    "HostedZones": "hostedzone/ONLYMINE",
    "InvokedFunctions": "function:only-mine",
}
"""Each parameter that names what may be touched, and how the ARNs that it is for look then."""


def statements(expanded: Expanded) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every statement of a policy or role, with the logical id of its resource."""
    for name, resource in expanded.template["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [it["PolicyDocument"] for it in properties.get("Policies", []) if isinstance(it, dict)]
        if resource["Type"] in {"AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"}:
            documents.append(properties["PolicyDocument"])
        for document in documents:
            yield from ((name, statement) for statement in document["Statement"])


def on_everything(template: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each action that a template allows on everything without need or reason."""
    explained = {it.resource for it in explained_in_metadata(template) if it.rule == "AwsSolutions-IAM5"}
    for name, statement in statements(with_every_switch_on(template=template)):
        if statement["Effect"] != "Allow" or "*" not in listed(statement["Resource"]):
            continue
        known = WITHOUT_RESOURCES | ALSO_ON_EVERYTHING.get(name, frozenset())
        yield from (f"{name} allows {it} on everything" for it in listed(statement["Action"]) if it not in known)
        if name not in explained:
            yield f"{name} does not say why"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_only_what_has_no_resources_is_allowed_on_everything() -> None:
    wide = {it["Sid"] for _, it in statements(with_every_switch_on()) if "*" in listed(it["Resource"])}
    assert "DescribeWhatHasNoResourceLevelPermissions" in wide
    assert list(on_everything(source())) == []


def test_no_action_is_a_pattern() -> None:
    assert [
        (name, action)
        for name, statement in statements(with_every_switch_on())
        for action in listed(statement["Action"])
        if "*" in action
    ] == []


@pytest.mark.parametrize(
    ("action", "reason", "expected"),
    [
        ("dynamodb:PutItem", True, ["MetricStepsPolicy allows dynamodb:PutItem on everything"]),
        ("ec2:CreateNetworkInterface", True, ["MetricStepsPolicy allows ec2:CreateNetworkInterface on everything"]),
        ("cloudwatch:GetMetricData", False, ["MetricStepsPolicy does not say why"]),
    ],
)
def test_an_action_that_has_resources_and_a_missing_reason_are_found_out(
    action: str, *, reason: bool, expected: list[str]
) -> None:
    template = source()
    policy = template["Resources"]["MetricStepsPolicy"]
    policy["Properties"]["PolicyDocument"]["Statement"][0]["Action"] = action
    if not reason:
        del policy["Metadata"]
    assert list(on_everything(template)) == expected


@pytest.mark.parametrize("parameter", SCOPES)
def test_what_may_be_touched_can_be_named(parameter: str) -> None:
    value = "ONLYMINE" if parameter == "HostedZones" else "only-mine"
    narrow, wide = (
        {
            it["Fn::Sub"]
            for _, statement in statements(with_every_switch_on({parameter: value}))
            for it in listed(statement["Resource"])
            if isinstance(it, dict) and "Fn::Sub" in it
        }
        for value in (value, {"AutoScalingGroups": "other", "EcsClusters": "other"}.get(parameter, "*"))
    )
    named = narrow - wide
    assert named
    assert all(SCOPES[parameter] in f"{arn}/" for arn in named)


def test_a_function_that_is_named_may_be_invoked_by_its_alias() -> None:
    (invoking,) = [
        [resource["Fn::Sub"].rpartition(":function:")[2] for resource in statement["Resource"]]
        for name, statement in statements(with_every_switch_on({"InvokedFunctions": "archive-logs"}))
        if name == "FunctionStepsPolicy"
    ]
    assert invoking == ["archive-logs", "archive-logs:*"]


def test_commands_go_to_instances_of_groups_with_the_chosen_names_alone() -> None:
    sending = [
        statement
        for _, statement in statements(with_every_switch_on({"AutoScalingGroups": "web-*"}))
        if "ssm:SendCommand" in listed(statement["Action"])
    ]
    instances = [it for it in sending if ":instance/" in str(it["Resource"])]
    assert [it.get("Condition") for it in instances] == [
        {"StringLike": {"ssm:resourceTag/aws:autoscaling:groupName": "web-*"}}
    ]
    documents = [resource["Fn::Sub"] for it in sending if it not in instances for resource in listed(it["Resource"])]
    assert len(documents) == 2
    assert all(":document/" in it for it in documents)


def test_the_actions_of_groups_without_the_tag_can_be_refused() -> None:
    conditions = {
        name: statement.get("Condition")
        for name, statement in statements(with_every_switch_on({"AutoScalingGroupTag": "production"}))
        if "autoscaling:RecordLifecycleActionHeartbeat" in listed(statement["Action"])
    }
    tagged = {"StringEquals": {"autoscaling:ResourceTag/asg-lifecycle:stack": "production"}}
    assert conditions == {"LifecycleActionFunctionRole": tagged, "SweepFunctionRole": tagged}


@pytest.mark.parametrize(("switch", "denied"), [("on", False), ("off", True)])
def test_in_a_vpc_the_code_is_denied_interfaces_but_for_those_that_plans_may_move(switch: str, *, denied: bool) -> None:
    expanded = expand(source())
    document = expanded.of("AWS::IAM::ManagedPolicy")["KeyNetworkAndTracingPolicy"]["PolicyDocument"]
    chosen = {
        "AddressSteps": switch,
        "SubnetIds": "subnet-0123456789abcdef0",
        "SecurityGroupIds": "sg-0123456789abcdef0",
    }
    resolved = [each for each in expanded.resolve(document, chosen)["Statement"] if isinstance(each, dict)]
    actions = {action for each in resolved if each["Effect"] == "Deny" for action in each["Action"]}
    assert "ec2:CreateNetworkInterface" in actions
    assert (set(MoveAddress.permissions) & actions != set()) is denied


def test_volumes_without_the_tag_and_instances_of_other_groups_can_be_refused() -> None:
    chosen = {"VolumeTag": "production", "AutoScalingGroups": "shop-*"}
    conditions = {
        statement["Resource"]["Fn::Sub"].rpartition(":")[2]: statement.get("Condition")
        for _, statement in statements(with_every_switch_on(chosen))
        if "ec2:DetachVolume" in listed(statement["Action"])
    }
    assert conditions == {
        "volume/*": {"StringEquals": {"aws:ResourceTag/asg-lifecycle:stack": "production"}},
        "instance/*": {"StringLike": {"aws:ResourceTag/aws:autoscaling:groupName": "shop-*"}},
    }
