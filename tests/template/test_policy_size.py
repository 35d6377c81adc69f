"""All inline policies of a role together are as long as IAM allows, with every switch on and the longest names."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from gates.template import with_every_switch_on
from tests.template.expanded import source

if TYPE_CHECKING:
    from tests.template.expanded import Expanded

LONGEST = 9_500
"""Characters without white space. IAM takes 10,240 of all inline policies of a role; the rest is for what will come."""
LONGEST_MANAGED = 6_144
"""Characters of one managed policy."""
MOST_MANAGED = 10
"""Managed policies of one role."""

STACK = "s" * 128
HERE = "aws-iso-b:SERVICE:us-isob-east-1:123456789012"
LONG: dict[str, Any] = {
    "AutoScalingGroups": "g" * 255,
    "AutoScalingGroupTag": "t" * 256,
    "EcsClusters": "c" * 128,
    "EksClusters": "e" * 100,
    "HostedZones": "Z" * 32,
    "InvokedFunctions": "f" * 64,
    "KmsKeyArn": f"arn:aws-iso-b:kms:us-isob-east-1:123456789012:key/{'k' * 64}",
}
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws-iso-b",
    "AWS::Region": "us-isob-east-1",
    "AWS::StackName": STACK,
}
ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws-iso-b:dynamodb:us-isob-east-1:123456789012:table/{'n' * 255}",
    "AWS::Lambda::Alias": f"arn:aws-iso-b:lambda:us-isob-east-1:123456789012:function:{'n' * 64}:live",
    "AWS::Lambda::Function": f"arn:aws-iso-b:lambda:us-isob-east-1:123456789012:function:{'n' * 64}",
    "AWS::Logs::LogGroup": f"arn:aws-iso-b:logs:us-isob-east-1:123456789012:log-group:{'n' * 512}:*",
    "AWS::SNS::Topic": f"arn:aws-iso-b:sns:us-isob-east-1:123456789012:{'n' * 256}",
    "AWS::SQS::Queue": f"arn:aws-iso-b:sqs:us-isob-east-1:123456789012:{'n' * 80}",
}
"""The longest ARN of each kind of resource that a policy names."""


LISTS: dict[str, Any] = {
    "AutomationDocuments": ",".join("d" * 79 for _ in range(5)),
    "AutomationRoles": f"arn:aws-iso-b:iam::123456789012:role/{'r' * 1463}",
    "StateMachines": ",".join([f"arn:aws-iso-b:states:us-isob-east-1:123456789012:stateMachine:{'s' * 25}"] * 17),
}


def written(expanded: Expanded, value: Any) -> Any:
    """Return a part of a policy with the longest ARNs and names in it."""
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return ARNS[expanded.template["Resources"][name]["Type"]]
        case {"Fn::Sub": str(text)}:
            return re.sub(
                r"\$\{([\w:]+)(?:\.\w+)?\}",
                lambda found: PSEUDO.get(found[1]) or written(expanded, {"Ref": found[1]}),
                text,
            )
        case dict():
            return {key: written(expanded, it) for key, it in value.items()}
        case list():
            return [written(expanded, it) for it in value]
        case _:
            return value


def length(expanded: Expanded, document: Any) -> int:
    return len(re.sub(r"\s", "", json.dumps(written(expanded, document))))


def inline(expanded: Expanded) -> dict[str, int]:
    """Return how long the inline policies of each role are together."""
    lengths = {}
    for name, role in expanded.of("AWS::IAM::Role").items():
        documents = [it["PolicyDocument"] for it in role.get("Policies", [])]
        documents += [
            it["PolicyDocument"] for it in expanded.of("AWS::IAM::Policy").values() if {"Ref": name} in it["Roles"]
        ]
        lengths[name] = sum(length(expanded, document) for document in documents)
    return lengths


@pytest.fixture(scope="module")
def long() -> Expanded:
    return with_every_switch_on(LONG | LISTS)


def test_all_inline_policies_of_a_role_are_taken_by_iam(long: Expanded) -> None:
    lengths = inline(long)
    assert lengths["LifecycleActionFunctionRole"] > sum(map(len, LONG.values()))
    assert {name: it for name, it in lengths.items() if it > LONGEST} == {}


def test_each_managed_policy_of_the_roles_is_taken_by_iam(long: Expanded) -> None:
    # Those for people are measured in `test_operator_policies.py`.
    lengths = {
        name: length(long, policy["PolicyDocument"])
        for name, policy in long.of("AWS::IAM::ManagedPolicy").items()
        if name not in {"ReadOnlyPolicy", "OperatorPolicy"}
    }
    assert lengths["KeyNetworkAndTracingPolicy"] > len(LONG["KmsKeyArn"])
    assert lengths["CommandStepsPolicy"] > len(LONG["AutoScalingGroups"])
    assert {name: it for name, it in lengths.items() if it > LONGEST_MANAGED} == {}


def test_iam_attaches_the_managed_policies_of_each_role(long: Expanded) -> None:
    """IAM attaches ten to a role, unless its quota was raised. Those of AWS count, too."""
    attached = {
        name: len(role.get("ManagedPolicyArns", []))
        + sum({"Ref": name} in it.get("Roles", []) for it in long.of("AWS::IAM::ManagedPolicy").values())
        for name, role in long.of("AWS::IAM::Role").items()
    }
    assert attached["LifecycleActionFunctionRole"] == MOST_MANAGED
    assert {name: it for name, it in attached.items() if it > MOST_MANAGED} == {}


@pytest.mark.parametrize("parameter", LISTS)
def test_the_managed_policy_for_a_list_is_taken_by_iam(long: Expanded, parameter: str) -> None:
    document = long.of("AWS::IAM::ManagedPolicy")[f"{parameter}Policy"]["PolicyDocument"]
    assert len(LISTS[parameter]) < length(long, document) <= LONGEST_MANAGED
    declared = source()["Parameters"][parameter]
    assert re.fullmatch(declared["AllowedPattern"], LISTS[parameter])
    assert declared["MaxLength"] - 90 < len(LISTS[parameter]) <= declared["MaxLength"]


def test_the_names_are_the_longest_that_their_parameters_allow() -> None:
    parameters = source()["Parameters"]
    for name, value in LONG.items():
        pattern = parameters[name]["AllowedPattern"]
        assert re.fullmatch(pattern, value), name
        assert not re.fullmatch(pattern, f"{value}x"), name
