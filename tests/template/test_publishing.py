"""A setting that is deployed anew reaches the version that the rule invokes.

SAM derives a version's logical id from the code and from the function's environment as it is written, in which a
parameter is a reference and stays the same when its value changes (aws/serverless-application-model#3820).

The description of a version cannot hold a key, a network and a path of roles. CloudFormation computes no digests, but
IAM gives a new id to what has to be replaced: the id of a policy whose description names key and network, and that of a
role, stand for what is too long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.expanded import DURABLE, expand, source

if TYPE_CHECKING:
    from tests.template.expanded import Expanded

LONGEST_DESCRIPTION = 256
"""Characters, of a version."""
LONGEST_POLICY_DESCRIPTION = 1000
"""Characters, of a managed policy."""
SWITCHES = [
    "MetricsByGroup",
    "Signals",
    "ActionEvents",
    "ActionTopic",
    "TargetGroupSteps",
    "StatusCheckSteps",
    "EcsSteps",
    "KubernetesSteps",
    "Tracing",
]

BY_ID = ["KmsKeyArn", "SubnetIds", "SecurityGroupIds", "RolePath"]
"""The parameters that the id of a resource stands for."""
FIXED_AT_CREATION = {
    "AWS::IAM::ManagedPolicy": ("PolicyId", ("Description", "ManagedPolicyName", "Path")),
    "AWS::IAM::Role": ("RoleId", ("Path", "RoleName")),
}
"""The id that IAM gives, and the properties with which CloudFormation replaces the resource."""
LONGEST_ID = "AROA" + 17 * "X"
"""IAM's ids have a prefix of four characters and 17 more."""
NOT_IN_A_VERSION = ("ReservedConcurrentExecutions", "Tags")
"""Properties of the function as a whole: a version does not hold them, and Lambda publishes none for their sake."""

NAMED = [
    "HookNamePrefix",
    "LogLevel",
    "RecordRetentionDays",
    "DrainsPerGroup",
    "SweepMinutes",
    *SWITCHES,
    "Architecture",
]
"""The parameters that change the function, in the template's order."""


def settings_of(expanded: Expanded, parameters: dict[str, Any]) -> Any:
    """Return what a version holds: the function's properties, and its role as it is told apart from another."""
    _, function = expanded.only("AWS::Lambda::Function")
    held = {name: value for name, value in function.items() if name not in NOT_IN_A_VERSION}
    return expanded.resolve(held, parameters), identity_of(expanded, f"{DURABLE}Role", parameters)


def identity_of(expanded: Expanded, resource: str, parameters: dict[str, Any]) -> str:
    """Return what the id of a resource depends on: the properties that cannot be changed."""
    kind = expanded.template["Resources"][resource]["Type"]
    _, fixed = FIXED_AT_CREATION[kind]
    values = {name: expanded.template["Resources"][resource]["Properties"].get(name) for name in fixed}
    chosen = {name: parameter["Default"] for name, parameter in expanded.template["Parameters"].items()} | parameters
    return f"{resource} {[substituted(expanded.resolve(value, parameters), chosen) for value in values.values()]}"


def substituted(value: Any, chosen: dict[str, Any]) -> str:
    text = value["Fn::Sub"] if isinstance(value, dict) else str(value)
    return re.sub(r"\$\{(\w+)\}", lambda found: str(chosen[found[1]]), text)


def with_identities(expanded: Expanded, value: Any, parameters: dict[str, Any], identity: str | None) -> Any:
    """Return a resolved value in which ids are put in: what they depend on, or one that is given."""
    match value:
        case {"Fn::Sub": str(text)}:
            ids = {
                f"{resource}.{FIXED_AT_CREATION[it['Type']][0]}": resource
                for resource, it in expanded.template["Resources"].items()
                if it["Type"] in FIXED_AT_CREATION
            }
            return re.sub(
                r"\$\{([\w.]+)\}", lambda found: identity or identity_of(expanded, ids[found[1]], parameters), text
            )
        case dict():
            return {name: with_identities(expanded, it, parameters, identity) for name, it in value.items()}
        case _:
            return value


def version_of(expanded: Expanded, parameters: dict[str, Any], identity: str | None = None) -> tuple[str, str]:
    """Return the version's logical id and description: CloudFormation makes another when either changes."""
    logical_id, version = expanded.only("AWS::Lambda::Version")
    chosen = {name: parameter["Default"] for name, parameter in expanded.template["Parameters"].items()} | parameters
    described = version.get("Description") or {"Fn::Sub": ""}
    text, more = (
        (*described["Fn::Sub"], {})[:2] if isinstance(described["Fn::Sub"], list) else (described["Fn::Sub"], {})
    )
    chosen |= with_identities(expanded, expanded.resolve(more, parameters), parameters, identity)
    return logical_id, re.sub(r"\$\{(\w+)\}", lambda found: str(chosen[found[1]]), text)


def changed(expanded: Expanded, name: str) -> dict[str, Any]:
    """Return a value for a parameter that is allowed and not its default."""
    parameter = expanded.template["Parameters"][name]
    allowed = (*parameter.get("AllowedValues", ()), "another")
    return {name: next(value for value in allowed if value != parameter["Default"]), **NEEDED.get(name, {})}


NEEDED = {"SecurityGroupIds": {"SubnetIds": "a subnet"}, "SubnetIds": {"SecurityGroupIds": "a group"}}
"""The parameters that another one means nothing without: the template's rules say so."""


def unpublished(expanded: Expanded) -> list[str]:
    """Return the parameters that change the function without a new version, or ask for one without a change."""
    return [
        name
        for name in expanded.template["Parameters"]
        if (settings_of(expanded, changed(expanded, name)) != settings_of(expanded, NEEDED.get(name, {})))
        != (version_of(expanded, changed(expanded, name)) != version_of(expanded, NEEDED.get(name, {})))
    ]


def test_a_version_is_published_when_a_parameter_changes_the_function_and_only_then(expanded: Expanded) -> None:
    assert unpublished(expanded) == []


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (None, [*NAMED, *BY_ID]),
        (" ".join(f"${{{name}}}" for name in (*NAMED, *BY_ID) if name != "LogLevel"), ["LogLevel"]),
        ("".join(f"${{{name}}}" for name in (*NAMED, *BY_ID, "LogRetentionDays")), ["LogRetentionDays"]),
        (" ".join(f"${{{name}}}" for name in NAMED), BY_ID),
    ],
)
def test_a_description_that_names_too_little_or_too_much_is_found_out(
    description: str | None, expected: list[str]
) -> None:
    template = source()
    properties = template["Resources"]["LifecycleActionFunction"]["Properties"]
    del properties["VersionDescription"]
    if description is not None:
        properties["VersionDescription"] = {"Fn::Sub": description}
    assert sorted(unpublished(expand(template))) == sorted(expected)


def test_another_key_network_or_path_is_another_version(expanded: Expanded) -> None:
    for name in BY_ID:
        one, other = ({**NEEDED.get(name, {}), name: value} for value in ("/one/", "/other/"))
        assert settings_of(expanded, one) != settings_of(expanded, other)
        assert version_of(expanded, one) != version_of(expanded, other)


def test_a_policy_that_does_not_name_the_key_is_found_out() -> None:
    template = source()
    policy = template["Resources"]["KeyNetworkAndTracingPolicy"]["Properties"]
    policy["Description"] = {"Fn::Sub": "Subnets ${SubnetIds}"}
    keys = ({"KmsKeyArn": key} for key in ("one", "other"))
    assert len({version_of(expand(template), parameters) for parameters in keys}) == 1


def test_the_description_of_the_longest_key_and_network_is_one_that_iam_takes(expanded: Expanded) -> None:
    description = expanded.of("AWS::IAM::ManagedPolicy")["KeyNetworkAndTracingPolicy"]["Description"]
    values = {
        "KmsKeyArn": f"arn:aws-iso-b:kms:us-isob-east-1:123456789012:key/{64 * 'a'}",
        "SubnetIds": ",".join(["subnet-0123456789abcdef0"] * 16),
        "SecurityGroupIds": ",".join(["sg-0123456789abcdef0"] * 5),
    }
    for name, value in values.items():
        assert re.fullmatch(expanded.template["Parameters"][name]["AllowedPattern"], value)
        assert not re.fullmatch(
            expanded.template["Parameters"][name]["AllowedPattern"], f"{value},sg-0123456789abcdef0"
        )
    assert len(substituted(description, values)) <= LONGEST_POLICY_DESCRIPTION


def test_the_description_of_the_longest_prefix_is_not_too_long(expanded: Expanded) -> None:
    parameters = expanded.template["Parameters"]
    longest = 0
    while re.fullmatch(parameters["HookNamePrefix"]["AllowedPattern"], "p" * (longest + 1)):
        longest += 1
    values = {
        "HookNamePrefix": "p" * longest,
        "RecordRetentionDays": parameters["RecordRetentionDays"]["MaxValue"],
        "DrainsPerGroup": parameters["DrainsPerGroup"]["MaxValue"],
        **{name: max(parameters[name]["AllowedValues"], key=len) for name in ("LogLevel", "Architecture")},
        "SweepMinutes": max(parameters["SweepMinutes"]["AllowedValues"], key=lambda it: len(str(it))),
        **dict.fromkeys(SWITCHES, "on"),
        **dict.fromkeys(BY_ID, "given"),
    }
    _, description = version_of(expanded, values, LONGEST_ID)
    assert description.count(LONGEST_ID) == len(FIXED_AT_CREATION)
    assert longest + len(SWITCHES) < len(description) <= LONGEST_DESCRIPTION


def test_versions_outlive_their_place_in_the_stack(expanded: Expanded) -> None:
    # Executions that have begun on them would lose their code.
    identity, _ = expanded.only("AWS::Lambda::Version")
    version = expanded.template["Resources"][identity]
    assert (version.get("DeletionPolicy"), version.get("UpdateReplacePolicy")) == ("Retain", "Retain")
