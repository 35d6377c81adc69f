"""A setting that is deployed anew reaches the version that the rule invokes.

SAM derives a version's logical id from the code and from the function's environment as it is written, in which a
parameter is a reference and stays the same when its value changes (aws/serverless-application-model#3820).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.template.expanded import expand, source

if TYPE_CHECKING:
    from tests.template.expanded import Expanded

LONGEST_DESCRIPTION = 256
"""Characters, of a version."""
SWITCHES = [
    "MetricsByGroup",
    "Signals",
    "ActionEvents",
    "ActionTopic",
    "TargetGroupSteps",
    "StatusCheckSteps",
    "EcsSteps",
    "KubernetesSteps",
]

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
    _, function = expanded.only("AWS::Lambda::Function")
    return expanded.resolve(function, parameters)


def version_of(expanded: Expanded, parameters: dict[str, Any]) -> tuple[str, str]:
    """Return the version's logical id and description: CloudFormation makes another when either changes."""
    identity, version = expanded.only("AWS::Lambda::Version")
    chosen = {name: parameter["Default"] for name, parameter in expanded.template["Parameters"].items()} | parameters
    described = version.get("Description") or {"Fn::Sub": ""}
    text, more = (
        (*described["Fn::Sub"], {})[:2] if isinstance(described["Fn::Sub"], list) else (described["Fn::Sub"], {})
    )
    chosen |= expanded.resolve(more, parameters)
    return identity, re.sub(r"\$\{(\w+)\}", lambda found: str(chosen[found[1]]), text)


def changed(expanded: Expanded, name: str) -> dict[str, Any]:
    """Return a value for a parameter that is allowed and not its default."""
    parameter = expanded.template["Parameters"][name]
    allowed = (*parameter.get("AllowedValues", ()), "another")
    return {name: next(value for value in allowed if value != parameter["Default"])}


def unpublished(expanded: Expanded) -> list[str]:
    """Return the parameters that change the function without a new version, or ask for one without a change."""
    return [
        name
        for name in expanded.template["Parameters"]
        if (settings_of(expanded, changed(expanded, name)) != settings_of(expanded, {}))
        != (version_of(expanded, changed(expanded, name)) != version_of(expanded, {}))
    ]


def test_a_version_is_published_when_a_parameter_changes_the_function_and_only_then(expanded: Expanded) -> None:
    assert unpublished(expanded) == []


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (None, NAMED),
        (" ".join(f"${{{name}}}" for name in NAMED if name != "LogLevel"), ["LogLevel"]),
        ("".join(f"${{{name}}}" for name in (*NAMED, "LogRetentionDays")), ["LogRetentionDays"]),
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
    assert unpublished(expand(template)) == expected


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
    }
    _, description = version_of(expanded, values)
    assert len("p" * longest) < len(description) <= LONGEST_DESCRIPTION


def test_versions_outlive_their_place_in_the_stack(expanded: Expanded) -> None:
    # Executions that have begun on them would lose their code.
    identity, _ = expanded.only("AWS::Lambda::Version")
    version = expanded.template["Resources"][identity]
    assert (version.get("DeletionPolicy"), version.get("UpdateReplacePolicy")) == ("Retain", "Retain")
