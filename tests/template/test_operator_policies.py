"""The managed policies for people: what the commands call, on what belongs to the stack, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from asg_lifecycle.aws.permissions import CHANGE_PERMISSIONS, PREVIEW_PERMISSIONS, READ_ONLY_PERMISSIONS
from asg_lifecycle.model.wake_events import SIGNAL_SOURCE
from tests.template.checks import LISTS, declared_permissions
from tests.template.expanded import expand, source
from tests.template.test_mutations import NOTHING, changed

if TYPE_CHECKING:
    from tests.template.expanded import Expanded

READ_ONLY = {*READ_ONLY_PERMISSIONS, *PREVIEW_PERMISSIONS}
POLICIES = {"ReadOnlyPolicy": READ_ONLY, "OperatorPolicy": READ_ONLY | {*CHANGE_PERMISSIONS}}
LONGEST = 6_144
"""Characters of a managed policy, without white space."""

ON_EVERYTHING = {
    *(action for action in READ_ONLY if action.startswith(("autoscaling:", "ec2:", "servicediscovery:"))),
    *(action for action in READ_ONLY if action.startswith("elasticloadbalancing:")),
    # Of all stacks: which is ours is not known before.
    "cloudformation:DescribeStacks",
    "cloudwatch:GetMetricData",
    "ecs:ListClusters",
    "events:ListRules",
    "ssm:DescribeInstanceInformation",
    "tag:GetResources",
}
"""What IAM allows on everything or not at all."""

HERE = "${AWS::Region}:${AWS::AccountId}"
PLANS = f"arn:${{AWS::Partition}}:ssm:{HERE}:parameter/asg-lifecycle/${{AWS::StackName}}/plans"
OURS = {
    "AWS::StackId",
    f"arn:${{AWS::Partition}}:cloudwatch:{HERE}:alarm:${{AWS::StackName}}-*",
    "LifecycleActionFunctionRole.Arn",
    "RecordsTable.Arn",
    "${RecordsTable.Arn}/index/*",
    "LifecycleActionFunction.Arn",
    "${LifecycleActionFunction.Arn}:*",
    PLANS,
    f"{PLANS}/*",
    "RuleDeadLetterQueue.Arn",
    "FunctionDeadLetterQueue.Arn",
    "NotificationDeadLetterQueue.Arn",
    "arn:alarms",
}
"""What belongs to the stack, or was named when it was deployed."""

OF_OTHERS = {
    f"arn:${{AWS::Partition}}:ecs:{HERE}:*",
    f"arn:${{AWS::Partition}}:eks:{HERE}:cluster/*",
    f"arn:${{AWS::Partition}}:events:{HERE}:rule/*",
    "arn:${AWS::Partition}:route53:::hostedzone/*",
    f"arn:${{AWS::Partition}}:states:{HERE}:stateMachine:*",
    f"arn:${{AWS::Partition}}:vpc-lattice:{HERE}:targetgroup/*",
}
"""What plans and rules may name, and is read alone."""

GROUPS = f"arn:${{AWS::Partition}}:autoscaling:{HERE}:autoScalingGroup:*:autoScalingGroupName/${{OperatorGroups}}"
BUS = f"arn:${{AWS::Partition}}:events:{HERE}:event-bus/default"
LONG_VALUES = {
    "${AWS::Partition}": "aws-us-gov",
    "${AWS::Region}": "ap-northeast-1",
    "${AWS::AccountId}": "1" * 12,
    "${AWS::StackName}": "s" * 64,
    "${OperatorGroups}": "g" * 64,
}
"""As long as they are in practice and longer: a stack's name of more than 64 characters may be too long."""


def statements(expanded: Expanded, policy: str) -> list[dict[str, Any]]:
    """Return the statements of a policy where every parameter asks for all that it can."""
    chosen = {"AlarmTopicArn": "arn:alarms", "Notifications": "on"}
    document = expanded.resolve(expanded.of("AWS::IAM::ManagedPolicy")[policy]["PolicyDocument"], chosen)
    return [statement for statement in document["Statement"] if statement != "AWS::NoValue"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def named(resource: Any) -> str:
    match resource:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": str(text)}:
            return text
        case _:
            return str(resource)


def allowed(expanded: Expanded, policy: str) -> list[tuple[str, str]]:
    """Return every action that a policy allows with every resource that it is allowed on."""
    return [
        (action, named(resource))
        for statement in statements(expanded, policy)
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def problems(expanded: Expanded) -> list[str]:
    found = []
    for policy, wanted in POLICIES.items():
        granted = {action for action, _ in allowed(expanded, policy)}
        found += [f"{policy} does not grant {action}" for action in sorted(wanted - granted)]
        found += [f"{policy} grants {action}, which nothing calls" for action in sorted(granted - wanted)]
        for statement in statements(expanded, policy):
            if statement["Effect"] != "Allow" or statement.keys() - {"Sid", "Effect", "Action", "Resource"} - (
                {"Condition"} if statement["Sid"] == "SendSignals" else set()
            ):
                found.append(f"{policy} has an unexpected statement {statement['Sid']}")
        for action, resource in allowed(expanded, policy):
            if not _is_in_place(action, resource):
                found.append(f"{policy} allows {action} on {resource}")
    return found


def _is_in_place(action: str, resource: str) -> bool:
    if action in CHANGE_PERMISSIONS:
        return resource == GROUPS if action.startswith("autoscaling:") else resource in OURS | {BUS}
    return resource == "*" if action in ON_EVERYTHING else resource in OURS | OF_OTHERS


def test_each_grants_what_its_commands_call_where_it_is(expanded: Expanded) -> None:
    assert problems(expanded) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("ReadOnlyPolicy.Properties.PolicyDocument.Statement.ReadRecords.Action.4", "dynamodb:PutItem"),
        ("ReadOnlyPolicy.Properties.PolicyDocument.Statement.ReadRecords.Action.0", NOTHING),
        ("ReadOnlyPolicy.Properties.PolicyDocument.Statement.ReadRecords.Resource", "*"),
        ("ReadOnlyPolicy.Properties.PolicyDocument.Statement.ReadThisStack.Resource", "*"),
        ("OperatorPolicy.Properties.PolicyDocument.Statement.ChangePlans.Effect", "Deny"),
        ("OperatorPolicy.Properties.PolicyDocument.Statement.ChangeHooksAndTerminateInstances.Resource", "*"),
        ("OperatorPolicy.Properties.PolicyDocument.Statement.ChangePlans.Action", "ssm:*"),
    ],
)
def test_a_policy_that_grants_something_else_is_found_out(path: str, value: object) -> None:
    assert problems(expand(changed(source(), f"Resources.{path}", value)))


def test_who_may_act_may_look_too(expanded: Expanded) -> None:
    looking = statements(expanded, "ReadOnlyPolicy")
    assert statements(expanded, "OperatorPolicy")[: len(looking)] == looking


def test_signals_are_the_only_events_that_operators_send(expanded: Expanded) -> None:
    (sending,) = [each for each in statements(expanded, "OperatorPolicy") if each["Sid"] == "SendSignals"]
    assert sending["Condition"] == {"StringEquals": {"events:source": SIGNAL_SOURCE}}


def test_what_is_not_there_is_not_named(expanded: Expanded) -> None:
    document = expanded.resolve(expanded.of("AWS::IAM::ManagedPolicy")["OperatorPolicy"]["PolicyDocument"])
    text = json.dumps([each for each in document["Statement"] if each != "AWS::NoValue"])
    assert "NotificationDeadLetterQueue" not in text
    assert "sns:" not in text


def test_they_have_no_names_that_another_stack_could_have(expanded: Expanded) -> None:
    made = expanded.of("AWS::IAM::ManagedPolicy")
    of_the_functions = {
        "AddressStepsPolicy",
        "CommandStepsPolicy",
        "KeyNetworkAndTracingPolicy",
        "SnapshotStepsPolicy",
        *(f"{parameter}Policy" for parameter in LISTS),
        "VolumeStepsPolicy",
    }
    assert made.keys() - of_the_functions == POLICIES.keys()
    assert all("ManagedPolicyName" not in properties for properties in made.values())
    # Nor are they attached to anybody: whoever deploys knows to whom.
    assert all({"Roles", "Users", "Groups"}.isdisjoint(made[policy]) for policy in POLICIES)


@pytest.mark.parametrize("policy", POLICIES)
def test_iam_accepts_their_length(expanded: Expanded, policy: str) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": [_long(it) for it in statements(expanded, policy)]})
    assert len(text.replace(" ", "")) <= LONGEST


def _long(value: Any) -> Any:  # noqa: PLR0911 - one line a function
    """Return a part of a policy with long values in the places of what CloudFormation puts there."""
    match value:
        case {"Fn::GetAtt": [name, "Arn"]}:
            # A function's and a role's name have 64 characters, a queue's 80, at most.
            return f"arn:aws-us-gov:sqs:ap-northeast-1:{'1' * 12}:{name}{'x' * (80 - len(name))}"
        case {"Fn::Sub": str(text)}:
            for name, given in LONG_VALUES.items():
                text = text.replace(name, given)
            for arn in ("${LifecycleActionFunction.Arn}", "${RecordsTable.Arn}"):
                text = text.replace(arn, f"arn:aws-us-gov:lambda:ap-northeast-1:{'1' * 12}:function:{'x' * 80}")
            assert "${" not in text
            return text
        case "AWS::StackId":
            return f"arn:aws-us-gov:cloudformation:ap-northeast-1:{'1' * 12}:stack/{'s' * 64}/{'x' * 36}"
        case "arn:alarms":
            return f"arn:aws-us-gov:sns:ap-northeast-1:{'1' * 12}:{'x' * 80}"
        case dict():
            return {name: _long(inner) for name, inner in value.items()}
        case list():
            return [_long(inner) for inner in value if inner != "AWS::NoValue"]
        case _:
            return value


def test_what_previews_read_with_is_what_steps_declare() -> None:
    assert {*PREVIEW_PERMISSIONS} <= declared_permissions()
    assert {
        action for action in PREVIEW_PERMISSIONS if not action.split(":")[1].startswith(("Describe", "Get", "List"))
    } == set()
    assert {*PREVIEW_PERMISSIONS}.isdisjoint(READ_ONLY_PERMISSIONS)
    assert {*READ_ONLY_PERMISSIONS}.isdisjoint(CHANGE_PERMISSIONS)
