"""The template as CloudFormation gets it, with every switch on: what the gates for the template look at.

    python -m gates.template OUTPUT

writes it as JSON. What explains findings is left out, so that each tool finds everything.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tests.template.expanded import Expanded, expand, source

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPLAINING = ("checkov", "cdk_nag")
"""The keys of a resource's `Metadata` below which findings are explained."""

CHOSEN: dict[str, Any] = {
    "AlarmTopicArn": "arn:aws:sns:us-west-2:123456789012:alarms",
    "AutoScalingGroups": "production-*",
    "AutoScalingGroupTag": "production",
    "AutomationDocuments": "AWS-CreateImage,Shop-Archive",
    "AutomationRoles": "arn:aws:iam::123456789012:role/create-image,arn:aws:iam::123456789012:role/archive",
    "EarlyDrain": "spot-interruptions-and-rebalance",
    "EcsClusters": "production-*",
    "HttpHosts": "*.example.com,10.0.0.0/16",
    "KmsKeyArn": "arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "ReservedConcurrency": 50,
    "RolePath": "/service/",
    "SecurityGroupIds": "sg-0123456789abcdef0",
    "StateMachines": ",".join(
        f"arn:aws:states:us-west-2:123456789012:stateMachine:{name}" for name in ("decommission", "archive")
    ),
    "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "VolumeTag": "production",
}
"""The values of parameters that are no plain switches and have conditions."""

NOT_MET = frozenset({"AnswersEveryHook"})
"""Conditions that are not met with the values above: they choose between two values, and no resource hangs on them."""


class Absent:
    """What `AWS::NoValue` stands for."""


ABSENT = Absent()


def with_every_switch_on(
    chosen: Mapping[str, object] | None = None, template: dict[str, Any] | None = None
) -> Expanded:
    """Return the expanded template with parameters, conditions and mappings put in.

    References to resources and pseudo parameters stay as they are.

    Args:
        chosen: values of parameters, in place of those above.
        template: as it is written; `template.yaml` if none is given.

    Raises:
        ValueError: a condition is not met although every switch is on: a parameter's value is missing above.
    """
    expanded = expand(template or source())
    parameters = parameters_with_every_switch_on(expanded.template["Parameters"]) | dict(chosen or {})
    resolver = Resolver(expanded.template, parameters)
    unmet = {name for name in expanded.template["Conditions"] if not resolver.holds(name)}
    if unmet != NOT_MET:
        raise ValueError(f"not met with every switch on: {sorted(unmet)}, expected {sorted(NOT_MET)}")
    return Expanded(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Resources": {
                name: {key: resolver.resolve(value) for key, value in resource.items() if key != "Condition"}
                for name, resource in expanded.template["Resources"].items()
            },
        }
    )


def parameters_with_every_switch_on(declared: dict[str, Any]) -> dict[str, Any]:
    """Return a value for each parameter: `on` for each switch, the chosen one or the default for the others."""
    return {
        name: "on" if "on" in parameter.get("AllowedValues", ()) else CHOSEN.get(name, parameter["Default"])
        for name, parameter in declared.items()
    }


def without_explanations(template: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of a template in which no resource explains a finding."""
    bare = copy.deepcopy(template)
    for resource in bare["Resources"].values():
        for key in EXPLAINING:
            resource.get("Metadata", {}).pop(key, None)
    return bare


class Resolver:
    """Puts values in for what CloudFormation computes of parameters alone."""

    def __init__(self, template: dict[str, Any], parameters: dict[str, Any]) -> None:
        """Take a template and a value for each of its parameters."""
        self._conditions = template["Conditions"]
        self._mappings = template.get("Mappings", {})
        self._parameters = parameters

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template is met."""
        return self._is_met(self._conditions[condition])

    def resolve(self, value: object) -> object:  # noqa: C901, PLR0911 - one line a function of CloudFormation
        """Return a part of the template with values put in; `ABSENT` for `AWS::NoValue`."""
        match value:
            case {"Ref": "AWS::NoValue"}:
                return ABSENT
            case {"Ref": str(name)} if name in self._parameters:
                return self._parameters[name]
            case {"Fn::If": [str(condition), met, unmet]}:
                return self.resolve(met if self.holds(condition) else unmet)
            case {"Fn::FindInMap": [mapping, first, second]}:
                found = self._mappings[str(self.resolve(mapping))][str(self.resolve(first))]
                return found[str(self.resolve(second))]
            case {"Fn::Equals": _} | {"Fn::Not": _} | {"Fn::And": _} | {"Fn::Or": _}:
                return self._is_met(value)
            case {"Fn::Sub": _} | {"Fn::Join": _}:
                return self._text(value)
            case {"Fn::Split": [str(between), text]}:
                return self._split(between, text)
            case {"Fn::Select": [index, values]}:
                return cast("list[object]", self.resolve(values))[int(index)]
            case dict():
                resolved = {name: self.resolve(it) for name, it in value.items()}
                return {name: it for name, it in resolved.items() if it is not ABSENT}
            case list():
                return [it for it in map(self.resolve, value) if it is not ABSENT]
            case _:
                return value

    def _is_met(self, condition: object) -> bool:
        match condition:
            case {"Condition": str(name)}:
                return self.holds(name)
            case {"Fn::Equals": [one, other]}:
                return self.resolve(one) == self.resolve(other)
            case {"Fn::Not": [inner]}:
                return not self._is_met(inner)
            case {"Fn::And": list(conditions)}:
                return all(map(self._is_met, conditions))
            case {"Fn::Or": list(conditions)}:
                return any(map(self._is_met, conditions))
            case _:
                raise ValueError(f"no condition: {condition}")

    def _text(self, value: object) -> object:
        match value:
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": self._substituted(text, {})}
            case {"Fn::Sub": [str(text), dict(variables)]}:
                return {"Fn::Sub": self._substituted(text, {name: self.resolve(it) for name, it in variables.items()})}
            case {"Fn::Join": [str(between), parts]}:
                present = cast("list[object]", self.resolve(parts))
                if all(isinstance(it, str) for it in present):
                    return between.join(map(str, present))
                return {"Fn::Join": [between, present]}
            case _:
                raise ValueError(f"no text: {value}")

    def _split(self, between: str, text: object) -> list[object]:
        match self.resolve(text):
            case {"Fn::Sub": str(inner)}:
                # Only what CloudFormation itself knows is left in it.
                return [{"Fn::Sub": it} if "${" in it else it for it in inner.split(between)]
            case resolved:
                return [*str(resolved).split(between)]

    def _substituted(self, text: str, variables: dict[str, Any]) -> str:
        known = {**self._parameters, **variables}
        return re.sub(r"\$\{([\w.:]+)\}", lambda found: str(known.get(found[1], found[0])), text)


def main() -> None:
    """Write the template to the file that is named."""
    (output,) = sys.argv[1:]
    Path(output).write_text(json.dumps(without_explanations(with_every_switch_on().template), indent=1))


if __name__ == "__main__":
    main()
